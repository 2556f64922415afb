// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/binlog/binlog_reader.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>

namespace recovery_gate {
namespace {

using wire::number_32;

constexpr std::size_t length_offset = 9, end_position_offset = 13;
constexpr std::size_t largest_body_start = 4096;

// A read costs about what copying this many bytes does: leaving out less does
// not pay.
constexpr std::uint64_t worth_skipping = 6144;
// After a large event come the small ones with which one transaction ends and
// another begins, or another large one: as much is read as was of use last
// time.
constexpr std::size_t smallest_read = 64, largest_first_read = 512;

// In an encrypted event: its length, of what is in front, and what has to be
// decrypted to see the header.
constexpr std::size_t cipher_block = 16, clear_start = 4;
constexpr std::size_t encrypted_header_size = clear_start + cipher_block;
constexpr std::size_t largest_plain_start = 8192;

constexpr const char *no_binary_log =
    " is not a binary log: it does not begin with the magic bytes fe 62 69 6e";
constexpr const char *torn_start =
    " ends inside its first event: the server crashed when it had just begun this "
    "log, and no transaction is in it";
constexpr const char *only_in_the_server =
    " is encrypted: its events can only be read inside the server, which has the "
    "keys. Load the plugin there and query "
    "INFORMATION_SCHEMA.RECOVERY_GATE_XIDS";

}  // namespace

const char *to_string(Tail tail) {
  switch (tail) {
    case Tail::CLEAN:
      return "CLEAN";
    case Tail::TORN:
      return "TORN";
    case Tail::DAMAGED:
      return "DAMAGED";
  }
  return "";
}

BinlogReader::BinlogReader(ByteSource &source, EventDecryptor *decryptor)
    : source_(source), decryptor_(decryptor), next_read_(smallest_read) {}

Failure BinlogReader::open() {
  Failure failure = open_format();
  if (!failure) failure = open_encryption();
  if (failure) {
    is_at_end_ = true;
    headers_ahead_ = 0;
  } else {
    seek(binlog_magic.size());
  }
  return failure;
}

Failure BinlogReader::open_format() {
  const std::string &name = source_.name();
  const std::uint64_t size = source_.size();
  constexpr std::size_t first = binlog_magic.size();
  if (size == 0)
    return name +
           " is empty: it is no binary log, or the server crashed before "
           "it had written anything to it";
  if (size < first) return name + no_binary_log;
  const unsigned char *start = at(0, first);
  if (start == nullptr) return error_;
  if (std::memcmp(start,
                  "\xfd"
                  "bin",
                  first) == 0)
    return name +
           " is an encrypted binary log of MySQL: read it with the "
           "mysqlbinlog of that release";
  if (std::memcmp(start, binlog_magic.data(), first) != 0)
    return name + no_binary_log;

  if (size < first + event_header_size) return name + torn_start;
  start = at(first, event_header_size);
  if (start == nullptr) return error_;
  const EventHeader header = decode_header(start);
  if (header.type == EventType::START_V3)
    return name +
           " was written by MySQL before 5.0: read it with the "
           "mysqlbinlog of that release";
  if (header.type != EventType::FORMAT_DESCRIPTION)
    return name +
           " does not begin with a format description event, as binary "
           "logs of MariaDB do";
  is_binlog_ = true;
  format_.in_use = header.flags & in_use_flag;
  format_.is_relay_log = header.flags & relay_log_flag;
  format_.server_id = header.server_id;
  if (header.length < event_header_size ||
      header.length > largest_format_description)
    return fmt::format("{}: its format description event cannot have {} bytes",
                       name, header.length);
  if (header.length > size - first) return name + torn_start;

  start = at(first, header.length);
  if (start == nullptr) return error_;
  const ByteRange body{start + event_header_size,
                       header.length - event_header_size};
  if (const Failure failure = decode(header, body, &format_))
    return name + " " + failure.text();
  if (has_checksums() && !has_valid_checksum({start, header.length}))
    return name + ": the checksum of its format description event is wrong";
  limit_ = size;
  seek(first + header.length);
  return {};
}

/* The event behind the format description says whether those after it are
   encrypted. */
Failure BinlogReader::open_encryption() {
  Event event;
  if (!next(&event) || event.header.type != EventType::START_ENCRYPTION)
    return error_;
  ByteRange bytes;
  Encryption encryption;
  if (Failure failure = body(event, &bytes)) return failure;
  if (const Failure failure = decode(event.header, bytes, &encryption.start))
    return rejected(event, failure.text());
  encryption.from = event.end();
  encryption_ = encryption;
  if (decryptor_ == nullptr) {
    unreadable_ = source_.name() + only_in_the_server;
    return {};
  }
  if (const Failure failure = decryptor_->start(encryption.start.scheme,
                                                encryption.start.key_version))
    unreadable_ = source_.name() +
                  " is encrypted, and cannot be decrypted: " + failure.text();
  return {};
}

void BinlogReader::seek(std::uint64_t offset) {
  position_ = offset;
  is_at_end_ = false;
  tail_ = Tail::CLEAN;
  tail_reason_.clear();
  error_ = {};
  block_start_ = offset;
  block_filled_ = headers_ahead_ = 0;
  next_read_ = smallest_read;
  run_start_ = last_ = offset;
}

void BinlogReader::seek_by_lengths(std::uint64_t offset) {
  goes_by_lengths_ = true;
  limit_ = source_.size();
  seek(offset);
}

void BinlogReader::set_limit(std::uint64_t limit) {
  limit_ = std::min(limit, source_.size());
}

void BinlogReader::fail(const std::string &why) {
  is_at_end_ = true;
  headers_ahead_ = 0;
  error_ = "cannot read " + source_.name() + ": " + why;
}

/*
  `count` bytes at `offset`, which must be in the source, and not more than
  read_ahead. nullptr when reading fails: error_ says so.
*/
unsigned char *BinlogReader::at(std::uint64_t offset, std::size_t count) {
  const std::uint64_t block_end = block_start_ + block_filled_;
  if (offset >= block_start_ && offset <= block_end &&
      count <= block_end - offset)
    return block_.data() + (offset - block_start_);

  const bool skips =
      offset < block_start_ ||
      (offset > block_end && offset - block_end >= worth_skipping);
  if (skips) {
    const std::uint64_t used =
        std::max(last_, run_start_) - run_start_ + event_header_size;
    next_read_ = used <= smallest_read ? smallest_read : largest_first_read;
    run_start_ = offset;
  } else {
    next_read_ = std::min(next_read_ * 2, read_ahead);
  }
  const std::size_t wanted = std::max(count, next_read_);
  if (block_.size() < wanted) block_.resize(wanted);
  std::size_t got = 0;
  const bool is_read = read(offset, block_.data(), wanted, count, &got);
  block_start_ = offset;
  block_filled_ = got;
  headers_ahead_ = got >= event_header_size && !encryption_ && !is_at_end_
                       ? got - event_header_size + 1
                       : 0;
  return is_read ? block_.data() : nullptr;
}

/* At least `needed` bytes, and `wanted` where there are as many. When that
   fails, error_ says so. */
bool BinlogReader::read(std::uint64_t offset, unsigned char *to,
                        std::size_t wanted, std::size_t needed,
                        std::size_t *got) {
  const int number = source_.read(offset, to, wanted, got);
  if (number != 0)
    fail(std::strerror(number));
  else if (*got < needed)
    fail("it has become shorter");
  else
    return true;
  return false;
}

/* The same of not more than body_limit bytes. */
unsigned char *BinlogReader::at_any_size(std::uint64_t offset,
                                         std::size_t count) {
  if (count <= read_ahead) return at(offset, count);
  if (large_.size() < count) large_.resize(body_limit);
  std::size_t got = 0;
  return read(offset, large_.data(), count, count, &got) ? large_.data()
                                                         : nullptr;
}

/*
  The first `count` bytes of an encrypted event: all, or the cipher's blocks as
  a whole behind the first four bytes. The length stands in the middle of what
  was encrypted; what had its place is in front, and the time stamp had that
  before.
*/
const unsigned char *BinlogReader::decrypt(std::uint64_t offset,
                                           unsigned char *event,
                                           std::size_t count) {
  constexpr std::size_t moved = 4;
  const auto &nonce = encryption_->start.nonce;
  EventDecryptor::Iv iv;
  std::copy(nonce.begin(), nonce.end(), iv.begin());
  for (std::size_t i = 0; i < moved; ++i)
    iv[nonce.size() + i] = static_cast<unsigned char>(offset >> (8 * i));

  if (plain_.size() < count)
    plain_.resize(count <= largest_plain_start ? largest_plain_start
                                               : body_limit);
  unsigned char *const plain = plain_.data();
  unsigned char length[moved];
  std::memcpy(length, event + length_offset, moved);
  std::memcpy(event + length_offset, event, moved);
  const bool is_done =
      decryptor_->decrypt(iv, event + moved, count - moved, plain + moved);
  std::memcpy(event + length_offset, length, moved);
  if (!is_done) {
    fail(fmt::format("the event at {} could not be decrypted", offset));
    return nullptr;
  }
  std::memcpy(plain, plain + length_offset, moved);
  std::memcpy(plain + length_offset, length, moved);
  return plain;
}

/* Of the event at `offset`, behind which are `remaining` bytes, at least those
   of a header. */
bool BinlogReader::read_header(std::uint64_t offset, std::uint64_t remaining,
                               EventHeader *header) {
  const bool is_clear = is_in_clear(offset);
  const std::size_t wanted =
      is_clear || unreadable_
          ? event_header_size
          : static_cast<std::size_t>(
                std::min<std::uint64_t>(remaining, encrypted_header_size));
  unsigned char *const bytes = at(offset, wanted);
  if (bytes == nullptr) return false;
  if (is_clear) {
    *header = decode_header(bytes);
    return true;
  }
  const std::uint32_t length = number_32(bytes + length_offset);
  *header = {};
  header->type = EventType(0);
  header->length = length;
  if (unreadable_ || length < event_header_size || length > remaining)
    return true;
  const unsigned char *const plain =
      decrypt(offset, bytes, std::min<std::size_t>(length, wanted));
  if (plain == nullptr) return false;
  *header = decode_header(plain);
  return true;
}

bool BinlogReader::next_slowly(Event *event) {
  if (is_at_end_) return false;
  if (position_ == limit_) {
    is_at_end_ = true;
    headers_ahead_ = 0;
    return false;
  }
  if (position_ > limit_) {
    end_walk(position_, std::nullopt,
             fmt::format("it ends at {}, before {}", limit_, position_));
    return false;
  }
  const std::uint64_t remaining = limit_ - position_;
  if (remaining < event_header_size) {
    end_walk(position_, std::nullopt,
             fmt::format("at {} there are {} bytes, too few for an event",
                         position_, remaining));
    return false;
  }
  EventHeader header;
  if (!read_header(position_, remaining, &header)) return false;
  const std::uint64_t end = position_ + header.length;
  if (header.length < event_header_size) {
    end_walk(position_, std::nullopt,
             fmt::format("at {} is no event: it would have {} bytes", position_,
                         header.length));
    return false;
  }
  if (header.length > remaining) {
    end_walk(
        position_, std::nullopt,
        fmt::format("the event at {} should have {} bytes, and there are {}",
                    position_, header.length, remaining));
    return false;
  }
  if (!ends_at(header, end)) {
    end_walk(position_, end,
             fmt::format("the event at {} says that it ends at {}, and its "
                         "length that it ends at {}",
                         position_, header.end_position, end));
    return false;
  }
  event->header = header;
  event->offset = last_ = position_;
  position_ = end;
  return true;
}

/* Reads past the block, which a search must not lose. */
bool BinlogReader::is_event_at(std::uint64_t offset, std::uint64_t *end) {
  if (offset >= limit_ || limit_ - offset < event_header_size) return false;
  const std::uint64_t remaining = limit_ - offset;
  unsigned char bytes[encrypted_header_size];
  std::size_t got = 0;
  if (source_.read(offset, bytes,
                   static_cast<std::size_t>(
                       std::min<std::uint64_t>(remaining, sizeof bytes)),
                   &got) != 0 ||
      got < event_header_size)
    return false;
  const std::uint32_t length = number_32(bytes + length_offset);
  if (length < event_header_size || length > remaining) return false;
  const unsigned char *plain = bytes;
  if (!is_in_clear(offset)) {
    if (unreadable_) return false;
    plain = decrypt(offset, bytes, std::min<std::size_t>(length, got));
    if (plain == nullptr) return false;
  }
  const EventHeader header = decode_header(plain);
  *end = offset + length;
  return header.end_position == static_cast<std::uint32_t>(*end) &&
         unsigned(header.type) != 0 &&
         unsigned(header.type) <= format_.event_types;
}

/*
  Is there an event anywhere from `offset` on? One is taken for an event when it
  says itself where it ends, and another follows it, or the end of the log.
  Where the log is encrypted, nothing can be seen of that.
*/
bool BinlogReader::finds_event_from(std::uint64_t offset) {
  if (!is_in_clear(offset)) return false;
  while (offset < limit_ && limit_ - offset >= event_header_size) {
    const std::size_t count = static_cast<std::size_t>(
        std::min<std::uint64_t>(limit_ - offset, read_ahead));
    std::size_t got = 0;
    block_filled_ = 0;
    if (block_.size() < count) block_.resize(count);
    if (source_.read(offset, block_.data(), count, &got) != 0 ||
        got < event_header_size)
      return false;
    const std::size_t places = got - event_header_size + 1;
    for (std::size_t i = 0; i < places; ++i) {
      const unsigned char *const p = block_.data() + i;
      if (number_32(p + end_position_offset) !=
          static_cast<std::uint32_t>(offset + i) + number_32(p + length_offset))
        continue;
      std::uint64_t end = 0, end_of_next = 0;
      if (is_event_at(offset + i, &end) &&
          (limit_ - end < event_header_size || is_event_at(end, &end_of_next)))
        return true;
    }
    offset += places;
  }
  return false;
}

/* `next` is where the next event begins, if that can be believed. */
void BinlogReader::end_walk(std::uint64_t offset,
                            std::optional<std::uint64_t> next,
                            const std::string &why) {
  position_ = offset;
  is_at_end_ = true;
  headers_ahead_ = 0;
  std::uint64_t end = 0;
  const bool goes_on =
      !goes_by_lengths_ && ((next && is_event_at(*next, &end)) ||
                            (offset < limit_ && finds_event_from(offset + 1)));
  tail_ = goes_on ? Tail::DAMAGED : Tail::TORN;
  tail_reason_ = source_.name() + ": " + why;
}

void BinlogReader::reject(const Event &event, const std::string &why) {
  end_walk(event.offset, event.end(),
           fmt::format("the {} event at {} {}", to_string(event.header.type),
                       event.offset, why));
}

Failure BinlogReader::rejected(const Event &event, const std::string &why) {
  reject(event, why);
  return tail_reason_;
}

/* The first `count` bytes of an event, in the clear. */
const unsigned char *BinlogReader::start_of(const Event &event,
                                            std::size_t count) {
  if (is_in_clear(event.offset)) return at_any_size(event.offset, count);
  const std::size_t blocks =
      (count - clear_start + cipher_block - 1) / cipher_block;
  count = std::min<std::size_t>(event.header.length,
                                clear_start + blocks * cipher_block);
  unsigned char *const bytes = at_any_size(event.offset, count);
  return bytes == nullptr ? nullptr : decrypt(event.offset, bytes, count);
}

Failure BinlogReader::body(const Event &event, ByteRange *body) {
  *body = {};
  if (!is_in_clear(event.offset) && unreadable_) return unreadable_;
  const std::size_t length = event.header.length;
  if (length > body_limit)
    return fmt::format(
        "{}: the {} event at {} has {} bytes, and more than {} are "
        "not read",
        source_.name(), to_string(event.header.type), event.offset, length,
        body_limit);
  const unsigned char *const bytes = start_of(event, length);
  if (bytes == nullptr) return error_;
  if (has_checksums()) {
    if (length < event_header_size + event_checksum_size)
      return rejected(event, "is too short for its checksum");
    if (!has_valid_checksum({bytes, length}))
      return rejected(event, "has a wrong checksum");
  }
  *body = {bytes + event_header_size, body_size(event)};
  return {};
}

Failure BinlogReader::body_start(const Event &event, std::size_t size,
                                 ByteRange *body) {
  size = std::min(size, largest_body_start);
  if (body_size(event) <= size) return this->body(event, body);
  *body = {};
  if (!is_in_clear(event.offset) && unreadable_) return unreadable_;
  const unsigned char *const bytes = start_of(event, event_header_size + size);
  if (bytes == nullptr) return error_;
  *body = {bytes + event_header_size, size};
  return {};
}

Failure BinlogReader::verify(const Event &event) {
  if (!has_checksums()) return {};
  const std::size_t length = event.header.length;
  if (length <= read_ahead || !is_in_clear(event.offset)) {
    ByteRange ignored;
    return body(event, &ignored);
  }
  // In pieces: there is no limit to its size.
  uLong crc = 0;
  std::uint64_t offset = event.offset;
  const std::uint64_t covered_end = event.end() - event_checksum_size;
  while (offset < covered_end) {
    const std::size_t count = static_cast<std::size_t>(
        std::min<std::uint64_t>(covered_end - offset, read_ahead));
    const unsigned char *const bytes = at(offset, count);
    if (bytes == nullptr) return error_;
    crc = crc32_z(crc, bytes, count);
    offset += count;
  }
  const unsigned char *const bytes = at(offset, event_checksum_size);
  if (bytes == nullptr) return error_;
  if (number_32(bytes) != static_cast<std::uint32_t>(crc))
    return rejected(event, "has a wrong checksum");
  return {};
}

std::optional<GtidState> read_gtids_before(BinlogReader &reader) {
  Event event;
  while (reader.next(&event)) {
    if (event.header.type == EventType::FORMAT_DESCRIPTION ||
        event.header.type == EventType::START_ENCRYPTION)
      continue;
    ByteRange body;
    GtidListEvent list;
    if (event.header.type != EventType::GTID_LIST ||
        reader.body(event, &body) || decode(event.header, body, &list))
      break;
    return std::move(list.gtids);
  }
  return std::nullopt;
}

}  // namespace recovery_gate
