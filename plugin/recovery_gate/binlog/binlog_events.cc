// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/binlog/binlog_events.h"

#include <fmt/format.h>
#include <zlib.h>

#include <cstring>

namespace recovery_gate {
namespace {

using wire::number_16;
using wire::number_32;
using wire::number_64;

constexpr std::size_t type_offset = 4, flags_offset = 17;
constexpr std::size_t longest_log_name = 511;  // FN_REFLEN, less the zero byte
constexpr std::size_t longest_xa_part = 64;    // MAXGTRIDSIZE, MAXBQUALSIZE

/* Takes numbers off the front of a body; remembers when one was not there. */
class Cursor {
 public:
  explicit Cursor(ByteRange bytes) : bytes_(bytes) {}

  bool is_past_end() const { return is_past_end_; }
  std::size_t left() const { return bytes_.size; }

  const unsigned char *take(std::size_t count) {
    static constexpr unsigned char zeros[8] = {};
    if (count > bytes_.size) {
      is_past_end_ = true;
      bytes_.size = 0;
      return count <= sizeof zeros ? zeros : nullptr;
    }
    const unsigned char *const taken = bytes_.data;
    bytes_.data += count;
    bytes_.size -= count;
    return taken;
  }
  std::uint8_t take_8() { return *take(1); }
  std::uint16_t take_16() { return number_16(take(2)); }
  std::uint32_t take_32() { return number_32(take(4)); }
  std::uint64_t take_64() { return number_64(take(8)); }
  std::string_view take_text(std::size_t count) {
    const unsigned char *const taken = take(count);
    if (is_past_end_) return {};
    return {reinterpret_cast<const char *>(taken), count};
  }

 private:
  ByteRange bytes_;
  bool is_past_end_ = false;
};

Failure too_short() { return "is too short for what it should hold"; }

Failure take_xa_id(Cursor &cursor, std::size_t gtrid, std::size_t bqual,
                   XaId *xa) {
  if (gtrid > longest_xa_part || bqual > longest_xa_part)
    return fmt::format(
        "names an XA transaction by {} and {} bytes; more than {} "
        "are impossible",
        gtrid, bqual, longest_xa_part);
  xa->gtrid = cursor.take_text(gtrid);
  xa->bqual = cursor.take_text(bqual);
  return cursor.is_past_end() ? too_short() : Failure();
}

Failure check_log_name(std::string_view name) {
  if (name.empty()) return "names no log";
  if (name.size() > longest_log_name)
    return fmt::format("names a log by {} bytes; more than {} are impossible",
                       name.size(), longest_log_name);
  if (name.find('\0') != name.npos) return "names a log by a zero byte";
  return {};
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool starts_with(std::string_view text, std::string_view lower_case) {
  if (text.size() < lower_case.size()) return false;
  for (std::size_t i = 0; i < lower_case.size(); ++i)
    if (lower(text[i]) != lower_case[i]) return false;
  return true;
}

/* As the server tells them apart: by these very words, and "XA" in any case. */
QueryKind kind_of(std::string_view statement) {
  if (statement == "BEGIN") return QueryKind::BEGIN;
  if (statement == "COMMIT") return QueryKind::COMMIT;
  if (statement == "ROLLBACK") return QueryKind::ROLLBACK;
  if (!starts_with(statement, "xa ")) return QueryKind::OTHER;
  if (starts_with(statement, "xa commit ")) return QueryKind::XA_COMMIT;
  if (starts_with(statement, "xa rollback ")) return QueryKind::XA_ROLLBACK;
  return QueryKind::XA_OTHER;
}

constexpr std::size_t server_version_size = 50;
// Binlog version, server version, time stamp, length of headers.
constexpr std::size_t format_description_start =
    2 + server_version_size + 4 + 1;
constexpr std::size_t checksum_description_size = 1 + event_checksum_size;

/* Fixed parts of the events that are decoded here, as they have been since
   MariaDB 10.0. */
struct FixedPart {
  EventType type;
  unsigned char size;
};
constexpr FixedPart fixed_parts[] = {
    {EventType::QUERY, 13},     {EventType::ROTATE, 8},
    {EventType::XID, 0},        {EventType::BINLOG_CHECKPOINT, 4},
    {EventType::GTID, 19},      {EventType::GTID_LIST, 4},
    {EventType::XA_PREPARE, 0},
};

std::string who_wrote_it(const FormatDescription &description) {
  const std::string &version = description.server_version;
  if (version.find("MariaDB") != version.npos ||
      version.find("-maria-") != version.npos)
    return "was written by " + version +
           ", and has no GTIDs: MariaDB has them since 10.0";
  return "was written by MySQL " + version +
         ", not by MariaDB: read it with the mysqlbinlog of that release";
}

}  // namespace

std::string to_string(EventType type) {
  switch (type) {
    case EventType::START_V3:
      return "Start_v3";
    case EventType::QUERY:
      return "Query";
    case EventType::STOP:
      return "Stop";
    case EventType::ROTATE:
      return "Rotate";
    case EventType::INTVAR:
      return "Intvar";
    case EventType::SLAVE:
      return "Slave";
    case EventType::RAND:
      return "RAND";
    case EventType::USER_VAR:
      return "User var";
    case EventType::FORMAT_DESCRIPTION:
      return "Format_desc";
    case EventType::XID:
      return "Xid";
    case EventType::TABLE_MAP:
      return "Table_map";
    case EventType::WRITE_ROWS:
      return "Write_rows_v1";
    case EventType::UPDATE_ROWS:
      return "Update_rows_v1";
    case EventType::DELETE_ROWS:
      return "Delete_rows_v1";
    case EventType::INCIDENT:
      return "Incident";
    case EventType::HEARTBEAT:
      return "Heartbeat";
    case EventType::MYSQL_GTID:
      return "MySQL Gtid";
    case EventType::MYSQL_ANONYMOUS_GTID:
      return "MySQL Anonymous_Gtid";
    case EventType::MYSQL_PREVIOUS_GTIDS:
      return "MySQL Previous_gtids";
    case EventType::XA_PREPARE:
      return "XA_prepare";
    case EventType::ANNOTATE_ROWS:
      return "Annotate_rows";
    case EventType::BINLOG_CHECKPOINT:
      return "Binlog_checkpoint";
    case EventType::GTID:
      return "Gtid";
    case EventType::GTID_LIST:
      return "Gtid_list";
    case EventType::START_ENCRYPTION:
      return "Start_encryption";
    case EventType::QUERY_COMPRESSED:
      return "Query_compressed";
    case EventType::WRITE_ROWS_COMPRESSED:
      return "Write_rows_compressed_v1";
    case EventType::UPDATE_ROWS_COMPRESSED:
      return "Update_rows_compressed_v1";
    case EventType::DELETE_ROWS_COMPRESSED:
      return "Delete_rows_compressed_v1";
  }
  return fmt::format("type {}", static_cast<unsigned>(type));
}

std::string to_string(const Gtid &gtid) {
  return fmt::format("{}-{}-{}", gtid.domain, gtid.server_id, gtid.sequence);
}

void clear_in_use_flag(unsigned char *header) {
  header[flags_offset] &= static_cast<unsigned char>(~in_use_flag);
}

bool has_valid_checksum(ByteRange event) {
  if (event.size < event_header_size + event_checksum_size) return false;
  const std::size_t covered = event.size - event_checksum_size;
  uLong crc;
  if (EventType(event.data[type_offset]) == EventType::FORMAT_DESCRIPTION) {
    unsigned char header[event_header_size];
    std::memcpy(header, event.data, sizeof header);
    clear_in_use_flag(header);
    crc = crc32(0, header, sizeof header);
    crc = crc32_z(crc, event.data + sizeof header, covered - sizeof header);
  } else {
    crc = crc32_z(0, event.data, covered);
  }
  return static_cast<std::uint32_t>(crc) == number_32(event.data + covered);
}

Failure decode(const EventHeader &header, ByteRange body,
               FormatDescription *description) {
  *description = {};
  description->server_id = header.server_id;
  description->in_use = header.flags & in_use_flag;
  description->is_relay_log = header.flags & relay_log_flag;
  if (body.size < format_description_start + checksum_description_size)
    return too_short();

  Cursor cursor(body);
  description->binlog_version = cursor.take_16();
  const std::string_view version = cursor.take_text(server_version_size);
  for (const char c : version.substr(0, version.find('\0')))
    description->server_version += c >= ' ' && c <= '~' ? c : '?';
  description->created = cursor.take_32();
  const unsigned header_size = cursor.take_8();
  const std::size_t types = cursor.left() - checksum_description_size;
  const unsigned char *const parts = cursor.take(types);
  const unsigned algorithm = cursor.take_8();

  if (description->binlog_version != 4)
    return fmt::format("has format version {}, which no MariaDB writes",
                       description->binlog_version);
  if (header_size != event_header_size)
    return fmt::format(
        "has event headers of {} bytes; only those of {} are "
        "known",
        header_size, event_header_size);
  if (types > 255) return "lists more event types than are possible";
  description->event_types = static_cast<unsigned>(types);
  if (types < std::size_t(EventType::GTID_LIST))
    return who_wrote_it(*description);
  for (const FixedPart &part : fixed_parts)
    if (parts[std::size_t(part.type) - 1] != part.size)
      return fmt::format(
          "was written by {}, whose {} events are not known here",
          description->server_version, to_string(part.type));
  if (algorithm > unsigned(ChecksumAlgorithm::CRC32))
    return fmt::format("has checksums of kind {}, which is not known here",
                       algorithm);
  description->checksums = ChecksumAlgorithm(algorithm);
  if (description->is_relay_log)
    return "is a relay log: what it holds is another server's. Give the binary "
           "log";
  return {};
}

Failure decode(const EventHeader &header, ByteRange body, GtidEvent *event) {
  enum : unsigned {
    standalone = 1,
    group_commit = 2,
    transactional = 4,
    ddl = 32,
    prepared_xa = 64,
    completed_xa = 128
  };
  enum : unsigned { multi_engine = 1, commit_alter = 4, rollback_alter = 8 };

  *event = {};
  if (body.size < 19) return too_short();
  Cursor cursor(body);
  event->gtid.server_id = header.server_id;
  event->gtid.sequence = cursor.take_64();
  event->gtid.domain = cursor.take_32();
  const unsigned flags = cursor.take_8();
  event->standalone = flags & standalone;
  event->transactional = flags & transactional;
  event->ddl = flags & ddl;
  event->prepares_xa = flags & prepared_xa;
  event->completes_xa = flags & completed_xa;
  if (event->gtid.sequence == 0) return "has the sequence number 0";
  if (flags & group_commit) event->commit_id = cursor.take_64();
  if (flags & (prepared_xa | completed_xa)) {
    XaId xa;
    xa.format = static_cast<std::int32_t>(cursor.take_32());
    const std::size_t gtrid = cursor.take_8(), bqual = cursor.take_8();
    if (cursor.is_past_end()) return too_short();
    if (Failure failure = take_xa_id(cursor, gtrid, bqual, &xa)) return failure;
    event->xa = std::move(xa);
  }
  // Later releases append; what is not known here comes after all that is.
  if (cursor.left() > 0) {
    event->extra_flags = cursor.take_8();
    if (event->extra_flags & multi_engine)
      event->extra_engines = cursor.take_8();
    if (event->extra_flags & (commit_alter | rollback_alter)) cursor.take_64();
  }
  return cursor.is_past_end() ? too_short() : Failure();
}

Failure decode(const EventHeader &, ByteRange body, GtidListEvent *event) {
  constexpr std::size_t entry_size = 16;
  event->gtids.clear();
  Cursor cursor(body);
  const std::size_t count =
      cursor.take_32() & 0x0fffffff;  // four bits of flags
  if (cursor.is_past_end() || count > cursor.left() / entry_size)
    return too_short();
  for (std::size_t i = 0; i < count; ++i) {
    GtidSource source;
    source.domain = cursor.take_32();
    source.server_id = cursor.take_32();
    event->gtids[source] = cursor.take_64();
  }
  return {};
}

Failure decode(const EventHeader &, ByteRange body, XidEvent *event) {
  Cursor cursor(body);
  event->xid = cursor.take_64();
  return cursor.is_past_end() ? too_short() : Failure();
}

Failure decode(const EventHeader &, ByteRange body, XaPrepareEvent *event) {
  Cursor cursor(body);
  event->one_phase = cursor.take_8() != 0;
  event->xa.format = static_cast<std::int32_t>(cursor.take_32());
  const std::size_t gtrid = cursor.take_32(), bqual = cursor.take_32();
  if (cursor.is_past_end()) return too_short();
  return take_xa_id(cursor, gtrid, bqual, &event->xa);
}

Failure decode(const EventHeader &header, ByteRange body,
               std::size_t whole_size, QueryEvent *event) {
  *event = {};
  Cursor cursor(body);
  cursor.take(4 + 4);  // thread, duration
  const std::size_t database_size = cursor.take_8();
  cursor.take(2);  // error
  const std::size_t variables_size = cursor.take_16();
  if (cursor.is_past_end()) return too_short();
  const std::size_t before_statement = 13 + variables_size + database_size + 1;
  if (before_statement > whole_size) return too_short();
  if (before_statement > body.size) return {};
  event->context = cursor.take_text(variables_size);
  event->database = cursor.take_text(database_size);
  cursor.take_8();  // the zero byte behind the name
  event->statement = cursor.take_text(cursor.left());
  if (header.type == EventType::QUERY) {
    event->kind = kind_of(event->statement);
    // What was cut off must not pass for a shorter one.
    if (body.size < whole_size && event->kind < QueryKind::XA_COMMIT)
      event->kind = QueryKind::OTHER;
  }
  return {};
}

Failure decode(const EventHeader &, ByteRange body, RotateEvent *event) {
  Cursor cursor(body);
  event->position = cursor.take_64();
  if (cursor.is_past_end()) return too_short();
  event->next_log = cursor.take_text(cursor.left());
  return check_log_name(event->next_log);
}

Failure decode(const EventHeader &, ByteRange body,
               BinlogCheckpointEvent *event) {
  Cursor cursor(body);
  const std::size_t size = cursor.take_32();
  if (cursor.is_past_end() || size > cursor.left()) return too_short();
  const std::string_view name = cursor.take_text(size);
  if (Failure failure = check_log_name(name)) return failure;
  event->log = name;
  return {};
}

Failure decode(const EventHeader &, ByteRange body,
               StartEncryptionEvent *event) {
  Cursor cursor(body);
  event->scheme = cursor.take_8();
  event->key_version = cursor.take_32();
  const unsigned char *const nonce = cursor.take(event->nonce.size());
  if (cursor.is_past_end() || cursor.left() != 0)
    return "has not the size that it should have";
  std::memcpy(event->nonce.data(), nonce, event->nonce.size());
  if (event->scheme != 1)
    return fmt::format("has the encryption scheme {}, which is not known here",
                       event->scheme);
  return {};
}

}  // namespace recovery_gate
