#include "recovery_gate/binlog_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace recovery_gate {
namespace {

constexpr unsigned char magic[4] = {0xfe, 'b', 'i', 'n'};
constexpr std::uint64_t header_size = 19;
constexpr std::size_t length_offset = 9, type_offset = 4, flags_offset = 17;
constexpr unsigned char format_description_event = 15;
constexpr unsigned in_use_flag = 0x1;

std::uint32_t little_endian_32(const unsigned char *p) {
  return std::uint32_t(p[0]) | std::uint32_t(p[1]) << 8 |
         std::uint32_t(p[2]) << 16 | std::uint32_t(p[3]) << 24;
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
    fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd_ < 0 || ::fstat(fd_, &status) != 0) {
      *error = "cannot open " + path + ": " + std::strerror(errno);
      return false;
    }
    size_ = static_cast<std::uint64_t>(status.st_size);
    return true;
  }

  std::uint64_t size() const { return size_; }

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
  if (!to_the_end) return facts;

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

BinlogFileFacts read_binlog_header(const std::string &path) {
  return read(path, false);
}

BinlogFileFacts read_binlog_end(const std::string &path) {
  return read(path, true);
}

}  // namespace recovery_gate
