// SPDX-License-Identifier: GPL-2.0-only
#include "client/settings.h"

#include <gmock/gmock.h>

#include <CLI/CLI.hpp>

namespace recovery_gate::tool {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Words = std::vector<std::string>;

class SettingsTest : public testing::Test {
 protected:
  /* Returns what is wrong. */
  std::string read(const std::vector<std::pair<std::string, std::string>> &file,
                   const Words &words = {}) {
    CLI::App app("", "test");
    GivenSettings given;
    given.declare(app, {"peers", "peer-user", "peer-timeout", "ask-peers",
                        "on-start-as-primary", "on-start-as-replica",
                        "on-rebuild", "on-unknown"});
    app.parse(Words(words.rbegin(), words.rend()));
    ConnectionOptions options;
    for (const auto &[name, value] : file)
      options.settings.push_back({name, value, "recovery-gate", "my.cnf"});
    settings = {};
    return given.read(options, &settings);
  }

  Settings settings;
};

TEST_F(SettingsTest, TheDefaultsAreTheSafeOnes) {
  EXPECT_EQ(read({}), "");
  EXPECT_THAT(settings.peers, IsEmpty());
  EXPECT_EQ(settings.on_start_as_primary, Policy::START);
  EXPECT_EQ(settings.on_start_as_replica, Policy::START);
  EXPECT_EQ(settings.on_rebuild, Policy::STOP);
  EXPECT_EQ(settings.on_unknown, Policy::STOP);
  EXPECT_EQ(settings.ask_peers, AskPeers::OWED);
}

TEST_F(SettingsTest, TheCommandLineCountsMoreThanTheFile) {
  EXPECT_EQ(read({{"peers", "db1, db2:3307 ,[fd00::3]"},
                  {"on-unknown", "READ-ONLY"},
                  {"ask-peers", "always"}},
                 {"--peer-timeout=5", "--on-unknown=stop"}),
            "");
  EXPECT_THAT(settings.peers, ElementsAre("db1", "db2:3307", "[fd00::3]"));
  EXPECT_EQ(settings.peer_timeout.count(), 5);
  EXPECT_EQ(settings.on_unknown, Policy::STOP);
  EXPECT_EQ(settings.ask_peers, AskPeers::ALWAYS);
}

TEST_F(SettingsTest, NonsenseIsRefusedWhereverItStands) {
  EXPECT_THAT(read({{"peers", "db1:x"}}), HasSubstr("my.cnf: peers: "));
  EXPECT_THAT(read({}, {"--peers=db1:x"}), HasSubstr("--peers: "));
  EXPECT_THAT(read({{"peer-timeout", "soon"}}), HasSubstr("number"));
  EXPECT_THAT(read({{"peer-timeout", "86401"}}), HasSubstr("number"));
  EXPECT_THAT(read({{"ask-peers", "never"}}),
              HasSubstr("owed, crash or always"));
  EXPECT_THAT(read({{"on-unknown", ""}}), HasSubstr("read-only, stop"));
}

TEST_F(SettingsTest, NoPolicyLetsASecondPrimaryTakeWrites) {
  EXPECT_NE(read({{"on-unknown", "start"}}), "");
  EXPECT_NE(read({{"on-rebuild", "start"}}), "");
  EXPECT_NE(read({{"on-start-as-replica", "read-only"}}), "");
  EXPECT_EQ(read({{"on-start-as-primary", "read-only"}}), "");
}

TEST_F(SettingsTest, ThePeersMayHaveAnAccountOfTheirOwn) {
  EXPECT_EQ(read({{"peer-user", "ops"}, {"peer-password", "secret"}}), "");
  ConnectionOptions common;
  common.user = "root";
  EXPECT_EQ(for_peers(common, settings).user, "ops");
  EXPECT_EQ(for_peers(common, settings).password, "secret");
  EXPECT_EQ(for_peers(common, {}).user, "root");
}

}  // namespace
}  // namespace recovery_gate::tool
