// SPDX-License-Identifier: GPL-2.0-only
#include "client/connection_options.h"

#include <gmock/gmock.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace recovery_gate::tool {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Words = std::vector<std::string>;

ConnectionOptions parsed(Words words) {
  CLI::App app("", "test");
  app.set_help_flag("--help");
  ConnectionOptions options;
  add_connection_options(app, &options);
  words = with_password_options(std::move(words));
  app.parse(Words(words.rbegin(), words.rend()));
  return options;
}

TEST(ConnectionOptions, AsAllClientsHaveThem) {
  const ConnectionOptions o =
      parsed({"-h", "db1", "-P3307", "-u", "ops", "--socket=/s", "--ssl",
              "--ssl-ca=/ca", "--skip-ssl-verify-server-cert", "--protocol=TCP",
              "--connect-timeout=3"});
  EXPECT_EQ(o.host, "db1");
  EXPECT_EQ(o.port, 3307u);
  EXPECT_EQ(o.user, "ops");
  EXPECT_EQ(o.socket, "/s");
  EXPECT_EQ(o.ssl, true);
  EXPECT_EQ(o.ssl_verify_server_cert, false);
  EXPECT_EQ(o.ssl_ca, "/ca");
  EXPECT_EQ(o.connect_timeout, 3u);
  EXPECT_EQ(o.password, std::nullopt);
  EXPECT_FALSE(o.ask_for_password);
}

TEST(ConnectionOptions, APasswordIsAttachedOrAskedFor) {
  EXPECT_EQ(parsed({"-psecret"}).password, "secret");
  EXPECT_EQ(parsed({"--password=secret"}).password, "secret");
  EXPECT_EQ(parsed({"--password="}).password, "");
  EXPECT_TRUE(parsed({"-p"}).ask_for_password);
  EXPECT_TRUE(parsed({"--password", "-u", "ops"}).ask_for_password);
  // What comes after it is not the password.
  EXPECT_THAT(with_password_options({"-p", "status", "--", "-p"}),
              ElementsAre("--ask-password", "status", "--", "-p"));
}

TEST(ConnectionOptions, NonsenseIsRefused) {
  EXPECT_THROW(parsed({"--port=0"}), CLI::ParseError);
  EXPECT_THROW(parsed({"--port=65536"}), CLI::ParseError);
  EXPECT_THROW(parsed({"--protocol=pigeon"}), CLI::ParseError);
  EXPECT_THROW(parsed({"--colour"}), CLI::ParseError);
}

class FromFiles : public testing::Test {
 protected:
  FromFiles() {
    std::string name =
        (std::filesystem::temp_directory_path() / "recovery-gate-XXXXXX");
    folder_ = ::mkdtemp(name.data());
  }
  ~FromFiles() override { std::filesystem::remove_all(folder_); }

  ConnectionOptions completed(Words words, const std::string &text) {
    std::ofstream(folder_ + "/my.cnf") << text;
    words.push_back("--defaults-file=" + folder_ + "/my.cnf");
    ConnectionOptions options = parsed(std::move(words));
    error_ = complete(&options).text();
    return options;
  }

  std::string folder_, error_;
};

TEST_F(FromFiles, TheCommandLineCountsMoreAndTheLastLineCounts) {
  const ConnectionOptions o =
      completed({"-u", "ops", "--skip-ssl"},
                "[client]\nuser=root\nport=1\npassword='a#b'\nssl\nhost=x\n"
                "[recovery-gate]\nport=2\nconnect_timeout=4\n"
                "skip-ssl-verify-server-cert\n");
  EXPECT_EQ(error_, "");
  EXPECT_EQ(o.user, "ops");
  EXPECT_EQ(o.ssl, false);
  EXPECT_EQ(o.port, 2u);
  EXPECT_EQ(o.host, "x");
  EXPECT_EQ(o.password, "a#b");
  EXPECT_EQ(o.connect_timeout, 4u);
  EXPECT_EQ(o.ssl_verify_server_cert, false);
}

TEST_F(FromFiles, APortThatIsTypedMeansTcp) {
  EXPECT_EQ(completed({"-P3307"}, "[client]\nsocket=/s\n").protocol, "tcp");
  EXPECT_EQ(completed({}, "[client]\nsocket=/s\nport=1\n").protocol,
            std::nullopt);
  EXPECT_EQ(completed({"-P3307", "-S/s"}, "").protocol, std::nullopt);
}

TEST_F(FromFiles, OtherProgramsOptionsAreNotOurs) {
  completed({}, "[client]\ndefault-character-set=utf8mb4\n");
  EXPECT_EQ(error_, "");
  completed({}, "[recovery-gate]\nloose-colour=1\n");
  EXPECT_EQ(error_, "");
  completed({}, "[recovery-gate]\ncolour=1\n");
  EXPECT_THAT(error_, HasSubstr("line 2: unknown option 'colour'"));
}

TEST_F(FromFiles, WrongValuesAreNamed) {
  completed({}, "[client]\nport=many\n");
  EXPECT_THAT(error_, HasSubstr("line 2: port is a number up to 65535"));
  completed({}, "[client]\nssl=perhaps\n");
  EXPECT_THAT(error_, HasSubstr("ssl is ON or OFF"));
  completed({}, "[client]\nhost\n");
  EXPECT_THAT(error_, HasSubstr("host needs a value"));
  completed({}, "[client]\nprotocol=pigeon\n");
  EXPECT_THAT(error_, HasSubstr("protocol is tcp or socket"));
}

TEST(ConnectionOptions, Where) {
  EXPECT_EQ(where(parsed({"-h", "db1"})), "db1:3306");
  EXPECT_EQ(where(parsed({"-h", "db1", "-P3307"})), "db1:3307");
  EXPECT_EQ(where(parsed({"-P3307", "--protocol=tcp"})), "127.0.0.1:3307");
  EXPECT_EQ(where(parsed({"-S", "/s"})), "/s");
  EXPECT_EQ(where(parsed({})), "the default socket");
}

}  // namespace
}  // namespace recovery_gate::tool
