#include "recovery_gate/owed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace recovery_gate {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class OwedCollectorTest : public testing::Test {
 protected:
  /* One transaction behind the others. */
  void add(Gtid gtid, bool is_own, bool marked = false,
           TransactionKind kind = TransactionKind::COMMIT_XID) {
    Transaction transaction;
    transaction.gtid = gtid;
    transaction.kind = kind;
    transaction.marked = marked;
    transaction.begin = offset_;
    transaction.end = offset_ += 100;
    collector.add(transaction, is_own, "bin.000001");
  }

  OwedCollector collector{{{{0, 1}, 4}, {{0, 2}, 3}}};

 private:
  std::uint64_t offset_ = 4;
};

TEST_F(OwedCollectorTest, FindsNothingInWhatWasReceived) {
  add({0, 2, 5}, false);
  add({0, 2, 6}, false);
  EXPECT_TRUE(collector.take().empty());
}

TEST_F(OwedCollectorTest, KnowsTheFirstAndTheLastOfASeries) {
  add({0, 2, 5}, false);
  add({0, 1, 6}, true);
  add({0, 1, 7}, true);
  const Owed owed = collector.take();
  const OwedDomain &domain = owed.domains.at(0);
  EXPECT_EQ(to_string(domain.first), "0-1-6");
  EXPECT_EQ(to_string(domain.last), "0-1-7");
  EXPECT_EQ(domain.begin, (BinlogPosition{"bin.000001", 104}));
  EXPECT_EQ(domain.before.at(1), 4u);
  EXPECT_EQ(domain.before.at(2), 5u);
  EXPECT_EQ(domain.lowest.at(1), 6u);
  EXPECT_EQ(domain.highest.at(1), 7u);
  EXPECT_THAT(domain.broken, IsEmpty());
  EXPECT_EQ(to_string(owed.gtids()), "0-1-7");
}

TEST_F(OwedCollectorTest, SaysThatAReceivedOneHidesWhatComesBefore) {
  add({0, 1, 5}, true);
  add({0, 2, 6}, false);
  EXPECT_THAT(collector.take().domains.at(0).broken,
              testing::AllOf(HasSubstr("0-2-6"), HasSubstr("0-1-5")));
}

TEST_F(OwedCollectorTest, KeepsDomainsApart) {
  add({0, 1, 5}, true);
  add({7, 2, 6}, false);
  add({8, 1, 1}, true);
  const Owed owed = collector.take();
  EXPECT_THAT(owed.domains.at(0).broken, IsEmpty());
  EXPECT_EQ(owed.domains.count(7), 0u);
  EXPECT_EQ(to_string(owed.gtids()), "0-1-5,8-1-1");
}

TEST_F(OwedCollectorTest, SeesANumberThatStandsTwice) {
  add({0, 1, 4}, true);
  EXPECT_THAT(collector.take().domains.at(0).broken, HasSubstr("twice"));
}

TEST_F(OwedCollectorTest, SeesNumbersThatGoBack) {
  add({0, 1, 9}, true);
  add({0, 1, 6}, true);
  const Owed owed = collector.take();
  EXPECT_THAT(owed.domains.at(0).broken, HasSubstr("go back to GTID 0-1-6"));
  EXPECT_EQ(owed.domains.at(0).lowest.at(1), 6u);
  EXPECT_EQ(owed.domains.at(0).highest.at(1), 9u);
}

TEST_F(OwedCollectorTest, SeesWhatReplicasMayHaveLeftOut) {
  add({0, 1, 5}, true, true);
  const Owed owed = collector.take();
  EXPECT_TRUE(owed.marked());
  EXPECT_THAT(owed.domains.at(0).broken, HasSubstr("skip_replication"));
}

TEST_F(OwedCollectorTest, DoesNotCountWhatRecoveryDiscarded) {
  add({0, 1, 5}, true, false, TransactionKind::UNFINISHED);
  EXPECT_TRUE(collector.take().empty());
}

TEST(ReadOwed, SaysThatItKnowsNothingWhenALogIsMissing) {
  OwedSearch search;
  search.logs = {"folder/bin.000002"};
  EXPECT_THAT(read_owed(search, {{"bin.000001", 4}, {"bin.000002", 4}}, {}).unknown,
              HasSubstr("bin.000001 is not there any more"));
  EXPECT_THAT(read_owed(search, {{}, {"bin.000003", 4}}, {}).unknown,
              HasSubstr("bin.000003"));
  EXPECT_FALSE(read_owed(search, {{}, {"bin.000002", 4}}, {}).empty());
}

}  // namespace
}  // namespace recovery_gate
