// SPDX-License-Identifier: GPL-2.0-only
/*
  Any bytes at all: no crash, no loop, no more memory than is stated, and
  nothing reported that the whole log does not hold.
*/
#include <gmock/gmock.h>

#include <cstdlib>
#include <new>
#include <random>

#include "recovery_gate/binlog/transaction_scanner.h"
#include "testing/test_log.h"

namespace {
std::size_t largest_allocation = 0;
}  // namespace

void *operator new(std::size_t size) {
  largest_allocation = std::max(largest_allocation, size);
  if (void *const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
// The standard library's buffers ask for this one; a sanitizer's own would not
// fit the delete below.
void *operator new(std::size_t size, const std::nothrow_t &) noexcept {
  largest_allocation = std::max(largest_allocation, size);
  return std::malloc(size);
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }

namespace recovery_gate {
namespace {

class Hostile : public testing::Test {
 protected:
  /* Counts what is read, so that nothing can loop unnoticed. */
  class Source final : public ByteSource {
   public:
    explicit Source(const std::string &bytes) : memory_(bytes) {}
    const std::string &name() const override { return memory_.name(); }
    std::uint64_t size() const override { return memory_.size(); }
    int read(std::uint64_t offset, void *to, std::size_t count,
             std::size_t *got) override {
      ++reads;
      return memory_.read(offset, to, count, got);
    }
    std::uint64_t reads = 0;

   private:
    MemorySource memory_;
  };

  static std::vector<std::string> described(const std::string &bytes,
                                            ScanResult *result,
                                            EventDecryptor *decryptor) {
    std::vector<std::string> found;
    Source source(bytes);
    ScanOptions options;
    options.decryptor = decryptor;
    largest_allocation = 0;
    std::uint64_t last_end = 0;
    *result = scan(source, options, [&](const Transaction &transaction) {
      EXPECT_GE(transaction.begin, last_end);
      EXPECT_GT(transaction.end, transaction.begin);
      EXPECT_LE(transaction.end, bytes.size());
      last_end = transaction.end;
      found.push_back(std::to_string(transaction.begin) + " " +
                      std::to_string(transaction.end) + " " +
                      to_string(transaction.kind) + " " +
                      (transaction.gtid ? to_string(*transaction.gtid) : "") +
                      " " + std::to_string(transaction.xid));
      return true;
    });
    EXPECT_LE(largest_allocation, BinlogReader::body_limit + 64);
    EXPECT_LE(source.reads, bytes.size() + 10);
    EXPECT_LE(result->end_of_events, bytes.size());
    EXPECT_LE(result->end_of_transactions, result->end_of_events);
    return found;
  }

  /* Of each prefix: what the whole has, up to there. */
  void expect_prefixes(const TestLog &log, EventDecryptor *decryptor) {
    ScanResult result;
    const auto whole = described(log.bytes(), &result, decryptor);
    ASSERT_EQ(result.tail, Tail::CLEAN);
    std::size_t next = 0;
    for (std::size_t kept = 0; kept <= log.size(); ++kept) {
      const auto found =
          described(log.bytes().substr(0, kept), &result, decryptor);
      ASSERT_LE(found.size(), whole.size());
      EXPECT_TRUE(std::equal(found.begin(), found.end(), whole.begin()))
          << kept;
      if (kept < log.offset(1)) {
        EXPECT_TRUE(result.error) << kept;
        continue;
      }
      while (next + 1 < log.offsets().size() && log.offset(next + 1) <= kept)
        ++next;
      const std::uint64_t end = kept == log.size() ? kept : log.offset(next);
      EXPECT_EQ(result.end_of_events, end) << kept;
      EXPECT_EQ(result.tail, end == kept ? Tail::CLEAN : Tail::TORN) << kept;
    }
  }

  static TestLog sample(bool checksums, bool encrypted) {
    TestLog log(checksums, in_use_flag);
    if (encrypted) log.encrypt();
    log.gtid_list({{{0, 1}, 5}}).checkpoint("bin.000001").transaction(6);
    log.gtid(7, 64, TestLog::xa_of_gtid()).rows();
    log.add(EventType::XA_PREPARE, TestLog::xa_prepare_body(false));
    log.gtid(8, 33).query("CREATE TABLE t (a INT)");
    log.gtid(9).query("INSERT").query("COMMIT").rotate("bin.000002");
    return log;
  }
};

TEST_F(Hostile, CutAtEveryByte) {
  ToyDecryptor decryptor;
  for (const bool checksums : {true, false}) {
    expect_prefixes(sample(checksums, false), nullptr);
    expect_prefixes(sample(checksums, true), &decryptor);
    const TestLog encrypted = sample(checksums, true);
    ScanResult result;
    for (std::size_t kept = 0; kept <= encrypted.size(); ++kept)
      described(encrypted.bytes().substr(0, kept), &result, nullptr);
  }
}

/* With checksums, what is reported is what was written: only the flags, the
   time and the place of what is not read may have changed unnoticed. */
TEST_F(Hostile, EveryByteFlipped) {
  ToyDecryptor decryptor;
  for (const bool checksums : {true, false})
    for (const bool encrypted : {true, false}) {
      const TestLog log = sample(checksums, encrypted);
      ScanResult result;
      const auto whole = described(log.bytes(), &result, &decryptor);
      for (std::size_t i = 0; i < log.size(); ++i)
        for (const int flip : {0x01, 0x80, 0xff}) {
          std::string bytes = log.bytes();
          bytes[i] = static_cast<char>(bytes[i] ^ flip);
          const auto found = described(bytes, &result, &decryptor);
          described(bytes, &result, nullptr);
          if (!checksums || i < log.offset(1)) continue;
          ASSERT_LE(found.size(), whole.size());
          EXPECT_TRUE(std::equal(found.begin(), found.end(), whole.begin()))
              << i << ' ' << flip;
        }
    }
}

TEST_F(Hostile, EveryNumberThatCanBeExtreme) {
  ToyDecryptor decryptor;
  for (const bool encrypted : {true, false}) {
    const TestLog log = sample(false, encrypted);
    ScanResult result;
    for (std::size_t i = 4; i + 4 <= log.size(); ++i)
      for (const std::uint32_t number :
           {0u, 1u, 18u, 19u, 20u, 0x7fffffffu, 0x80000000u, 0xffffffffu,
            static_cast<std::uint32_t>(log.size() - i)}) {
        std::string bytes = log.bytes();
        bytes.replace(i, 4, little_endian(number, 4));
        described(bytes, &result, &decryptor);
      }
  }
}

TEST_F(Hostile, Noise) {
  std::mt19937 random(4711);
  const std::string start = TestLog().bytes();
  ScanResult result;
  ToyDecryptor decryptor;
  for (int i = 0; i < 300; ++i) {
    std::string noise(random() % 3000, '\0');
    for (char &c : noise) c = static_cast<char>(random());
    described(noise, &result, nullptr);
    described(start + noise, &result, nullptr);
    described(TestLog(i % 2).encrypt().bytes() + noise, &result, &decryptor);
  }
}

/* Each of them looks like an event to the search, and none is followed by one.
 */
TEST_F(Hostile, MuchThatLooksLikeAnEvent) {
  std::string bytes = TestLog(false).bytes();
  bytes += std::string(19, '\0');
  for (int i = 0; i < 3000; ++i) {
    const std::uint64_t end = bytes.size() + 30;
    bytes += std::string(4, '\x01') + '\x02' + little_endian(1, 4) +
             little_endian(30, 4) + little_endian(end, 4) +
             std::string(8, '\xff');
  }
  ScanResult result;
  described(bytes, &result, nullptr);
  EXPECT_EQ(result.tail, Tail::TORN);
}

TEST_F(Hostile, AListOfAsManyGtidsAsAreRead) {
  const std::size_t count = (BinlogReader::body_limit - 100) / 16;
  std::string body = little_endian(count, 4);
  for (std::size_t i = 0; i < count; ++i)
    body += little_endian(i, 4) + little_endian(1, 4) + little_endian(1, 8);
  ScanResult result;
  described(TestLog().add(EventType::GTID_LIST, body).bytes(), &result,
            nullptr);
  ASSERT_TRUE(result.gtids_before);
  EXPECT_EQ(result.gtids_before->size(), count);
}

}  // namespace
}  // namespace recovery_gate
