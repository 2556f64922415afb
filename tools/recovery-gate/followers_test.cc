// SPDX-License-Identifier: GPL-2.0-only
#include "followers.h"

#include <gmock/gmock.h>

#include "client/fake_session.h"

namespace recovery_gate::tool {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/* What SHOW ALL SLAVES STATUS on a replica says, and what was done to it. */
struct FakeReplica {
  std::string id = "2";
  ServerError error;
  std::vector<std::vector<Rows::Value>> links;
  std::vector<std::string> statements;
  bool notes = false;

  void add_link(const std::string &name, const std::string &io,
                const std::string &primary = "1",
                const std::string &error = "2003",
                const std::string &sql = "Yes") {
    links.push_back({name, "db1", "3306", primary, io, sql,
                     "Connecting to master", "60", error,
                     error == "0" ? "" : "error connecting"});
  }
};

class ReplicaSession final : public Session {
 public:
  explicit ReplicaSession(FakeReplica &replica) : replica_(replica) {}
  ServerError connect() override { return replica_.error; }
  ServerError query(const std::string &sql, Rows *rows) override {
    if (sql == "SELECT @@server_id AS id") {
      *rows = {{"id"}, {{replica_.id}}};
    } else if (sql == "SHOW ALL SLAVES STATUS") {
      *rows = {
          {"Connection_name", "Master_Host", "Master_Port", "Master_Server_Id",
           "Slave_IO_Running", "Slave_SQL_Running", "Slave_IO_State",
           "Connect_Retry", "Last_IO_Errno", "Last_IO_Error"},
          replica_.links};
    } else if (sql == "SET sql_notes=1") {
      replica_.notes = true;
    } else {
      replica_.statements.push_back(sql);
    }
    return {};
  }

 private:
  FakeReplica &replica_;
};

class FollowersTest : public testing::Test {
 protected:
  std::vector<std::string> visit(bool wake = true, int seconds = 0) {
    if (!followers_)
      followers_ = std::make_unique<Followers>(
          std::vector<std::string>{"db2"},
          [this](const std::string &) {
            return std::make_unique<ReplicaSession>(replica);
          },
          wake);
    const Followed server{1, [](const std::string &host, unsigned port) {
                            return host == "db1" && port == 3306;
                          }};
    followers_->visit(server, std::chrono::seconds(seconds));
    look = {};
    look.gate.waiting_for = "REPLICA";
    followers_->tell(&look);
    return look.replicas;
  }

  FakeReplica replica;
  Look look;
  std::unique_ptr<Followers> followers_;
};

TEST_F(FollowersTest, ASleepingOneIsWoken) {
  replica.add_link("", "Connecting");
  EXPECT_THAT(visit(), ElementsAre("db2: sleeps up to 60 s "
                                   "(MASTER_CONNECT_RETRY) before it connects "
                                   "again: woken, it connects now"));
  EXPECT_THAT(replica.statements,
              ElementsAre("BEGIN NOT ATOMIC STOP SLAVE '' IO_THREAD; IF "
                          "@@warning_count = 0 THEN START SLAVE '' IO_THREAD; "
                          "END IF; END"));
  EXPECT_TRUE(replica.notes);
  visit(true, 2);
  EXPECT_EQ(replica.statements.size(), 1u) << "not again at once";
  visit(true, 7);
  EXPECT_EQ(replica.statements.size(), 2u);
  replica.links[0][4] = "Yes";
  EXPECT_THAT(visit(true, 9), ElementsAre("db2: is connected"));
}

TEST_F(FollowersTest, ExactlyTheConnectionThatFollowsThisServer) {
  replica.add_link("it's", "Connecting");
  replica.add_link("other", "Connecting", "7");
  visit();
  ASSERT_EQ(replica.statements.size(), 1u);
  EXPECT_THAT(replica.statements[0],
              HasSubstr("STOP SLAVE 'it\\'s' IO_THREAD"));
}

TEST_F(FollowersTest, OneThatWasRestartedIsKnownByItsAddress) {
  replica.add_link("", "Connecting", "0");
  visit();
  EXPECT_EQ(replica.statements.size(), 1u);
  replica.links[0][1] = "db7";
  replica.statements.clear();
  EXPECT_THAT(visit(true, 10), ElementsAre("db2: does not follow this server"));
  EXPECT_THAT(replica.statements, IsEmpty());
}

TEST_F(FollowersTest, NeverOneThatWasStopped) {
  replica.add_link("", "No", "1", "0");
  EXPECT_THAT(visit(), ElementsAre(HasSubstr("was stopped")));
  EXPECT_THAT(replica.statements, IsEmpty());
}

TEST_F(FollowersTest, NoneWhoseRelayLogWouldBeThrownAway) {
  replica.add_link("", "Connecting", "1", "2003", "No");
  EXPECT_THAT(visit(), ElementsAre(HasSubstr("SQL thread does not run")));
  EXPECT_THAT(replica.statements, IsEmpty());
}

TEST_F(FollowersTest, NoneThatIsConnectingOrWillNotGetIn) {
  replica.add_link("", "Connecting", "1", "0");
  EXPECT_THAT(visit(), ElementsAre("db2: is connecting"));
  replica.links[0][8] = "1045";
  EXPECT_THAT(visit(true, 3),
              ElementsAre(HasSubstr("will not get in: error 1045")));
  EXPECT_THAT(replica.statements, IsEmpty());
}

TEST_F(FollowersTest, WithoutWakingItIsSaidWhatWould) {
  replica.add_link("", "Connecting");
  EXPECT_THAT(visit(false), ElementsAre(HasSubstr("sleeps up to 60 s")));
  EXPECT_THAT(look.advice,
              HasSubstr("recovery-gate wait --wake --replica db2"));
  EXPECT_THAT(replica.statements, IsEmpty());
}

TEST_F(FollowersTest, TheServerItselfIsNoReplicaOfItself) {
  replica.id = "1";
  EXPECT_THAT(visit(), IsEmpty());
}

TEST_F(FollowersTest, OneThatIsNotThereIsTriedAgainLater) {
  replica.error = not_there;
  EXPECT_THAT(visit(), ElementsAre(HasSubstr("cannot be asked: error 2002")));
  replica.error = {};
  replica.add_link("", "Yes", "1", "0");
  EXPECT_THAT(visit(true, 2), ElementsAre(HasSubstr("cannot be asked")));
  EXPECT_THAT(visit(true, 6), ElementsAre("db2: is connected"));
}

}  // namespace
}  // namespace recovery_gate::tool
