// SPDX-License-Identifier: GPL-2.0-only
/*
  An index file of any content.
*/
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "expect.h"
#include "recovery_gate/binlog/binlog_index.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data,
                                      std::size_t size) {
  using namespace recovery_gate;
  static const int file = ::memfd_create("index", 0);
  EXPECT(file >= 0 && ::ftruncate(file, 0) == 0);
  EXPECT(::pwrite(file, data, size, 0) == static_cast<ssize_t>(size));
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  const std::string folder = "/data";
  BinlogIndex index;
  if (read_binlog_index(path, folder, &index)) return 0;
  std::size_t names = 0;
  for (const std::string &log : index.logs) {
    EXPECT(!log.empty() && log.front() == '/');
    EXPECT(log.size() <= longest_index_line + folder.size() + 1);
    EXPECT(log.find('\0') == std::string::npos);
    EXPECT(log.find('\n') == std::string::npos);
    ++names;
  }
  EXPECT(names <= size);
  EXPECT(!index.is_torn || names > 0);
  return 0;
}
