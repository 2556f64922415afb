// SPDX-License-Identifier: GPL-2.0-only
#include "prestart/server_command.h"

#include <gmock/gmock.h>

namespace recovery_gate::tool {
namespace {

using testing::ElementsAre;

std::vector<std::string> options_of(const std::vector<std::string> &words) {
  std::vector<std::string> texts;
  for (const OptionLine &line : read_server_command(words).lines)
    texts.push_back(line.name + "=" + line.value.value_or("(none)"));
  return texts;
}

TEST(ServerCommand, OptionsAreReadInEachForm) {
  EXPECT_THAT(options_of({"mariadbd", "--datadir=/a", "--server_id", "7", "-h",
                          "/b", "-P3307", "--log-bin", "--loose-x=1"}),
              ElementsAre("datadir=/a", "server-id=7", "datadir=/b",
                          "port=3307", "log-bin=(none)", "x=1"));
  EXPECT_THAT(options_of({"entry-point.sh", "mariadbd", "--port=1"}),
              ElementsAre("port=1"));
}

TEST(ServerCommand, ItsOptionFiles) {
  const OptionFiles files =
      read_server_command({"mariadbd", "--defaults-file=/my.cnf"}).files;
  EXPECT_EQ(files.only, "/my.cnf");
  EXPECT_TRUE(read_server_command({"mariadbd", "--no-defaults"}).files.none);
}

TEST(ServerCommand, WhatStartsNoServer) {
  EXPECT_FALSE(read_server_command({"mariadbd"}).starts_nothing);
  for (const char *option :
       {"--help", "-?", "--version", "-V", "--print-defaults", "--bootstrap"})
    EXPECT_TRUE(
        read_server_command({"mariadbd", "--verbose", option}).starts_nothing)
        << option;
}

}  // namespace
}  // namespace recovery_gate::tool
