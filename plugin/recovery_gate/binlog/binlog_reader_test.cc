// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/binlog/binlog_reader.h"

#include <gmock/gmock.h>

#include <cerrno>
#include <memory>

#include "testing/test_log.h"

namespace recovery_gate {
namespace {

using testing::AllOf;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Le;

/* Counts what is read, fails when told to, and can become shorter. */
class WatchedSource final : public ByteSource {
 public:
  explicit WatchedSource(std::string bytes) : bytes_(std::move(bytes)) {}

  const std::string &name() const override { return name_; }
  std::uint64_t size() const override { return bytes_.size(); }
  int read(std::uint64_t offset, void *to, std::size_t count,
           std::size_t *got) override {
    ++reads;
    *got = 0;
    if (offset + count > fails_from) return EIO;
    MemorySource memory(bytes_.data(), std::min(bytes_.size(), cut_to));
    memory.read(offset, to, count, got);
    read_bytes += *got;
    return 0;
  }

  std::uint64_t reads = 0, read_bytes = 0;
  std::uint64_t fails_from = ~std::uint64_t(0) / 2;
  std::size_t cut_to = ~std::size_t(0);

 private:
  const std::string name_ = "bin.000007";
  const std::string bytes_;
};

struct Walk {
  explicit Walk(const std::string &bytes, EventDecryptor *decryptor = nullptr)
      : source(bytes), reader(source, decryptor) {
    open_error = reader.open().text();
    for (Event event; reader.next(&event);) {
      offsets.push_back(event.offset);
      types.push_back(event.header.type);
    }
  }

  WatchedSource source;
  BinlogReader reader;
  std::string open_error;
  std::vector<std::uint64_t> offsets;
  std::vector<EventType> types;
};

std::string open_error(const std::string &bytes) {
  Walk walk(bytes);
  EXPECT_THAT(walk.offsets, IsEmpty());
  return walk.open_error;
}

TEST(BinlogReaderTest, ReturnsEveryEvent) {
  const TestLog log =
      TestLog().gtid_list({}).checkpoint("bin.1").transaction(1).rotate("b");
  Walk walk(log.bytes());
  EXPECT_THAT(walk.open_error, IsEmpty());
  EXPECT_THAT(walk.offsets, ElementsAreArray(log.offsets()));
  EXPECT_EQ(walk.types[3], EventType::GTID);
  EXPECT_EQ(walk.reader.position(), log.size());
  EXPECT_EQ(walk.reader.tail(), Tail::CLEAN);
  EXPECT_THAT(walk.reader.tail_reason(), IsEmpty());
  EXPECT_THAT(walk.reader.error().text(), IsEmpty());
}

TEST(BinlogReaderTest, SaysWhatAFileIsThatIsNoLogOfMariadb) {
  const std::string magic =
      "\xfe"
      "bin";
  EXPECT_THAT(open_error(""), HasSubstr("bin.000007 is empty"));
  EXPECT_THAT(open_error("\xfe"
                         "bi"),
              HasSubstr("not a binary log"));
  EXPECT_THAT(open_error("./bin.000001\n./bin.000002\n"),
              HasSubstr("not a binary log"));
  EXPECT_THAT(open_error("\xfd"
                         "bin and more"),
              HasSubstr("encrypted binary log of MySQL"));
  EXPECT_THAT(open_error(magic), HasSubstr("ends inside its first event"));

  std::string bytes = TestLog().bytes();
  bytes[4 + 4] = 1;
  EXPECT_THAT(open_error(bytes), HasSubstr("before 5.0"));
  bytes[4 + 4] = 4;
  EXPECT_THAT(open_error(bytes), HasSubstr("format description event"));
  EXPECT_THAT(open_error(TestLog(true, relay_log_flag).bytes()),
              HasSubstr("is a relay log"));
}

TEST(BinlogReaderTest, SaysWhenTheFirstEventIsTornOrDamaged) {
  const std::string bytes = TestLog(true, in_use_flag).bytes();
  for (std::size_t kept = 4; kept < bytes.size(); ++kept)
    EXPECT_THAT(open_error(bytes.substr(0, kept)),
                HasSubstr("ends inside its first event"));
  for (std::size_t i = 4; i < bytes.size(); ++i) {
    std::string flipped = bytes;
    flipped[i] = static_cast<char>(flipped[i] ^ 0x20);
    Walk walk(flipped);
    EXPECT_FALSE(walk.open_error.empty() && walk.offsets.size() == 1 &&
                 walk.reader.has_checksums() && i != 17)
        << i;
  }
}

TEST(BinlogReaderTest, KnowsOfATornLogThatItWasInUse) {
  const std::string bytes = TestLog(true, in_use_flag).bytes();
  Walk walk(bytes.substr(0, bytes.size() - 1));
  EXPECT_TRUE(walk.reader.format().in_use);
  EXPECT_EQ(walk.reader.format().server_id, 1u);
}

TEST(BinlogReaderTest, FindsTheTailTornAtAnyByte) {
  for (const bool checksums : {true, false}) {
    const TestLog log = TestLog(checksums).transaction(1).gtid(2).rows(300);
    const std::uint64_t last = log.offsets().back();
    for (std::uint64_t kept = last + 1; kept < log.size(); ++kept) {
      Walk walk(log.bytes().substr(0, kept));
      EXPECT_EQ(walk.reader.position(), last) << kept;
      EXPECT_EQ(walk.reader.tail(), Tail::TORN) << kept;
      EXPECT_THAT(
          walk.reader.tail_reason(),
          AllOf(HasSubstr("bin.000007"), HasSubstr(std::to_string(last))));
    }
  }
}

TEST(BinlogReaderTest, TakesGarbageAtTheEndForATornTail) {
  const std::string whole = TestLog().transaction(1).bytes();
  for (const std::string &garbage :
       {std::string(5, '\0'), std::string(5000, '\0'), std::string(500, '\xff'),
        std::string(300000, 'x')}) {
    Walk walk(whole + garbage);
    EXPECT_EQ(walk.reader.position(), whole.size());
    EXPECT_EQ(walk.reader.tail(), Tail::TORN);
  }
}

/* Lengths that cannot be, and one that only the end position gives away. */
TEST(BinlogReaderTest, FindsDamageInTheMiddle) {
  TestLog log;
  log.transaction(1).gtid(2).rows(200000).xid(3).transaction(4);
  const std::uint64_t victim = log.offset(5);
  for (const std::uint32_t length :
       {0u, 1u, 18u, 19u, 20u, 300u, 0x7fffffffu, 0xffffffffu}) {
    std::string bytes = log.bytes();
    bytes.replace(victim + 9, 4, little_endian(length, 4));
    Walk walk(bytes);
    EXPECT_EQ(walk.reader.position(), victim) << length;
    EXPECT_EQ(walk.reader.tail(), Tail::DAMAGED) << length;
    EXPECT_THAT(walk.reader.tail_reason(), HasSubstr(std::to_string(victim)));
  }
  std::string bytes = log.bytes();
  bytes.replace(victim + 13, 4, little_endian(4711, 4));
  Walk walk(bytes);
  EXPECT_EQ(walk.reader.position(), victim);
  EXPECT_EQ(walk.reader.tail(), Tail::DAMAGED);
  EXPECT_THAT(walk.reader.tail_reason(),
              HasSubstr("says that it ends at 4711"));
}

TEST(BinlogReaderTest, AcceptsEventsThatDoNotSayWhereTheyEnd) {
  const TestLog log = TestLog(false).rows().rows();
  std::string bytes = log.bytes();
  bytes.replace(log.offset(1) + 13, 4, little_endian(0, 4));
  EXPECT_THAT(Walk(bytes).offsets, ElementsAreArray(log.offsets()));
}

TEST(BinlogReaderTest, SkipsEventsThatItDoesNotKnow) {
  const TestLog log = TestLog()
                          .add(EventType(0), "?")
                          .add(EventType(99), "")
                          .add(EventType(255), std::string(5000, '?'),
                               ignorable_flag | artificial_flag);
  EXPECT_THAT(Walk(log.bytes()).offsets, ElementsAreArray(log.offsets()));
}

TEST(BinlogReaderTest, GoesNoFurtherThanItsLimit) {
  const TestLog log = TestLog().transaction(1).transaction(2);
  MemorySource source(log.bytes());
  BinlogReader reader(source);
  Event event;
  ASSERT_THAT(reader.open().text(), IsEmpty());
  reader.set_limit(log.offset(4));
  while (reader.next(&event)) {
  }
  EXPECT_EQ(reader.position(), log.offset(4));
  EXPECT_EQ(reader.tail(), Tail::CLEAN);
  reader.seek(log.offset(0));
  reader.set_limit(log.offset(4) - 1);
  while (reader.next(&event)) {
  }
  EXPECT_EQ(reader.position(), log.offset(3));
  EXPECT_EQ(reader.tail(), Tail::TORN);
  reader.seek(log.offset(0));
  reader.set_limit(log.size() + 100);
  while (reader.next(&event)) {
  }
  EXPECT_EQ(reader.position(), log.size());
  EXPECT_EQ(reader.tail(), Tail::CLEAN);
}

TEST(BinlogReaderTest, ContinuesWhereItIsTold) {
  const TestLog log = TestLog().transaction(1).transaction(2);
  MemorySource source(log.bytes());
  BinlogReader reader(source);
  ASSERT_THAT(reader.open().text(), IsEmpty());
  Event event;
  for (std::size_t i = log.offsets().size(); i-- > 0;) {
    reader.seek(log.offset(i));
    ASSERT_TRUE(reader.next(&event));
    EXPECT_EQ(event.offset, log.offset(i));
  }
  reader.seek(log.offset(3) + 1);
  EXPECT_FALSE(reader.next(&event));
  EXPECT_EQ(reader.tail(), Tail::DAMAGED);
  reader.seek(log.size());
  EXPECT_FALSE(reader.next(&event));
  EXPECT_EQ(reader.tail(), Tail::CLEAN);
  for (const std::uint64_t beyond : {log.size() + 1, ~std::uint64_t(0)}) {
    reader.seek(beyond);
    EXPECT_FALSE(reader.next(&event));
    EXPECT_EQ(reader.tail(), Tail::TORN);
  }
}

TEST(BinlogReaderTest, SaysWhetherItIsALogEvenWhenItCannotBeRead) {
  const std::string bytes = TestLog(true, in_use_flag).bytes();
  for (std::size_t kept = 0; kept <= bytes.size(); ++kept)
    EXPECT_EQ(Walk(bytes.substr(0, kept)).reader.is_binlog(), kept >= 4 + 19);
  EXPECT_FALSE(Walk("./bin.000001\n./bin.000002\n").reader.is_binlog());
  EXPECT_TRUE(Walk(TestLog(true, relay_log_flag).bytes()).reader.is_binlog());
}

/* Where they begin, when only the lengths of the events are believed. */
std::vector<std::uint64_t> by_lengths(BinlogReader &reader) {
  std::vector<std::uint64_t> offsets;
  reader.seek_by_lengths(4);
  for (Event event; reader.next(&event);) offsets.push_back(event.offset);
  return offsets;
}

TEST(BinlogReaderTest, GoesByLengthsWhateverElseAHeaderSays) {
  const TestLog log =
      TestLog().transaction(1).gtid(2).rows(200000).xid(3).transaction(4);
  std::string bytes = log.bytes();
  for (std::size_t i = 1; i < log.offsets().size(); ++i)
    bytes.replace(log.offset(i) + 13, 4, little_endian(4711, 4));
  Walk walk(bytes);
  EXPECT_EQ(walk.offsets.size(), 1u);
  EXPECT_THAT(by_lengths(walk.reader), ElementsAreArray(log.offsets()));
  EXPECT_EQ(walk.reader.tail(), Tail::CLEAN);
}

TEST(BinlogReaderTest, GoesByLengthsBehindAFirstEventThatCannotBeRead) {
  const TestLog log = TestLog(true, relay_log_flag).transaction(1);
  Walk refused(log.bytes());
  EXPECT_THAT(refused.offsets, IsEmpty());
  EXPECT_THAT(by_lengths(refused.reader), ElementsAreArray(log.offsets()));
  MemorySource source(log.bytes());
  BinlogReader unopened(source);
  EXPECT_THAT(by_lengths(unopened), ElementsAreArray(log.offsets()));
}

/* To look for events behind it, the rest of the log would have to be read. */
TEST(BinlogReaderTest, GoingByLengthsReadsNothingBehindWhatIsNoEvent) {
  TestLog log;
  log.transaction(1).rows(400000).rows(400000).transaction(2);
  std::string bytes = log.bytes();
  bytes.replace(log.offset(4) + 9, 4, little_endian(18, 4));
  WatchedSource source(bytes);
  BinlogReader reader(source);
  EXPECT_EQ(by_lengths(reader).size(), 4u);
  EXPECT_EQ(reader.position(), log.offset(4));
  EXPECT_EQ(reader.tail(), Tail::TORN);
  EXPECT_LT(source.read_bytes, 10000u);
}

TEST(BinlogReaderTest, HandsOutBodies) {
  const std::string large(500000, 'b');
  const TestLog log = TestLog().rows(3).add(EventType(23), large).rows(0);
  MemorySource source(log.bytes());
  BinlogReader reader(source);
  ASSERT_THAT(reader.open().text(), IsEmpty());
  Event event;
  std::vector<std::string> bodies;
  while (reader.next(&event)) {
    ByteRange body;
    ASSERT_THAT(reader.body(event, &body).text(), IsEmpty());
    EXPECT_EQ(body.size, reader.body_size(event));
    bodies.emplace_back(reinterpret_cast<const char *>(body.data), body.size);
  }
  ASSERT_EQ(bodies.size(), 4u);
  EXPECT_EQ(bodies[1], "\xff\xff\xff");
  EXPECT_TRUE(bodies[2] == large);
  EXPECT_EQ(bodies[3], "");
}

TEST(BinlogReaderTest, RefusesABodyThatIsTooLarge) {
  const TestLog log = TestLog()
                          .rows(BinlogReader::body_limit - 23)
                          .rows(BinlogReader::body_limit - 22);
  MemorySource source(log.bytes());
  BinlogReader reader(source);
  ASSERT_THAT(reader.open().text(), IsEmpty());
  Event event;
  ByteRange body;
  reader.next(&event);
  ASSERT_TRUE(reader.next(&event));
  EXPECT_THAT(reader.body(event, &body).text(), IsEmpty());
  ASSERT_TRUE(reader.next(&event));
  EXPECT_THAT(reader.body(event, &body).text(), HasSubstr("are not read"));
  EXPECT_EQ(body.size, 0u);
  // Nothing is wrong with the event.
  EXPECT_THAT(reader.verify(event).text(), IsEmpty());
  EXPECT_FALSE(reader.next(&event));
  EXPECT_EQ(reader.tail(), Tail::CLEAN);
}

TEST(BinlogReaderTest, HandsOutTheStartOfABody) {
  const TestLog log = TestLog().rows(300000);
  WatchedSource source(log.bytes());
  BinlogReader reader(source);
  ASSERT_THAT(reader.open().text(), IsEmpty());
  Event event;
  reader.next(&event);
  ASSERT_TRUE(reader.next(&event));
  ByteRange body;
  EXPECT_THAT(reader.body_start(event, 100, &body).text(), IsEmpty());
  EXPECT_EQ(body.size, 100u);
  EXPECT_EQ(body.data[99], 0xff);
  EXPECT_LT(source.read_bytes, 10000u);
}

TEST(BinlogReaderTest, EndsAtAnEventWhoseChecksumIsWrong) {
  const TestLog log = TestLog().rows(50).rows(200000).rows(50);
  for (std::size_t n = 1; n < 4; ++n) {
    std::string bytes = log.bytes();
    bytes[log.offset(n) + 40] ^= 1;
    for (const bool asks_for_body : {true, false}) {
      MemorySource source(bytes);
      BinlogReader reader(source);
      ASSERT_THAT(reader.open().text(), IsEmpty());
      Event event;
      for (std::size_t i = 0; i <= n; ++i) ASSERT_TRUE(reader.next(&event));
      ByteRange body;
      EXPECT_THAT(
          (asks_for_body ? reader.body(event, &body) : reader.verify(event))
              .text(),
          HasSubstr("wrong checksum"));
      EXPECT_FALSE(reader.next(&event));
      EXPECT_EQ(reader.position(), log.offset(n));
      // The last one may not have been written as a whole.
      EXPECT_EQ(reader.tail(), n == 3 ? Tail::TORN : Tail::DAMAGED);
    }
  }
}

TEST(BinlogReaderTest, ReportsThatReadingFails) {
  const std::string bytes =
      TestLog().transaction(1).rows(300000).transaction(2).bytes();
  for (std::uint64_t limit = 0; limit < bytes.size(); limit += 997) {
    auto source = std::make_unique<WatchedSource>(bytes);
    source->fails_from = limit;
    BinlogReader reader(*source);
    Failure failure = reader.open();
    Event event;
    while (reader.next(&event)) {
    }
    if (!failure) failure = reader.error();
    if (!failure) continue;  // it was in what is left out
    EXPECT_THAT(failure.text(), AllOf(HasSubstr("bin.000007"),
                                      HasSubstr("Input/output error")));
    EXPECT_FALSE(reader.next(&event));
  }
}

TEST(BinlogReaderTest, ReportsThatTheFileBecameShorter) {
  const std::string bytes = TestLog().rows(300000).transaction(2).bytes();
  WatchedSource source(bytes);
  BinlogReader reader(source);
  ASSERT_THAT(reader.open().text(), IsEmpty());
  source.cut_to = 1000;
  Event event;
  while (reader.next(&event)) {
  }
  EXPECT_THAT(reader.error().text(), HasSubstr("become shorter"));
}

TEST(BinlogReaderTest, ReadsSmallEventsInBlocks) {
  TestLog log;
  for (int i = 0; i < 5000; ++i) log.rows(50);
  Walk walk(log.bytes());
  EXPECT_EQ(walk.offsets.size(), 5001u);
  EXPECT_LT(walk.source.reads, 20u);
}

TEST(BinlogReaderTest, LeavesOutTheBodiesOfLargeEvents) {
  TestLog log;
  for (int i = 0; i < 200; ++i) log.gtid(i + 1).rows(8192).xid(i);
  Walk walk(log.bytes());
  EXPECT_EQ(walk.offsets.size(), 601u);
  EXPECT_LT(walk.source.read_bytes * 8, log.size());
  EXPECT_LT(walk.source.reads, 1000u);
}

TEST(BinlogReaderTest, ReadsOnceAndNoMoreThanItNeedsForEachLargeEvent) {
  TestLog large, mixed;
  for (int i = 0; i < 200; ++i) large.rows(8192);
  for (int i = 0; i < 200; ++i) mixed.gtid(i + 1).rows(8192).xid(i);
  Walk one_after_another(large.bytes()), with_small_ones(mixed.bytes());
  EXPECT_LT(one_after_another.source.reads, 210u);
  EXPECT_LT(one_after_another.source.read_bytes, 200u * 64 + 2000);
  EXPECT_LT(with_small_ones.source.reads, 210u);
}

TEST(BinlogReaderTest, ReadsAheadAgainWhenEventsBecomeSmall) {
  TestLog log;
  log.rows(100000);
  for (int i = 0; i < 5000; ++i) log.rows(50);
  Walk walk(log.bytes());
  EXPECT_EQ(walk.offsets.size(), 5002u);
  EXPECT_LT(walk.source.reads, 25u);
}

/* A log of many gigabytes, of which only the headers exist. */
class LongSource final : public ByteSource {
 public:
  LongSource(TestLog start, unsigned count, std::uint32_t length)
      : start_(start.bytes()), count_(count), length_(length) {}

  const std::string &name() const override { return name_; }
  std::uint64_t size() const override {
    return start_.size() + std::uint64_t(count_) * length_;
  }
  int read(std::uint64_t offset, void *to, std::size_t count,
           std::size_t *got) override {
    *got = static_cast<std::size_t>(
        std::min<std::uint64_t>(count, size() - std::min(offset, size())));
    for (std::size_t i = 0; i < *got; ++i)
      static_cast<char *>(to)[i] = byte_at(offset + i);
    return 0;
  }

 private:
  char byte_at(std::uint64_t offset) const {
    if (offset < start_.size()) return start_[offset];
    const std::uint64_t place = offset - start_.size(),
                        within = place % length_;
    const std::string header = little_endian(0, 4) + '\x17' +
                               little_endian(1, 4) + little_endian(length_, 4) +
                               little_endian(offset - within + length_, 4) +
                               little_endian(0, 2);
    return within < header.size() ? header[within] : '\xff';
  }

  const std::string name_ = "bin.000001", start_;
  const unsigned count_;
  const std::uint32_t length_;
};

TEST(BinlogReaderTest, GoesOnWhereEndPositionsBeginAgain) {
  LongSource source(TestLog(false), 40, 0xfffffff0);
  BinlogReader reader(source);
  ASSERT_THAT(reader.open().text(), IsEmpty());
  unsigned events = 0;
  for (Event event; reader.next(&event);) ++events;
  EXPECT_EQ(events, 41u);
  EXPECT_EQ(reader.position(), source.size());
  EXPECT_EQ(reader.tail(), Tail::CLEAN);
}

class EncryptedLog : public testing::TestWithParam<bool> {
 protected:
  EncryptedLog() : log_(GetParam(), in_use_flag) {
    log_.encrypt().gtid_list({}).transaction(1).rows(0).rows(1).rows(200000);
    log_.add(EventType::STOP, "");
  }
  TestLog log_;
  ToyDecryptor decryptor_;
};
INSTANTIATE_TEST_SUITE_P(WithAndWithoutChecksums, EncryptedLog,
                         testing::Bool());

TEST_P(EncryptedLog, IsDecrypted) {
  MemorySource source(log_.bytes());
  BinlogReader reader(source, &decryptor_);
  ASSERT_THAT(reader.open().text(), IsEmpty());
  EXPECT_TRUE(reader.is_encrypted());
  EXPECT_THAT(reader.unreadable().text(), IsEmpty());
  EXPECT_EQ(decryptor_.key_version_, 77u);
  std::vector<std::uint64_t> offsets;
  for (Event event; reader.next(&event);) {
    offsets.push_back(event.offset);
    EXPECT_EQ(event.header.timestamp, 1700000000u);
    ByteRange body;
    ASSERT_THAT(reader.body(event, &body).text(), IsEmpty());
    EXPECT_THAT(reader.verify(event).text(), IsEmpty());
    if (event.header.type == EventType::XID) {
      EXPECT_EQ(std::string(body.data, body.data + body.size),
                little_endian(1001, 8));
    }
  }
  EXPECT_THAT(reader.error().text(), IsEmpty());
  EXPECT_THAT(offsets, ElementsAreArray(log_.offsets()));
}

TEST_P(EncryptedLog, IsDecryptedOnlyWhereItIsLookedAt) {
  Walk walk(log_.bytes(), &decryptor_);
  EXPECT_THAT(walk.offsets, ElementsAreArray(log_.offsets()));
  EXPECT_EQ(walk.types.back(), EventType::STOP);
  EXPECT_THAT(decryptor_.largest, Le(16u));
  EXPECT_LT(walk.source.read_bytes, 10000u);

  Event event;
  ByteRange body;
  walk.reader.seek(log_.offset(8));
  ASSERT_TRUE(walk.reader.next(&event));
  EXPECT_THAT(walk.reader.body_start(event, 100, &body).text(), IsEmpty());
  EXPECT_EQ(std::string(body.data, body.data + body.size),
            std::string(100, '\xff'));
  EXPECT_THAT(decryptor_.largest, Le(128u));
}

TEST_P(EncryptedLog, IsReadByLengthsWithoutAKey) {
  for (const bool has_decryptor : {false, true}) {
    decryptor_.start_error = "there is no key 77";
    Walk walk(log_.bytes(), has_decryptor ? &decryptor_ : nullptr);
    EXPECT_THAT(walk.open_error, IsEmpty());
    EXPECT_TRUE(walk.reader.is_encrypted());
    EXPECT_TRUE(walk.reader.format().in_use);
    EXPECT_THAT(
        walk.reader.unreadable().text(),
        HasSubstr(has_decryptor ? "there is no key 77" : "RECOVERY_GATE_XIDS"));
    EXPECT_THAT(walk.offsets, ElementsAreArray(log_.offsets()));
    EXPECT_EQ(walk.reader.tail(), Tail::CLEAN);
    Event event;
    ByteRange body;
    walk.reader.seek(log_.offset(4));
    ASSERT_TRUE(walk.reader.next(&event));
    const std::string &why = walk.reader.unreadable().text();
    EXPECT_EQ(walk.reader.body(event, &body).text(), why);
    EXPECT_EQ(walk.reader.body_start(event, 1, &body).text(), why);
    EXPECT_THAT(by_lengths(walk.reader), ElementsAreArray(log_.offsets()));
  }
}

TEST_P(EncryptedLog, IsReadByLengthsWithoutBeingOpened) {
  MemorySource source(log_.bytes());
  BinlogReader reader(source);
  EXPECT_THAT(by_lengths(reader), ElementsAreArray(log_.offsets()));
  EXPECT_EQ(reader.tail(), Tail::CLEAN);
}

TEST_P(EncryptedLog, EndsWhereItIsTorn) {
  const std::uint64_t last = log_.offsets().back();
  for (std::uint64_t kept = last + 1; kept < log_.size(); ++kept)
    for (EventDecryptor *decryptor :
         {static_cast<EventDecryptor *>(nullptr),
          static_cast<EventDecryptor *>(&decryptor_)}) {
      Walk walk(log_.bytes().substr(0, kept), decryptor);
      EXPECT_EQ(walk.reader.position(), last);
      EXPECT_EQ(walk.reader.tail(), Tail::TORN);
    }
}

TEST_P(EncryptedLog, IsDamagedWhenAnEventDecryptsToAnotherPlace) {
  std::string bytes = log_.bytes();
  bytes[log_.offset(4) + 14] ^= 1;  // of the end position
  Walk walk(bytes, &decryptor_);
  EXPECT_EQ(walk.reader.position(), log_.offset(4));
  EXPECT_EQ(walk.reader.tail(), Tail::DAMAGED);
}

TEST_P(EncryptedLog, WhoseCipherFailsCannotBeRead) {
  decryptor_.fails = true;
  Walk walk(log_.bytes(), &decryptor_);
  EXPECT_THAT(walk.reader.error().text(), HasSubstr("could not be decrypted"));
}

}  // namespace
}  // namespace recovery_gate
