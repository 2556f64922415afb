// SPDX-License-Identifier: GPL-2.0-only
/*
  The binary logs that matter after the end of a server: those that crash
  recovery reads, and those after the settled position.
*/
#ifndef RECOVERY_GATE_TOOL_INSPECT_LOGS_H
#define RECOVERY_GATE_TOOL_INSPECT_LOGS_H

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "recovery_gate/binlog/binlog_index.h"
#include "recovery_gate/binlog/binlog_position.h"
#include "recovery_gate/binlog/gtid_state.h"
#include "recovery_gate/binlog/transaction_scanner.h"
#include "recovery_gate/ledger/settlement.h"

namespace recovery_gate::tool {

struct LogFacts {
  std::string path, name;                     // without a folder
  std::uint64_t size = 0, end_of_events = 0;  // bytes
  std::uint32_t server_id = 0;                // that wrote it
  std::string server_version;
  bool in_use = false, encrypted = false;
  bool is_last = false;
  /* Crash recovery reads it; nothing is read after a proper shutdown. */
  bool recovery_reads = false;
  Tail tail = Tail::CLEAN;
  std::string tail_reason;
  /* The last transaction has no end. */
  bool has_unfinished = false;
  std::string error;  // why it could not be read; empty
  std::optional<GtidState> gtids_before;
  std::uint64_t transactions = 0;
};

struct Survey {
  std::size_t logs_in_index = 0;
  std::vector<LogFacts> logs;  // that matter, oldest first
  bool crashed = false;        // the last one was not closed
  /* The first log that recovery reads, by the last checkpoint; a path. */
  std::string checkpoint_log;
  /* Empty, or why the transactions in these logs cannot all be known. */
  std::string trouble;
  bool encrypted = false;
  /* End of the last complete event. */
  BinlogPosition end;
  /* The last transactions there; nothing when that cannot be known. */
  std::optional<GtidState> gtids;
  /* "0-1-58": the last of each domain. */
  std::string gtid_position;
  /* The last transactions before recovery begins to read. */
  std::optional<GtidState> gtids_before_recovery;
};

/* A complete transaction, and the log that it is in. */
using TransactionSink =
    std::function<void(const Transaction &, const LogFacts &)>;

/*
  Reads the logs that matter; `settled` is the place in the state file. `sink`
  is called for each complete transaction, in the order of the logs: also for
  those before the settled position in its log.
*/
Survey survey_logs(const BinlogIndex &index,
                   const std::optional<Settled> &settled,
                   const TransactionSink &sink);

/*
  The end of the header of the log that the server's next start opens, if that
  is the same server with the same settings, and recovery cuts nothing off: what
  a gate waits for. `folder_names`: all names in the log's folder, since the
  server counts on from the highest number there. Empty when it cannot be known.

  Format: sql/log.cc, MYSQL_BIN_LOG::open; sql/log_event.h, Gtid_list_log_event,
  Binlog_checkpoint_log_event.
*/
BinlogPosition foretell_next_header(
    const Survey &survey, const std::vector<std::string> &folder_names);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_INSPECT_LOGS_H
