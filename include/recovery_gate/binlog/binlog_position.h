// SPDX-License-Identifier: GPL-2.0-only
/*
  A position in the binary log, and which of two comes first.

  The server itself orders log names as strings, which is wrong from the
  millionth log on ("bin.999999" sorts after "bin.1000000"). Here the number
  at the end of the name decides, as it does in the server when it opens the
  next log (sql/log.cc, find_uniq_filename: "%s.%06lu").
*/
#ifndef RECOVERY_GATE_BINLOG_POSITION_H
#define RECOVERY_GATE_BINLOG_POSITION_H

#include <cstdint>
#include <string>
#include <string_view>

namespace recovery_gate {

struct BinlogPosition {
  /* The log's base name without a folder, e.g. "mariadb-bin.000004"; empty
     means "no position". */
  std::string file;
  /* Bytes from the start of that file; the end of an event. */
  std::uint64_t offset = 0;

  bool empty() const { return file.empty(); }
};

inline bool operator==(const BinlogPosition &a, const BinlogPosition &b) {
  return a.offset == b.offset && a.file == b.file;
}
inline bool operator!=(const BinlogPosition &a, const BinlogPosition &b) {
  return !(a == b);
}

/* "file:offset", or "(none)" for an empty position. */
std::string to_string(const BinlogPosition &position);

/* The name without its folder. */
std::string without_folder(std::string_view path);

/*
  True when `at` is at or past `wanted` in the same series of logs.

  False when either is empty, and when the two names do not belong to one
  series (another base name, or no number at the end): positions that cannot
  be ordered never prove anything.
*/
bool has_reached(const BinlogPosition &at, const BinlogPosition &wanted);

/* Does the one log follow the other without one in between? */
bool is_next_log(const std::string &file, const std::string &next);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_BINLOG_POSITION_H
