// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/recovered_xids.h"

#include "testing/fakes.h"
#include "testing/test_log.h"

namespace recovery_gate {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/* The server makes the name from the number. */
PreparedXid own(std::uint64_t number) {
  return {{1, "MySQLXid" + std::to_string(number), ""}, number};
}

PreparedXid external(const std::string &gtrid, const std::string &bqual = "") {
  return {{1, gtrid, bqual}, 0};
}

Transaction committed(std::uint64_t xid, std::uint64_t end = 1000) {
  Transaction transaction;
  transaction.gtid = Gtid{0, 1, xid};
  transaction.kind = TransactionKind::COMMIT_XID;
  transaction.xid = xid;
  transaction.begin = end - 100;
  transaction.end = end;
  return transaction;
}

Transaction about(const PreparedXid &xid, TransactionKind kind,
                  std::uint64_t end = 1000) {
  Transaction transaction = committed(0, end);
  transaction.kind = kind;
  transaction.xa = xid.id;
  return transaction;
}

std::vector<std::size_t> counted(const RecoveredXids &xids) {
  const RecoveredXids::Counts counts = xids.counts();
  return {counts.found, counts.committed, counts.rolled_back, counts.external};
}

RecoveredXid only_row(const RecoveredXids &xids) {
  EXPECT_EQ(xids.rows().size(), 1u);
  return xids.rows().at(0);
}

TEST(RecoveredXids, AreNoneAtFirst) {
  EXPECT_THAT(RecoveredXids().rows(), IsEmpty());
  EXPECT_THAT(counted(RecoveredXids()), ElementsAre(0, 0, 0, 0));
}

TEST(RecoveredXids, KeepWhatAnEngineReported) {
  RecoveredXids xids;
  xids.prepared(own(17), "InnoDB");
  const RecoveredXid row = only_row(xids);
  EXPECT_EQ(row.text(), "17");
  EXPECT_FALSE(row.external());
  EXPECT_THAT(row.engines, ElementsAre("InnoDB"));
  EXPECT_EQ(row.resolution, Resolution::PREPARED);
  EXPECT_FALSE(row.place);
}

TEST(RecoveredXids, AreNamedAsXaRecoverPrintsThem) {
  RecoveredXids xids;
  xids.prepared(external("global", "branch"), "InnoDB");
  EXPECT_EQ(only_row(xids).text(), "globalbranch");
  EXPECT_TRUE(only_row(xids).external());
}

TEST(RecoveredXids, AreOneRowForATransactionOfSeveralEngines) {
  RecoveredXids xids;
  xids.prepared(own(17), "ROCKSDB");
  xids.prepared(own(17), "InnoDB");
  EXPECT_THAT(only_row(xids).engines, ElementsAre("InnoDB", "ROCKSDB"));
  EXPECT_THAT(counted(xids), ElementsAre(1, 0, 0, 0));
}

TEST(RecoveredXids, AreOneRowForARepeatedReport) {
  RecoveredXids xids;
  xids.prepared(own(17), "InnoDB");
  xids.prepared(own(17), "InnoDB");
  EXPECT_THAT(only_row(xids).engines, ElementsAre("InnoDB"));
}

TEST(RecoveredXids, KeepAResolutionThroughALaterReport) {
  RecoveredXids xids;
  xids.prepared(own(17), "InnoDB");
  xids.resolved(own(17).id, Resolution::COMMITTED);
  xids.prepared(own(17), "InnoDB");
  EXPECT_EQ(only_row(xids).resolution, Resolution::COMMITTED);
}

TEST(RecoveredXids, AreToldApartByAllPartsOfTheirName) {
  RecoveredXids xids;
  xids.prepared({{1, "ab", "c"}, 0}, "InnoDB");
  xids.prepared({{2, "ab", "c"}, 0}, "InnoDB");
  xids.prepared({{1, "a", "bc"}, 0}, "InnoDB");
  xids.prepared({{1, std::string("ab\0", 3), "c"}, 0}, "InnoDB");
  EXPECT_THAT(counted(xids), ElementsAre(4, 0, 0, 4));
}

TEST(RecoveredXids, AreCountedByWhatBecameOfThem) {
  RecoveredXids xids;
  for (const unsigned number : {1, 2, 3, 4, 5, 6})
    xids.prepared(own(number), "InnoDB");
  for (const unsigned number : {1, 2, 3})
    xids.resolved(own(number).id, Resolution::COMMITTED);
  for (const unsigned number : {4, 5})
    xids.resolved(own(number).id, Resolution::ROLLED_BACK);
  EXPECT_THAT(counted(xids), ElementsAre(6, 3, 2, 0));
}

TEST(RecoveredXids, CountAsExternalOnlyWhileLeftToTheirCoordinator) {
  RecoveredXids xids;
  for (const char *name : {"left", "committed", "rolled back"})
    xids.prepared(external(name), "InnoDB");
  xids.prepared(own(17), "InnoDB");
  xids.resolved(external("committed").id, Resolution::COMMITTED);
  xids.resolved(external("rolled back").id, Resolution::ROLLED_BACK);
  EXPECT_THAT(counted(xids), ElementsAre(4, 1, 1, 1));
}

TEST(RecoveredXids, AreNotMadeByResolvingAnUnknownOne) {
  RecoveredXids xids;
  xids.resolved(own(1).id, Resolution::COMMITTED);
  EXPECT_THAT(xids.rows(), IsEmpty());
}

TEST(RecoveredXids, AreShownInTheOrderOfTheirNumbers) {
  RecoveredXids xids;
  for (const unsigned number : {10, 9, 11})
    xids.prepared(own(number), "InnoDB");
  xids.prepared(external("a"), "InnoDB");
  std::vector<std::string> shown;
  for (const RecoveredXid &row : xids.rows()) shown.push_back(row.text());
  EXPECT_THAT(shown, ElementsAre("a", "9", "10", "11"));
}

TEST(RecoveredXids, AreFoundInTheBinaryLogByTheirNumber) {
  RecoveredXids xids;
  xids.prepared(own(17), "InnoDB");
  EXPECT_TRUE(xids.logged(committed(17), "bin.000001"));
  EXPECT_FALSE(xids.logged(committed(18), "bin.000001"));
  const RecoveredXid row = only_row(xids);
  ASSERT_TRUE(row.place);
  EXPECT_EQ(row.place->gtid, (Gtid{0, 1, 17}));
  EXPECT_EQ(row.place->end, (BinlogPosition{"bin.000001", 1000}));
}

TEST(RecoveredXids, OfACoordinatorAreFoundByTheirName) {
  RecoveredXids xids;
  const PreparedXid order = external("order", "2");
  xids.prepared(order, "InnoDB");
  EXPECT_FALSE(xids.logged(
      about(external("order", "3"), TransactionKind::XA_PREPARE), "bin.1"));
  EXPECT_TRUE(
      xids.logged(about(order, TransactionKind::XA_PREPARE, 700), "bin.1"));
  EXPECT_EQ(only_row(xids).place->end.offset, 700u);
}

TEST(RecoveredXids, AreWhereTheBinaryLogHasThemLast) {
  RecoveredXids xids;
  const PreparedXid order = external("order");
  xids.prepared(order, "InnoDB");
  xids.logged(about(order, TransactionKind::XA_PREPARE, 700), "bin.000002");
  xids.logged(about(order, TransactionKind::XA_COMMIT, 900), "bin.000002");
  // The logs before the last one are read after it.
  xids.logged(about(order, TransactionKind::XA_PREPARE, 5000), "bin.000001");
  EXPECT_EQ(only_row(xids).place->end, (BinlogPosition{"bin.000002", 900}));
  EXPECT_EQ(only_row(xids).place->kind, TransactionKind::XA_COMMIT);
}

TEST(RecoveredXids, ATransactionWithoutAnXidIsNoneOfThem) {
  RecoveredXids xids;
  xids.prepared(own(17), "InnoDB");
  xids.prepared(external(""), "InnoDB");
  Transaction ddl = committed(0);
  ddl.kind = TransactionKind::STANDALONE;
  EXPECT_FALSE(xids.logged(ddl, "bin.000001"));
  EXPECT_FALSE(xids.logged(committed(0), "bin.000001"));
}

TEST(RecoveredXids, PlacesInALogAreForgottenTogether) {
  RecoveredXids xids;
  xids.prepared(own(1), "InnoDB");
  xids.prepared(own(2), "InnoDB");
  xids.logged(committed(1), "bin.000001");
  xids.logged(committed(2), "bin.000002");
  xids.forget_places("bin.000001");
  EXPECT_FALSE(xids.rows().at(0).place);
  EXPECT_TRUE(xids.rows().at(1).place);
}

TEST(RecoveredXids, AreLookedForUnlessAllWereRolledBack) {
  RecoveredXids xids;
  EXPECT_FALSE(xids.may_be_logged());
  xids.prepared(own(1), "InnoDB");
  EXPECT_TRUE(xids.may_be_logged());
  xids.resolved(own(1).id, Resolution::ROLLED_BACK);
  EXPECT_FALSE(xids.may_be_logged());
  xids.prepared(external("a"), "InnoDB");
  EXPECT_TRUE(xids.may_be_logged());
}

TEST(RecoveredXids, AreNamedAsAStatementTakesThem) {
  EXPECT_EQ(to_sql({1, "order-2", ""}), "'order-2'");
  EXPECT_EQ(to_sql({1, "order-2", "b"}), "'order-2','b'");
  EXPECT_EQ(to_sql({7, "order-2", ""}), "'order-2','',7");
  EXPECT_EQ(to_sql({1, "o'r", ""}), "X'6f2772'");
  EXPECT_EQ(to_sql({1, "o\\", "b"}), "X'6f5c',X'62'");
  EXPECT_EQ(to_sql({1, std::string("\0\xff", 2), ""}), "X'00ff'");
}

TEST(RecoveredXids, ContradictTheBinaryLogWhenItHasTheirEnd) {
  for (const auto kind :
       {TransactionKind::XA_COMMIT, TransactionKind::XA_ROLLBACK}) {
    RecoveredXids xids;
    xids.prepared(external("order"), "InnoDB");
    xids.logged(about(external("order"), kind), "bin.000001");
    ASSERT_EQ(xids.contradictions().size(), 1u);
    EXPECT_THAT(
        xids.contradictions()[0],
        tells("bin.000001:1000", "GTID 0-1-0", "sql_log_bin=0",
              kind == TransactionKind::XA_COMMIT ? "XA COMMIT 'order'"
                                                 : "XA ROLLBACK 'order'"));
  }
}

TEST(RecoveredXids, DoNotContradictTheBinaryLogOtherwise) {
  RecoveredXids xids;
  xids.prepared(own(17), "InnoDB");
  xids.prepared(own(18), "InnoDB");
  xids.logged(committed(17), "bin.000001");
  xids.prepared(external("prepared"), "InnoDB");
  xids.logged(about(external("prepared"), TransactionKind::XA_PREPARE),
              "bin.1");
  xids.prepared(external("resolved"), "InnoDB");
  xids.resolved(external("resolved").id, Resolution::COMMITTED);
  xids.logged(about(external("resolved"), TransactionKind::XA_COMMIT), "bin.1");
  EXPECT_THAT(xids.contradictions(), IsEmpty());
}

TEST(RecoveredXids, DoNotChangeOnceSealed) {
  RecoveredXids xids;
  xids.prepared(own(17), "InnoDB");
  xids.seal();
  xids.resolved(own(17).id, Resolution::COMMITTED);
  xids.prepared(own(17), "ROCKSDB");
  xids.prepared(own(18), "InnoDB");
  EXPECT_FALSE(xids.logged(committed(17), "bin.000001"));
  const RecoveredXid row = only_row(xids);
  EXPECT_EQ(row.resolution, Resolution::PREPARED);
  EXPECT_THAT(row.engines, ElementsAre("InnoDB"));
  EXPECT_FALSE(row.place);
}

TEST(RecoveredXids, NameResolutionsAsTheTableShowsThem) {
  EXPECT_STREQ(resolution_name(Resolution::PREPARED), "PREPARED");
  EXPECT_STREQ(resolution_name(Resolution::COMMITTED), "COMMITTED");
  EXPECT_STREQ(resolution_name(Resolution::ROLLED_BACK), "ROLLED BACK");
}

/* -------------------------------------------------------------------------
   Looked for in the logs that crash recovery reads. */

class FindInBinlog : public testing::Test {
 protected:
  std::string write(const std::string &name, const TestLog &log) {
    return folder.write(name, log.bytes());
  }
  std::vector<std::string> places() const {
    std::vector<std::string> places;
    for (const RecoveredXid &row : xids.rows())
      places.push_back(row.place ? to_string(row.place->end) : "nowhere");
    return places;
  }

  TestFolder folder;
  RecoveredXids xids;
};

TEST_F(FindInBinlog, NothingIsThereWithoutALog) {
  xids.prepared(own(1001), "InnoDB");
  EXPECT_THAT(find_in_binlog({}, nullptr, &xids).text(), IsEmpty());
  EXPECT_THAT(places(), ElementsAre("nowhere"));
}

TEST_F(FindInBinlog, ReadsFromTheLastCheckpointOn) {
  TestLog first, second, third;
  first.transaction(1);
  second.transaction(2);
  third.checkpoint("bin.000001").checkpoint("bin.000002").transaction(3);
  for (const unsigned number : {1001, 1002, 1003, 1004})
    xids.prepared(own(number), "InnoDB");
  EXPECT_THAT(
      find_in_binlog({write("bin.000001", first), write("bin.000002", second),
                      write("bin.000003", third)},
                     nullptr, &xids)
          .text(),
      IsEmpty());
  EXPECT_THAT(
      places(),
      ElementsAre("nowhere", "bin.000002:" + std::to_string(second.size()),
                  "bin.000003:" + std::to_string(third.size()), "nowhere"));
}

TEST_F(FindInBinlog, TakesTheLastOfTwoWithTheSameNumber) {
  TestLog first, second;
  first.transaction(1);
  second.checkpoint("bin.000001").transaction(1);
  xids.prepared(own(1001), "InnoDB");
  EXPECT_FALSE(
      find_in_binlog({write("bin.000001", first), write("bin.000002", second)},
                     nullptr, &xids));
  EXPECT_THAT(places(),
              ElementsAre("bin.000002:" + std::to_string(second.size())));
}

TEST_F(FindInBinlog, SaysNothingOfATransactionOfWhichABitIsWrong) {
  TestLog log;
  const std::uint64_t begin = log.size();
  log.transaction(1, 500).transaction(2);
  std::string bytes = log.bytes();
  bytes[begin + 200] ^= 1;  // in a row
  xids.prepared(own(1001), "InnoDB");
  EXPECT_THAT(
      find_in_binlog({folder.write("bin.000001", bytes)}, nullptr, &xids)
          .text(),
      tells("bin.000001", "checksum"));
  EXPECT_THAT(places(), ElementsAre("nowhere"));
}

TEST_F(FindInBinlog, DoesNotMindWhatNobodyAskedFor) {
  TestLog log;
  const std::uint64_t begin = log.size();
  log.transaction(1, 500).transaction(2);
  std::string bytes = log.bytes();
  bytes[begin + 200] ^= 1;  // in a row
  xids.prepared(own(1002), "InnoDB");
  EXPECT_THAT(
      find_in_binlog({folder.write("bin.000001", bytes)}, nullptr, &xids)
          .text(),
      IsEmpty());
  EXPECT_THAT(places(),
              ElementsAre("bin.000001:" + std::to_string(log.size())));
}

TEST_F(FindInBinlog, SaysWhichLogIsNotThere) {
  xids.prepared(own(1001), "InnoDB");
  EXPECT_THAT(
      find_in_binlog({folder.file("bin.000001")}, nullptr, &xids).text(),
      tells("bin.000001"));
}

TEST_F(FindInBinlog, TakesTheKeyOfAnEncryptedLog) {
  TestLog log;
  log.encrypt().transaction(1);
  const std::vector<std::string> logs = {write("bin.000001", log)};
  xids.prepared(own(1001), "InnoDB");
  EXPECT_THAT(find_in_binlog(logs, nullptr, &xids).text(), tells("encrypted"));
  EXPECT_THAT(places(), ElementsAre("nowhere"));
  ToyDecryptor decryptor;
  EXPECT_THAT(find_in_binlog(logs, &decryptor, &xids).text(), IsEmpty());
  EXPECT_THAT(places(),
              ElementsAre("bin.000001:" + std::to_string(log.size())));
}

}  // namespace
}  // namespace recovery_gate
