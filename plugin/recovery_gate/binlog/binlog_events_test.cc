// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/binlog/binlog_events.h"

#include <gmock/gmock.h>

#include "testing/test_log.h"

namespace recovery_gate {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

EventHeader header_of(EventType type) {
  EventHeader header;
  header.type = type;
  header.server_id = 5;
  return header;
}

template <class Value>
std::string decode_body(EventType type, const std::string &body, Value *value) {
  // A copy of its own, so that AddressSanitizer sees what is read behind it.
  const std::vector<unsigned char> bytes(body.begin(), body.end());
  return decode(header_of(type), {bytes.data(), bytes.size()}, value).text();
}

/* Every body that is cut short is refused, whatever it is. */
template <class Value>
void expect_refused_when_cut(EventType type, const std::string &body) {
  Value value;
  EXPECT_THAT(decode_body(type, body, &value), IsEmpty());
  for (std::size_t kept = 0; kept < body.size(); ++kept)
    EXPECT_THAT(decode_body(type, body.substr(0, kept), &value), Not(IsEmpty()))
        << kept;
}

TEST(EventHeaderTest, IsReadFromNineteenBytes) {
  const std::string bytes =
      little_endian(0x01020304, 4) + '\xa2' + little_endian(0x05060708, 4) +
      little_endian(0x090a0b0c, 4) + little_endian(0x0d0e0f10, 4) +
      little_endian(0x1112, 2);
  ASSERT_EQ(bytes.size(), event_header_size);
  const EventHeader header = decode_header(range(bytes).data);
  EXPECT_EQ(header.timestamp, 0x01020304u);
  EXPECT_EQ(header.type, EventType::GTID);
  EXPECT_EQ(header.server_id, 0x05060708u);
  EXPECT_EQ(header.length, 0x090a0b0cu);
  EXPECT_EQ(header.end_position, 0x0d0e0f10u);
  EXPECT_EQ(header.flags, 0x1112u);
}

TEST(EventTypeTest, HasTheNameThatTheServerGivesIt) {
  EXPECT_EQ(to_string(EventType::XID), "Xid");
  EXPECT_EQ(to_string(EventType(99)), "type 99");
}

class FormatDescriptionTest : public testing::Test {
 protected:
  FormatDescriptionTest() {
    body_ = little_endian(4, 2) + padded("10.11.18-MariaDB-log") +
            little_endian(1700000000, 4) + '\x13' + sizes(171) + '\1' + "crc!";
  }

  static std::string padded(std::string version) {
    version.resize(50);
    return version;
  }
  static std::string sizes(std::size_t count) {
    std::string sizes(std::max<std::size_t>(count, 163), '\0');
    sizes[1] = 13;
    sizes[3] = 8;
    sizes[160] = 4;
    sizes[161] = 19;
    sizes[162] = 4;
    return sizes.substr(0, count);
  }
  std::string decode_it(
      EventHeader header = header_of(EventType::FORMAT_DESCRIPTION)) {
    const std::vector<unsigned char> bytes(body_.begin(), body_.end());
    return decode(header, {bytes.data(), bytes.size()}, &description_).text();
  }

  std::string body_;
  FormatDescription description_;
};

TEST_F(FormatDescriptionTest, SaysWhoWroteTheLogAndHow) {
  EventHeader header = header_of(EventType::FORMAT_DESCRIPTION);
  header.flags = in_use_flag;
  EXPECT_THAT(decode_it(header), IsEmpty());
  EXPECT_EQ(description_.binlog_version, 4);
  EXPECT_EQ(description_.server_version, "10.11.18-MariaDB-log");
  EXPECT_EQ(description_.server_id, 5u);
  EXPECT_EQ(description_.created, 1700000000u);
  EXPECT_TRUE(description_.in_use);
  EXPECT_EQ(description_.checksums, ChecksumAlgorithm::CRC32);
  EXPECT_EQ(description_.event_types, 171u);
}

TEST_F(FormatDescriptionTest, HasNoChecksumsWhenItSaysSo) {
  body_[body_.size() - 5] = '\0';
  EXPECT_THAT(decode_it(), IsEmpty());
  EXPECT_EQ(description_.checksums, ChecksumAlgorithm::NONE);
  EXPECT_FALSE(description_.in_use);
}

TEST_F(FormatDescriptionTest, OfMysqlIsRefused) {
  for (const std::size_t types : {27, 38, 42}) {
    body_ = little_endian(4, 2) + padded("8.0.36") + little_endian(0, 4) +
            '\x13' + sizes(types) + '\1' + "crc!";
    EXPECT_THAT(decode_it(), HasSubstr("was written by MySQL 8.0.36"));
  }
}

TEST_F(FormatDescriptionTest, OfAMariadbWithoutGtidsIsRefused) {
  body_ = little_endian(4, 2) + padded("5.5.68-MariaDB") + little_endian(0, 4) +
          '\x13' + sizes(160) + '\1' + "crc!";
  EXPECT_THAT(decode_it(), HasSubstr("5.5.68-MariaDB, and has no GTIDs"));
}

TEST_F(FormatDescriptionTest, OfARelayLogIsRefused) {
  EventHeader header = header_of(EventType::FORMAT_DESCRIPTION);
  header.flags = relay_log_flag;
  EXPECT_THAT(decode_it(header), HasSubstr("is a relay log"));
  EXPECT_TRUE(description_.is_relay_log);
}

TEST_F(FormatDescriptionTest, OfAnythingElseIsRefused) {
  const std::string right = body_;
  body_[0] = 3;
  EXPECT_THAT(decode_it(), HasSubstr("format version 3"));
  body_ = right;
  body_[2 + 50 + 4] = 20;
  EXPECT_THAT(decode_it(), HasSubstr("event headers of 20 bytes"));
  body_ = right;
  body_[body_.size() - 5] = 2;
  EXPECT_THAT(decode_it(), HasSubstr("checksums of kind 2"));
  body_ = right;
  body_[2 + 50 + 4 + 1 + 161] = 20;
  EXPECT_THAT(decode_it(), HasSubstr("whose Gtid events are not known"));
  body_ = right + std::string(200, '\0');
  EXPECT_THAT(decode_it(), HasSubstr("more event types"));
}

TEST_F(FormatDescriptionTest, IsRefusedAtAnyShorterLength) {
  const std::string right = body_;
  for (std::size_t kept = 0; kept + 5 < right.size(); ++kept) {
    body_ = right.substr(0, kept);
    decode_it();
    EXPECT_LT(description_.event_types, 171u) << kept;
  }
}

TEST_F(FormatDescriptionTest, KeepsUnprintableBytesOutOfMessages) {
  body_.replace(2, 50, padded("\x1b[31m\n8.0"));
  EXPECT_THAT(decode_it(), IsEmpty());
  EXPECT_EQ(description_.server_version, "?[31m?8.0");
}

TEST(GtidEventTest, SaysWhichTransactionBegins) {
  GtidEvent event;
  EXPECT_THAT(decode_body(EventType::GTID,
                          little_endian(58, 8) + little_endian(3, 4) + '\x2d' +
                              std::string(6, '\0'),
                          &event),
              IsEmpty());
  EXPECT_EQ(event.gtid, (Gtid{3, 5, 58}));
  EXPECT_EQ(to_string(event.gtid), "3-5-58");
  EXPECT_TRUE(event.standalone);
  EXPECT_TRUE(event.transactional);
  EXPECT_TRUE(event.ddl);
  EXPECT_FALSE(event.xa);
  EXPECT_EQ(event.commit_id, 0u);
}

TEST(GtidEventTest, SaysWithWhichOthersItWasCommitted) {
  GtidEvent event;
  const std::string body = little_endian(58, 8) + little_endian(3, 4) + '\2' +
                           little_endian(0x123456789abcdef0, 8);
  EXPECT_THAT(decode_body(EventType::GTID, body, &event), IsEmpty());
  EXPECT_EQ(event.commit_id, 0x123456789abcdef0u);
  EXPECT_FALSE(event.standalone);
  expect_refused_when_cut<GtidEvent>(EventType::GTID, body);
}

TEST(GtidEventTest, NamesTheXaTransaction) {
  for (const char flags : {'\x40', '\x80'}) {
    const std::string body = little_endian(58, 8) + little_endian(3, 4) +
                             flags + little_endian(0xffffffff, 4) + "\3\4" +
                             "gtrbqua";
    GtidEvent event;
    EXPECT_THAT(decode_body(EventType::GTID, body, &event), IsEmpty());
    EXPECT_EQ(event.prepares_xa, flags == '\x40');
    EXPECT_EQ(event.completes_xa, flags != '\x40');
    EXPECT_EQ(event.xa, (XaId{-1, "gtr", "bqua"}));
    expect_refused_when_cut<GtidEvent>(EventType::GTID, body);
  }
}

TEST(GtidEventTest, WithAnImpossibleXaNameIsRefused) {
  for (const char *sizes : {"\x41\x01", "\x01\x41", "\xff\xff"}) {
    GtidEvent event;
    EXPECT_THAT(
        decode_body(EventType::GTID,
                    little_endian(58, 8) + little_endian(3, 4) + '\x40' +
                        little_endian(1, 4) + sizes + std::string(600, 'x'),
                    &event),
        HasSubstr("impossible"));
  }
}

TEST(GtidEventTest, SaysHowManyEnginesTakePart) {
  const std::string start = little_endian(58, 8) + little_endian(3, 4) + '\x0c';
  GtidEvent event;
  EXPECT_THAT(decode_body(EventType::GTID,
                          start + "\1\2" + std::string(4, '\0'), &event),
              IsEmpty());
  EXPECT_EQ(event.extra_flags, 1);
  EXPECT_EQ(event.extra_engines, 2);
}

TEST(GtidEventTest, OfTheSecondHalfOfAnAlterHasAnotherSequenceNumberBehind) {
  const std::string body = little_endian(58, 8) + little_endian(3, 4) + '\x29' +
                           '\4' + little_endian(57, 8);
  expect_refused_when_cut<GtidEvent>(EventType::GTID, body);
}

TEST(GtidEventTest, MayHoldMoreThanIsKnown) {
  GtidEvent event;
  EXPECT_THAT(decode_body(EventType::GTID,
                          little_endian(58, 8) + little_endian(3, 4) + '\x0c' +
                              '\x10' + little_endian(99, 8),
                          &event),
              IsEmpty());
  EXPECT_EQ(event.extra_flags, 0x10);
}

TEST(GtidEventTest, WithoutASequenceNumberIsRefused) {
  GtidEvent event;
  EXPECT_THAT(decode_body(EventType::GTID, std::string(19, '\0'), &event),
              HasSubstr("sequence number 0"));
}

TEST(GtidListEventTest, HoldsTheLastOfEachSource) {
  const std::string body = little_endian(0x20000002, 4) + little_endian(1, 4) +
                           little_endian(2, 4) + little_endian(3, 8) +
                           little_endian(4, 4) + little_endian(5, 4) +
                           little_endian(6, 8);
  GtidListEvent event;
  EXPECT_THAT(decode_body(EventType::GTID_LIST, body, &event), IsEmpty());
  EXPECT_EQ(event.gtids, (GtidState{{{1, 2}, 3}, {{4, 5}, 6}}));
  expect_refused_when_cut<GtidListEvent>(EventType::GTID_LIST, body);
}

TEST(GtidListEventTest, ThatCountsMoreThanItHoldsIsRefused) {
  GtidListEvent event;
  EXPECT_THAT(
      decode_body(EventType::GTID_LIST, little_endian(0x0fffffff, 4), &event),
      HasSubstr("too short"));
}

TEST(XidEventTest, HoldsANumber) {
  XidEvent event;
  EXPECT_THAT(
      decode_body(EventType::XID, little_endian(0xfedcba9876543210, 8), &event),
      IsEmpty());
  EXPECT_EQ(event.xid, 0xfedcba9876543210u);
  expect_refused_when_cut<XidEvent>(EventType::XID, little_endian(1, 8));
}

TEST(XaPrepareEventTest, NamesTheTransaction) {
  XaPrepareEvent event;
  EXPECT_THAT(decode_body(EventType::XA_PREPARE,
                          TestLog::xa_prepare_body(false), &event),
              IsEmpty());
  EXPECT_FALSE(event.one_phase);
  EXPECT_EQ(event.xa, (XaId{9, "ab", "c"}));
  EXPECT_THAT(decode_body(EventType::XA_PREPARE, TestLog::xa_prepare_body(true),
                          &event),
              IsEmpty());
  EXPECT_TRUE(event.one_phase);
  expect_refused_when_cut<XaPrepareEvent>(EventType::XA_PREPARE,
                                          TestLog::xa_prepare_body(false));
}

TEST(XaPrepareEventTest, WithAnImpossibleNameIsRefused) {
  XaPrepareEvent event;
  for (const std::uint32_t size : {65u, 0x7fffffffu, 0xffffffffu}) {
    const std::string rest(200, 'x');
    EXPECT_THAT(
        decode_body(EventType::XA_PREPARE,
                    '\0' + little_endian(1, 4) + little_endian(size, 4) +
                        little_endian(1, 4) + rest,
                    &event),
        Not(IsEmpty()));
    EXPECT_THAT(decode_body(EventType::XA_PREPARE,
                            '\0' + little_endian(1, 4) + little_endian(1, 4) +
                                little_endian(size, 4) + rest,
                            &event),
                Not(IsEmpty()));
  }
}

QueryKind kind_of(const std::string &statement,
                  EventType type = EventType::QUERY) {
  QueryEvent event;
  const std::string body = TestLog::query_body(statement);
  EXPECT_THAT(decode(header_of(type), range(body), &event).text(), IsEmpty());
  EXPECT_EQ(event.statement, statement);
  EXPECT_EQ(event.database, "d");
  return event.kind;
}

TEST(QueryEventTest, IsToldByItsWords) {
  EXPECT_EQ(kind_of("BEGIN"), QueryKind::BEGIN);
  EXPECT_EQ(kind_of("COMMIT"), QueryKind::COMMIT);
  EXPECT_EQ(kind_of("ROLLBACK"), QueryKind::ROLLBACK);
  EXPECT_EQ(kind_of("XA COMMIT X'61',X'',1"), QueryKind::XA_COMMIT);
  EXPECT_EQ(kind_of("xa rollback X'61',X'',1"), QueryKind::XA_ROLLBACK);
  EXPECT_EQ(kind_of("XA END X'61',X'',1"), QueryKind::XA_OTHER);
  EXPECT_EQ(kind_of("ROLLBACK TO `a`"), QueryKind::OTHER);
  EXPECT_EQ(kind_of("commit"), QueryKind::OTHER);
  EXPECT_EQ(kind_of("COMMIT "), QueryKind::OTHER);
  EXPECT_EQ(kind_of("XAVIER"), QueryKind::OTHER);
  EXPECT_EQ(kind_of(""), QueryKind::OTHER);
  EXPECT_EQ(kind_of("COMMIT", EventType::QUERY_COMPRESSED), QueryKind::OTHER);
}

TEST(QueryEventTest, ThatIsCutIsNotTakenForAShorterOne) {
  const std::string body = TestLog::query_body("COMMIT and more");
  const ByteRange start = {range(body).data,
                           body.size() - std::string(" and more").size()};
  QueryEvent event;
  EXPECT_THAT(
      decode(header_of(EventType::QUERY), start, body.size(), &event).text(),
      IsEmpty());
  EXPECT_EQ(event.statement, "COMMIT");
  EXPECT_EQ(event.kind, QueryKind::OTHER);
}

TEST(QueryEventTest, ThatIsCutBeforeItsStatementIsAnyOther) {
  const std::string body =
      TestLog::query_body("COMMIT", std::string(5000, 'v'));
  QueryEvent event;
  EXPECT_THAT(decode(header_of(EventType::QUERY), {range(body).data, 4096},
                     body.size(), &event)
                  .text(),
              IsEmpty());
  EXPECT_EQ(event.kind, QueryKind::OTHER);
  EXPECT_THAT(event.statement, IsEmpty());
}

TEST(QueryEventTest, WhoseLengthsDoNotFitIsRefused) {
  expect_refused_when_cut<QueryEvent>(EventType::QUERY,
                                      TestLog::query_body(""));
  std::string body = TestLog::query_body("COMMIT");
  body[8] = '\xff';  // the database's name
  QueryEvent event;
  EXPECT_THAT(decode_body(EventType::QUERY, body, &event),
              HasSubstr("too short"));
}

TEST(RotateEventTest, NamesTheNextLog) {
  RotateEvent event;
  EXPECT_THAT(decode_body(EventType::ROTATE, little_endian(4, 8) + "bin.000002",
                          &event),
              IsEmpty());
  EXPECT_EQ(event.next_log, "bin.000002");
  EXPECT_EQ(event.position, 4u);
  EXPECT_THAT(decode_body(EventType::ROTATE, little_endian(4, 8), &event),
              HasSubstr("names no log"));
  EXPECT_THAT(decode_body(EventType::ROTATE,
                          little_endian(4, 8) + std::string(512, 'x'), &event),
              HasSubstr("impossible"));
  EXPECT_THAT(decode_body(EventType::ROTATE, "abc", &event),
              HasSubstr("too short"));
}

TEST(BinlogCheckpointEventTest, NamesALog) {
  BinlogCheckpointEvent event;
  const std::string body = little_endian(10, 4) + "bin.000002";
  EXPECT_THAT(decode_body(EventType::BINLOG_CHECKPOINT, body, &event),
              IsEmpty());
  EXPECT_EQ(event.log, "bin.000002");
  expect_refused_when_cut<BinlogCheckpointEvent>(EventType::BINLOG_CHECKPOINT,
                                                 body);
  EXPECT_THAT(decode_body(EventType::BINLOG_CHECKPOINT,
                          little_endian(3, 4) + std::string("a\0b", 3), &event),
              HasSubstr("zero byte"));
  EXPECT_THAT(decode_body(EventType::BINLOG_CHECKPOINT,
                          little_endian(0xffffffff, 4) + "bin", &event),
              HasSubstr("too short"));
}

TEST(StartEncryptionEventTest, SaysHowTheLogIsEncrypted) {
  StartEncryptionEvent event;
  const std::string body = '\1' + little_endian(77, 4) + "0123456789ab";
  EXPECT_THAT(decode_body(EventType::START_ENCRYPTION, body, &event),
              IsEmpty());
  EXPECT_EQ(event.scheme, 1);
  EXPECT_EQ(event.key_version, 77u);
  EXPECT_EQ(std::string(event.nonce.begin(), event.nonce.end()),
            "0123456789ab");
  expect_refused_when_cut<StartEncryptionEvent>(EventType::START_ENCRYPTION,
                                                body);
  EXPECT_THAT(decode_body(EventType::START_ENCRYPTION, body + 'x', &event),
              Not(IsEmpty()));
  EXPECT_THAT(
      decode_body(EventType::START_ENCRYPTION, '\2' + body.substr(1), &event),
      HasSubstr("scheme 2"));
}

TEST(ChecksumTest, CoversAllButTheInUseFlag) {
  TestLog log(true, in_use_flag);
  const std::string event = log.bytes().substr(4);
  EXPECT_TRUE(has_valid_checksum(range(event)));
  for (std::size_t i = 0; i < event.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = event;
      flipped[i] = static_cast<char>(flipped[i] ^ 1 << bit);
      const bool is_flag = i == 17 && bit == 0;
      EXPECT_EQ(has_valid_checksum(range(flipped)), is_flag) << i << ' ' << bit;
    }
  EXPECT_FALSE(has_valid_checksum({range(event).data, 22}));
  EXPECT_FALSE(has_valid_checksum({}));
}

}  // namespace
}  // namespace recovery_gate
