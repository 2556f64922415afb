// SPDX-License-Identifier: GPL-2.0-only
#include "client/option_files.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace recovery_gate::tool {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

class OptionFilesTest : public testing::Test {
 protected:
  OptionFilesTest() {
    std::string name =
        (std::filesystem::temp_directory_path() / "recovery-gate-XXXXXX");
    folder_ = ::mkdtemp(name.data());
    ::setenv("HOME", folder_.c_str(), 1);
  }
  ~OptionFilesTest() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string &name, const std::string &text) {
    const std::string path = folder_ + "/" + name;
    std::filesystem::create_directories(
        std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
    return path;
  }

  /* "name=value" of what the files hold. */
  std::vector<std::string> read(const OptionFiles &files) {
    std::vector<OptionLine> lines;
    error_ = read_option_files(files, client_groups, &lines).text();
    std::vector<std::string> texts;
    for (const OptionLine &line : lines)
      texts.push_back(line.value ? line.name + "=" + *line.value : line.name);
    return texts;
  }

  std::vector<std::string> read_one(const std::string &text) {
    OptionFiles files;
    files.only = write("my.cnf", text);
    return read(files);
  }

  std::string folder_, error_;
};

TEST_F(OptionFilesTest, ReadsTheClientsGroups) {
  EXPECT_THAT(read_one("[mariadbd]\nport=1\n[client]\nport=2\n"
                       "[client-server]\nport=3\n[client-mariadb]\nport=4\n"
                       "[mysql]\nport=5\n[recovery-gate]\nport=6\n"),
              ElementsAre("port=2", "port=3", "port=4", "port=6"));
  EXPECT_EQ(error_, "");
}

TEST_F(OptionFilesTest, ReadsGroupsWithASuffix) {
  OptionFiles files;
  files.only = write("my.cnf",
                     "[client]\nport=1\n[client_two]\nport=2\n"
                     "[recovery-gate_two]\nport=3\n");
  EXPECT_THAT(read(files), ElementsAre("port=1"));
  files.group_suffix = "_two";
  EXPECT_THAT(read(files), ElementsAre("port=1", "port=2", "port=3"));
}

TEST_F(OptionFilesTest, QuotesEscapesAndComments) {
  const std::vector<std::string> lines = read_one(
      "# comment\n; comment\n\n  [client]  \n"
      "user = 'a b'   # who\n"
      "host=\"x#y\"\n"
      "socket = /a\\sb\\\\c\\x\n"
      "ssl_ca=\n"
      "ssl-key=''\n"
      "ssl\n"
      "loose-colour=red\r\n"
      "ssl_cipher='a\"b'");
  EXPECT_THAT(lines, ElementsAre("user=a b", "host=x#y", "socket=/a b\\c\\x",
                                 "ssl-ca=", "ssl-key=", "ssl", "colour=red",
                                 "ssl-cipher=a\"b"));
}

/* The server's own program reads the same out of it. */
TEST_F(OptionFilesTest, AgreesWithTheServersReader) {
  if (std::system("command -v my_print_defaults >/dev/null") != 0)
    GTEST_SKIP() << "my_print_defaults is not installed";
  write("conf.d/b.cnf", "[client]\nport=2\n");
  write("conf.d/a.cnf", "[client]\nport=1\n[client_two]\nport=7\n");
  write("conf.d/c.txt", "[client]\nport=3\n");
  OptionFiles files;
  files.group_suffix = "_two";
  files.only = write("my.cnf",
                     "[client]\nuser='a b' # c\nhost = \"x\\\"y\"\nssl\n"
                     "socket=/\\s\\t\\\\\\q\ndefault-auth='\nssl-ca=''\n"
                     "ssl-key = a'b'c \nssl-cert=\"a\" \"b\"\nssl-crl='a#b'#c\n"
                     "!includedir " +
                         folder_ +
                         "/conf.d\n"
                         "protocol=tcp\n! include " +
                         folder_ +
                         "/nowhere.cnf\n"
                         "!include " +
                         folder_ + "/conf.d/b.cnf\n[other]\nport=9\n");
  const std::vector<std::string> lines = read(files);
  EXPECT_EQ(error_, "");

  const std::string command =
      "my_print_defaults --defaults-file=" + *files.only +
      " --defaults-group-suffix=_two client client-server client-mariadb "
      "recovery-gate";
  FILE *pipe = ::popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::vector<std::string> expected;
  char line[4096];
  while (std::fgets(line, sizeof line, pipe) != nullptr) {
    std::string text = line;
    text.pop_back();
    expected.push_back(text.substr(2));
  }
  ::pclose(pipe);
  EXPECT_FALSE(expected.empty());
  EXPECT_EQ(lines, expected);
}

TEST_F(OptionFilesTest, OneFileAfterAnother) {
  write(".my.cnf", "[client]\nuser=home\n");
  OptionFiles files;
  files.extra = write("extra.cnf", "[client]\nuser=extra\n");
  std::vector<std::string> lines = read(files);
  // Before these the system's own may have said something.
  ASSERT_GE(lines.size(), 2u);
  EXPECT_EQ(lines[lines.size() - 2], "user=extra");
  EXPECT_EQ(lines.back(), "user=home");
  files.none = true;
  EXPECT_THAT(read(files), ElementsAre());
}

TEST_F(OptionFilesTest, AFileThatIsNamedHasToBeThere) {
  OptionFiles files;
  files.only = folder_ + "/nowhere";
  read(files);
  EXPECT_THAT(error_, HasSubstr("nowhere: No such file"));
  files.only.reset();
  files.extra = folder_ + "/nowhere";
  read(files);
  EXPECT_THAT(error_, HasSubstr("nowhere: No such file"));
}

TEST_F(OptionFilesTest, SaysWhereAMistakeIs) {
  read_one("port=1\n");
  EXPECT_THAT(error_, HasSubstr("my.cnf, line 1: an option before any"));
  read_one("[client]\n\n[client\n");
  EXPECT_THAT(error_, HasSubstr("my.cnf, line 3: a ']' is missing"));
  read_one("!includedir /nowhere/at/all\n");
  EXPECT_THAT(error_, HasSubstr("my.cnf, line 1: cannot read /nowhere"));
}

TEST_F(OptionFilesTest, AFileThatIncludesItselfEnds) {
  OptionFiles files;
  files.only = write("my.cnf", "!include " + folder_ + "/my.cnf\n");
  read(files);
  EXPECT_THAT(error_, HasSubstr("too many files in files"));
}

TEST_F(OptionFilesTest, WhatAnybodyMayWriteIsIgnored) {
  OptionFiles files;
  files.only = write("my.cnf", "[client]\nuser=eve\n");
  ASSERT_EQ(::chmod(files.only->c_str(), 0666), 0);
  CaptureStderr();
  EXPECT_THAT(read(files), ElementsAre());
  EXPECT_THAT(GetCapturedStderr(), HasSubstr("is ignored"));
}

}  // namespace
}  // namespace recovery_gate::tool
