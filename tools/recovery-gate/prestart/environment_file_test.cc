// SPDX-License-Identifier: GPL-2.0-only
#include "prestart/environment_file.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "testing/test_folder.h"

namespace recovery_gate::tool {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class EnvironmentFileTest : public testing::Test {
 protected:
  EnvironmentFileTest() { forget(); }
  ~EnvironmentFileTest() override { forget(); }

  static void forget() {
    ::unsetenv("MYSQLD_OPTS");
    ::unsetenv("RECOVERY_GATE_ADDED");
  }

  std::string content() const {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TestFolder folder;
  const std::string path = folder.file("run/mariadbd.env");
};

TEST_F(EnvironmentFileTest, AddsToWhatTheAdministratorSet) {
  EXPECT_THAT(environment_text("MYSQLD_OPTS", {"--a=1", "--b"}),
              HasSubstr("\nMYSQLD_OPTS=\"--a=1 --b\"\n"));
  ::setenv("MYSQLD_OPTS", "--x=\"$1\\\"", 1);
  EXPECT_THAT(environment_text("MYSQLD_OPTS", {"--a"}),
              HasSubstr("\nMYSQLD_OPTS=\"--x=\\\"\\$1\\\\\\\" --a\"\n"));
}

/* systemd gives a unit's ExecStartPre= what the file has, if there is one. */
TEST_F(EnvironmentFileTest, DoesNotAddToWhatItAddedBefore) {
  ::setenv("MYSQLD_OPTS", "--x --init-rpl-role=SLAVE", 1);
  ::setenv("RECOVERY_GATE_ADDED", " --init-rpl-role=SLAVE", 1);
  EXPECT_THAT(environment_text("MYSQLD_OPTS", {"--a"}),
              HasSubstr("\nMYSQLD_OPTS=\"--x --a\"\n"));
  EXPECT_THAT(options_in_environment("MYSQLD_OPTS"), ElementsAre("--x"));
}

TEST_F(EnvironmentFileTest, ReplacesAFile) {
  EXPECT_EQ(write_environment_file(path, "A=1\n"), "") << "makes its folder";
  EXPECT_EQ(write_environment_file(path, "B=2\n"), "");
  EXPECT_EQ(content(), "B=2\n");
  EXPECT_EQ(remove_environment_file(path), "");
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_EQ(remove_environment_file(path), "") << "there is none";
}

TEST_F(EnvironmentFileTest, LeavesNothingWhereThereIsNoRoom) {
  ASSERT_EQ(write_environment_file(path, "A=1\n"), "");
  const rlimit before = [] {
    rlimit limit;
    ::getrlimit(RLIMIT_FSIZE, &limit);
    return limit;
  }();
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit little{4, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &little);
  const std::string error = write_environment_file(path, "A=12345\n");
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(error, HasSubstr("cannot write " + path));
  EXPECT_EQ(content(), "A=1\n");
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

TEST_F(EnvironmentFileTest, SaysWhatIsInTheWay) {
  folder.write("run", "not a folder");
  EXPECT_THAT(write_environment_file(path, "A=1\n"), HasSubstr(path));
  EXPECT_THAT(remove_environment_file(path), HasSubstr("earlier start"));
}

}  // namespace
}  // namespace recovery_gate::tool
