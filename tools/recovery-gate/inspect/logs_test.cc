// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/logs.h"

#include <sys/stat.h>
#include <unistd.h>

#include "inspect/fakes.h"
#include "inspect/forecast.h"
#include "inspect/quiet_files.h"
#include "recovery_gate/binlog/binlog_file.h"

namespace recovery_gate::tool {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class LogsTest : public testing::Test {
 protected:
  void use(const std::string &sample) {
    folder.copy(sample + ".binlog", "bin.000001");
    directory.index.logs = {folder.file("bin.000001")};
  }
  void use_chain() {
    folder.copy_chain();
    ASSERT_EQ(read_binlog_index(folder.file("bin.index"), folder.path(),
                                &directory.index)
                  .text(),
              "");
  }

  Survey survey(const std::optional<Settled> &settled = {}) {
    seen.clear();
    directory.path = folder.path();
    return survey_logs(
        directory.index, settled,
        [this](const Transaction &each, const LogFacts &log) {
          seen.push_back(to_string(*each.gtid) + " in " + log.name);
        });
  }

  Settled settled_at(const std::string &name, std::uint64_t offset,
                     const std::string &text) {
    return {{name, offset},
            binlog_identity(folder.file(name), offset).value_or(0),
            gtids(text),
            1};
  }

  TestDataDirectory folder;
  DataDirectory directory;
  std::vector<std::string> seen;
};

TEST_F(LogsTest, FollowsTheCheckpointBack) {
  use_chain();
  const Survey found = survey();
  EXPECT_TRUE(found.crashed);
  EXPECT_EQ(found.trouble, "");
  EXPECT_EQ(without_folder(found.checkpoint_log), "bin.000002");
  ASSERT_THAT(found.logs, SizeIs(4)) << "nothing is settled";
  EXPECT_FALSE(found.logs[0].recovery_reads);
  EXPECT_TRUE(found.logs[1].recovery_reads);
  EXPECT_EQ(found.end.file, "bin.000004");
  EXPECT_EQ(found.end.offset, found.logs[3].size);
  EXPECT_EQ(found.gtids_before_recovery, found.logs[1].gtids_before);
}

TEST_F(LogsTest, ReadsFromTheSettledPlaceOrTheCheckpointOn) {
  use_chain();
  const std::uint64_t end = survey().logs[3].size;
  const Survey found = survey(settled_at("bin.000004", end, "0-1-99"));
  ASSERT_THAT(found.logs, SizeIs(3)) << "recovery reads from bin.000002 on";
  EXPECT_EQ(found.logs_in_index, 4u);
}

TEST_F(LogsTest, KnowsTheGtidsAtTheEnd) {
  use("domains");
  const Survey found = survey();
  ASSERT_TRUE(found.gtids);
  EXPECT_THAT(seen, testing::Not(SizeIs(0)));
  for (const std::string &each : seen) {
    const Gtid last = gtid(each.substr(0, each.find(' ')));
    EXPECT_GE(found.gtids->at({last.domain, last.server_id}), last.sequence);
  }
  EXPECT_THAT(found.gtid_position, HasSubstr("-"));
}

TEST_F(LogsTest, ForetellsTheHeaderOfTheNextLog) {
  use_chain();
  EXPECT_EQ(to_string(foretell_next_header(survey(), {"bin.000004"})),
            "bin.000005:336");
  EXPECT_EQ(to_string(foretell_next_header(survey(), {"bin.000011", "x.7"})),
            "bin.000012:336")
      << "the server counts on from what is there";
  Survey nothing_yet = survey();
  nothing_yet.gtids.emplace();
  EXPECT_EQ(to_string(foretell_next_header(nothing_yet, {})), "bin.000005:322")
      << "an empty list is padded";
}

TEST_F(LogsTest, SaysWhereATornLogEnds) {
  for (const char *sample : {"torn-body", "torn-header", "torn-zeros"}) {
    std::filesystem::remove(folder.file("bin.000001"));
    use(sample);
    const Survey found = survey();
    EXPECT_EQ(found.logs.at(0).tail, Tail::TORN) << sample;
    EXPECT_LT(found.end.offset, found.logs[0].size) << sample;
    EXPECT_TRUE(found.gtids) << "recovery does with what is complete";
  }
}

TEST_F(LogsTest, CannotReadAnEncryptedLogButKnowsItsEnd) {
  use("encrypted");
  const Survey found = survey();
  EXPECT_TRUE(found.crashed);
  EXPECT_TRUE(found.encrypted);
  EXPECT_THAT(found.trouble, HasSubstr("only the server has the keys"));
  EXPECT_EQ(found.end.offset, found.logs.at(0).size);
  EXPECT_FALSE(found.gtids);
}

/* The forecast, from the same files. */

TEST_F(LogsTest, ForetellsAClosedGateForACrashWithoutARecord) {
  use_chain();
  const Survey found = survey();
  const Forecast forecast =
      foretell(directory, found, read_state(directory), {});
  EXPECT_EQ(forecast.closed, true);
  EXPECT_TRUE(forecast.owes);
  EXPECT_EQ(forecast.reason, CloseReason::CRASH);
  EXPECT_EQ(to_string(forecast.waits_for), "bin.000005:336");
  EXPECT_THAT(forecast.why, HasSubstr("CLOSED, reason CRASH"));
  EXPECT_THAT(forecast.why, HasSubstr("bin.000005:336"));
}

TEST_F(LogsTest, ForetellsAnOpenGateWhenAllIsSettled) {
  use_chain();
  const Survey found = survey();
  Record record;
  record.settled =
      settled_at("bin.000004", found.end.offset, to_string(*found.gtids));
  record.running_since = {"bin.000001", 336};
  record.running_identity =
      binlog_identity(folder.file("bin.000001"), 336).value();
  folder.write("recovery_gate.state", encode(record));
  Forecast forecast = foretell(directory, found, read_state(directory), {});
  EXPECT_EQ(forecast.closed, false);
  EXPECT_FALSE(forecast.owes);

  ServerOptions always;
  always.mode = Mode::ALWAYS;
  forecast = foretell(directory, found, read_state(directory), always);
  EXPECT_EQ(forecast.closed, true);
  EXPECT_FALSE(forecast.owes);

  record.settled = settled_at("bin.000001", 336, "");
  folder.write("recovery_gate.state", encode(record));
  forecast = foretell(directory, found, read_state(directory), {});
  EXPECT_EQ(forecast.closed, true);

  record.obligation.debt = Debt::CARRIED_OVER;
  record.obligation.provable = false;
  folder.write("recovery_gate.state", encode(record));
  forecast = foretell(directory, found, read_state(directory), {});
  EXPECT_EQ(forecast.reason, CloseReason::CARRIED_OVER);
  EXPECT_FALSE(forecast.provable);
}

TEST_F(LogsTest, ForetellsAClosedGateForAStateFileThatCannotBeTrusted) {
  use_chain();
  const Survey found = survey();
  folder.write("recovery_gate.state", "nonsense");
  const StateOnDisk state = read_state(directory);
  EXPECT_THAT(state.trouble, HasSubstr("cannot be trusted"));
  const Forecast forecast = foretell(directory, found, state, {});
  EXPECT_EQ(forecast.closed, true);
  EXPECT_EQ(forecast.reason, CloseReason::CARRIED_OVER);
  std::vector<std::string> names;
  ASSERT_FALSE(list_quietly(folder.path(), &names));
  EXPECT_THAT(names, testing::Not(testing::Contains(HasSubstr("damaged"))))
      << "nothing is written";
}

TEST_F(LogsTest, CannotForetellForEncryptedLogsUnlessNothingCameSince) {
  use("encrypted");
  const Survey found = survey();
  Forecast forecast = foretell(directory, found, read_state(directory), {});
  EXPECT_FALSE(forecast.closed);
  EXPECT_THAT(forecast.unknown, HasSubstr("keys"));

  Record record;
  record.settled = settled_at("bin.000001", found.end.offset, "0-1-9");
  record.running_since = record.settled->position;
  record.running_identity = record.settled->identity;
  folder.write("recovery_gate.state", encode(record));
  forecast = foretell(directory, found, read_state(directory), {});
  EXPECT_EQ(forecast.closed, false);

  // The last event of the sample is a transaction's.
  record.settled = settled_at("bin.000001", found.end.offset - 38, "0-1-9");
  folder.write("recovery_gate.state", encode(record));
  EXPECT_FALSE(foretell(directory, found, read_state(directory), {}).closed);
  record.settled = settled_at("bin.000001", found.end.offset - 23, "0-1-9");
  record.running_since = record.settled->position;
  record.running_identity = record.settled->identity;
  folder.write("recovery_gate.state", encode(record));
  EXPECT_EQ(foretell(directory, found, read_state(directory), {}).closed, false)
      << "a Stop event";
}

TEST(QuietFiles, DoesNotWaitForTheOtherEndOfANamedPipe) {
  const TestDataDirectory folder;
  ASSERT_EQ(::mkfifo(folder.file("recovery_gate.state").c_str(), 0600), 0);
  ::alarm(60);  // instead of a test that hangs
  QuietFiles files;
  std::optional<Record> record;
  EXPECT_THAT(StateFile(files, folder.path()).load(&record).text(),
              HasSubstr("it is a named pipe"));
  ::alarm(0);
}

TEST(QuietFiles, ReadsLikeTheServerAndWritesNothing) {
  const TestDataDirectory folder;
  folder.write("small", "content");
  folder.write("large", std::string((1 << 20) + 1, 'x'));
  QuietFiles files;
  std::string content;
  EXPECT_EQ(files.read(folder.file("small"), &content), 0);
  EXPECT_EQ(content, "content");
  EXPECT_EQ(files.read(folder.file("large"), &content), EFBIG);
  EXPECT_EQ(files.read(folder.file("none"), &content), ENOENT);
  EXPECT_EQ(files.write_synced(folder.file("new"), "content"), 0);
  EXPECT_FALSE(std::filesystem::exists(folder.file("new")));
}

}  // namespace
}  // namespace recovery_gate::tool
