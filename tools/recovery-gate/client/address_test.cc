// SPDX-License-Identifier: GPL-2.0-only
#include "client/address.h"

#include <gmock/gmock.h>

namespace recovery_gate::tool {
namespace {

TEST(Address, IsAHostAndPerhapsAPort) {
  std::string host;
  unsigned port = 0;
  const auto split = [&](const char *text) {
    return split_address(text, &host, &port);
  };
  EXPECT_TRUE(split("db2"));
  EXPECT_EQ(host, "db2");
  EXPECT_EQ(port, 3306u);
  EXPECT_TRUE(split("db2:3307"));
  EXPECT_EQ(port, 3307u);
  EXPECT_TRUE(split("[fd00::2]:3308"));
  EXPECT_EQ(host, "fd00::2");
  EXPECT_EQ(port, 3308u);
  for (const char *nonsense : {"", ":3306", "db2:", "db2:x", "db2:0",
                               "db2:65536", "[fd00::2", "[]", "[fd00::2]3306"})
    EXPECT_FALSE(split(nonsense)) << nonsense;
}

TEST(Address, IsReachedOverTcp) {
  ConnectionOptions common;
  common.user = "ops";
  common.socket = "/run/s";
  common.host = "localhost";
  const ConnectionOptions options = options_to("db2:3307", common);
  EXPECT_EQ(options.host, "db2");
  EXPECT_EQ(options.port, 3307u);
  EXPECT_EQ(options.socket, std::nullopt);
  EXPECT_EQ(options.protocol, "tcp");
  EXPECT_EQ(options.user, "ops");
}

TEST(Address, IsOfThisMachineOrNot) {
  EXPECT_TRUE(is_of_this_machine("127.0.0.1"));
  EXPECT_TRUE(is_of_this_machine("127.8.8.8"));
  EXPECT_FALSE(is_of_this_machine("192.0.2.1")) << "set aside for examples";
  EXPECT_FALSE(is_of_this_machine("no such name"));
  EXPECT_TRUE(is_same_host("127.0.0.1", "127.0.0.2"));
  EXPECT_TRUE(is_same_host("192.0.2.1", "192.0.2.1"));
  EXPECT_FALSE(is_same_host("192.0.2.1", "127.0.0.1"));
  EXPECT_FALSE(is_same_host("no such name", "no such name"));
}

}  // namespace
}  // namespace recovery_gate::tool
