// SPDX-License-Identifier: GPL-2.0-only
/*
  grow-binlog TEMPLATE OUTPUT SIZE

  Makes a large binary log from a small one that a server wrote: writes its
  transactions again and again until the file has at least SIZE bytes. Each
  event gets its end position, each transaction a GTID and an XID of its own,
  and the checksums are right, so that the server's own tools read the result.
  All else is the server's. The template has to have CRC32 checksums, less than
  4 GiB come out, and transactions are what GTID events begin.

  Format: as in recovery_gate/binlog/binlog_events.h. A GTID event (type 162)
  begins with the sequence number (8 bytes), an Xid event (type 16) with the XID
  (8).
*/
#include <zlib.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

constexpr std::size_t magic_size = 4, header_size = 19, checksum_size = 4;
constexpr std::size_t type_offset = 4, length_offset = 9, end_offset = 13;
constexpr unsigned char xid_event = 16, gtid_event = 162, rotate_event = 4,
                        stop_event = 3;

[[noreturn]] void fail(const std::string &what) {
  std::fprintf(stderr, "grow-binlog: %s\n", what.c_str());
  std::exit(1);
}

std::uint32_t get_32(const char *p) {
  const auto *bytes = reinterpret_cast<const unsigned char *>(p);
  return std::uint32_t(bytes[0]) | std::uint32_t(bytes[1]) << 8 |
         std::uint32_t(bytes[2]) << 16 | std::uint32_t(bytes[3]) << 24;
}

void put(char *p, std::uint64_t value, int bytes) {
  for (; bytes > 0; --bytes, value >>= 8) *p++ = static_cast<char>(value);
}

std::string read(const char *path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(std::string("cannot read ") + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Template {
  std::string start;                // magic and what comes before transactions
  std::vector<std::string> events;  // of the transactions
};

Template split(const std::string &log) {
  Template parts;
  std::size_t at = magic_size;
  while (at < log.size()) {
    if (log.size() - at < header_size) fail("the template is torn");
    const std::size_t length = get_32(&log[at + length_offset]);
    if (length < header_size + checksum_size || length > log.size() - at)
      fail("the template is torn");
    const auto type = static_cast<unsigned char>(log[at + type_offset]);
    if (type == rotate_event || type == stop_event) break;
    if (parts.events.empty() && type != gtid_event)
      parts.start = log.substr(0, at + length);
    else
      parts.events.push_back(log.substr(at, length));
    at += length;
  }
  if (parts.events.empty()) fail("the template has no transaction");
  return parts;
}

void set_checksum(std::string *event) {
  const std::size_t covered = event->size() - checksum_size;
  const auto crc = crc32(0, reinterpret_cast<const Bytef *>(event->data()),
                         static_cast<uInt>(covered));
  put(&(*event)[covered], crc, 4);
}

}  // namespace

int main(int argc, char **argv) {
  if (argc != 4) fail("usage: grow-binlog TEMPLATE OUTPUT SIZE");
  Template parts = split(read(argv[1]));
  const std::uint64_t size = std::strtoull(argv[3], nullptr, 10);
  std::FILE *output = std::fopen(argv[2], "wb");
  if (output == nullptr) fail(std::string("cannot write ") + argv[2]);

  const auto write = [&](const std::string &bytes) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), output) != bytes.size())
      fail(std::string("cannot write ") + argv[2]);
  };
  write(parts.start);
  std::uint64_t at = parts.start.size(), number = 1'000'000;
  for (std::size_t i = 0;; i = (i + 1) % parts.events.size()) {
    std::string &event = parts.events[i];
    const auto type = static_cast<unsigned char>(event[type_offset]);
    if (type == gtid_event) {
      if (at >= size) break;
      put(&event[header_size], ++number, 8);
    }
    if (type == xid_event) put(&event[header_size], number, 8);
    at += event.size();
    put(&event[end_offset], at, 4);
    set_checksum(&event);
    write(event);
  }
  if (std::fclose(output) != 0) fail(std::string("cannot write ") + argv[2]);
  return 0;
}
