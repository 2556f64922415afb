#include "recovery_gate/binlog/binlog_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/crc.hpp>
#include <cerrno>
#include <cstring>
#include <vector>

#include "recovery_gate/binlog/quiet_open.h"

namespace recovery_gate {
namespace {

constexpr unsigned char magic[4] = {0xfe, 'b', 'i', 'n'};
constexpr std::uint64_t header_size = 19;
constexpr std::size_t type_offset = 4, server_id_offset = 5, length_offset = 9,
                      flags_offset = 17;
constexpr unsigned char format_description_event = 15, gtid_event = 162,
                        gtid_list_event = 163;
constexpr unsigned char in_use_flag = 0x1;
constexpr std::size_t checksum_size = 4;
// Format version, server version, time stamp, length of headers, checksum
// algorithm, checksum.
constexpr std::size_t smallest_format_description =
    header_size + 2 + 50 + 4 + 1 + 1 + checksum_size;
constexpr std::size_t largest_format_description = 4096;
constexpr std::size_t gtid_list_entry_size = 16;
constexpr std::size_t largest_gtid_list = 1 << 20;
// What binlog_identity() covers of the bytes before the offset: an event's end
// with its checksum, and what tells its transaction from others.
constexpr std::uint64_t identifying_tail = 64;

std::uint32_t little_endian_32(const unsigned char *p) {
  return std::uint32_t(p[0]) | std::uint32_t(p[1]) << 8 |
         std::uint32_t(p[2]) << 16 | std::uint32_t(p[3]) << 24;
}

std::uint64_t little_endian_64(const unsigned char *p) {
  return little_endian_32(p) | std::uint64_t(little_endian_32(p + 4)) << 32;
}

using Bytes = std::vector<unsigned char>;

/* False when the file has fewer bytes there, or reading fails (`errno` is then
   not 0). */
bool read_at(int fd, std::uint64_t offset, std::size_t length, Bytes *bytes) {
  bytes->resize(length);
  for (std::size_t filled = 0; filled < length;) {
    errno = 0;
    const ssize_t got = ::pread(fd, bytes->data() + filled, length - filled,
                                static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    filled += static_cast<std::size_t>(got);
  }
  return true;
}

/* A whole event of at most `largest` bytes. */
bool read_event(int fd, std::uint64_t offset, std::size_t largest,
                Bytes *event) {
  if (!read_at(fd, offset, header_size, event)) return false;
  const std::size_t length = little_endian_32(event->data() + length_offset);
  return length >= header_size && length <= largest &&
         read_at(fd, offset, length, event);
}

bool has_valid_checksum(const Bytes &event) {
  boost::crc_32_type crc;
  const std::size_t covered = event.size() - checksum_size;
  crc.process_bytes(event.data(), covered);
  return crc.checksum() == little_endian_32(event.data() + covered);
}

/* The Gtid_list at `offset`; nothing when there is none that can be trusted. */
std::optional<GtidState> read_gtid_list(int fd, std::uint64_t offset,
                                        bool has_checksum) {
  Bytes event;
  if (!read_event(fd, offset, largest_gtid_list, &event) ||
      event[type_offset] != gtid_list_event)
    return std::nullopt;
  std::size_t length = event.size();
  if (has_checksum) {
    if (length < header_size + checksum_size || !has_valid_checksum(event))
      return std::nullopt;
    length -= checksum_size;
  }
  if (length < header_size + 4) return std::nullopt;
  const unsigned char *entry = event.data() + header_size;
  const std::size_t count = little_endian_32(entry) & 0x0fffffff;
  if (count > (length - header_size - 4) / gtid_list_entry_size)
    return std::nullopt;
  entry += 4;
  GtidState gtids;
  for (std::size_t i = 0; i < count; ++i, entry += gtid_list_entry_size)
    gtids[{little_endian_32(entry), little_endian_32(entry + 4)}] =
        little_endian_64(entry + 8);
  return gtids;
}

std::optional<GtidState> read_gtids_before(int fd) {
  Bytes description;
  if (!read_event(fd, sizeof magic, largest_format_description,
                  &description) ||
      description.size() < smallest_format_description)
    return std::nullopt;
  const unsigned char algorithm =
      description[description.size() - checksum_size - 1];
  if (algorithm > 1) return std::nullopt;
  return read_gtid_list(fd, sizeof magic + description.size(), algorithm == 1);
}

/* Bytes of a file at any offset, read ahead in blocks: small events are many
   to a block, and the body of a large one is never read. */
class BlockReader {
 public:
  BlockReader() : block_(1 << 16) {}
  ~BlockReader() {
    if (fd_ >= 0) ::close(fd_);
  }
  BlockReader(const BlockReader &) = delete;
  BlockReader &operator=(const BlockReader &) = delete;

  bool open(const std::string &path, std::string *error) {
    fd_ = open_quietly(path);
    struct stat status;
    if (fd_ < 0 || ::fstat(fd_, &status) != 0) {
      *error = "cannot open " + path + ": " + std::strerror(errno);
      return false;
    }
    size_ = static_cast<std::uint64_t>(status.st_size);
    return true;
  }

  std::uint64_t size() const { return size_; }
  int descriptor() const { return fd_; }

  /* `length` bytes at `offset`, or nullptr when the file has fewer there or
     reading fails (`errno` is then not 0). Valid until the next call. */
  const unsigned char *at(std::uint64_t offset, std::size_t length) {
    errno = 0;
    if (offset > size_ || length > size_ - offset) return nullptr;
    if (offset < start_ || offset + length > start_ + filled_) {
      start_ = offset;
      filled_ = 0;
      while (filled_ < length) {
        const ssize_t got =
            ::pread(fd_, block_.data() + filled_, block_.size() - filled_,
                    static_cast<off_t>(start_ + filled_));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return nullptr;
        filled_ += static_cast<std::size_t>(got);
      }
    }
    errno = 0;  // an interrupted read was made up for
    return block_.data() + (offset - start_);
  }

 private:
  int fd_ = -1;
  std::uint64_t size_ = 0, start_ = 0;
  std::size_t filled_ = 0;
  std::vector<unsigned char> block_;
};

BinlogFileFacts read(const std::string &path, bool to_the_end) {
  BinlogFileFacts facts;
  BlockReader file;
  if (!file.open(path, &facts.error)) return facts;
  facts.size = file.size();

  const unsigned char *start = file.at(0, sizeof magic + header_size);
  if (start == nullptr) {
    facts.error = path + (errno ? std::string(": ") + std::strerror(errno)
                                : " is too short for a binary log");
    return facts;
  }
  if (std::memcmp(start, magic, sizeof magic) != 0) {
    facts.error = path + " is not a binary log: it does not begin with the "
                         "magic bytes fe 62 69 6e";
    return facts;
  }
  const unsigned char *header = start + sizeof magic;
  if (header[type_offset] != format_description_event) {
    facts.error = path + " does not begin with a format description event";
    return facts;
  }
  facts.in_use = header[flags_offset] & in_use_flag;
  facts.server_id = little_endian_32(header + server_id_offset);
  if (!to_the_end) {
    facts.gtids_before = read_gtids_before(file.descriptor());
    return facts;
  }

  std::uint64_t end = sizeof magic;
  while (const unsigned char *event = file.at(end, header_size)) {
    const std::uint64_t length = little_endian_32(event + length_offset);
    if (length < header_size || length > file.size() - end) break;
    end += length;
  }
  if (errno != 0) {
    facts.error = path + ": " + std::strerror(errno);
    return facts;
  }
  facts.end_of_events = end;
  return facts;
}

}  // namespace

BinlogStretch walk_binlog(const std::string &path, std::uint64_t from,
                          std::optional<std::uint64_t> to) {
  BinlogStretch stretch;
  BlockReader file;
  std::string error;
  if (!file.open(path, &error)) return stretch;
  const std::uint64_t end = to.value_or(file.size());
  if (from > end || end > file.size()) return stretch;
  while (from < end) {
    const unsigned char *event = file.at(from, header_size);
    if (event == nullptr) break;
    const std::uint64_t length = little_endian_32(event + length_offset);
    if (length < header_size || length > file.size() - from) break;
    if (event[type_offset] == gtid_event)
      stretch.writers.insert(little_endian_32(event + server_id_offset));
    from += length;
  }
  // A crash may have torn the last event apart.
  stretch.is_whole = to ? from == *to : errno == 0;
  return stretch;
}

std::optional<std::uint32_t> binlog_identity(int file, std::uint64_t offset) {
  Bytes description, tail;
  if (!read_event(file, sizeof magic, largest_format_description,
                  &description) ||
      description[type_offset] != format_description_event)
    return std::nullopt;
  description[flags_offset] &= static_cast<unsigned char>(~in_use_flag);
  const std::uint64_t first = sizeof magic + description.size();
  if (offset < first) return std::nullopt;
  const std::uint64_t length = std::min(offset - first, identifying_tail);
  if (!read_at(file, offset - length, length, &tail)) return std::nullopt;
  // CRC-32C: an event ends with its CRC-32, and a CRC of the same polynomial is
  // blind to changes in what carries such a checksum.
  boost::crc_optimal<32, 0x1edc6f41, 0xffffffff, 0xffffffff, true, true> crc;
  crc.process_bytes(description.data(), description.size());
  crc.process_bytes(tail.data(), tail.size());
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

BinlogFileFacts read_binlog_end(const std::string &path) {
  return read(path, true);
}

}  // namespace recovery_gate
