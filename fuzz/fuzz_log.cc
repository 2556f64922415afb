// SPDX-License-Identifier: GPL-2.0-only
/*
  A whole log, as bytes in memory: walked over, scanned, scanned in part, with
  and without a key. Whatever the bytes, what is said of them has to agree with
  itself.
*/
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "expect.h"
#include "log_parts.h"
#include "recovery_gate/binlog/binlog_reader.h"
#include "recovery_gate/binlog/transaction_scanner.h"
#include "toy_cipher.h"

namespace recovery_gate::fuzz {
namespace {

struct Bytes {
  const unsigned char *data;
  std::size_t size;
};

/* Events at the ends of which a reader stopped by turns. */
struct Walk {
  std::vector<Event> events;
  bool opened = false;
  std::string error;
  Tail tail = Tail::CLEAN;

  const Event *ending_at(std::uint64_t offset) const {
    const auto at = std::lower_bound(events.begin(), events.end(), offset,
                                     [](const Event &event, std::uint64_t end) {
                                       return event.end() < end;
                                     });
    return at != events.end() && at->end() == offset ? &*at : nullptr;
  }
  const Event *beginning_at(std::uint64_t offset) const {
    for (const Event &event : events)
      if (event.offset == offset) return &event;
    return nullptr;
  }
};

/* Reads it in all ways. False when it is wrong: the walk is over then. */
bool look_into(BinlogReader &reader, const Event &event) {
  ByteRange body;
  const std::size_t size = reader.body_size(event);
  EXPECT(size <= event.header.length - event_header_size);
  const bool has_start = !reader.body_start(event, 24, &body);
  if (has_start) EXPECT(body.size == std::min<std::size_t>(size, 24));
  if (reader.unreadable()) return true;
  const bool is_right = has_start && !reader.verify(event);
  if (is_right) {
    EXPECT(!reader.body(event, &body));
    EXPECT(body.size == size);
    // Every byte that was promised can be read.
    EXPECT(crc32(0, body.data, static_cast<uInt>(body.size)) <= UINT32_MAX);
  }
  return is_right;
}

Walk walk(Bytes bytes, EventDecryptor *key, bool bodies) {
  MemorySource source(bytes.data, bytes.size);
  BinlogReader reader(source, key);
  Walk walk;
  walk.opened = !reader.open();
  std::uint64_t end = binlog_magic.size();
  for (Event event; reader.next(&event); end = event.end()) {
    EXPECT(walk.opened);
    EXPECT(event.offset == end);
    EXPECT(event.header.length >= event_header_size);
    EXPECT(event.end() <= bytes.size);
    EXPECT(reader.position() == event.end());
    if (bodies && !look_into(reader, event)) {
      EXPECT(!reader.next(&event));
      break;
    }
    walk.events.push_back(event);
  }
  if (!walk.opened) return walk;
  EXPECT(!reader.error());  // memory can always be read
  EXPECT(reader.position() == end);
  walk.tail = reader.tail();
  EXPECT((walk.tail == Tail::CLEAN) == (end == bytes.size));
  EXPECT((walk.tail == Tail::CLEAN) == reader.tail_reason().empty());
  return walk;
}

struct Scan {
  ScanResult result;
  std::vector<Transaction> transactions;
};

Scan scan_all(Bytes bytes, EventDecryptor *key, ScanOptions options = {}) {
  MemorySource source(bytes.data, bytes.size);
  options.decryptor = key;
  Scan found;
  found.result = scan(source, options, [&](const Transaction &transaction) {
    found.transactions.push_back(transaction);
    return true;
  });
  EXPECT(found.result.transactions == found.transactions.size());
  return found;
}

bool is_same(const Transaction &a, const Transaction &b) {
  return a.gtid == b.gtid && a.server_id == b.server_id &&
         a.timestamp == b.timestamp && a.kind == b.kind && a.xid == b.xid &&
         a.xa == b.xa && a.begin == b.begin && a.end == b.end &&
         a.ddl == b.ddl && a.extra_engines == b.extra_engines;
}

/* The first of them may have been cut at its beginning. */
void expect_beginning_of(const std::vector<Transaction> &whole,
                         const std::vector<Transaction> &part) {
  EXPECT(part.size() <= whole.size());
  EXPECT(std::equal(part.begin(), part.end(), whole.begin(), is_same));
}

void check_transaction(const Transaction &transaction, const Walk &walk) {
  EXPECT(transaction.begin < transaction.end);
  const Event *const first = walk.beginning_at(transaction.begin);
  const Event *const last = walk.ending_at(transaction.end);
  EXPECT(first != nullptr && last != nullptr);
  if (transaction.gtid) EXPECT(first->header.type == EventType::GTID);
  EXPECT((transaction.kind == TransactionKind::COMMIT_XID) ==
         (last->header.type == EventType::XID));
  if (transaction.xa) {
    EXPECT(transaction.xa->gtrid.size() <= 64);
    EXPECT(transaction.xa->bqual.size() <= 64);
  }
}

void check_scan(Bytes bytes, const Scan &found, const Walk &walk) {
  const ScanResult &result = found.result;
  EXPECT(result.end_of_events <= bytes.size);
  EXPECT(result.end_of_transactions <= result.end_of_events);
  EXPECT(result.events <= walk.events.size());
  if (result.events > 0)
    EXPECT(walk.events[result.events - 1].end() == result.end_of_events);
  if (result.error) return;
  EXPECT((result.tail == Tail::CLEAN) == (result.end_of_events == bytes.size));
  EXPECT((result.tail == Tail::CLEAN) == result.tail_reason.empty());
  if (result.tail == Tail::CLEAN) EXPECT(result.events == walk.events.size());
  std::uint64_t end = 0;
  for (const Transaction &transaction : found.transactions) {
    EXPECT(transaction.begin >= end);
    check_transaction(transaction, walk);
    end = transaction.end;
  }
  EXPECT(end <= result.end_of_transactions);
  if (result.unfinished) {
    EXPECT(result.unfinished->kind == TransactionKind::UNFINISHED);
    EXPECT(result.unfinished->begin == result.end_of_transactions);
    EXPECT(result.unfinished->end == result.end_of_events);
  } else {
    EXPECT(result.end_of_transactions == result.end_of_events);
  }
}

void check_parts(Bytes bytes, EventDecryptor *key, const Scan &whole,
                 std::uint32_t any) {
  // Cut anywhere, it says nothing that the whole does not say.
  const std::size_t cut = bytes.size == 0 ? 0 : any % bytes.size;
  // A copy, so that AddressSanitizer sees its end.
  const std::unique_ptr<unsigned char[]> copy(new unsigned char[cut]);
  std::copy_n(bytes.data, cut, copy.get());
  expect_beginning_of(whole.transactions,
                      scan_all({copy.get(), cut}, key).transactions);

  ScanOptions options;
  options.verify_all = true;
  const Scan verified = scan_all(bytes, key, options);
  expect_beginning_of(whole.transactions, verified.transactions);
  EXPECT(verified.result.end_of_events <= whole.result.end_of_events);
  if (whole.result.error) return;

  MemorySource source(bytes.data, bytes.size);
  if (!verified.transactions.empty() &&
      verified.result.format.checksums == ChecksumAlgorithm::CRC32)
    EXPECT(!verify_range(source, verified.transactions.front().begin,
                         verified.transactions.back().end, key));
  if (whole.transactions.empty()) return;

  // From one of them on, up to another, there is the same.
  const std::size_t first = any % whole.transactions.size();
  const std::size_t last =
      first + any / 7 % (whole.transactions.size() - first);
  ScanOptions part;
  part.from = whole.transactions[first].begin;
  part.to = whole.transactions[last].end;
  const Scan some = scan_all(bytes, key, part);
  EXPECT(!some.result.error);
  EXPECT(some.result.tail == Tail::CLEAN);
  EXPECT(some.result.end_of_events == *part.to);
  const auto at = whole.transactions.begin();
  EXPECT(some.transactions.size() >= last - first);
  expect_beginning_of(
      {at + static_cast<long>(first), at + static_cast<long>(last) + 1},
      some.transactions);
}

void check(Bytes bytes, EventDecryptor *key, std::uint32_t any) {
  const Walk plain = walk(bytes, key, false);
  const Walk with_bodies = walk(bytes, key, true);
  EXPECT(plain.opened == with_bodies.opened);
  EXPECT(with_bodies.events.size() <= plain.events.size());

  const Scan whole = scan_all(bytes, key);
  check_scan(bytes, whole, plain);
  check_parts(bytes, key, whole, any);
}

/* The same log with an event in it that is about as large as the reader's
   largest block, and the following ones are where that ends. */
std::string around_block_end(Bytes bytes, std::uint32_t any) {
  LogParts parts = take_apart(bytes.data, bytes.size);
  if (parts.events.size() < 2) return {};
  const std::size_t before = any / 1024 % parts.events.size();
  if (before == 0) return {};
  std::string padding(BinlogReader::read_ahead + 512 - any / 32 % 1024, '\0');
  padding[4] = static_cast<char>(EventType::ANNOTATE_ROWS);
  parts.events.insert(parts.events.begin() + static_cast<long>(before),
                      padding);
  return put_together(parts);
}

bool is_encrypted(Bytes bytes) {
  MemorySource source(bytes.data, bytes.size);
  BinlogReader reader(source);
  return !reader.open() && reader.is_encrypted();
}

void check_both_ways(Bytes bytes, std::uint32_t any) {
  check(bytes, nullptr, any);
  ToyDecryptor key;
  if (is_encrypted(bytes)) check(bytes, &key, any);
}

}  // namespace
}  // namespace recovery_gate::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data,
                                      std::size_t size) {
  using namespace recovery_gate::fuzz;
  const auto any =
      static_cast<std::uint32_t>(crc32(0, data, static_cast<uInt>(size)));
  check_both_ways({data, size}, any);
  if (any % 32 == 0) {
    const std::string large = around_block_end({data, size}, any);
    check_both_ways(
        {reinterpret_cast<const unsigned char *>(large.data()), large.size()},
        any);
  }
  return 0;
}
