// SPDX-License-Identifier: GPL-2.0-only
/*
  Bytes at any offset of something that does not fit into memory.
*/
#ifndef RECOVERY_GATE_BYTE_SOURCE_H
#define RECOVERY_GATE_BYTE_SOURCE_H

#include <cstddef>
#include <cstdint>
#include <string>

#include "recovery_gate/base/failure.h"

namespace recovery_gate {

/* Not for more than one thread at once. */
class ByteSource {
 public:
  virtual ~ByteSource() = default;

  /* What messages call it: the path of a file. */
  virtual const std::string &name() const = 0;

  /* Bytes that there are to be read. Does not change. */
  virtual std::uint64_t size() const = 0;

  /*
    Reads `count` bytes from `offset`, or those that there are: `*got` is less
    than `count` only at the end. Returns 0 or an errno, and `*got` is then 0.
  */
  virtual int read(std::uint64_t offset, void *to, std::size_t count,
                   std::size_t *got) = 0;
};

/* The same of an open file, to its end. Leaves its position alone. */
int read_at(int file, std::uint64_t offset, void *to, std::size_t count,
            std::size_t *got);

/* A file, which may grow, be renamed or be removed meanwhile. Its first bytes
   are read together, once: all of a log's beginning, or of a log that has
   little in it, at the price of one call. */
class FileSource final : public ByteSource {
 public:
  FileSource() = default;
  ~FileSource() override;
  FileSource(const FileSource &) = delete;
  FileSource &operator=(const FileSource &) = delete;

  /* Once. Its size is what it is now: what is written later is not seen. Only a
     regular file is opened, and nothing of it is changed, nor when it was read
     last where the system lets us. */
  Failure open(const std::string &path);

  const std::string &name() const override { return path_; }
  std::uint64_t size() const override { return size_; }
  int read(std::uint64_t offset, void *to, std::size_t count,
           std::size_t *got) override;

 private:
  static constexpr std::size_t start_size = 1024;

  std::string path_;
  int file_ = -1;
  std::uint64_t size_ = 0;
  std::size_t start_filled_ = 0;
  unsigned char start_[start_size];
};

/* For tests. Does not copy; the bytes must outlive it. */
class MemorySource final : public ByteSource {
 public:
  MemorySource(const void *bytes, std::size_t size,
               std::string name = "memory");
  explicit MemorySource(const std::string &bytes)
      : MemorySource(bytes.data(), bytes.size()) {}

  const std::string &name() const override { return name_; }
  std::uint64_t size() const override { return size_; }
  int read(std::uint64_t offset, void *to, std::size_t count,
           std::size_t *got) override;

 private:
  const unsigned char *const bytes_;
  const std::size_t size_;
  const std::string name_;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_BYTE_SOURCE_H
