// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/doubt.h"

#include "inspect/fakes.h"

namespace recovery_gate::tool {
namespace {

class DoubtTest : public testing::Test {
 protected:
  void add(const std::string &text,
           TransactionKind kind = TransactionKind::COMMIT_XID) {
    added.push_back(transaction(text, kind));
  }

  Doubt count(bool crashed = true, bool owes = true) {
    DoubtCounter counter(places, owner_ids, replicas, server, options);
    for (const Transaction &each : added) counter.add(each, log);
    return counter.result(crashed, owes);
  }

  KnownPlaces places{{"bin.000003", 1000}, {"bin.000003", 1100}};
  std::optional<ServerIds> owner_ids;
  std::vector<Replica> replicas;
  ThisServer server{1, {}};
  DoubtCounter::Options options;
  LogFacts log = log_facts();
  std::vector<Transaction> added;
};

TEST_F(DoubtTest, CountsFromThePlacesInTheStateFile) {
  for (const char *text : {"0-1-9", "0-1-10", "0-1-11", "0-1-12", "0-1-13"})
    add(text);
  const Doubt doubt = count();
  EXPECT_EQ(doubt.in_doubt.count, 3u);
  EXPECT_EQ(doubt.in_doubt.bytes, 300u);
  EXPECT_EQ(to_string(*doubt.in_doubt.first->transaction.gtid), "0-1-11");
  EXPECT_EQ(doubt.unacknowledged.count, 2u);
  EXPECT_EQ(doubt.recovery.count, 5u);
}

TEST_F(DoubtTest, CountsEverythingWithoutAPlace) {
  places = {};
  add("0-1-1");
  add("0-1-2");
  EXPECT_EQ(count().in_doubt.count, 2u);
}

TEST_F(DoubtTest, CountsNothingWhenNothingIsOwed) {
  add("0-1-12");
  const Doubt doubt = count(true, false);
  EXPECT_EQ(doubt.in_doubt.count, 0u);
  EXPECT_TRUE(doubt.shown.empty());
  EXPECT_EQ(doubt.recovery.count, 1u) << "recovery reads it all the same";
}

TEST_F(DoubtTest, OwesNothingForWhatAReplicaReceived) {
  owner_ids = ServerIds{4};
  add("0-1-11");
  add("0-4-12");
  add("0-9-13");
  const Doubt doubt = count();
  EXPECT_EQ(doubt.in_doubt.count, 2u);
  EXPECT_EQ(to_string(*doubt.in_doubt.last->transaction.gtid), "0-4-12");
}

TEST_F(DoubtTest, ShowsTheLastOnes) {
  options.limit = 2;
  for (const char *text : {"0-1-9", "0-1-11", "0-1-12", "0-1-13"}) add(text);
  const Doubt doubt = count();
  ASSERT_EQ(doubt.shown.size(), 2u);
  EXPECT_EQ(to_string(*doubt.shown[0].transaction.gtid), "0-1-12");
  EXPECT_EQ(doubt.not_shown, 1u);
  options.all = true;
  EXPECT_EQ(count().shown.size(), 4u);
}

TEST_F(DoubtTest, AsksEachReplicaForEachTransaction) {
  replicas = {follower("0-1-12"), follower("0-1-11")};
  replicas[1].links[0].received = gtids("0-1-12");
  for (const char *text : {"0-1-11", "0-1-12", "0-1-13"}) add(text);
  const Doubt doubt = count();
  EXPECT_EQ(doubt.replicas[0].applied, 2u);
  EXPECT_EQ(doubt.replicas[0].lacking, 1u);
  EXPECT_EQ(doubt.replicas[1].applied, 1u);
  EXPECT_EQ(doubt.replicas[1].received, 1u);
  EXPECT_EQ(doubt.nobody_has, 1u);
  EXPECT_EQ(doubt.lacking[0].count, 1u);
  EXPECT_EQ(doubt.perhaps_lacking[0], 0u);
  EXPECT_EQ(doubt.lacking[1].count, 2u) << "not applied yet";
  EXPECT_EQ(doubt.perhaps_lacking[1], 1u) << "it is about to";
  EXPECT_THAT(doubt.shown[1].has,
              testing::ElementsAre(Has::APPLIED, Has::RECEIVED));
}

TEST_F(DoubtTest, CountsAsLackingAlsoWhatIsSettled) {
  replicas = {follower("0-1-8")};
  for (const char *text : {"0-1-9", "0-1-10", "0-1-11"}) add(text);
  EXPECT_EQ(count().lacking[0].count, 3u);
}

TEST_F(DoubtTest, RecoveryCanCutOffWhatComesAfterTheLastThatItCannot) {
  add("0-1-9");
  add("0-1-10", TransactionKind::STANDALONE);
  add("0-1-11");
  add("0-1-12");
  EXPECT_EQ(count().cuttable.count, 2u);
  EXPECT_EQ(count(false).cuttable.count, 0u) << "it was closed properly";
  for (const TransactionKind kind :
       {TransactionKind::COMMIT, TransactionKind::XA_PREPARE,
        TransactionKind::XA_COMMIT, TransactionKind::ROLLBACK}) {
    added.push_back(transaction("0-1-13", kind));
    EXPECT_EQ(count().cuttable.count, 0u) << to_string(kind);
    added.pop_back();
  }
}

TEST_F(DoubtTest,
       RecoveryOverlooksInTheLastLogWhatForbidsToCutOffAnEarlierOne) {
  LogFacts last = log_facts("bin.000004");
  last.is_last = true;
  const auto counted = [&](TransactionKind kind) {
    DoubtCounter counter(places, owner_ids, replicas, server, options);
    counter.add(transaction("0-1-11", kind), log);
    counter.add(transaction("0-1-12", TransactionKind::COMMIT), last);
    counter.add(transaction("0-1-13"), last);
    return counter.result(true, true);
  };
  Doubt doubt = counted(TransactionKind::COMMIT_XID);
  EXPECT_EQ(doubt.cuttable.count, 1u);
  EXPECT_EQ(doubt.at_most.count, 3u);
  doubt = counted(TransactionKind::STANDALONE);
  EXPECT_EQ(doubt.at_most.count, 1u) << "nothing in the earlier one can be";
}

TEST_F(DoubtTest, KnowsWhatThatAReplicaAcknowledgedCanBeCutOff) {
  for (const char *text : {"0-1-9", "0-1-10", "0-1-11", "0-1-12"}) add(text);
  Doubt doubt = count();
  EXPECT_EQ(doubt.at_most.count, 4u);
  EXPECT_EQ(doubt.cut_acknowledged.count, 3u)
      << "two settled, one acknowledged";
  EXPECT_EQ(to_string(*doubt.cut_acknowledged.last->transaction.gtid),
            "0-1-11");
  EXPECT_EQ(doubt.cut_for_good.count, 3u);
  EXPECT_EQ(count(false).cut_acknowledged.count, 0u) << "nothing is cut off";
  EXPECT_EQ(count(false).cut_for_good.count, 0u);
  added[1].kind = TransactionKind::STANDALONE;
  EXPECT_EQ(count().cut_acknowledged.count, 1u) << "it protects what is before";
  EXPECT_EQ(count().cut_for_good.count, 1u);
}

/* Tables without transactions keep it. */
TEST_F(DoubtTest, WhatIsNotRolledBackIsNotCutOff) {
  for (const char *text : {"0-1-9", "0-1-10"}) add(text);
  added[0].transactional = false;
  EXPECT_EQ(count().at_most.count, 1u);
  added[1].transactional = false;
  EXPECT_EQ(count().at_most.count, 0u);
}

TEST_F(DoubtTest, OnlyItsOwnWasAcknowledged) {
  owner_ids = ServerIds{4};
  for (const char *text : {"0-1-8", "0-4-9", "0-9-10"}) add(text);
  EXPECT_EQ(count().cut_acknowledged.count, 2u);
}

TEST_F(DoubtTest, WhatAServerThatWasAskedKeepsIsNotCutOffForGood) {
  for (const char *text : {"0-1-9", "0-1-10", "0-1-11"}) add(text);
  replicas = {follower("0-1-8"), follower("0-1-9")};
  replicas[0].links[0].received = gtids("0-1-10");
  Doubt doubt = count();
  EXPECT_EQ(doubt.cut_acknowledged.count, 3u);
  EXPECT_EQ(doubt.cut_for_good.count, 1u);
  EXPECT_EQ(to_string(*doubt.cut_for_good.first->transaction.gtid), "0-1-11");
  replicas[0].links[0].sql_state = "No";
  EXPECT_EQ(count().cut_for_good.count, 2u)
      << "a relay log that nobody applies may be thrown away";
}

TEST_F(DoubtTest, WhatTouchedNoEngineDoesNotHinderRecovery) {
  add("0-1-11");
  add("0-1-12", TransactionKind::COMMIT);
  added.back().extra_engines = 255;
  EXPECT_EQ(count().cuttable.count, 2u);
}

TEST_F(DoubtTest, RecoveryCutsNothingInLogsThatItDoesNotRead) {
  log.recovery_reads = false;
  add("0-1-11");
  EXPECT_EQ(count().cuttable.count, 0u);
  EXPECT_EQ(count().recovery.count, 0u);
}

}  // namespace
}  // namespace recovery_gate::tool
