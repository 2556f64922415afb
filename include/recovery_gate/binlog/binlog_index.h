// SPDX-License-Identifier: GPL-2.0-only
/*
  The list of a server's binary logs, and which of them crash recovery reads.
*/
#ifndef RECOVERY_GATE_BINLOG_INDEX_H
#define RECOVERY_GATE_BINLOG_INDEX_H

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "recovery_gate/base/failure.h"
#include "recovery_gate/binlog/binlog_reader.h"
#include "recovery_gate/binlog/transaction_scanner.h"

namespace recovery_gate {

/* As in the server (FN_REFLEN), which ignores what is longer. */
inline constexpr std::size_t longest_index_line = 511;
inline constexpr std::size_t largest_index = 16 * 1024 * 1024;

struct BinlogIndex {
  /* Paths that can be opened, oldest first. */
  std::vector<std::string> logs;
  /* The last line has no end: it was not written as a whole, perhaps. It is the
     last of `logs`. */
  bool is_torn = false;
};

/*
  Reads an index file, one path a line. A relative path is relative to
  `data_directory`, from where the server runs; an empty line ends the list, as
  in the server. Fails when the file cannot be read, is larger than
  largest_index, or a line is too long or holds a zero byte; the list is then
  empty. Whether the logs exist is not looked at.
*/
Failure read_binlog_index(const std::string &path,
                          const std::string &data_directory,
                          BinlogIndex *index);

enum class IndexKind { BINARY_LOGS, RELAY_LOGS, OTHER };

/* Told by the newest log in it that is there. */
IndexKind kind_of(const BinlogIndex &index);

/* The indexes of that kind among these names in the folder: each one's path,
   and what it names; relative paths as above. */
std::vector<std::pair<std::string, BinlogIndex>> find_indexes(
    IndexKind kind, const std::string &folder,
    const std::vector<std::string> &names, const std::string &data_directory);

/* The logs of all relay log indexes among them. */
std::vector<std::string> find_relay_logs(const std::string &folder,
                                         const std::vector<std::string> &names,
                                         const std::string &data_directory);

struct RecoveryLogs {
  /* The last log was not closed: the server is running, or it crashed, and its
     next start recovers. */
  bool in_use = false;
  /* What the next start reads, oldest first, the last log included; this one
     alone if it was closed. */
  std::vector<std::string> logs;
  /* What the scan of the last log has found. */
  ScanResult last;
};

/*
  Finds out where crash recovery begins: at the log that the last checkpoint in
  the last log names, if that log was not closed. Scans the last log; of the
  others it only looks whether they can be opened. Fails when recovery would
  fail or what it reads cannot be known: a log is not there any more, the last
  one is not one, or is encrypted and there is no decryptor, or what it names is
  not in the index; `logs->last` is then what the scan has found, if there was
  one. An empty index is no failure; nothing is recovered then.
*/
Failure find_recovery_logs(const BinlogIndex &index, EventDecryptor *decryptor,
                           RecoveryLogs *logs);

/* Where crash recovery begins in these logs (paths, oldest first, at least
   one): at the one that `checkpoint`, the last in the last log, names; or at
   the last one, where it is not among them. */
std::vector<std::string>::const_iterator recovery_begins(
    const std::vector<std::string> &logs, const std::string &checkpoint);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_BINLOG_INDEX_H
