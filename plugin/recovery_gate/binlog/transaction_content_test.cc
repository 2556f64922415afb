// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/binlog/transaction_content.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "recovery_gate/binlog/transaction_scanner.h"
#include "testing/test_log.h"

namespace recovery_gate {
namespace {

std::optional<std::uint64_t> content(const TestLog &log) {
  MemorySource source(log.bytes());
  return content_of(source, log.offset(1), log.size(), nullptr);
}

/* Rows of the table that has this number for the moment. */
TestLog rows(std::uint64_t table, const std::string &row,
             EventType type = EventType::WRITE_ROWS, std::uint64_t xid = 1) {
  const std::string number = little_endian(table, 6) + little_endian(1, 2);
  TestLog log;
  log.gtid(7)
      .add(EventType::TABLE_MAP, number + "shop.orders")
      .add(type, number + row)
      .xid(xid);
  return log;
}

TestLog statement(const std::string &text) {
  TestLog log;
  log.gtid(7).query("BEGIN").query(text).xid(1);
  return log;
}

TEST(TransactionContent, IsTheSameWhereTheServerPutItOnceMore) {
  ASSERT_TRUE(content(rows(18, "2, Bob")));
  EXPECT_EQ(content(rows(18, "2, Bob")),
            content(rows(23, "2, Bob", EventType::WRITE_ROWS, 99)));
  TestLog elsewhere;
  const std::string number = little_endian(5, 6) + little_endian(1, 2);
  elsewhere.transaction(6)
      .gtid(7)
      .add(EventType::ANNOTATE_ROWS, "INSERT")
      .add(EventType::TABLE_MAP, number + "shop.orders")
      .add(EventType::WRITE_ROWS, number + "2, Bob")
      .xid(3);
  MemorySource source(elsewhere.bytes());
  EXPECT_EQ(content_of(source, elsewhere.offset(4), elsewhere.size(), nullptr),
            content(rows(18, "2, Bob")));
}

constexpr std::uint16_t relay_log = 0x40;

/* Events in a relay log say where they end in another server's binary log. */
TEST(TransactionContent, IsTheSameInARelayLog) {
  const std::string number = little_endian(5, 6) + little_endian(1, 2);
  TestLog log(true, relay_log);
  const std::uint64_t from = log.size();
  log.transaction(5).transaction(6);
  const std::uint64_t to = log.size();
  log.gtid(7)
      .add(EventType::TABLE_MAP, number + "shop.orders")
      .add(EventType::WRITE_ROWS, number + "2, Bob")
      .xid(3)
      .gtid(8)
      .add(EventType::TABLE_MAP, number + "shop.orders")
      .add(EventType::WRITE_ROWS, number + "3, Cid");
  std::string bytes = log.bytes();
  bytes.erase(from, to - from);
  MemorySource source(bytes);
  const Contents found = contents_in_relay_log(
      source, {{0, 1, 6}, {0, 1, 7}, {0, 1, 8}}, bytes.size());
  ASSERT_EQ(found.count({{0, 1, 7}, content(rows(18, "2, Bob"))}), 1u);
  // Its end is not there.
  EXPECT_EQ(found.count({{0, 1, 8}, content(rows(18, "3, Cid"))}), 0u);
  EXPECT_EQ(contents_in_relay_log(source, {{0, 1, 6}}, bytes.size()),
            Contents());
  EXPECT_EQ(contents_in_relay_log(source, {{0, 1, 7}}, from + 10), Contents());
  const TestLog bob = rows(18, "2, Bob");
  MemorySource binlog(bob.bytes());
  EXPECT_EQ(contents_in_relay_log(binlog, {{0, 1, 7}}, 1000), Contents());
}

TEST(TransactionContent, DiffersWithWhatIsChanged) {
  const auto bob = content(rows(18, "2, Bob"));
  EXPECT_NE(bob, content(rows(18, "2, Bab")));
  EXPECT_NE(bob, content(rows(18, "2, Bob", EventType::DELETE_ROWS)));
  EXPECT_NE(content(statement("DELETE FROM t")),
            content(statement("DELETE FROM u")));
  EXPECT_EQ(content(statement("DELETE FROM t")),
            content(statement("DELETE FROM t")));
  TestLog a_moment_later;
  a_moment_later.gtid(7)
      .add(EventType::QUERY,
           TestLog::query_body("DELETE FROM t", "\x01\x02\x04"))
      .xid(1);
  EXPECT_NE(content(a_moment_later), content(statement("DELETE FROM t")));
  TestLog rolled_back;
  rolled_back.gtid(7).query("DELETE FROM t").query("ROLLBACK");
  EXPECT_NE(content(rolled_back), content(statement("DELETE FROM t")));
}

TEST(TransactionContent, IsUnknownWhereNothingIsKnownOfIt) {
  TestLog empty;
  empty.gtid(7).xid(1);
  EXPECT_FALSE(content(empty));
  TestLog strange;
  strange.gtid(7).add(EventType(200), "something").xid(1);
  EXPECT_FALSE(content(strange));
  TestLog large;
  large.gtid(7).rows(BinlogReader::body_limit + 1).xid(1);
  EXPECT_FALSE(content(large));
  TestLog encrypted;
  encrypted.encrypt().transaction(7);
  MemorySource source(encrypted.bytes());
  EXPECT_FALSE(
      content_of(source, encrypted.offset(2), encrypted.size(), nullptr));
  const TestLog log = rows(18, "2, Bob");
  MemorySource torn(log.bytes());
  EXPECT_FALSE(content_of(torn, log.offset(1), log.size() - 1, nullptr));
  EXPECT_FALSE(content_of(torn, log.offset(1), log.size() + 1, nullptr));
  EXPECT_FALSE(content_of(torn, log.offset(1) + 1, log.size(), nullptr));
  std::string damaged = log.bytes();
  damaged[log.offset(3) + 30] ^= 1;
  MemorySource source_of_damaged(damaged);
  EXPECT_FALSE(
      content_of(source_of_damaged, log.offset(1), log.size(), nullptr));
}

/* Of what servers have written, each has one, and no two are the same, but for
   the same statement in the same second. */
TEST(TransactionContent, TellsTheTransactionsOfRealLogsApart) {
  for (const std::string name :
       {"row", "statement", "mixed", "ddl", "compressed", "no-checksums",
        "savepoint", "replica"}) {
    FileSource source;
    ASSERT_FALSE(source.open(RECOVERY_GATE_SAMPLES "/" + name + ".binlog"));
    std::map<std::uint64_t, Gtid> seen;
    const ScanResult result = scan(source, [&](const Transaction &one) {
      const auto content = content_of(source, one.begin, one.end, nullptr);
      EXPECT_TRUE(content) << name << " " << to_string(one.gtid.value());
      EXPECT_TRUE(seen.emplace(content.value_or(0), *one.gtid).second ||
                  name == "ddl")
          << name << " " << to_string(*one.gtid);
      return true;
    });
    EXPECT_FALSE(result.error) << result.error.text();
    EXPECT_FALSE(seen.empty()) << name;
  }
}

}  // namespace
}  // namespace recovery_gate
