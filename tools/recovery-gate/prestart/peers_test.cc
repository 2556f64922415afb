// SPDX-License-Identifier: GPL-2.0-only
#include "prestart/peers.h"

#include <unistd.h>

#include <cstdlib>

#include "client/fake_session.h"
#include "inspect/fakes.h"

namespace recovery_gate::tool {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::SizeIs;

/* A server of which one statement tells all. */
class PeerSession final : public Session {
 public:
  explicit PeerSession(std::string name) : name_(std::move(name)) {}

  ServerError connect() override {
    if (name_ == "refuses") return not_there;
    if (name_ == "hangs")
      for (;;) ::pause();
    if (name_ == "crashes") std::abort();
    return {};
  }

  ServerError query(const std::string &sql, Rows *rows) override {
    if (sql == "SHOW ALL SLAVES STATUS") {
      rows->columns = {"Connection_name", "Master_Host", "Master_Server_Id",
                       "Slave_IO_Running", "Master_User"};
      rows->rows = {{"", "db1", "1", "Connecting", std::nullopt},
                    {"\xff\xfe'", "db9", "9", "No", std::nullopt}};
      return {};
    }
    rows->columns = {"server_id", "version", "binlog_state"};
    rows->rows = {{"2", "10.11.18", name_ == "lies" ? "zero" : "0-1-10"}};
    return {};
  }

 private:
  const std::string name_;
};

std::vector<Replica> ask(const std::vector<std::string> &names,
                         milliseconds limit = milliseconds(20000)) {
  return ask_peers(
      names,
      [](const std::string &name) {
        return std::make_unique<PeerSession>(name);
      },
      limit);
}

TEST(Peers, SayWhatTheySayToTheirProcess) {
  const std::vector<Replica> peers = ask({"db2:3307", "refuses"});
  ASSERT_THAT(peers, SizeIs(2));
  EXPECT_EQ(peers[0].error, "");
  EXPECT_EQ(peers[0].name, "db2:3307");
  EXPECT_EQ(peers[0].host, "db2");
  EXPECT_EQ(peers[0].port, 3307u);
  EXPECT_EQ(peers[0].server_id, 2u);
  EXPECT_EQ(peers[0].binlog_state, gtids("0-1-10"));
  ASSERT_THAT(peers[0].links, SizeIs(2));
  EXPECT_EQ(peers[0].links[0].master_server_id, 1u);
  EXPECT_EQ(peers[0].links[1].name, "\xff\xfe'");
  EXPECT_THAT(peers[1].error, HasSubstr("error 2002"));
  EXPECT_EQ(peers[1].host, "refuses");
}

TEST(Peers, ThatHangOrCrashOrTalkRubbishCouldNotBeAsked) {
  const std::vector<Replica> peers =
      ask({"hangs", "db2", "crashes", "lies"}, milliseconds(1500));
  EXPECT_THAT(peers[0].error, HasSubstr("no answer within 1500 ms"));
  EXPECT_EQ(peers[1].error, "");
  EXPECT_THAT(peers[2].error, HasSubstr("no server's answer"));
  EXPECT_THAT(peers[3].error, HasSubstr("binlog_state is no list of GTIDs"));
}

TEST(Peers, OfAnotherGroupOrWithThisServersIdAreNotBelieved) {
  const ThisServer server{1, gtids("0-1-12")};
  std::vector<Replica> peers(4, promoted("0-1-10", "0-2-11"));
  peers[1].server_id = 1;
  peers[2].slave_pos = peers[2].current_pos = peers[2].binlog_state =
      gtids("0-7-100");
  peers[3].server_id = 0;
  check_peers(&peers, server);
  EXPECT_EQ(peers[0].error, "");
  EXPECT_THAT(peers[1].error, HasSubstr("server_id 1"));
  EXPECT_THAT(peers[2].error, HasSubstr("another group"));
  EXPECT_THAT(peers[3].error, HasSubstr("which server it is"));
}

TEST(Peers, OneMayBeThisServerItself) {
  ServerOptions options;
  Replica peer;
  peer.host = "127.0.0.1";
  peer.port = 3306;
  EXPECT_TRUE(is_own_address(peer, options));
  options.port = 3307;
  EXPECT_FALSE(is_own_address(peer, options));
  peer.port = 3307;
  peer.host = "192.0.2.1";
  EXPECT_FALSE(is_own_address(peer, options));
}

}  // namespace
}  // namespace recovery_gate::tool
