// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/binlog/byte_source.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "recovery_gate/binlog/quiet_open.h"

namespace recovery_gate {

int read_at(int file, std::uint64_t offset, void *to, std::size_t count,
            std::size_t *got) {
  *got = 0;
  std::size_t filled = 0;
  while (filled < count) {
    const ssize_t more =
        ::pread(file, static_cast<char *>(to) + filled, count - filled,
                static_cast<off_t>(offset + filled));
    if (more < 0 && errno == EINTR) continue;
    if (more < 0) return errno;
    if (more == 0) break;
    filled += static_cast<std::size_t>(more);
  }
  *got = filled;
  return 0;
}

FileSource::~FileSource() {
  if (file_ >= 0) ::close(file_);
}

Failure FileSource::open(const std::string &path) {
  path_ = path;
  file_ = open_quietly(path);
  struct stat status;
  if (file_ < 0 || ::fstat(file_, &status) != 0)
    return "cannot open " + path + ": " + std::strerror(errno);
  if (!S_ISREG(status.st_mode)) return path + " is not a regular file";
  size_ = static_cast<std::uint64_t>(status.st_size);
  return {};
}

int FileSource::read(std::uint64_t offset, void *to, std::size_t count,
                     std::size_t *got) {
  *got = 0;
  if (offset >= size_) return 0;
  count =
      static_cast<std::size_t>(std::min<std::uint64_t>(count, size_ - offset));
  if (offset + count > start_size)
    return read_at(file_, offset, to, count, got);
  if (start_filled_ == 0) {
    const std::size_t wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(start_size, size_));
    const int number = read_at(file_, 0, start_, wanted, &start_filled_);
    if (number != 0) return number;
  }
  // Less than wanted: it has become shorter.
  if (offset >= start_filled_) return 0;
  *got = std::min<std::size_t>(count, start_filled_ - offset);
  std::memcpy(to, start_ + offset, *got);
  return 0;
}

MemorySource::MemorySource(const void *bytes, std::size_t size,
                           std::string name)
    : bytes_(static_cast<const unsigned char *>(bytes)),
      size_(size),
      name_(std::move(name)) {}

int MemorySource::read(std::uint64_t offset, void *to, std::size_t count,
                       std::size_t *got) {
  *got = 0;
  if (offset >= size_) return 0;
  *got =
      static_cast<std::size_t>(std::min<std::uint64_t>(count, size_ - offset));
  if (*got != 0) std::memcpy(to, bytes_ + offset, *got);
  return 0;
}

}  // namespace recovery_gate
