// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/replica_count.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace recovery_gate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Shows = Arrival::Shows;

const BinlogPosition awaited{"bin.000002", 300}, later{"bin.000002", 700};

ReplicaPolicy policy(std::uint32_t count, const char *ids = "") {
  ReplicaPolicy policy;
  policy.count = count;
  EXPECT_TRUE(parse_replica_ids(ids, &policy)) << ids;
  return policy;
}

class ReplicaCountTest : public testing::Test {
 protected:
  /* Server ids are 2 to 9; a connection's number is ten times the id, and one
     more for each that follows. */
  static std::uint32_t id_of(std::uint64_t connection) {
    return static_cast<std::uint32_t>(connection / 10);
  }

  void arrives(std::uint64_t connection, Shows shows, bool semisync = true) {
    const std::uint32_t id = id_of(connection);
    arrivals_[id] = {connection, id, "replica " + std::to_string(id), semisync,
                     shows};
    add({});
  }
  void come(std::initializer_list<std::uint64_t> connections,
            Shows shows = Shows::NOTHING) {
    for (const std::uint64_t connection : connections)
      arrives(connection, shows);
  }

  /* One reply, which one of these connections has sent. */
  void reply_by(std::initializer_list<std::uint64_t> connections,
                const BinlogPosition &position = awaited) {
    Reply reply{++replies_, position, {}};
    for (const std::uint64_t connection : connections)
      reply.authors.push_back({connection, id_of(connection),
                               proves_nothing.count(connection) == 0});
    add(reply);
  }

  ServerIds proven(const char *ids = "") {
    ServerIds proven;
    for (const ProvenReplica &replica : count.tally(policy(2, ids)).replicas)
      proven.insert(replica.server_id);
    return proven;
  }
  std::uint32_t number_proven(const char *ids = "") {
    return count.tally(policy(2, ids)).proven;
  }

  ReplicaCount count;
  std::set<std::uint64_t> proves_nothing;  // connections

 private:
  void add(std::optional<Reply> reply) {
    Answer answer;
    answer.reply = std::move(reply);
    for (const auto &[id, arrival] : arrivals_)
      answer.arrivals.push_back(arrival);
    count.add(answer);
  }

  std::map<std::uint32_t, Arrival> arrivals_;
  std::uint64_t replies_ = 0;
};

TEST_F(ReplicaCountTest, CountsNobodyAtFirst) {
  const ReplicaTally tally = count.tally(policy(2));
  EXPECT_EQ(tally.proven, 0u);
  EXPECT_EQ(tally.needed, 2u);
  EXPECT_FALSE(tally.is_enough());
  EXPECT_FALSE(tally.is_any);
  EXPECT_TRUE(count.tally(policy(1)).is_any);
}

TEST_F(ReplicaCountTest, CountsWhoNamedEverything) {
  come({20, 30}, Shows::ALL);
  EXPECT_THAT(proven(), ElementsAre(2, 3));
  EXPECT_TRUE(count.tally(policy(2)).is_enough());
  EXPECT_FALSE(count.tally(policy(3)).is_enough());
}

TEST_F(ReplicaCountTest, CountsNoAsynchronousReplica) {
  arrives(20, Shows::ALL, false);
  EXPECT_THAT(proven(), IsEmpty());
  EXPECT_EQ(count.tally(policy(2)).known, 0u);
}

TEST_F(ReplicaCountTest, CountsTheOnlyOneThatCanHaveReplied) {
  come({20, 30}, Shows::LACK);
  reply_by({20});
  EXPECT_THAT(proven(), ElementsAre(2));
  reply_by({30});
  EXPECT_THAT(proven(), ElementsAre(2, 3));
}

TEST_F(ReplicaCountTest, CountsOneOfTwoThatMayHaveReplied) {
  come({20, 30}, Shows::LACK);
  reply_by({20, 30});
  EXPECT_THAT(proven(), IsEmpty());
  EXPECT_EQ(number_proven(), 1u);
  EXPECT_TRUE(count.tally(policy(1, "2,3")).is_enough());
}

TEST_F(ReplicaCountTest, DoesNotCountOneOfTwoBesideWhoIsProvenAlready) {
  come({20, 30}, Shows::LACK);
  reply_by({20});
  reply_by({20, 30}, later);
  EXPECT_THAT(proven(), ElementsAre(2));
  EXPECT_EQ(number_proven(), 1u);
}

/* No connection sends the same position twice. */
TEST_F(ReplicaCountTest, CountsBothOfTwoThatHaveRepliedTwice) {
  come({20, 30}, Shows::LACK);
  reply_by({20, 30});
  reply_by({20, 30});
  EXPECT_THAT(proven(), ElementsAre(2, 3));
}

TEST_F(ReplicaCountTest, DoesNotCountBothWhenTheLaterReplyIsFurther) {
  come({20, 30}, Shows::LACK);
  reply_by({20, 30});
  reply_by({20, 30}, later);
  EXPECT_THAT(proven(), IsEmpty());
  EXPECT_EQ(number_proven(), 1u);
}

TEST_F(ReplicaCountTest, PassesOnWhatTheOthersMustHaveSent) {
  come({20, 30, 40}, Shows::LACK);
  reply_by({20, 30});
  reply_by({20, 30, 40});
  EXPECT_THAT(proven(), IsEmpty());
  reply_by({20, 40});
  EXPECT_THAT(proven(), ElementsAre(2, 3, 4));
}

/* Each with a file and a position: what it begins with is a reply. */
TEST_F(ReplicaCountTest, CountsEachThatConnectsOnceMoreAndBeginsBehindIt) {
  come({20, 30});
  reply_by({20, 30});
  count.disturbed({2});
  arrives(21, Shows::NOTHING);
  reply_by({21, 30});
  EXPECT_THAT(proven(), ElementsAre(2));
  count.disturbed({3});
  arrives(31, Shows::NOTHING);
  reply_by({21, 31});
  EXPECT_THAT(proven(), ElementsAre(2, 3));
}

TEST_F(ReplicaCountTest, BelievesNoReplyThatMayBeOfOneThatProvesNothing) {
  come({20, 50}, Shows::LACK);
  proves_nothing = {50};
  reply_by({20, 50});
  EXPECT_EQ(number_proven(), 0u);
  reply_by({50});
  EXPECT_THAT(proven(), ElementsAre(2));  // the first was not 5's, then
}

TEST_F(ReplicaCountTest, DoesNotBelieveWhatCannotBe) {
  come({20, 30}, Shows::LACK);
  reply_by({20});
  EXPECT_THAT(proven(), ElementsAre(2));
  reply_by({20});  // one position twice
  reply_by({20, 30});
  EXPECT_THAT(proven(), ElementsAre(2));
}

TEST_F(ReplicaCountTest, CountsNobodyWhoIsExcluded) {
  come({20, 50}, Shows::ALL);
  EXPECT_THAT(proven("!5"), ElementsAre(2));
  EXPECT_THAT(proven("5"), ElementsAre(5));
  EXPECT_THAT(proven("2,3"), ElementsAre(2));
  EXPECT_EQ(count.tally(policy(2, "!5")).known, 1u);
}

TEST_F(ReplicaCountTest, NeverCountsAReplyThatMayBeOfOneThatIsExcluded) {
  come({20, 50}, Shows::LACK);
  reply_by({50});
  EXPECT_EQ(number_proven("!5"), 0u);
  reply_by({20, 50}, later);
  EXPECT_EQ(number_proven("!5"), 0u);
  EXPECT_EQ(number_proven(), 1u);
  reply_by({20});
  EXPECT_EQ(number_proven("!5"), 1u);
}

TEST_F(ReplicaCountTest, CountsOneServerIdOnce) {
  come({20}, Shows::ALL);
  come({21}, Shows::ALL);
  reply_by({20});
  reply_by({21});
  EXPECT_EQ(number_proven(), 1u);
}

TEST_F(ReplicaCountTest, CountsWhoHasLeft) {
  come({20}, Shows::LACK);
  reply_by({20});
  come({30}, Shows::ALL);  // and 20 is not there any more
  EXPECT_THAT(proven(), ElementsAre(2, 3));
}

TEST_F(ReplicaCountTest, CountsNobodyWhoComesBackWithoutIt) {
  come({20}, Shows::LACK);
  reply_by({20});
  arrives(21, Shows::LACK);
  EXPECT_THAT(proven(), IsEmpty());
  EXPECT_EQ(number_proven(), 0u);
  reply_by({21});  // it was sent it again
  EXPECT_THAT(proven(), ElementsAre(2));
}

TEST_F(ReplicaCountTest, CountsNobodyForAReplyFromBeforeItLostIt) {
  come({20, 30}, Shows::LACK);
  reply_by({20, 30});
  arrives(21, Shows::LACK);
  reply_by({30});  // so the one before was 20's; it does not have it any more
  EXPECT_THAT(proven(), ElementsAre(3));
}

TEST_F(ReplicaCountTest, CountsWhoComesBackWithItOnlyWhenItShowsThat) {
  come({20, 30, 40}, Shows::LACK);
  reply_by({20});
  reply_by({30});
  reply_by({40});
  arrives(21, Shows::NOTHING);  // it may have been anywhere
  arrives(31, Shows::ALL);
  count.disturbed({4});
  arrives(41, Shows::NOTHING);
  EXPECT_THAT(proven(), ElementsAre(3, 4));
  arrives(42, Shows::NOTHING);
  EXPECT_THAT(proven(), ElementsAre(3));
}

/* Who may have sent a reply can become known a moment later. */
TEST_F(ReplicaCountTest, TakesTheLastThatIsKnownOfAReply) {
  come({20, 30}, Shows::LACK);
  Answer answer;
  answer.reply = Reply{7, awaited, {{20, 2, true}, {30, 3, true}}};
  count.add(answer);
  answer.reply->authors.push_back({50, 5, false});
  count.add(answer);
  EXPECT_EQ(number_proven(), 0u);
}

TEST_F(ReplicaCountTest, ForgetsOldReplies) {
  come({20, 30}, Shows::LACK);
  reply_by({20, 30});
  for (std::uint64_t offset = 1; offset < 100; ++offset)
    reply_by({20, 30}, {"bin.000002", 1000 + offset});
  reply_by({20, 30});
  EXPECT_THAT(proven(), IsEmpty());
}

TEST_F(ReplicaCountTest, SaysOfEachThatIsConnectedWhatItMakesOfIt) {
  come({20}, Shows::ALL);
  come({30, 40}, Shows::LACK);
  arrives(50, Shows::ALL);
  reply_by({30, 40});
  std::vector<ReplicaStanding> standings(4);
  for (std::uint32_t i = 0; i < 4; ++i) {
    standings[i].server_id = i + 2;
    standings[i].connection = 10 * (i + 2);
  }
  standings[1].standing = Standing::PROVEN;  // by a reply that may be 4's
  standings[2].standing = Standing::NEVER;
  standings[2].why = "it drops that";
  count.complete(policy(2, "!5"), &standings);
  EXPECT_EQ(standings[0].standing, Standing::PROVEN);
  EXPECT_THAT(standings[0].why, HasSubstr("named"));
  EXPECT_EQ(standings[1].standing, Standing::NOT_YET);
  EXPECT_THAT(standings[1].why, HasSubstr("may be another replica's"));
  EXPECT_EQ(standings[2].standing, Standing::NEVER);
  EXPECT_EQ(standings[2].why, "it drops that");
  EXPECT_TRUE(standings[2].counts);
  EXPECT_FALSE(standings[3].counts);
}

TEST_F(ReplicaCountTest, DisturbsEachOnceAndNobodyInVain) {
  come({20}, Shows::ALL);
  come({30, 40, 50}, Shows::LACK);
  std::vector<ReplicaStanding> standings(4);
  for (std::uint32_t i = 0; i < 4; ++i) standings[i].server_id = i + 2;
  count.complete(policy(2, "!5"), &standings);
  const auto left = [&] {
    ServerIds ids;
    for (const ReplicaStanding &standing : count.may_be_disturbed(standings))
      ids.insert(standing.server_id);
    return ids;
  };
  EXPECT_THAT(left(), ElementsAre(3, 4));
  count.disturbed({3});
  EXPECT_THAT(left(), ElementsAre(4));
}

/* It had not got it then, so it was no replica that has everything. */
TEST_F(ReplicaCountTest, DisturbsOnceMoreWhoLackedItAndMayHaveRepliedSince) {
  come({30, 40}, Shows::LACK);
  std::vector<ReplicaStanding> standings(1);
  standings[0].server_id = 3;
  standings[0].connection = 31;
  count.disturbed({3});
  arrives(31, Shows::LACK);
  EXPECT_THAT(count.may_be_disturbed(standings), IsEmpty());
  reply_by({31, 40});
  EXPECT_EQ(count.may_be_disturbed(standings).size(), 1u);
  count.disturbed({3});
  arrives(32, Shows::LACK);
  standings[0].connection = 32;
  reply_by({32, 40});
  EXPECT_THAT(count.may_be_disturbed(standings), IsEmpty());
}

TEST(ReplicaPolicy, IsReadFromAListOfServerIds) {
  EXPECT_TRUE(policy(1).is_any());
  EXPECT_TRUE(policy(1, " ").is_any());
  EXPECT_FALSE(policy(2).is_any());
  EXPECT_FALSE(policy(1, "!5").is_any());
  EXPECT_FALSE(policy(1, "2").is_any());
  EXPECT_TRUE(policy(1, "2, 3").counts(3));
  EXPECT_FALSE(policy(1, "2, 3").counts(4));
  EXPECT_TRUE(policy(1, "!5,! 6").counts(4));
  EXPECT_FALSE(policy(1, "!5,! 6").counts(6));
  EXPECT_FALSE(policy(1, "2,3,!3").counts(3));
  EXPECT_TRUE(policy(1, "4294967295").counts(4294967295u));
}

TEST(ReplicaPolicy, IsNotReadFromAnythingElse) {
  ReplicaPolicy read = policy(1, "2");
  for (const char *text : {",", "2,", "2,,3", "two", "-2", "+2", "0", "!",
                           "!!2", "2 3", "4294967296", "2;3", "!2,2"}) {
    EXPECT_FALSE(parse_replica_ids(text, &read)) << text;
    EXPECT_TRUE(read.counts(2)) << text;
  }
}

TEST(ReplicaPolicy, KnowsWhenTooFewCanCount) {
  EXPECT_THAT(shortage(policy(3, "2,3"), {2, 3, 4}),
              HasSubstr("lets no more than 2 count"));
  EXPECT_EQ(shortage(policy(2), {2, 3}), "");
  EXPECT_EQ(shortage(policy(2, "!3"), {2, 3}),
            "recovery_gate_replica_count is 2, and 1 semi-sync replica that "
            "counts has connected since the server started (server_id 2)");
  EXPECT_EQ(shortage(policy(1, "!3"), {3}),
            "recovery_gate_replica_count is 1, and 0 semi-sync replicas that "
            "count have connected since the server started");
  EXPECT_EQ(shortage(policy(1), {}), "");
}

TEST(ReplicaTally, SaysHowManyOfHowMany) {
  ReplicaTally tally;
  tally.is_any = false;
  tally.needed = 2;
  tally.proven = 1;
  tally.known = 3;
  EXPECT_EQ(text_of(tally),
            "1 of 2 replicas are known to have everything that is in doubt");
  tally.known = 1;
  EXPECT_THAT(text_of(tally), HasSubstr("; 1 that counts has connected"));
}

}  // namespace
}  // namespace recovery_gate
