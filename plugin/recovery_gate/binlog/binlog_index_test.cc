// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/binlog/binlog_index.h"

#include <gmock/gmock.h>

#include "testing/test_log.h"

namespace recovery_gate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class BinlogIndexTest : public testing::Test {
 protected:
  std::string read(const std::string &content) {
    return read_binlog_index(folder_.write("bin.index", content), "/data",
                             &index_)
        .text();
  }
  std::string find(EventDecryptor *decryptor = nullptr) {
    return find_recovery_logs(index_, decryptor, &logs_).text();
  }
  /* A log in the folder, at the end of the index. */
  std::string add(const std::string &name, const std::string &bytes) {
    index_.logs.push_back(folder_.write(name, bytes));
    return index_.logs.back();
  }

  TestFolder folder_;
  BinlogIndex index_;
  RecoveryLogs logs_;
};

TEST_F(BinlogIndexTest, IsAListOfPaths) {
  EXPECT_THAT(read("./bin.000001\nbin.000002\n/logs/bin.000003\nsub/bin.4\n"),
              IsEmpty());
  EXPECT_THAT(index_.logs, ElementsAre("/data/bin.000001", "/data/bin.000002",
                                       "/logs/bin.000003", "/data/sub/bin.4"));
  EXPECT_FALSE(index_.is_torn);
}

TEST_F(BinlogIndexTest, IsReadFromWhereverTheDataDirectoryIs) {
  const std::string path = folder_.write("bin.index", "./bin.000001\n");
  for (const char *data : {"/some/where", "/some/where/"}) {
    EXPECT_THAT(read_binlog_index(path, data, &index_).text(), IsEmpty());
    EXPECT_THAT(index_.logs, ElementsAre("/some/where/bin.000001"));
  }
  EXPECT_THAT(read_binlog_index(path, "", &index_).text(), IsEmpty());
  EXPECT_THAT(index_.logs, ElementsAre("bin.000001"));
}

TEST_F(BinlogIndexTest, EndsWithAnEmptyLine) {
  EXPECT_THAT(read("bin.000001\n\nbin.000002\n"), IsEmpty());
  EXPECT_THAT(index_.logs, ElementsAre("/data/bin.000001"));
}

TEST_F(BinlogIndexTest, MayBeEmpty) {
  for (const char *content : {"", "\n", "\n\n"}) {
    EXPECT_THAT(read(content), IsEmpty());
    EXPECT_THAT(index_.logs, IsEmpty());
    EXPECT_THAT(find(), IsEmpty());
    EXPECT_FALSE(logs_.in_use);
  }
}

TEST_F(BinlogIndexTest, SaysWhenItsLastLineHasNoEnd) {
  EXPECT_THAT(read("bin.000001\nbin.00000"), IsEmpty());
  EXPECT_THAT(index_.logs, ElementsAre("/data/bin.000001", "/data/bin.00000"));
  EXPECT_TRUE(index_.is_torn);
}

TEST_F(BinlogIndexTest, IsRefusedWhenItCannotBeOne) {
  EXPECT_THAT(read("bin.000001\n" + std::string(511, 'x') + "\n"), IsEmpty());
  EXPECT_THAT(read("bin.000001\n" + std::string(512, 'x') + "\n"),
              HasSubstr("line 2 cannot be a path"));
  EXPECT_THAT(index_.logs, IsEmpty());
  EXPECT_THAT(read(TestLog().transaction(1).bytes()),
              HasSubstr("no binary log index"));
  EXPECT_THAT(read(std::string(largest_index + 1, '\n')),
              HasSubstr("it has 16777217 bytes"));
  EXPECT_THAT(read_binlog_index(folder_.file(""), "", &index_).text(),
              HasSubstr("not a regular file"));
  EXPECT_THAT(read_binlog_index(folder_.file("none"), "", &index_).text(),
              HasSubstr("No such file"));
}

TEST_F(BinlogIndexTest, LeadsToTheLogInWhichRecoveryBegins) {
  add("bin.000001", TestLog().bytes());
  const std::string second = add("bin.000002", TestLog().bytes());
  const std::string third = add("bin.000003", TestLog().bytes());
  const std::string last = add("bin.000004", TestLog(true, in_use_flag)
                                                 .checkpoint("bin.000001")
                                                 .transaction(1)
                                                 .checkpoint("bin.000002")
                                                 .transaction(2)
                                                 .bytes());
  EXPECT_THAT(find(), IsEmpty());
  EXPECT_TRUE(logs_.in_use);
  EXPECT_THAT(logs_.logs, ElementsAre(second, third, last));
  EXPECT_EQ(logs_.last.transactions, 2u);
}

TEST_F(BinlogIndexTest, LeadsToTheLastLogAlone) {
  add("bin.000001", TestLog().bytes());
  const std::string own =
      add("bin.000002",
          TestLog(true, in_use_flag).checkpoint("bin.000002").bytes());
  EXPECT_THAT(find(), IsEmpty());
  EXPECT_THAT(logs_.logs, ElementsAre(own));

  // Without a checkpoint the log is its own.
  const std::string none =
      add("bin.000003", TestLog(true, in_use_flag).bytes());
  EXPECT_THAT(find(), IsEmpty());
  EXPECT_THAT(logs_.logs, ElementsAre(none));

  // A log that was closed is not recovered from.
  const std::string closed =
      add("bin.000004", TestLog().checkpoint("bin.000002").bytes());
  EXPECT_THAT(find(), IsEmpty());
  EXPECT_FALSE(logs_.in_use);
  EXPECT_THAT(logs_.logs, ElementsAre(closed));
}

TEST_F(BinlogIndexTest, SaysWhichLogIsNotThereAnyMore) {
  const std::string first = add("bin.000001", TestLog().bytes());
  const std::string second = add("bin.000002", TestLog().bytes());
  const std::string last =
      add("bin.000003",
          TestLog(true, in_use_flag).checkpoint("bin.000001").bytes());
  std::filesystem::remove(second);
  EXPECT_THAT(find(), testing::AllOf(HasSubstr("not there any more"),
                                     HasSubstr(second)));

  index_.logs = {second, last};
  EXPECT_THAT(find(), testing::AllOf(HasSubstr("bin.000001"),
                                     HasSubstr("not in the binary log index")));
  EXPECT_TRUE(logs_.in_use);

  index_.logs = {first, second};
  EXPECT_THAT(find(), testing::AllOf(HasSubstr("not there any more"),
                                     HasSubstr(second)));
}

TEST_F(BinlogIndexTest, FollowsNoCheckpointThatLiesOrLoops) {
  for (const char *name : {"../bin.000001", "/etc/passwd", "bin.index", "."}) {
    index_ = {};
    add("bin.000001", TestLog().bytes());
    add(std::string("bin.") + std::to_string(index_.logs.size() + 100),
        TestLog(true, in_use_flag).checkpoint(name).bytes());
    EXPECT_THAT(find(), HasSubstr("not in the binary log index"));
    std::filesystem::remove(index_.logs.back());
    std::filesystem::remove(index_.logs.front());
  }
  // Both name the other, and one is listed twice.
  index_ = {};
  const std::string a =
      add("bin.000003",
          TestLog(true, in_use_flag).checkpoint("bin.000004").bytes());
  const std::string b =
      add("bin.000004",
          TestLog(true, in_use_flag).checkpoint("bin.000003").bytes());
  index_.logs = {a, b, a, b};
  EXPECT_THAT(find(), IsEmpty());
  EXPECT_THAT(logs_.logs, ElementsAre(a, b, a, b));
}

TEST_F(BinlogIndexTest, SaysWhenALogIsNone) {
  index_.logs = {folder_.file("")};
  EXPECT_THAT(find(), HasSubstr("not a regular file"));
  index_.logs = {folder_.write("bin.index", "./bin.index\n")};
  EXPECT_THAT(find(), HasSubstr("not a binary log"));
}

TEST_F(BinlogIndexTest, NeedsTheKeyOfAnEncryptedLog) {
  TestLog log(true, in_use_flag);
  log.encrypt().checkpoint("bin.000001").transaction(1);
  const std::string only = add("bin.000001", log.bytes());
  EXPECT_THAT(find(), HasSubstr("is encrypted"));
  EXPECT_TRUE(logs_.in_use);
  EXPECT_EQ(logs_.last.end_of_events, log.size());
  ToyDecryptor decryptor;
  EXPECT_THAT(find(&decryptor), IsEmpty());
  EXPECT_THAT(logs_.logs, ElementsAre(only));
}

}  // namespace
}  // namespace recovery_gate
