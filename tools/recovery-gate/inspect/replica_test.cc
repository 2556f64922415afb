// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/replica.h"

#include <map>

#include "client/connection.h"
#include "inspect/fakes.h"

namespace recovery_gate::tool {
namespace {

const ThisServer server{1, gtids("0-1-12")};

Has has(const Replica &replica, const std::string &text,
        const BinlogPosition &end = {"bin.000003", 1200}) {
  return has_transaction(replica, gtid(text), end, server);
}

TEST(InspectReplica, HasWhatItsPositionCovers) {
  const Replica replica = follower("0-1-10");
  EXPECT_EQ(has(replica, "0-1-9"), Has::APPLIED);
  EXPECT_EQ(has(replica, "0-1-10"), Has::APPLIED);
  EXPECT_EQ(has(replica, "0-1-11"), Has::NO);
  EXPECT_EQ(has(replica, "1-1-5"), Has::NO) << "nothing of that domain";
}

TEST(InspectReplica, HasReceivedWhatItHasNotApplied) {
  Replica replica = follower("0-1-10");
  replica.links[0].received = gtids("0-1-12");
  EXPECT_EQ(has(replica, "0-1-12"), Has::RECEIVED);
  EXPECT_EQ(has(replica, "0-1-13"), Has::NO);
}

TEST(InspectReplica, KnowsByFileAndPositionWhatCameFromThisServer) {
  Replica replica = follower("0-1-10");
  ReplicaLink &link = replica.links[0];
  link.uses_gtid = false;
  link.received.clear();
  link.received_file = {"bin.000003", 1200};
  link.applied_file = {"bin.000003", 1100};
  EXPECT_EQ(has(replica, "0-1-12"), Has::RECEIVED);
  EXPECT_EQ(has(replica, "0-1-11", {"bin.000003", 1100}), Has::APPLIED);
  EXPECT_EQ(has(replica, "0-1-13", {"bin.000003", 1300}), Has::NO);
  link.master_server_id = 7;
  EXPECT_EQ(has(replica, "0-1-12"), Has::NO) << "another server's logs";
  link.master_server_id = 0;
  EXPECT_EQ(has(replica, "0-1-12"), Has::UNKNOWN)
      << "it was started anew, and has reached nobody yet";
}

TEST(InspectReplica, LacksWhatItsOwnLogDoesNotList) {
  EXPECT_EQ(has(promoted("0-1-10", "0-2-15"), "0-1-11"), Has::NO);
}

/* It began within 0-1-11 with a file and a position. */
TEST(InspectReplica, MayNameWhatItHasAPartOf) {
  ThisServer here = server;
  here.told = gtids("0-2-11");
  Replica replica = follower("0-1-11");
  replica.server_id = 2;
  replica.binlog_state = gtids("0-1-10");
  const auto has_it = [&] {
    return has_transaction(replica, {0, 1, 11}, {"bin.000003", 1200}, here);
  };
  EXPECT_EQ(has_it(), Has::UNKNOWN);
  replica.binlog_state = gtids("0-1-11");
  EXPECT_EQ(has_it(), Has::APPLIED);
  replica.binlog_state = gtids("0-1-12");
  EXPECT_EQ(has_it(), Has::UNKNOWN);
  here.told = gtids("0-3-11");
  EXPECT_EQ(has_it(), Has::APPLIED);
}

TEST(InspectReplica, CannotTellWithoutALogWhatCameBeforeAnotherServersNumber) {
  Replica replica = follower("0-3-15");
  replica.logs_all = false;
  replica.binlog_state.clear();
  EXPECT_EQ(has(replica, "0-1-11"), Has::UNKNOWN);
  EXPECT_EQ(has(replica, "0-1-16"), Has::NO) << "numbers count up in a domain";
}

TEST(InspectReplica, KnowsNothingOfAServerThatCannotBeAsked) {
  Replica replica;
  replica.error = "error 2002: no";
  EXPECT_EQ(has(replica, "0-1-1"), Has::UNKNOWN);
  EXPECT_EQ(standing_of(replica, server), Standing::UNREACHABLE);
}

TEST(InspectReplica, FollowsWhileItHasNothingElse) {
  EXPECT_EQ(standing_of(follower("0-1-10"), server), Standing::FOLLOWS);
  Replica stopped = follower("0-1-10");
  stopped.links[0].io_state = "No";
  EXPECT_EQ(standing_of(stopped, server), Standing::IDLE);
}

TEST(InspectReplica, HasGoneOnWhenItHasWrittenAndDoesNotFollow) {
  const Replica replica = promoted("0-1-10", "0-2-11");
  EXPECT_EQ(standing_of(replica, server), Standing::TAKEN_OVER);
  EXPECT_EQ(to_string(beyond(replica, server)), "0-2-11");
  Replica stopped = follower("0-1-10");
  stopped.links[0].io_state = "No";
  stopped.binlog_state = gtids("0-1-10,0-2-11");
  EXPECT_EQ(standing_of(stopped, server), Standing::TAKEN_OVER)
      << "RESET SLAVE ALL is not needed for that";
}

TEST(InspectReplica, HasNotGoneOnWithWhatThisServerHas) {
  const ThisServer both{1, gtids("0-1-12,0-2-8")};
  EXPECT_EQ(standing_of(promoted("0-1-10", "0-2-8"), both), Standing::UNCLEAR)
      << "but it may have become the primary";
}

TEST(InspectReplica, DoesNotCompareDomainsThatThisServerDoesNotHave) {
  Replica replica = follower("0-1-10");
  replica.slave_pos = gtids("0-1-10,5-9-77");
  EXPECT_EQ(standing_of(replica, server), Standing::FOLLOWS);
}

TEST(InspectReplica, IsUnclearWhenItFollowsAndMayBeWrittenTo) {
  Replica replica = follower("0-1-10");
  replica.binlog_state = gtids("0-1-10,0-2-11");
  EXPECT_EQ(standing_of(replica, server), Standing::UNCLEAR);
  replica.read_only = true;
  EXPECT_EQ(standing_of(replica, server), Standing::FOLLOWS)
      << "ANALYZE TABLE, for example";
  replica.slave_pos = gtids("0-3-11");
  EXPECT_EQ(standing_of(replica, server), Standing::UNCLEAR)
      << "another server writes";
}

TEST(InspectReplica, IsUnclearWhenItIsNoReplicaOfThisServerAnyMore) {
  Replica replica = follower("0-1-10");
  replica.links.clear();
  EXPECT_EQ(standing_of(replica, server), Standing::UNCLEAR);
  replica.read_only = true;
  EXPECT_EQ(standing_of(replica, server), Standing::IDLE);
  replica = follower("0-1-10");
  replica.links[0].master_server_id = 3;
  EXPECT_EQ(standing_of(replica, server), Standing::UNCLEAR);
  replica.links[0].master_server_id = 0;
  EXPECT_EQ(standing_of(replica, server), Standing::IDLE)
      << "it has not reached anybody since it was started";
}

TEST(InspectReplica, HasGoneOnWhenThisServerHasLostWhatItWrote) {
  EXPECT_EQ(standing_of(follower("0-1-14"), server), Standing::TAKEN_OVER);
  EXPECT_EQ(standing_of(follower("0-1-14"), ThisServer{1, {}}),
            Standing::TAKEN_OVER);
}

/* Answers by the beginning of a statement. */
class FakeSession final : public Session {
 public:
  ServerError connect() override { return refused; }
  ServerError query(const std::string &sql, Rows *rows) override {
    for (const auto &[beginning, answer] : answers)
      if (sql.compare(0, beginning.size(), beginning) == 0) {
        *rows = answer;
        return {};
      }
    return {1227, "Access denied"};
  }

  ServerError refused;
  std::map<std::string, Rows> answers;
};

TEST(InspectReplica, AsksForAllThatMatters) {
  FakeSession session;
  session.answers["SELECT"] = {
      {"server_id", "version", "slave_pos", "current_pos", "binlog_pos",
       "binlog_state", "log_bin", "log_slave_updates", "read_only",
       "semisync_replica", "semisync_primary"},
      {{"2", "10.11.18-MariaDB", "0-1-10", "0-1-10", "0-1-10", "0-1-10,0-2-3",
        "1", "1", "0", "1", "0"}}};
  session.answers["SHOW ALL SLAVES STATUS"] = {
      {"Connection_name", "Master_Host", "Master_Port", "Master_Server_Id",
       "Slave_IO_Running", "Slave_SQL_Running", "Using_Gtid", "Gtid_IO_Pos",
       "Master_Log_File", "Read_Master_Log_Pos", "Relay_Master_Log_File",
       "Exec_Master_Log_Pos", "Last_IO_Error", "Last_SQL_Error"},
      {{"", "db1", "3306", "1", "Connecting", "Yes", "Slave_Pos", "0-1-11",
        "bin.000003", "1100", "bin.000003", "1000", "cannot connect",
        std::nullopt}}};
  const Replica replica = ask_replica(session, "db2:3306");
  EXPECT_EQ(replica.error, "");
  EXPECT_EQ(replica.server_id, 2u);
  EXPECT_EQ(to_string(replica.binlog_state), "0-1-10,0-2-3");
  EXPECT_TRUE(replica.logs_all);
  EXPECT_FALSE(replica.read_only);
  EXPECT_TRUE(replica.semisync_replica);
  ASSERT_EQ(replica.links.size(), 1u);
  const ReplicaLink &link = replica.links[0];
  EXPECT_EQ(link.master_server_id, 1u);
  EXPECT_TRUE(link.is_active());
  EXPECT_TRUE(link.uses_gtid);
  EXPECT_EQ(to_string(link.received), "0-1-11");
  EXPECT_EQ(to_string(link.received_file), "bin.000003:1100");
  EXPECT_EQ(to_string(link.applied_file), "bin.000003:1000");
  EXPECT_EQ(link.last_error, "cannot connect");
}

TEST(InspectReplica, SaysWhyItCannotAsk) {
  FakeSession session;
  EXPECT_EQ(ask_replica(session, "db2").error, "error 1227: Access denied");
  session.refused = {2002, "nobody there"};
  EXPECT_EQ(ask_replica(session, "db2").error, "error 2002: nobody there");
}

}  // namespace
}  // namespace recovery_gate::tool
