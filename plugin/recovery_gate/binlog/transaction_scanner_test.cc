// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/binlog/transaction_scanner.h"

#include <gmock/gmock.h>

#include "testing/test_log.h"

namespace recovery_gate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

enum : unsigned { standalone = 1, ddl = 32, prepared = 64, completed = 128 };

struct Scan {
  explicit Scan(const std::string &bytes, const ScanOptions &options = {}) {
    MemorySource source(bytes);
    result = scan(source, options, [this](const Transaction &transaction) {
      transactions.push_back(transaction);
      kinds.push_back(transaction.kind);
      return true;
    });
  }

  std::vector<Transaction> transactions;
  std::vector<TransactionKind> kinds;
  ScanResult result;
};

TEST(TransactionScannerTest, FindsATransactionThatEndsWithItsXid) {
  TestLog log;
  log.domain = 3;
  log.server_id = 9;
  log.gtid(58).rows().rows().xid(1234);
  const Scan scan(log.bytes());
  EXPECT_THAT(scan.result.error.text(), IsEmpty());
  ASSERT_EQ(scan.transactions.size(), 1u);
  const Transaction &found = scan.transactions[0];
  EXPECT_EQ(found.gtid, (Gtid{3, 9, 58}));
  EXPECT_EQ(found.server_id, 9u);
  EXPECT_EQ(found.timestamp, 1700000000u);
  EXPECT_EQ(found.kind, TransactionKind::COMMIT_XID);
  EXPECT_EQ(found.xid, 1234u);
  EXPECT_FALSE(found.xa);
  EXPECT_EQ(found.begin, log.offset(1));
  EXPECT_EQ(found.end, log.size());
  EXPECT_EQ(found.size(), log.size() - log.offset(1));
  EXPECT_EQ(scan.result.transactions, 1u);
  EXPECT_EQ(scan.result.events, 5u);
}

TEST(TransactionScannerTest, FindsTheEndOfEachKind) {
  TestLog log;
  log.gtid(1).query("INSERT").query("COMMIT");
  log.gtid(2).query("BEGIN").rows().query("ROLLBACK");
  log.gtid(3, standalone | ddl).query("CREATE TABLE t (a INT)");
  log.gtid(4, prepared, TestLog::xa_of_gtid()).rows();
  log.query("XA END X'6162',X'63',9");
  log.add(EventType::XA_PREPARE, TestLog::xa_prepare_body(false));
  log.gtid(5, standalone | completed, TestLog::xa_of_gtid());
  log.query("XA COMMIT X'6162',X'63',9");
  log.gtid(6, standalone | completed, TestLog::xa_of_gtid());
  log.query("XA ROLLBACK X'6162',X'63',9");
  log.gtid(7).rows();
  log.add(EventType::XA_PREPARE, TestLog::xa_prepare_body(true));
  const Scan scan(log.bytes());
  EXPECT_THAT(
      scan.kinds,
      ElementsAre(TransactionKind::COMMIT, TransactionKind::ROLLBACK,
                  TransactionKind::STANDALONE, TransactionKind::XA_PREPARE,
                  TransactionKind::XA_COMMIT, TransactionKind::XA_ROLLBACK,
                  TransactionKind::XA_COMMIT_ONE_PHASE));
  for (std::size_t i = 0; i < scan.transactions.size(); ++i) {
    EXPECT_EQ(scan.transactions[i].gtid->sequence, i + 1);
    EXPECT_EQ(scan.transactions[i].ddl, i == 2);
    EXPECT_EQ(scan.transactions[i].xid, 0u);
    EXPECT_EQ(scan.transactions[i].xa,
              i < 3 ? std::nullopt : std::optional<XaId>({9, "ab", "c"}));
  }
  EXPECT_FALSE(scan.result.unfinished);
  EXPECT_EQ(scan.result.end_of_transactions, log.size());
}

TEST(TransactionScannerTest, EndsAStandaloneOneWithItsStatementNotBefore) {
  const TestLog log = TestLog()
                          .gtid(1, standalone)
                          .add(EventType::INTVAR, std::string(9, '\0'))
                          .add(EventType::RAND, std::string(16, '\0'))
                          .add(EventType::USER_VAR, std::string(9, '\0'))
                          .add(EventType::TABLE_MAP, std::string(9, '\0'))
                          .add(EventType::ANNOTATE_ROWS, "INSERT")
                          .add(EventType(99), "", ignorable_flag)
                          .rows()
                          .checkpoint("bin.1");
  const Scan scan(log.bytes());
  ASSERT_EQ(scan.transactions.size(), 1u);
  EXPECT_EQ(scan.transactions[0].end, log.offset(9));
  EXPECT_EQ(scan.kinds[0], TransactionKind::STANDALONE);
  EXPECT_EQ(scan.result.end_of_transactions, log.size());
}

TEST(TransactionScannerTest, GoesByWholeStatements) {
  TestLog log;
  log.gtid(1).query("COMMIT" + std::string(9000, ' ')).query("COMMIT");
  const Scan scan(log.bytes());
  ASSERT_EQ(scan.transactions.size(), 1u);
  EXPECT_EQ(scan.transactions[0].end, log.size());
}

TEST(TransactionScannerTest, ReportsWhatTheLogSaysOfItself) {
  const GtidState before = {{{0, 1}, 57}, {{2, 3}, 4}};
  const TestLog log = TestLog(true, in_use_flag)
                          .gtid_list(before)
                          .checkpoint("bin.000001")
                          .transaction(58)
                          .checkpoint("bin.000002")
                          .rotate("bin.000003")
                          .gtid_list({});
  const ScanResult whole = Scan(log.bytes()).result;
  EXPECT_TRUE(whole.format.in_use);
  EXPECT_EQ(whole.gtids_before, before);
  EXPECT_EQ(whole.last_checkpoint, "bin.000002");
  EXPECT_EQ(whole.next_log, "bin.000003");
  EXPECT_EQ(whole.end_of_events, log.size());

  ScanOptions options;
  options.from = log.offset(3);
  options.to = log.offset(6);
  const Scan part(log.bytes(), options);
  EXPECT_THAT(part.result.error.text(), IsEmpty());
  EXPECT_EQ(part.result.gtids_before, before);
  EXPECT_EQ(part.result.last_checkpoint, "");
  EXPECT_EQ(part.result.end_of_events, log.offset(6));
  EXPECT_EQ(part.transactions.size(), 1u);
  EXPECT_EQ(part.result.tail, Tail::CLEAN);
}

TEST(TransactionScannerTest, ReportsTheLastTransactionWhenItIsNotFinished) {
  const TestLog log = TestLog().transaction(1).gtid(2).rows();
  for (std::uint64_t kept = log.offset(5); kept <= log.size(); ++kept) {
    const Scan scan(log.bytes().substr(0, kept));
    EXPECT_EQ(scan.transactions.size(), 1u);
    ASSERT_TRUE(scan.result.unfinished);
    EXPECT_EQ(scan.result.unfinished->gtid, (Gtid{0, 1, 2}));
    EXPECT_EQ(scan.result.unfinished->kind, TransactionKind::UNFINISHED);
    EXPECT_EQ(scan.result.unfinished->begin, log.offset(4));
    EXPECT_EQ(scan.result.unfinished->end, scan.result.end_of_events);
    EXPECT_EQ(scan.result.end_of_transactions, log.offset(4));
  }
}

TEST(TransactionScannerTest, PassesOnAnUnfinishedOneInTheMiddle) {
  const TestLog log = TestLog().gtid(1).rows().transaction(2);
  const Scan scan(log.bytes());
  EXPECT_THAT(scan.kinds, ElementsAre(TransactionKind::UNFINISHED,
                                      TransactionKind::COMMIT_XID));
  EXPECT_EQ(scan.transactions[0].end, log.offset(3));
}

// Found by tools/fuzz.
TEST(TransactionScannerTest, CountsTheEventsBeforeADamagedOneOnly) {
  const TestLog log =
      TestLog().transaction(1).gtid(2).rows().rows().rows().transaction(3);
  for (const std::size_t end : {log.offset(8), log.size()}) {
    std::string bytes = log.bytes().substr(0, end);
    bytes[log.offset(6) + 30] ^= 1;
    const Scan scan(bytes);
    EXPECT_EQ(scan.result.end_of_events, log.offset(6));
    EXPECT_EQ(scan.result.events, 6u);
  }
}

TEST(TransactionScannerTest, FindsTransactionsWithoutAGtid) {
  const TestLog log = TestLog().query("BEGIN").rows().xid(7).rows().xid(8);
  const Scan scan(log.bytes());
  ASSERT_EQ(scan.transactions.size(), 2u);
  EXPECT_FALSE(scan.transactions[0].gtid);
  EXPECT_EQ(scan.transactions[0].begin, log.offset(1));
  EXPECT_EQ(scan.transactions[0].xid, 7u);
  EXPECT_EQ(scan.transactions[1].begin, log.offset(4));
}

TEST(TransactionScannerTest, StopsWhenItIsTold) {
  const TestLog log = TestLog().transaction(1).transaction(2).transaction(3);
  MemorySource source(log.bytes());
  int seen = 0;
  const ScanResult result =
      scan(source, {}, [&](const Transaction &) { return ++seen < 2; });
  EXPECT_EQ(seen, 2);
  EXPECT_EQ(result.transactions, 2u);
  EXPECT_EQ(result.end_of_events, log.offset(7));
  EXPECT_EQ(result.end_of_transactions, log.offset(7));
  EXPECT_EQ(result.tail, Tail::CLEAN);
}

TEST(TransactionScannerTest, NeedsNoCallback) {
  const TestLog log = TestLog().transaction(1);
  MemorySource source(log.bytes());
  EXPECT_EQ(scan(source).transactions, 1u);
}

TEST(TransactionScannerTest, RefusesAnEndAtWhichNoEventEnds) {
  const TestLog log = TestLog().transaction(1).transaction(2);
  ScanOptions options;
  options.to = log.offset(4) + 1;
  EXPECT_THAT(Scan(log.bytes(), options).result.error.text(),
              HasSubstr("no event ends at " + std::to_string(*options.to)));
  options.to = log.size() + 1;
  EXPECT_THAT(Scan(log.bytes(), options).result.error.text(),
              HasSubstr("it ends at"));
  options.to = log.offset(1);
  options.from = log.offset(2);
  EXPECT_THAT(Scan(log.bytes(), options).result.error.text(),
              HasSubstr("has no bytes from"));
}

TEST(TransactionScannerTest, FindsNothingWhereNoEventBegins) {
  const TestLog log = TestLog().transaction(1).transaction(2);
  for (const std::uint64_t from : {std::uint64_t(1), log.offset(2) + 1}) {
    ScanOptions options;
    options.from = from;
    const Scan scan(log.bytes(), options);
    EXPECT_THAT(scan.transactions, IsEmpty());
    EXPECT_EQ(scan.result.end_of_events, from);
    EXPECT_EQ(scan.result.tail, Tail::DAMAGED);
  }
}

TEST(TransactionScannerTest, BelievesNothingWhoseChecksumIsWrong) {
  TestLog log;
  log.gtid_list({{{0, 1}, 1}}).checkpoint("bin.000001");
  log.gtid(1).query("INSERT").query("COMMIT").gtid(2).rows().xid(3);
  log.gtid(4).add(EventType::XA_PREPARE, TestLog::xa_prepare_body(false));
  log.rotate("bin.000002");
  const std::size_t unread = 7;  // rows
  for (std::size_t n = 1; n < log.offsets().size(); ++n) {
    std::string bytes = log.bytes();
    bytes[log.offset(n) + 21] ^= 1;
    const Scan scan(bytes);
    const bool is_last = n + 1 == log.offsets().size();
    if (n == unread) {
      EXPECT_EQ(scan.result.tail, Tail::CLEAN);
      ScanOptions options;
      options.verify_all = true;
      const Scan verified(bytes, options);
      EXPECT_EQ(verified.result.tail, Tail::DAMAGED);
      EXPECT_EQ(verified.result.end_of_events, log.offset(n));
    } else {
      EXPECT_EQ(scan.result.end_of_events, log.offset(n));
      EXPECT_EQ(scan.result.tail, is_last ? Tail::TORN : Tail::DAMAGED);
      EXPECT_THAT(scan.result.tail_reason, HasSubstr("wrong checksum"));
    }
  }
}

TEST(TransactionScannerTest, EndsAtAnEventThatMakesNoSense) {
  const TestLog log = TestLog(false)
                          .transaction(1)
                          .add(EventType::XID, "1234567")
                          .transaction(2);
  const Scan scan(log.bytes());
  EXPECT_EQ(scan.transactions.size(), 1u);
  EXPECT_EQ(scan.result.end_of_events, log.offset(4));
  EXPECT_EQ(scan.result.tail, Tail::DAMAGED);
  EXPECT_THAT(scan.result.tail_reason, HasSubstr("Xid event"));
}

TEST(TransactionScannerTest, RefusesAListThatIsTooLong) {
  const TestLog log = TestLog().add(
      EventType::GTID_LIST, std::string(BinlogReader::body_limit, '\0'));
  const ScanResult result = Scan(log.bytes()).result;
  EXPECT_THAT(result.error.text(), HasSubstr("are not read"));
  EXPECT_EQ(result.end_of_events, log.offset(1));
}

TEST(TransactionScannerTest, ReadsAnEncryptedLogWithItsKeyOnly) {
  TestLog log;
  log.encrypt().gtid_list({{{0, 1}, 4}}).transaction(5).gtid(6).rows();
  ToyDecryptor decryptor;
  ScanOptions options;
  options.decryptor = &decryptor;
  const Scan with_key(log.bytes(), options);
  EXPECT_THAT(with_key.result.error.text(), IsEmpty());
  EXPECT_TRUE(with_key.result.is_encrypted);
  EXPECT_EQ(with_key.result.gtids_before, (GtidState{{{0, 1}, 4}}));
  ASSERT_EQ(with_key.transactions.size(), 1u);
  EXPECT_EQ(with_key.transactions[0].xid, 1005u);
  EXPECT_TRUE(with_key.result.unfinished);

  const Scan without(log.bytes());
  EXPECT_THAT(without.result.error.text(), HasSubstr("is encrypted"));
  EXPECT_TRUE(without.result.is_encrypted);
  EXPECT_EQ(without.result.end_of_events, log.size());
  EXPECT_FALSE(without.result.gtids_before);
}

TEST(TransactionScannerTest, LooksForTheEndThatATransactionShouldHave) {
  const TestLog log =
      TestLog().gtid(1).rows(200000).xid(1).transaction(2).gtid(3).rows().xid(
          3);
  for (const std::size_t n : {std::size_t(3), std::size_t(9)}) {
    std::string bytes = log.bytes();
    bytes[log.offset(n) + 4] ^= 1;  // no XID event any more
    const Scan scan(bytes);
    EXPECT_EQ(scan.result.end_of_events, log.offset(n));
    EXPECT_EQ(scan.result.end_of_transactions, log.offset(n - 2));
    EXPECT_EQ(scan.result.tail, n == 9 ? Tail::TORN : Tail::DAMAGED);
    EXPECT_EQ(scan.transactions.size(), n == 9 ? 2u : 0u);
  }
}

TEST(TransactionScannerTest, CannotVerifyALargeEncryptedEvent) {
  TestLog log;
  log.encrypt().gtid(1).rows(BinlogReader::body_limit).xid(2);
  ToyDecryptor decryptor;
  ScanOptions options;
  options.decryptor = &decryptor;
  EXPECT_EQ(Scan(log.bytes(), options).transactions.size(), 1u);
  options.verify_all = true;
  const Scan verified(log.bytes(), options);
  EXPECT_THAT(verified.result.error.text(), HasSubstr("are not read"));
  EXPECT_EQ(verified.result.end_of_events, log.offset(3));
}

std::string verify(const std::string &bytes, std::uint64_t begin,
                   std::uint64_t end, EventDecryptor *decryptor = nullptr) {
  MemorySource source(bytes);
  return verify_range(source, begin, end, decryptor).text();
}

TEST(VerifyRangeTest, FindsEveryFlippedByteInItAndNoneOutside) {
  TestLog log(true, in_use_flag);
  log.transaction(1).transaction(2, 300).transaction(3);
  const std::uint64_t begin = log.offset(4), end = log.offset(7);
  EXPECT_THAT(verify(log.bytes(), 4, log.size()), IsEmpty());
  EXPECT_THAT(verify(log.bytes(), begin, begin), IsEmpty());
  for (std::uint64_t i = log.offset(1); i < log.size(); ++i) {
    std::string bytes = log.bytes();
    bytes[i] = static_cast<char>(bytes[i] ^ 0x40);
    EXPECT_EQ(verify(bytes, begin, end).empty(), i < begin || i >= end) << i;
  }
}

TEST(VerifyRangeTest, ReadsEventsOfAnySize) {
  TestLog log;
  log.rows(3 * BinlogReader::body_limit + 1);
  EXPECT_THAT(verify(log.bytes(), 4, log.size()), IsEmpty());
  for (const std::uint64_t from_end : {1u, 4u, 5u, 2000000u}) {
    std::string bytes = log.bytes();
    bytes[bytes.size() - from_end] ^= 1;
    EXPECT_THAT(verify(bytes, 4, log.size()), HasSubstr("wrong checksum"));
  }
}

TEST(VerifyRangeTest, SaysWhyItCannotVerify) {
  const TestLog log = TestLog().transaction(1);
  EXPECT_THAT(verify(log.bytes(), 4, log.size() + 1), HasSubstr("no bytes"));
  EXPECT_THAT(verify(log.bytes(), log.size(), 4), HasSubstr("no bytes"));
  EXPECT_THAT(verify(log.bytes(), 4, log.size() - 1), HasSubstr("should have"));
  EXPECT_THAT(verify(log.bytes(), log.offset(1) + 1, log.size()),
              testing::Not(IsEmpty()));
  EXPECT_THAT(verify(TestLog(false).transaction(1).bytes(), 4, 4),
              HasSubstr("has no checksums"));
  EXPECT_THAT(verify("x", 0, 0), HasSubstr("not a binary log"));
  TestLog encrypted;
  encrypted.encrypt().transaction(1);
  EXPECT_THAT(verify(encrypted.bytes(), 4, encrypted.size()),
              HasSubstr("is encrypted"));
  ToyDecryptor decryptor;
  EXPECT_THAT(verify(encrypted.bytes(), 4, encrypted.size(), &decryptor),
              IsEmpty());
}

}  // namespace
}  // namespace recovery_gate
