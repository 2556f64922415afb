// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/proof.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace recovery_gate {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class FakeReader final : public OwedReader {
 public:
  Owed owed;
  bool ends_event = true;
  std::set<std::string> gone;  // logs
  int reads = 0;

  Owed read(const Stretch &, const GtidState &) override {
    ++reads;
    return owed;
  }
  bool is_end_of_event(const BinlogPosition &) override { return ends_event; }
  bool is_there(const std::string &file) override {
    return gone.count(file) == 0;
  }
};

GtidPosition at(const char *text) {
  GtidPosition position;
  EXPECT_TRUE(parse(text, &position)) << text;
  return position;
}

/* A primary with server id 1 owes 0-1-4 and 0-1-5, which are in bin.000001
   behind offset 400; bin.000002 was opened at this start, and its header ends
   at 300. */
class ProofTest : public testing::Test {
 protected:
  ProofTest() {
    OwedCollector collector({{{0, 1}, 3}});
    add(&collector, {0, 1, 4}, Origin::OWN);
    add(&collector, {0, 1, 5}, Origin::OWN);
    reader.owed = collector.take();
    demand.stretch = {{"bin.000001", 400}, header};
    demand.before = {{{0, 1}, 3}};
    demand.written = {{{0, 1}, 5}};
    seen.end = header;
    seen.gtids = {{{0, 1}, 5}};
    seen.own_server_id = 1;
  }

  static void add(OwedCollector *collector, Gtid gtid, Origin origin) {
    Transaction transaction;
    transaction.gtid = gtid;
    transaction.kind = TransactionKind::COMMIT_XID;
    transaction.begin = 400;
    collector->add(transaction, origin, "bin.000001");
  }

  /* A semi-sync replica that is served, and was sent all there is. */
  ReplicaConnection &connect(std::uint32_t server_id, const char *position) {
    ReplicaConnection replica;
    replica.id = next_connection_++;
    replica.server_id = server_id;
    replica.host = "10.0.0." + std::to_string(server_id);
    replica.semisync = replica.uses_gtid = true;
    replica.position = at(position);
    replica.sent = header;
    seen.connections.push_back(replica);
    return seen.connections.back();
  }
  void leave(std::size_t which, const BinlogPosition &reply) {
    seen.ended.push_back({seen.connections[which], reply});
    seen.connections.erase(seen.connections.begin() +
                           static_cast<std::ptrdiff_t>(which));
  }

  Answer ask() {
    proof.observe(seen);
    seen.ended.clear();
    demand.acknowledged = has_reached(seen.reply, header);
    demand.reply = seen.reply;
    return proof.ask(demand, history, reader);
  }
  Answer ask_after(const BinlogPosition &reply) {
    seen.reply = reply;
    return ask();
  }

  const BinlogPosition header{"bin.000002", 300};
  Proof proof;
  FakeReader reader;
  Demand demand;
  History history;
  ReplicaObservation seen;

 private:
  std::uint64_t next_connection_ = 10;
};

TEST_F(ProofTest, ParsesPositions) {
  EXPECT_EQ(at("0-1-5,7-2-1").at(7).sequence, 1u);
  EXPECT_THAT(at(""), IsEmpty());
  GtidPosition position = at("0-1-5");
  EXPECT_FALSE(parse("0-1-5,0-2-6", &position));
  EXPECT_FALSE(parse("junk", &position));
  EXPECT_EQ(position.at(0).sequence, 5u);
}

TEST_F(ProofTest, IsGivenByWhoWasSentAllAndAcknowledged) {
  connect(2, "0-1-3");
  Answer answer = ask();
  EXPECT_FALSE(answer.proven);
  EXPECT_EQ(answer.replicas.at(0).standing, Standing::NOT_YET);
  answer = ask_after(header);
  EXPECT_TRUE(answer.proven);
  EXPECT_THAT(answer.by, HasSubstr("replica 2 (10.0.0.2)"));
  EXPECT_EQ(answer.replicas.at(0).standing, Standing::PROVEN);
}

TEST_F(ProofTest, IsGivenByWhoNamesTheLastOfASeries) {
  connect(2, "0-1-5");
  EXPECT_TRUE(ask().proven);
}

TEST_F(ProofTest, IsNotGivenByWhoNamesAPartOfIt) {
  connect(2, "0-1-4");
  EXPECT_FALSE(ask().proven);
  EXPECT_TRUE(ask_after(header).proven);  // it was sent the rest
}

TEST_F(ProofTest, ReadsTheLogOnceForAReplica) {
  connect(2, "0-1-3");
  ask();
  ask();
  ask_after(header);
  EXPECT_EQ(reader.reads, 1);
}

/* Whoever was there before the stretch began is sent all of it: nothing is
 * read. */
TEST_F(ProofTest, ReadsNothingForWhoWasThereBefore) {
  connect(2, "0-1-3");
  seen.end = {"bin.000001", 400};
  EXPECT_TRUE(ask_after(header).proven);
  EXPECT_EQ(reader.reads, 0);
}

TEST_F(ProofTest, IsNotGivenByAReceivedGtidThatHidesTheServersOwn) {
  OwedCollector collector({{{0, 1}, 3}, {{0, 9}, 2}});
  add(&collector, {0, 1, 4}, Origin::OWN);
  add(&collector, {0, 9, 4}, Origin::RECEIVED);
  reader.owed = collector.take();
  seen.gtids = {{{0, 1}, 4}, {{0, 9}, 4}};
  demand.written = {{{0, 1}, 4}};
  connect(2, "0-9-4");
  const Answer answer = ask_after(header);
  EXPECT_FALSE(answer.proven);
  EXPECT_TRUE(answer.reply_is_void);
  EXPECT_EQ(answer.replicas.at(0).standing, Standing::NEVER);
  EXPECT_THAT(answer.replicas.at(0).why, HasSubstr("0-1-4"));
  EXPECT_THAT(answer.replicas.at(0).advice, HasSubstr("0-1-4"));
  EXPECT_EQ(proof.take_arrivals(seen.resets).behind, ServerIds{2});
}

/* The same domain, but from before: it is sent what it lacks. */
TEST_F(ProofTest, IsGivenByWhoBeginsBeforeABrokenSeries) {
  OwedCollector collector({{{0, 1}, 3}, {{0, 9}, 2}});
  add(&collector, {0, 1, 4}, Origin::OWN);
  add(&collector, {0, 9, 4}, Origin::RECEIVED);
  reader.owed = collector.take();
  seen.gtids = {{{0, 1}, 4}, {{0, 9}, 4}};
  connect(2, "0-1-3");
  connect(3, "0-9-2");
  EXPECT_TRUE(ask_after(header).proven);
}

TEST_F(ProofTest, IsNotGivenByWhatThisServerAppliedAndDidNotLog) {
  seen.applied = at("0-9-8");
  connect(2, "0-9-8");
  const Answer answer = ask_after(header);
  EXPECT_FALSE(answer.proven);
  EXPECT_THAT(answer.replicas.at(0).why, HasSubstr("applied as a replica"));
}

TEST_F(ProofTest, IsGivenWhenAllThatIsOwedCameAfterWhatWasApplied) {
  seen.applied = at("0-9-3");
  connect(2, "0-9-3");
  EXPECT_TRUE(ask_after(header).proven);
}

TEST_F(ProofTest, IsNotGivenByOneOfTwoTransactionsWithTheSameGtid) {
  OwedCollector collector({{{0, 1}, 5}});
  add(&collector, {0, 1, 5}, Origin::OWN);
  reader.owed = collector.take();
  connect(2, "0-1-5");
  EXPECT_FALSE(ask_after(header).proven);
}

TEST_F(ProofTest, IsNotGivenByNumbersOfAnEarlierHistory) {
  history.earlier = {{{0, 1}, 100010}};
  connect(2, "0-1-5");
  EXPECT_FALSE(ask_after(header).proven);
  history.known = false;
  history.earlier.clear();
  seen.connections.clear();
  connect(2, "0-1-5");
  seen.reply = {};
  EXPECT_FALSE(ask_after(header).proven);
}

TEST_F(ProofTest, IsGivenByNumbersThatAReplicaHasFromThisHistory) {
  history.earlier = {{{0, 1}, 100010}};
  history.replica_ids = {2};
  history.replicas = {{{0, 2}, 3}};
  connect(2, "0-1-5");
  EXPECT_TRUE(ask().proven);
}

TEST_F(ProofTest, IsNotGivenByNumbersThatAReplicaHadWhenItCame) {
  history.earlier = {{{0, 1}, 100010}};
  history.replica_ids = {2};
  history.replicas = {{{0, 2}, 4}};
  connect(2, "0-1-5");
  EXPECT_FALSE(ask_after(header).proven);
}

TEST_F(ProofTest, IsGivenByNumbersThatAllHistoriesHaveInCommon) {
  history.earlier = {{{0, 1}, 100010}};
  history.common = {{{0, 1}, 5}};
  connect(2, "0-1-5");
  EXPECT_TRUE(ask().proven);
}

TEST_F(ProofTest, IsNotGivenByWhatWasAppliedWhenTheServerHasAnotherIdSince) {
  seen.applied = at("0-9-3");
  seen.own_server_id = 7;
  connect(2, "0-9-3");
  EXPECT_FALSE(ask_after(header).proven);
}

TEST_F(ProofTest, TellsOfAnotherHistoryThatAReplicaNames) {
  connect(2, "0-1-15");
  leave(0, {});
  EXPECT_FALSE(ask().proven);
  EXPECT_EQ(to_string(proof.take_arrivals(seen.resets).earlier), "0-1-15");
}

TEST_F(ProofTest, WaitsWhileSomebodyIsJustEnding) {
  connect(2, "0-1-3");
  ask();
  seen.is_incomplete = true;
  EXPECT_FALSE(ask_after(header).proven);
  seen.is_incomplete = false;
  EXPECT_TRUE(ask().proven);
}

TEST_F(ProofTest, IsNotGivenByAFileAndAPositionWhereNumbersDoNotTellHistories) {
  reader.owed.domains.at(0).broken = "it is";
  connect(2, "").uses_gtid = false;
  history.earlier = {{{0, 1}, 100010}};
  history.replica_ids = {2};
  history.replicas = {{{0, 2}, 2}};
  EXPECT_FALSE(ask_after(header).proven);
}

/* It has left when all others can be seen. */
TEST_F(ProofTest, IsNotGivenByAReplyOfWhoLeftWhileSomebodyWasJustEnding) {
  reader.owed.domains.at(0).broken = "it is";
  connect(3, "0-1-5");
  connect(2, "0-1-3");
  ask();
  leave(0, header);
  seen.is_incomplete = true;
  EXPECT_FALSE(ask_after(header).proven);
  seen.is_incomplete = false;
  EXPECT_FALSE(ask().proven);
}

TEST_F(ProofTest, IsNotGivenByWhoSentTheReplyBefore) {
  reader.owed.domains.at(0).broken = "it is";
  connect(2, "0-1-3").sent = {"bin.000001", 4};
  ask_after({"bin.000001", 4});
  connect(3, "0-1-5");
  seen.is_incomplete = true;
  const Answer answer = ask_after(header);
  EXPECT_FALSE(answer.proven);
  EXPECT_FALSE(answer.reply_is_void) << "it is not known whose it is";
  seen.is_incomplete = false;
  EXPECT_TRUE(ask().reply_is_void);
}

TEST_F(ProofTest, IsNotGivenByAReplyThatAnotherHasReplaced) {
  connect(2, "0-1-3");
  ask_after(header);
  demand.reply = {"bin.000002", 400};
  EXPECT_FALSE(proof.ask(demand, history, reader).proven);
}

TEST_F(ProofTest, TellsOfNoArrivalsFromBeforeTheLogWasBegunAnew) {
  connect(2, "");
  connect(3, "");
  connect(4, "0-1-15");
  ask();
  proof.take_arrivals(seen.resets);
  seen.resets = 1;
  for (ReplicaConnection &connection : seen.connections)
    connection.of_this_log = false;
  ask();
  EXPECT_EQ(proof.take_arrivals(seen.resets), History());
}

TEST_F(ProofTest, TellsOfNoArrivalsOfWhoLeftBeforeTheLogWasBegunAnew) {
  connect(2, "");
  leave(0, {});
  seen.resets = 1;
  ask();
  EXPECT_EQ(proof.take_arrivals(seen.resets), History());
}

TEST_F(ProofTest, TellsOfNoArrivalsInAHistoryThatIsNotAskedFor) {
  connect(2, "0-1-3");
  ask();
  EXPECT_EQ(proof.take_arrivals(1), History());
  EXPECT_EQ(proof.take_arrivals(0).replica_ids, ServerIds{2});
}

TEST_F(ProofTest, ReadsNothingForWhoWasThereBeforeTheLogWasBegunAnew) {
  connect(2, "0-1-3");
  ask_after(header);
  leave(0, header);
  ask();
  const int reads = reader.reads;
  seen.resets = 1;
  seen.reply = {};
  ask();
  EXPECT_EQ(reader.reads, reads);
}

TEST_F(ProofTest, IsNotGivenByTheLastOfASeriesOfWhichAReplicaDropsSome) {
  OwedCollector collector({{{0, 1}, 3}});
  add(&collector, {0, 9, 4}, Origin::OWN);
  add(&collector, {0, 1, 5}, Origin::OWN);
  reader.owed = collector.take();
  demand.written = {{{0, 9}, 4}, {{0, 1}, 5}};
  connect(9, "0-1-5");
  EXPECT_FALSE(ask_after(header).proven);
}

TEST_F(ProofTest, IsNotGivenByWhoIsNotSentTheSameNumberOnceMore) {
  seen.end = {"bin.000001", 400};
  connect(2, "0-9-100");
  demand.written = {{{7, 1}, 1}};
  EXPECT_FALSE(ask_after(header).proven);
}

TEST_F(ProofTest, RemembersWhatReplicasWereServedFromBehind) {
  seen.applied = at("0-9-4");
  connect(9, "0-9-4");
  ask();
  history = proof.take_arrivals(seen.resets);
  EXPECT_EQ(to_string(history.passed_over), "0-9-4");
  seen.applied = at("0-1-5");  // the server's own, which came back to it
  seen.connections.clear();
  connect(9, "0-1-5");
  EXPECT_FALSE(ask_after(header).proven);
}

TEST_F(ProofTest, IsNotGivenByNumbersOfAnEarlierHistoryInAnyDomain) {
  history.earlier = {{{7, 1}, 100010}};
  history.has_unseen = true;
  connect(2, "0-1-5");
  EXPECT_FALSE(ask_after(header).proven);
}

TEST_F(ProofTest, IsTakenBackWhenAnUnseenReplicaMayHaveRepliedToo) {
  reader.owed.domains.at(0).broken = "it is";
  connect(2, "0-1-3");
  EXPECT_TRUE(ask_after(header).proven);
  connect(3, "0-1-5");
  leave(1, header);
  EXPECT_FALSE(ask().proven);
}

TEST_F(ProofTest, TellsWhereReplicasCameIn) {
  connect(2, "0-1-3");
  connect(3, "");
  ask();
  const History arrived = proof.take_arrivals(seen.resets);
  EXPECT_EQ(arrived.replica_ids, (ServerIds{2, 3}));
  EXPECT_EQ(to_string(arrived.replicas), "0-2-3");
  EXPECT_THAT(proof.take_arrivals(seen.resets).replica_ids, IsEmpty());
}

/* Item by item, who may have sent the one reply that the server keeps. */
TEST_F(ProofTest, IsNotGivenByAReplyThatADoubtfulReplicaMayHaveSent) {
  reader.owed.domains.at(0).broken = "it is";
  connect(2, "0-1-3");
  connect(3, "0-1-5");
  const Answer answer = ask_after(header);
  EXPECT_FALSE(answer.proven);
  EXPECT_TRUE(answer.reply_is_void);
}

TEST_F(ProofTest, IsGivenWhenTheDoubtfulReplicaWasNotSentAsMuch) {
  reader.owed.domains.at(0).broken = "it is";
  connect(2, "0-1-3");
  connect(3, "0-1-5").sent = {"bin.000002", 299};
  EXPECT_TRUE(ask_after(header).proven);
}

TEST_F(ProofTest, IsGivenByTheSecondReplyWhenTheFirstWasTheDoubtfulOnes) {
  reader.owed.domains.at(0).broken = "it is";
  connect(3, "0-1-5");
  EXPECT_TRUE(ask_after(header).reply_is_void);
  proof.forget_reply();
  seen.reply = {};
  connect(2, "0-1-3");
  EXPECT_FALSE(ask().proven);
  EXPECT_TRUE(ask_after(header).proven);
}

TEST_F(ProofTest, IsNotGivenByADoubtfulReplicaThatHasLeft) {
  reader.owed.domains.at(0).broken = "it is";
  connect(3, "0-1-5");
  ask();
  leave(0, header);
  EXPECT_FALSE(ask_after(header).proven);
  connect(2, "0-1-3").sent = {"bin.000001", 400};
  EXPECT_FALSE(ask().proven);
}

TEST_F(ProofTest, IsNotGivenByADoubtfulReplicaThatCameAndWentUnseen) {
  reader.owed.domains.at(0).broken = "it is";
  connect(3, "0-1-5");
  connect(2, "0-1-3");
  leave(0, header);
  EXPECT_FALSE(ask_after(header).proven);
}

TEST_F(ProofTest, IsGivenWhenTheDoubtfulReplicaLeftBeforeTheReply) {
  reader.owed.domains.at(0).broken = "it is";
  connect(3, "0-1-5");
  connect(2, "0-1-3");
  ask();
  leave(0, {"bin.000001", 400});
  EXPECT_TRUE(ask_after(header).proven);
}

TEST_F(ProofTest, IsGivenByAnHonestReplicaThatHasLeft) {
  connect(2, "0-1-3");
  ask();
  leave(0, header);
  EXPECT_TRUE(ask_after(header).proven);
}

TEST_F(ProofTest, IsNotGivenByAReplyOfTheLogBeforeItWasBegunAnew) {
  connect(2, "0-1-3");
  ask();
  seen.resets = 1;
  seen.connections[0].of_this_log = false;
  EXPECT_FALSE(ask_after(header).proven);
  EXPECT_TRUE(ask().replicas.at(0).should_reconnect);
}

TEST_F(ProofTest, IsGivenByWhoConnectedAfterTheLogWasBegunAnew) {
  connect(2, "0-1-3");
  ask();
  leave(0, {});
  seen.resets = 1;
  connect(2, "0-1-3");
  EXPECT_TRUE(ask_after(header).proven);
}

TEST_F(ProofTest, IsNotGivenWithoutAnybodyWhoCouldHaveReplied) {
  EXPECT_FALSE(ask_after(header).proven);
  connect(2, "0-1-3").semisync = false;
  EXPECT_FALSE(ask_after({"bin.000002", 400}).proven);
}

TEST_F(ProofTest, IsNotGivenByWhoLeavesOutWhatIsMarked) {
  reader.owed.domains.at(0).marked = true;
  connect(2, "0-1-3").leaves_out_marked = true;
  const Answer answer = ask_after(header);
  EXPECT_FALSE(answer.proven);
  EXPECT_THAT(answer.replicas.at(0).why, HasSubstr("FILTER_ON_MASTER"));
}

TEST_F(ProofTest, IsGivenByWhoLeavesOutWhatIsMarkedWhenNothingIs) {
  connect(2, "0-1-3").leaves_out_marked = true;
  EXPECT_TRUE(ask_after(header).proven);
}

/* A replica of two primaries: what it has of the other's domain is no matter.
 */
TEST_F(ProofTest, IsGivenWhateverAReplicaHasInADomainThatThisLogLacks) {
  connect(2, "0-1-3,7-9-100");
  EXPECT_TRUE(ask_after(header).proven);
}

TEST_F(ProofTest, IsNotGivenByAPositionThatThisLogLacks) {
  connect(2, "0-9-100");
  const Answer answer = ask_after(header);
  EXPECT_FALSE(answer.proven);
  EXPECT_THAT(answer.replicas.at(0).why, HasSubstr("0-9-100"));
}

TEST_F(ProofTest, IsNotGivenByWhoStopsEarlyUnlessItNamesAll) {
  connect(2, "0-1-3").stops_early = true;
  EXPECT_FALSE(ask_after(header).proven);
  seen.connections.clear();
  connect(2, "0-1-5").stops_early = true;
  EXPECT_TRUE(ask().proven);
}

TEST_F(ProofTest, IsNotGivenByWhoDropsWhatHasItsOwnServerId) {
  connect(1, "0-1-3");
  EXPECT_FALSE(ask_after(header).proven);
}

TEST_F(ProofTest, IsGivenByAFileAndAPositionBeforeWhatIsOwed) {
  ReplicaConnection &replica = connect(2, "");
  replica.uses_gtid = false;
  replica.sent = {"bin.000001", 400};
  ask();
  seen.connections[0].sent = header;
  EXPECT_TRUE(ask_after(header).proven);
}

TEST_F(ProofTest, IsNotGivenByAFileAndAPositionAtWhichNothingEnds) {
  connect(2, "").uses_gtid = false;
  reader.ends_event = false;
  EXPECT_FALSE(ask_after(header).proven);
}

TEST_F(ProofTest, IsNotGivenByAFileAndAPositionOfWhoWasServedFromBehind) {
  reader.owed.domains.at(0).broken = "it is";
  connect(2, "").uses_gtid = false;
  history.by_file = {2};
  history.behind = {2};
  EXPECT_FALSE(ask_after(header).proven);
}

/* Who was sent the reply's position may have sent it, whatever the server shows
   of it now. */
TEST_F(ProofTest, TakesNobodyBackFromWhereItWas) {
  connect(2, "0-1-5").sent = header;
  ask();
  connect(3, "0-1-3");
  seen.connections[0].sent = {"bin.000002", 256};
  seen.connections[1].sent = header;
  const Answer answer = ask_after(header);
  ASSERT_TRUE(answer.reply || answer.is_undecided || answer.proven);
  demand.of_each = true;
  const Answer each = ask_after(header);
  ASSERT_TRUE(each.reply);
  EXPECT_EQ(each.reply->authors.size(), 2u);
}

/* Between two logs the server shows no place. */
TEST_F(ProofTest, TakesWhoIsNowhereForWhoMayHaveReplied) {
  connect(2, "0-1-5").sent = {"bin.000002", 256};
  ask();
  connect(3, "0-1-3");
  seen.connections[0].sent = {};
  demand.of_each = true;
  const Answer answer = ask_after(header);
  ASSERT_TRUE(answer.reply);
  EXPECT_EQ(answer.reply->authors.size(), 2u);
  EXPECT_EQ(answer.replicas.at(0).sent, (BinlogPosition{"bin.000002", 256}));
  seen.connections[0].sent = {"bin.000001", 400};
  EXPECT_EQ(ask_after(header).replicas.at(0).sent,
            (BinlogPosition{"bin.000002", 256}));
}

/* It may have come with GTIDs before, when nobody saw it. */
TEST_F(ProofTest, IsNotGivenByAFileAndAPositionOfWhoIsNotKnownByThem) {
  reader.owed.domains.at(0).broken = "it is";
  connect(2, "").uses_gtid = false;
  history.by_file = {3};
  EXPECT_FALSE(ask_after(header).proven);
  EXPECT_THAT(proof.take_arrivals(seen.resets).by_file, IsEmpty());
}

TEST_F(ProofTest, IsGivenByAFileAndAPositionOfWhoIsKnownByThem) {
  reader.owed.domains.at(0).broken = "it is";
  connect(2, "").uses_gtid = false;
  history.by_file = {2};
  EXPECT_TRUE(ask_after(header).proven);
}

TEST_F(ProofTest, KnowsByFileWhoHasEverythingUntilItComesWithGtids) {
  connect(2, "").uses_gtid = false;
  EXPECT_TRUE(ask_after(header).proven);
  add_arrivals(proof.take_arrivals(seen.resets), &history);
  EXPECT_EQ(history.by_file, ServerIds{2});
  seen.connections.clear();
  connect(2, "0-1-5");
  ask();
  add_arrivals(proof.take_arrivals(seen.resets), &history);
  EXPECT_THAT(history.by_file, IsEmpty());
}

/* It began within a transaction with a file and a position: it may name that,
   and be served what comes behind it. */
TEST_F(ProofTest, IsNotGivenByAGtidOfWhoWasToldOne) {
  history.told = {{{0, 2}, 4}};
  for (const char *position : {"0-1-5", "0-1-4"}) {
    connect(2, position);
    const Answer answer = ask_after(header);
    EXPECT_FALSE(answer.proven) << position;
    EXPECT_THAT(answer.replicas.at(0).why,
                HasSubstr("it began within a transaction"));
    seen.connections.clear();
  }
  connect(3, "0-1-5");
  EXPECT_TRUE(ask().proven);
}

TEST_F(ProofTest, IsGivenByAGtidOfWhoWasToldNothingThatIsOwed) {
  history.told = {{{0, 2}, 3}, {{7, 2}, 9}, {{0, 3}, 5}};
  connect(2, "0-1-5");
  EXPECT_TRUE(ask().proven);
}

TEST_F(ProofTest, IsGivenByWhoWasToldAGtidAndIsSentItAll) {
  history.told = {{{0, 2}, 5}};
  connect(2, "0-1-3");
  EXPECT_TRUE(ask_after(header).proven);
}

class GoesOnByFile : public ProofTest {
 protected:
  bool proves() {
    history.told = {{{0, 2}, 4}};
    ReplicaConnection &replica = connect(2, "");
    replica.uses_gtid = false;
    replica.sent = {"bin.000001", 500};
    replica.bytes_sent = 7;
    ask();
    seen.connections[0].sent = header;
    return ask_after(header).proven;
  }
};

TEST_F(GoesOnByFile, WhoWasToldAGtidAndIsSentTheRest) {
  EXPECT_TRUE(proves());
  const auto began = proof.take_arrivals(seen.resets).began;
  ASSERT_THAT(began, SizeIs(1));
  EXPECT_EQ(began[0].replica, 2u);
  EXPECT_EQ(began[0].sent, (BinlogPosition{"bin.000001", 500}));
  EXPECT_EQ(began[0].bytes, 7u);
}

TEST_F(GoesOnByFile, WhoHasComeWithTheGtidThatItWasTold) {
  history.behind = {2};
  EXPECT_FALSE(proves());
}

/* What was read before its log was deleted. */
TEST_F(ProofTest, IsGivenByTheLastOfWhatIsGone) {
  reader.gone = {"bin.000001"};
  connect(2, "0-1-5");
  EXPECT_TRUE(ask_after(header).proven);
}

TEST_F(ProofTest, IsNotGivenByWhoWouldHaveToBeSentWhatIsGone) {
  reader.gone = {"bin.000001"};
  for (const char *position : {"", "0-1-3"}) {
    seen.connections.clear();
    connect(2, position);
    const Answer answer = ask_after(header);
    EXPECT_FALSE(answer.proven) << position;
    EXPECT_THAT(answer.replicas.at(0).why,
                HasSubstr("bin.000001 no longer exists"));
  }
  seen.applied = at("0-9-2");
  seen.connections.clear();
  connect(2, "0-9-2");
  EXPECT_FALSE(ask_after(header).proven);
}

TEST_F(ProofTest, IsNotGivenByAFileAndAPositionBehindWhatIsGone) {
  reader.gone = {"bin.000001"};
  ReplicaConnection &replica = connect(2, "");
  replica.uses_gtid = false;
  replica.sent = {"bin.000002", 4};  // where it began without any
  const Answer answer = ask_after(header);
  EXPECT_FALSE(answer.proven);
  EXPECT_THAT(answer.replicas.at(0).why, HasSubstr("no longer exists"));
}

TEST_F(ProofTest, SaysWhenTheLogCannotBeRead) {
  reader.owed = {};
  reader.owed.unknown = "it is gone";
  connect(2, "0-1-3");
  const Answer answer = ask_after(header);
  EXPECT_FALSE(answer.proven);
  EXPECT_THAT(answer.replicas.at(0).why, HasSubstr("it is gone"));
}

/*
  A primary whose log is made at random, and replicas that are served it as the
  server does (sql/sql_repl.cc), against a model that knows what each has.
  Whatever is proven, some replica has.
*/
class RandomHistory {
 public:
  explicit RandomHistory(unsigned seed) : random_(seed) {}

  void run() {
    for (int step = 0; step < 40; ++step) {
      switch (pick(9)) {
        case 0:
        case 1:
        case 2:
          write(1);
          break;
        case 3:
          if (receives_) write(9);
          break;
        case 4:
          write_again();
          break;
        case 5:
          connect();
          break;
        case 6:
          disconnect();
          break;
        case 7:
          serve();
          break;
        case 8:
          settle_or_ask();
          break;
      }
    }
    serve();
    settle_or_ask();
  }

  static bool unsound, proven_once;

 private:
  struct Event {
    Gtid gtid;
    bool own;
    int identity;
  };
  struct Replica {
    ReplicaConnection connection;
    GtidPosition position;  // what it will name next
    std::set<int> has;
    std::size_t next = 0;  // of the log, to be sent
    std::map<std::uint32_t, Gtid> skip_until;
    bool connected = false;
  };

  int pick(int below) {
    return static_cast<int>(random_() % static_cast<unsigned>(below));
  }
  BinlogPosition place(std::size_t events) const {
    return {"bin.000001", 4 + 100 * events};
  }
  std::uint64_t highest() const {
    std::uint64_t highest = 0;
    for (const auto &[source, number] : state_)
      highest = std::max(highest, number);
    return highest;
  }
  void append(Gtid gtid, bool own) {
    log_.push_back({gtid, own, identities_++});
    state_[{0, gtid.server_id}] = gtid.sequence;
  }
  void write(std::uint32_t id) { append({0, id, highest() + 1}, id == 1); }
  void write_again() {
    if (pick(4) != 0 || state_.count({0, 1}) == 0) return;
    append({0, 1, 1 + random_() % state_.at({0, 1})}, true);
  }

  void connect() {
    Replica &replica = replicas_[pick(3)];
    if (replica.connected) return;
    // check_slave_start_position()
    for (const auto &[domain, gtid] : replica.position) {
      const auto last = state_.find({domain, gtid.server_id});
      if (last == state_.end() || last->second < gtid.sequence) return;
    }
    replica.skip_until = replica.position;
    replica.next = 0;
    replica.connected = true;
    ReplicaConnection &connection = replica.connection;
    connection.id = next_connection_++;
    connection.server_id =
        20 + static_cast<std::uint32_t>(&replica - replicas_);
    connection.semisync = connection.uses_gtid = true;
    connection.position = replica.position;
    connection.sent = place(0);
    if (pick(2) == 0) observe();
  }

  void disconnect() {
    Replica &replica = replicas_[pick(3)];
    if (!replica.connected) return;
    replica.connected = false;
    ended_.push_back({replica.connection, reply_});
  }

  /* Sends some of the log to each; it acknowledges, or not. */
  void serve() {
    for (Replica &replica : replicas_) {
      if (!replica.connected || pick(3) == 0) continue;
      const std::size_t to =
          replica.next + random_() % (log_.size() - replica.next + 1);
      for (; replica.next < to; ++replica.next) {
        const Event &event = log_[replica.next];
        const auto skip = replica.skip_until.find(event.gtid.domain);
        bool skipped = false;
        if (skip != replica.skip_until.end()) {
          const Gtid &gtid = skip->second;
          skipped = event.gtid.server_id != gtid.server_id ||
                    event.gtid.sequence <= gtid.sequence;
          if (event.gtid.server_id == gtid.server_id &&
              event.gtid.sequence >= gtid.sequence)
            replica.skip_until.erase(skip);
        }
        if (skipped) continue;
        replica.has.insert(event.identity);
        replica.position[event.gtid.domain] = event.gtid;
      }
      replica.connection.sent = place(replica.next);
      if (pick(2) == 0 && has_reached(place(replica.next), reply_))
        reply_ = place(replica.next);
      else if (pick(2) == 0 && reply_.empty() && replica.next > 0)
        reply_ = place(replica.next);
    }
    if (pick(2) == 0) observe();
  }

  void observe() {
    ReplicaObservation seen;
    seen.reply = reply_;
    for (Replica &replica : replicas_)
      if (replica.connected) seen.connections.push_back(replica.connection);
    seen.ended = std::move(ended_);
    ended_.clear();
    seen.end = place(log_.size());
    seen.gtids = state_;
    proof_.observe(seen);
  }

  class Reader final : public OwedReader {
   public:
    Reader(const RandomHistory &history) : history_(history) {}
    Owed read(const Stretch &stretch, const GtidState &before) override {
      OwedCollector collector(before);
      for (std::size_t i = 0; i < history_.log_.size(); ++i) {
        if (!has_reached(history_.place(i), stretch.from) ||
            !has_reached(stretch.to, history_.place(i + 1)))
          continue;
        Transaction transaction;
        transaction.gtid = history_.log_[i].gtid;
        transaction.kind = TransactionKind::COMMIT_XID;
        transaction.begin = history_.place(i).offset;
        collector.add(transaction,
                      history_.log_[i].own ? Origin::OWN : Origin::RECEIVED,
                      "bin.000001");
      }
      return collector.take();
    }
    bool is_end_of_event(const BinlogPosition &) override { return true; }
    bool is_there(const std::string &) override { return true; }

   private:
    const RandomHistory &history_;
  };

  void settle_or_ask() {
    observe();
    Demand demand;
    demand.stretch = {place(settled_), place(log_.size())};
    demand.before = before_;
    std::set<int> owed;
    for (std::size_t i = settled_; i < log_.size(); ++i)
      if (log_[i].own) {
        owed.insert(log_[i].identity);
        demand.written[{0, 1}] = log_[i].gtid.sequence;
      }
    demand.acknowledged = has_reached(reply_, place(log_.size()));
    demand.reply = reply_;
    Reader reader(*this);
    if (!proof_.ask(demand, {}, reader).proven) return;
    proven_once |= !owed.empty();
    const bool some_has_all = std::any_of(
        std::begin(replicas_), std::end(replicas_),
        [&](const Replica &replica) {
          return std::includes(replica.has.begin(), replica.has.end(),
                               owed.begin(), owed.end());
        });
    if (!some_has_all) unsound = true;
    settled_ = log_.size();
    before_ = state_;
  }

  std::minstd_rand random_;
  std::vector<Event> log_;
  GtidState state_, before_;
  std::size_t settled_ = 0;
  Replica replicas_[3];
  std::vector<EndedReplica> ended_;
  BinlogPosition reply_;
  Proof proof_;
  std::uint64_t next_connection_ = 100;
  int identities_ = 0;
  const bool receives_ = random_() % 2 == 0;
};

bool RandomHistory::unsound = false;
bool RandomHistory::proven_once = false;

TEST(Proof, OfARandomHistoryIsAlwaysTrue) {
  for (unsigned seed = 1; seed <= 20000; ++seed) {
    RandomHistory(seed).run();
    ASSERT_FALSE(RandomHistory::unsound) << "seed " << seed;
  }
  EXPECT_TRUE(RandomHistory::proven_once);
}

}  // namespace
}  // namespace recovery_gate
