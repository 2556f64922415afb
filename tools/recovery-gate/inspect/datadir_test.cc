// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/datadir.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inspect/fakes.h"

namespace recovery_gate::tool {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class DataDirectoryTest : public testing::Test {
 protected:
  DataDirectoryTest() {
    folder.make_data_directory();
    EXPECT_EQ(open_data_directory(folder.path(), &directory).text(), "");
  }

  std::string find(const std::optional<std::string> &log_bin = {}) {
    return find_binlogs(log_bin, options, &directory).text();
  }

  TestDataDirectory folder;
  DataDirectory directory;
  ServerOptions options;
};

TEST(ServerGroups, AreThoseOfOneRelease) {
  const auto has = [](const std::string &group) {
    return std::count(server_groups.begin(), server_groups.end(), group) == 1;
  };
  EXPECT_TRUE(has("mariadb-" RECOVERY_GATE_SERVER_SERIES));
  EXPECT_TRUE(has("mysqld-" RECOVERY_GATE_SERVER_SERIES));
  EXPECT_NE(has("mariadbd-10.11"), has("mariadbd-11.8"));
}

TEST_F(DataDirectoryTest, AnEngineMayKeepTheBinaryLog) {
  const auto why = [this](const std::optional<std::string> &log_bin = {}) {
    return binlog_in_engine(log_bin, options, directory).text();
  };
  EXPECT_EQ(why(), "");
  folder.write("binlog-000002.ibb", "");
  EXPECT_THAT(why(),
              HasSubstr("(there is " + directory.path + "/binlog-000002.ibb)"));
  EXPECT_EQ(why("bin"), "");
  // Left from before.
  options.known = true;
  EXPECT_EQ(why(), "");
  take_server_options(
      {{"binlog-storage-engine", "innodb", "mariadb", "", false}}, &options);
  EXPECT_THAT(why("bin"), HasSubstr("(binlog_storage_engine=innodb)"));
}

/* Another process that has locked a file, as a server does. */
class Locker {
 public:
  explicit Locker(const std::string &path) {
    int locked[2];
    EXPECT_EQ(::pipe(locked), 0);
    process_ = ::fork();
    if (process_ == 0) {
      const int file = ::open(path.c_str(), O_RDWR);
      struct flock lock = {};
      lock.l_type = F_WRLCK;
      char done = ::fcntl(file, F_SETLK, &lock) == 0 ? 'y' : 'n';
      if (::write(locked[1], &done, 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    char done = 'n';
    EXPECT_EQ(::read(locked[0], &done, 1), 1);
    EXPECT_EQ(done, 'y');
    ::close(locked[0]);
    ::close(locked[1]);
  }
  ~Locker() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  Locker(const Locker &) = delete;
  Locker &operator=(const Locker &) = delete;

  pid_t process() const { return process_; }

 private:
  pid_t process_;
};

TEST_F(DataDirectoryTest, IsFreeWhenNobodyLocksIt) {
  const Occupant found = find_occupant(directory, options);
  EXPECT_EQ(found.who, "");
  EXPECT_EQ(found.unknown, "");
}

TEST_F(DataDirectoryTest, SeesTheLocksOfAServerThatRuns) {
  for (const char *name : {"ibdata1", "aria_log_control"}) {
    const Locker server(folder.file(name));
    const Occupant found = find_occupant(directory, options);
    EXPECT_THAT(found.who, HasSubstr(name));
    EXPECT_THAT(found.who, HasSubstr(std::to_string(server.process())));
  }
  EXPECT_EQ(find_occupant(directory, options).who, "") << "they have ended";
}

TEST_F(DataDirectoryTest, DoesNotWaitForTheOtherEndOfANamedPipe) {
  std::filesystem::remove(folder.file("ibdata1"));
  ASSERT_EQ(::mkfifo(folder.file("ibdata1").c_str(), 0600), 0);
  ::alarm(60);  // instead of a test that hangs
  EXPECT_EQ(find_occupant(directory, options).who, "");
  ::alarm(0);
}

TEST_F(DataDirectoryTest, LooksForTheLocksWhereTheServerHasItsFiles) {
  std::filesystem::create_directory(folder.file("innodb"));
  std::filesystem::rename(folder.file("ibdata1"),
                          folder.file("innodb/ibdata1"));
  options.innodb_data_home_dir = folder.file("innodb");
  const Locker server(folder.file("innodb/ibdata1"));
  EXPECT_NE(find_occupant(directory, options).who, "");
}

TEST_F(DataDirectoryTest, IsNoneWithoutThoseFiles) {
  std::filesystem::remove(folder.file("ibdata1"));
  std::filesystem::remove(folder.file("aria_log_control"));
  EXPECT_THAT(find_occupant(directory, options).unknown,
              HasSubstr("not a server's data directory"));
  EXPECT_NE(open_data_directory(folder.file("none"), &directory).text(), "");
  folder.write("file", "");
  EXPECT_THAT(open_data_directory(folder.file("file"), &directory).text(),
              HasSubstr("not a directory"));
}

TEST_F(DataDirectoryTest, FindsTheOneIndexThatNamesBinaryLogs) {
  folder.copy_chain();
  folder.copy("relay-log.binlog", "relay.000001");
  folder.write("relay.index", "./relay.000001\n");
  folder.write("other.index", "no log at all\n");
  ASSERT_EQ(find(), "");
  EXPECT_EQ(directory.index_path, directory.path + "/bin.index");
  EXPECT_EQ(std::filesystem::path(directory.log_base).filename(), "bin");
  EXPECT_THAT(directory.index.logs, SizeIs(4));
}

TEST_F(DataDirectoryTest, AsksWhenThereIsMoreThanOneIndexOrNone) {
  EXPECT_THAT(find(), HasSubstr("--log-bin"));
  folder.copy_chain();
  folder.copy("stopped.binlog", "old.000001");
  folder.write("old.index", "./old.000001\n");
  EXPECT_THAT(find(), HasSubstr("more than one"));
  EXPECT_EQ(find("bin"), "");
  EXPECT_EQ(find(folder.file("bin.log")), "")
      << "what follows the '.' is dropped";
}

TEST_F(DataDirectoryTest, TakesNoRelayLogsForBinaryLogs) {
  folder.copy("relay-log.binlog", "relay.000001");
  folder.write("relay.index", "./relay.000001\n");
  EXPECT_THAT(find("relay"), HasSubstr("relay logs"));
  EXPECT_THAT(find(), HasSubstr("no index of binary logs"));
}

TEST_F(DataDirectoryTest, GoesByTheServersOptionFile) {
  folder.copy_chain();
  folder.copy("stopped.binlog", "old.000001");
  folder.write("old.index", "./old.000001\n");
  folder.write("my.cnf",
               "[client]\nuser=nobody\n[mysqld]\nlog_bin=old\n"
               "[mariadb]\nlog-bin=" +
                   folder.file("bin") +
                   "\nserver-id=7\nrecovery_gate_mode=always\n");
  ASSERT_EQ(read_server_options(folder.file("my.cnf"), &options).text(), "");
  EXPECT_EQ(options.server_id, 7u);
  EXPECT_EQ(options.mode, Mode::ALWAYS);
  EXPECT_FALSE(options.has_user) << "that is a client's";
  ASSERT_EQ(find(), "");
  EXPECT_THAT(directory.index.logs, SizeIs(4));
  ASSERT_EQ(find("old"), "") << "the command line comes first";
  EXPECT_THAT(directory.index.logs, SizeIs(1));
}

TEST_F(DataDirectoryTest, KnowsWhichReplicasCount) {
  const auto read = [&](const std::string &lines) {
    folder.write("my.cnf", "[mariadbd]\n" + lines);
    options = {};
    return read_server_options(folder.file("my.cnf"), &options).text();
  };
  EXPECT_EQ(read(""), "");
  EXPECT_TRUE(options.replicas.is_any());
  EXPECT_EQ(read("recovery_gate_replica_count=2\n"
                 "loose-recovery-gate-replica-ids=!5, !6\n"),
            "");
  EXPECT_EQ(options.replicas.count, 2u);
  EXPECT_FALSE(options.replicas.counts(6));
  EXPECT_TRUE(options.replicas.counts(2));
  EXPECT_EQ(read("recovery-gate-replica-count=many\n"), "");
  EXPECT_EQ(options.replicas.count, 1u);
  EXPECT_EQ(read("recovery_gate_replica_ids=two\n"), "");
  EXPECT_TRUE(options.replicas.is_any()) << "the server does not start with it";
}

TEST_F(DataDirectoryTest, KnowsAReplica) {
  folder.copy_chain();
  folder.write("multi-master.info", "");
  ASSERT_EQ(find(), "");
  EXPECT_FALSE(directory.receives);
  folder.write("master.info", "33\n");
  ASSERT_EQ(find(), "");
  EXPECT_TRUE(directory.receives);
  options.skip_slave_start = true;
  ASSERT_EQ(find(), "");
  EXPECT_FALSE(directory.receives) << "the start starts no replica thread";
}

TEST_F(DataDirectoryTest, KnowsHowTheServerWouldRecoverAndReplicate) {
  const auto read = [&](const std::string &lines) {
    folder.write("my.cnf", "[mariadbd]\n" + lines);
    options = {};
    EXPECT_EQ(read_server_options(folder.file("my.cnf"), &options).text(), "");
  };
  read("");
  EXPECT_FALSE(options.recovers_as_slave);
  EXPECT_FALSE(options.skip_slave_start);
  for (const char *value : {"SLAVE", "slave", "Sl", "1"}) {
    read(std::string("init_rpl_role=") + value + "\n");
    EXPECT_TRUE(options.recovers_as_slave) << value;
  }
  for (const char *value : {"MASTER", "0", "slaves"}) {
    read(std::string("init-rpl-role=") + value + "\n");
    EXPECT_FALSE(options.recovers_as_slave) << value;
  }
  read("init_rpl_role=SLAVE\ninit_rpl_role=MASTER\n");
  EXPECT_FALSE(options.recovers_as_slave) << "the last one counts";
  for (const char *line : {"skip-slave-start", "skip_slave_start=ON"}) {
    read(std::string(line) + "\n");
    EXPECT_TRUE(options.skip_slave_start) << line;
  }
  for (const char *value : {"0", "off"}) {
    read(std::string("skip-slave-start=") + value + "\n");
    EXPECT_FALSE(options.skip_slave_start) << value;
  }
}

}  // namespace
}  // namespace recovery_gate::tool
