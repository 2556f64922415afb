// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/binlog/binlog_file.h"

#include <unistd.h>

#include <algorithm>
#include <boost/crc.hpp>

#include "recovery_gate/binlog/binlog_reader.h"
#include "recovery_gate/binlog/quiet_open.h"
#include "recovery_gate/binlog/transaction_scanner.h"

namespace recovery_gate {
namespace {

// What binlog_identity() covers of the bytes before the offset: an event's end
// with its checksum, and what tells its transaction from others.
constexpr std::uint64_t identifying_tail = 64;

BinlogFileFacts read(const std::string &path, bool to_the_end) {
  BinlogFileFacts facts;
  FileSource file;
  facts.error = file.open(path);
  if (facts.error) return facts;
  facts.size = file.size();
  if (facts.size < start_of_events + event_header_size) {
    facts.error = path + " is too short for a binary log";
    return facts;
  }

  BinlogReader reader(file);
  const Failure unreadable = reader.open();
  if (!reader.is_binlog()) {
    facts.error = unreadable;
    return facts;
  }
  facts.in_use = reader.format().in_use;
  facts.server_id = reader.format().server_id;
  if (to_the_end) {
    reader.seek_by_lengths(start_of_events);
    for (Event event; reader.next(&event);) continue;
    if (!reader.error()) facts.end_of_events = reader.position();
  } else if (!unreadable) {
    facts.gtids_before = read_gtids_before(reader);
  }
  facts.error = reader.error();
  return facts;
}

}  // namespace

BinlogStretch walk_binlog(const std::string &path, std::uint64_t from,
                          std::optional<std::uint64_t> to) {
  BinlogStretch stretch;
  FileSource file;
  if (file.open(path)) return stretch;
  const std::uint64_t end = to.value_or(file.size());
  if (from > end || end > file.size()) return stretch;
  BinlogReader reader(file);
  reader.seek_by_lengths(from);
  for (Event event; reader.position() < end && reader.next(&event);) {
    if (event.header.type == EventType::GTID)
      stretch.writers.insert(event.header.server_id);
    else if (stretch.writers.empty() && !is_of_log(event.header.type))
      stretch.begins_within = true;
  }
  // A crash may have torn the last event apart.
  stretch.is_whole = to ? reader.position() == *to : !reader.error();
  return stretch;
}

Around transaction_around(const std::string &path, std::uint64_t offset) {
  Around around;
  FileSource file;
  if (file.open(path)) return around;
  BinlogReader reader(file);
  reader.seek_by_lengths(offset);
  Event next;
  around.is_within = reader.next(&next) &&
                     next.header.type != EventType::GTID &&
                     !is_of_log(next.header.type);
  if (!around.is_within) return around;
  ScanOptions options;
  options.to = offset;
  const ScanResult before = scan(file, options, {});
  if (before.unfinished) around.gtid = before.unfinished->gtid;
  return around;
}

std::optional<std::uint32_t> binlog_identity(int file, std::uint64_t offset) {
  unsigned char description[largest_format_description], tail[identifying_tail];
  std::size_t got = 0;
  if (read_at(file, start_of_events, description, sizeof description, &got) !=
          0 ||
      got < event_header_size)
    return std::nullopt;
  const EventHeader header = decode_header(description);
  if (header.type != EventType::FORMAT_DESCRIPTION ||
      header.length < event_header_size || header.length > got)
    return std::nullopt;
  const std::uint64_t first = start_of_events + header.length;
  if (offset < first) return std::nullopt;
  const std::size_t length = std::min(offset - first, identifying_tail);
  if (read_at(file, offset - length, tail, length, &got) != 0 || got < length)
    return std::nullopt;
  clear_in_use_flag(description);
  // CRC-32C: an event ends with its CRC-32, and a CRC of the same polynomial is
  // blind to changes in what carries such a checksum.
  boost::crc_optimal<32, 0x1edc6f41, 0xffffffff, 0xffffffff, true, true> crc;
  crc.process_bytes(description, header.length);
  crc.process_bytes(tail, length);
  return static_cast<std::uint32_t>(crc.checksum());
}

std::optional<std::uint32_t> binlog_identity(const std::string &path,
                                             std::uint64_t offset) {
  const int file = open_quietly(path);
  if (file < 0) return std::nullopt;
  const auto identity = binlog_identity(file, offset);
  ::close(file);
  return identity;
}

BinlogFileFacts read_binlog_header(const std::string &path) {
  return read(path, false);
}

std::uint32_t read_log_writer(ByteSource &log) {
  BinlogReader reader(log);
  // Also of one that cannot be read further.
  static_cast<void>(reader.open());
  return reader.format().server_id;
}

BinlogFileFacts read_binlog_end(const std::string &path) {
  return read(path, true);
}

}  // namespace recovery_gate
