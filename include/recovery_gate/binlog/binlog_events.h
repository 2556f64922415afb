// SPDX-License-Identifier: GPL-2.0-only
/*
  The events of a MariaDB binary log (10.0 and later): from bytes to values,
  without any I/O.

  docs/binlog-reader.md says where each fact about the format comes from. An
  event is a header of 19 bytes, a body, and, when the log has checksums, four
  bytes of CRC-32 over all before them. All numbers are little-endian.

  The decoders take the body alone: what follows the header, without the
  checksum. They believe no number in it before they have checked it, keep no
  pointer into it unless it says so below, and fail with what is wrong.
*/
#ifndef RECOVERY_GATE_BINLOG_EVENTS_H
#define RECOVERY_GATE_BINLOG_EVENTS_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "recovery_gate/base/failure.h"
#include "recovery_gate/binlog/gtid_state.h"

namespace recovery_gate {

/* Only those that mean something here; any other number is possible. */
enum class EventType : std::uint8_t {
  START_V3 = 1,
  QUERY = 2,
  STOP = 3,
  ROTATE = 4,
  INTVAR = 5,
  SLAVE = 7,
  RAND = 13,
  USER_VAR = 14,
  FORMAT_DESCRIPTION = 15,
  XID = 16,
  TABLE_MAP = 19,
  WRITE_ROWS = 23,
  UPDATE_ROWS = 24,
  DELETE_ROWS = 25,
  INCIDENT = 26,
  HEARTBEAT = 27,
  MYSQL_GTID = 33,
  MYSQL_ANONYMOUS_GTID = 34,
  MYSQL_PREVIOUS_GTIDS = 35,
  XA_PREPARE = 38,
  ANNOTATE_ROWS = 160,
  BINLOG_CHECKPOINT = 161,
  GTID = 162,
  GTID_LIST = 163,
  START_ENCRYPTION = 164,
  QUERY_COMPRESSED = 165,
  WRITE_ROWS_COMPRESSED = 166,
  UPDATE_ROWS_COMPRESSED = 167,
  DELETE_ROWS_COMPRESSED = 168,
};

/* In no transaction: what MariaDB itself writes into a log besides those. */
constexpr bool is_of_log(EventType type) {
  switch (type) {
    case EventType::FORMAT_DESCRIPTION:
    case EventType::START_ENCRYPTION:
    case EventType::GTID_LIST:
    case EventType::BINLOG_CHECKPOINT:
    case EventType::ROTATE:
    case EventType::STOP:
      return true;
    default:
      return false;
  }
}

/* "Xid", as mariadb-binlog and SHOW BINLOG EVENTS call it, or "type 123". */
std::string to_string(EventType type);

/* Flags in an event's header. */
inline constexpr std::uint16_t in_use_flag = 0x1;  // format description only
inline constexpr std::uint16_t artificial_flag = 0x20;
inline constexpr std::uint16_t relay_log_flag = 0x40;
inline constexpr std::uint16_t ignorable_flag = 0x80;
inline constexpr std::uint16_t skip_replication_flag = 0x8000;

inline constexpr std::array<unsigned char, 4> binlog_magic = {0xfe, 'b', 'i',
                                                              'n'};
inline constexpr std::size_t event_header_size = 19;
inline constexpr std::size_t event_checksum_size = 4;
inline constexpr std::size_t largest_format_description = 4096;

struct ByteRange {
  const unsigned char *data = nullptr;
  std::size_t size = 0;
};

struct EventHeader {
  std::uint32_t timestamp = 0;
  EventType type = EventType::START_V3;
  std::uint32_t server_id = 0;
  /* Of the whole event: header, body and checksum, in bytes. */
  std::uint32_t length = 0;
  /* The low 32 bits of the offset at which the event ends in the log that it
     was written to first; 0: not said. */
  std::uint32_t end_position = 0;
  std::uint16_t flags = 0;
};

namespace wire {

inline std::uint16_t number_16(const unsigned char *p) {
  return static_cast<std::uint16_t>(p[0] | p[1] << 8);
}
inline std::uint32_t number_32(const unsigned char *p) {
  return std::uint32_t(p[0]) | std::uint32_t(p[1]) << 8 |
         std::uint32_t(p[2]) << 16 | std::uint32_t(p[3]) << 24;
}
inline std::uint64_t number_64(const unsigned char *p) {
  return number_32(p) | std::uint64_t(number_32(p + 4)) << 32;
}

}  // namespace wire

/* Of 19 bytes. Checks nothing: any bytes are a header. */
inline EventHeader decode_header(const unsigned char *p) {
  return {wire::number_32(p),      EventType(p[4]),
          wire::number_32(p + 5),  wire::number_32(p + 9),
          wire::number_32(p + 13), wire::number_16(p + 17)};
}

/* In the header of a format description event, as it stands in the log: the
   server clears this flag when it closes the log, and changes nothing else
   then. */
void clear_in_use_flag(unsigned char *header);

/* Is the CRC-32 at the end of the event, header included, what it should be?
   The in-use flag of a format description event does not count. */
bool has_valid_checksum(ByteRange event);

struct Gtid {
  std::uint32_t domain = 0;
  std::uint32_t server_id = 0;
  std::uint64_t sequence = 0;
};

inline bool operator==(const Gtid &a, const Gtid &b) {
  return a.sequence == b.sequence && a.server_id == b.server_id &&
         a.domain == b.domain;
}
inline bool operator!=(const Gtid &a, const Gtid &b) { return !(a == b); }
/* By domain, server and number. */
inline bool operator<(const Gtid &a, const Gtid &b) {
  return std::tie(a.domain, a.server_id, a.sequence) <
         std::tie(b.domain, b.server_id, b.sequence);
}

/* "0-1-58" */
std::string to_string(const Gtid &gtid);

/* The name of an external XA transaction. */
struct XaId {
  std::int32_t format = 0;
  std::string gtrid, bqual;  // bytes, not more than 64 each
};

inline bool operator==(const XaId &a, const XaId &b) {
  return a.format == b.format && a.gtrid == b.gtrid && a.bqual == b.bqual;
}

enum class ChecksumAlgorithm : std::uint8_t { NONE = 0, CRC32 = 1 };

struct FormatDescription {
  std::uint16_t binlog_version = 0;
  std::string server_version;  // "10.11.18-MariaDB-0+deb12u1-log"
  /* The id of the server that wrote the log, when it began to. */
  std::uint32_t server_id = 0;
  std::uint32_t created =
      0;  // seconds since 1970; 0 but in a start's first log
  /* The server has not closed the log: it is running, or it crashed. */
  bool in_use = false;
  bool is_relay_log = false;
  ChecksumAlgorithm checksums = ChecksumAlgorithm::NONE;
  /* Event types that the server knew. */
  unsigned event_types = 0;
};

/*
  `body` includes the checksum here, which a format description always has room
  for. An error says what wrote the log when that was no MariaDB 10.0 or later:
  MySQL, an older release; and a relay log is none.
*/
Failure decode(const EventHeader &header, ByteRange body,
               FormatDescription *description);

struct GtidEvent {
  Gtid gtid;
  /* No event that ends the transaction follows: it is one event, and those that
     prepare for it. */
  bool standalone = false;
  bool transactional = false;
  bool ddl = false;
  bool prepares_xa = false;   // XA PREPARE
  bool completes_xa = false;  // XA COMMIT or XA ROLLBACK
  /* Of those two. */
  std::optional<XaId> xa;
  /* The same in all transactions of a group commit; 0: committed alone. */
  std::uint64_t commit_id = 0;
  /* The flags that came later, as they are: engines (1), the parts of an ALTER
     TABLE that was split in two (2, 4, 8), and what comes yet. */
  std::uint8_t extra_flags = 0;
  /* Engines that take part, less one; 255: unknown. */
  std::uint8_t extra_engines = 0;
};
Failure decode(const EventHeader &header, ByteRange body, GtidEvent *event);

struct GtidListEvent {
  GtidState gtids;
};
Failure decode(const EventHeader &header, ByteRange body, GtidListEvent *event);

struct XidEvent {
  std::uint64_t xid = 0;
};
Failure decode(const EventHeader &header, ByteRange body, XidEvent *event);

struct XaPrepareEvent {
  bool one_phase = false;  // XA COMMIT ... ONE PHASE
  XaId xa;
};
Failure decode(const EventHeader &header, ByteRange body,
               XaPrepareEvent *event);

enum class QueryKind {
  BEGIN,
  COMMIT,
  ROLLBACK,
  XA_COMMIT,
  XA_ROLLBACK,
  XA_OTHER,
  OTHER,
};

struct QueryEvent {
  QueryKind kind = QueryKind::OTHER;
  /* Into the body: valid as long as that is. The first bytes of the statement
     when the body is not there as a whole; compressed ones as they are. */
  std::string_view database, statement;
  /* What it depends on in its session, as it stands there: sql_mode, character
     sets, time zone, microseconds. */
  std::string_view context;
};

/*
  Also of a compressed one, whose statement is not read: kind OTHER.
  `body` may be the first bytes only, of a body of `whole_size` bytes; the kind
  is then OTHER when they do not reach the statement.
*/
Failure decode(const EventHeader &header, ByteRange body,
               std::size_t whole_size, QueryEvent *event);
inline Failure decode(const EventHeader &header, ByteRange body,
                      QueryEvent *event) {
  return decode(header, body, body.size, event);
}

struct RotateEvent {
  std::string next_log;  // without a folder
  std::uint64_t position = 0;
};
Failure decode(const EventHeader &header, ByteRange body, RotateEvent *event);

/* Crash recovery has to read from the start of this log on. */
struct BinlogCheckpointEvent {
  std::string log;  // without a folder
};
Failure decode(const EventHeader &header, ByteRange body,
               BinlogCheckpointEvent *event);

struct StartEncryptionEvent {
  std::uint8_t scheme = 0;
  std::uint32_t key_version = 0;
  std::array<unsigned char, 12> nonce = {};
};
Failure decode(const EventHeader &header, ByteRange body,
               StartEncryptionEvent *event);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_BINLOG_EVENTS_H
