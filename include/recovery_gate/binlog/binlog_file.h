// SPDX-License-Identifier: GPL-2.0-only
/*
  The little that the gate reads from a binary log file: whether it was closed
  properly, who wrote it, what came before it, and where its last complete event
  ends.

  The first header, and the lengths in all others, are believed even where the
  rest cannot be read: in an encrypted log, for which no key is needed here, in
  one that another release wrote, or whose first event is torn.
*/
#ifndef RECOVERY_GATE_BINLOG_FILE_H
#define RECOVERY_GATE_BINLOG_FILE_H

#include <cstdint>
#include <optional>
#include <string>

#include "recovery_gate/base/failure.h"
#include "recovery_gate/binlog/binlog_events.h"
#include "recovery_gate/binlog/byte_source.h"
#include "recovery_gate/binlog/gtid_state.h"

namespace recovery_gate {

struct BinlogFileFacts {
  /* The file could not be read as a binary log, and the other members mean
     nothing. */
  Failure error;
  /* The server that wrote it did not close it: it crashed. */
  bool in_use = false;
  /* The id of the server that wrote it, when it began to. */
  std::uint32_t server_id = 0;
  /* The last transactions before this log; nothing when that cannot be read, as
     in an encrypted log. */
  std::optional<GtidState> gtids_before;
  /* Bytes in the file. */
  std::uint64_t size = 0;
  /* End of the last complete event. Less than `size` when the crash tore the
     last event apart. */
  std::uint64_t end_of_events = 0;
};

/* Reads the first events only; end_of_events is left 0. */
BinlogFileFacts read_binlog_header(const std::string &path);

/* BinlogFileFacts::server_id of a log that is open; 0 where it cannot be read.
 */
std::uint32_t read_log_writer(ByteSource &log);

/* Walks over all events by their headers. Memory use does not depend on the
   file's size. */
BinlogFileFacts read_binlog_end(const std::string &path);

struct BinlogStretch {
  /* An event begins at the end of the stretch, or would. */
  bool is_whole = false;
  /* It begins within a transaction, of which it has the rest. */
  bool begins_within = false;
  /* The servers whose transactions begin in it. */
  ServerIds writers;
};

/* Walks over the events from `from`, where one begins, to `to`, or to the end
   of the last complete event, by their headers. Of an encrypted log only
   is_whole means anything. */
BinlogStretch walk_binlog(const std::string &path, std::uint64_t from,
                          std::optional<std::uint64_t> to = std::nullopt);

struct Around {
  /* An event begins there that goes on with a transaction; nobody looks whether
     it does where none begins. */
  bool is_within = false;
  /* That transaction; nothing where it is not known, as in an encrypted log. */
  std::optional<Gtid> gtid;
};

/* Reads the log up to there if it is within a transaction. */
Around transaction_around(const std::string &path, std::uint64_t offset);

/* Where the first event of every log begins. */
inline constexpr std::uint64_t start_of_events = binlog_magic.size();

/*
  A checksum that tells this log, up to `offset`, from any other of the same
  name, as after RESET MASTER or in a restored data directory: that of the
  format description event, without the flag that changes, and of the last bytes
  before `offset`. Nothing when there is no such log or it does not reach that
  far.
*/
std::optional<std::uint32_t> binlog_identity(const std::string &path,
                                             std::uint64_t offset);
/* The same of an open file. Leaves its position alone. */
std::optional<std::uint32_t> binlog_identity(int file, std::uint64_t offset);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_BINLOG_FILE_H
