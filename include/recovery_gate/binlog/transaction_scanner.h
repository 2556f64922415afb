// SPDX-License-Identifier: GPL-2.0-only
/*
  The transactions of one binary log: which events belong together, and what
  became of them.

  A transaction is what the server replicates as one: from its GTID event to the
  event that ends it (docs/binlog-reader.md).
*/
#ifndef RECOVERY_GATE_TRANSACTION_SCANNER_H
#define RECOVERY_GATE_TRANSACTION_SCANNER_H

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "recovery_gate/base/failure.h"
#include "recovery_gate/binlog/binlog_events.h"
#include "recovery_gate/binlog/binlog_reader.h"
#include "recovery_gate/binlog/byte_source.h"
#include "recovery_gate/binlog/gtid_state.h"

namespace recovery_gate {

enum class TransactionKind {
  /* Ends with an XID: crash recovery commits it in the engines by that. */
  COMMIT_XID,
  /* Ends with COMMIT: engines that take no part in crash recovery, such as Aria
     and MyISAM. */
  COMMIT,
  /* Ends with ROLLBACK: what could not be rolled back is in it. */
  ROLLBACK,
  /* One statement that commits itself: DDL, mostly. */
  STANDALONE,
  XA_PREPARE,
  XA_COMMIT_ONE_PHASE,
  XA_COMMIT,
  XA_ROLLBACK,
  /* Its end is not there. */
  UNFINISHED,
};

/* "COMMIT_XID" and so on */
const char *to_string(TransactionKind kind);

struct Transaction {
  /* Nothing when it has none, or the scan began in the middle of it. */
  std::optional<Gtid> gtid;
  std::uint32_t server_id = 0;  // that wrote it first
  std::uint32_t timestamp = 0;  // of the event that ends it; since 1970
  TransactionKind kind = TransactionKind::UNFINISHED;
  /* The server's number for it in the engines; 0: none. */
  std::uint64_t xid = 0;
  /* Of the four XA kinds. */
  std::optional<XaId> xa;
  /* Engines that took part, less one, if the log says so. */
  std::uint8_t extra_engines = 0;
  bool ddl = false;
  /* All that it changes is rolled back with it, if the log says so. */
  bool transactional = false;
  /* The session had set @@skip_replication: replicas may have it left out. */
  bool marked = false;
  /* Offsets of its first byte and after its last. */
  std::uint64_t begin = 0, end = 0;

  std::uint64_t size() const { return end - begin; }
};

struct ScanOptions {
  /* A transaction begins here, or an event that belongs to none, or what was
     torn at the end; 0: the first event. When nothing begins here, the tail
     says so, with end_of_events here. */
  std::uint64_t from = 0;
  /* An event ends here; else the end of the log. */
  std::optional<std::uint64_t> to;
  /* Must outlive the call. */
  EventDecryptor *decryptor = nullptr;
  /* Verifies the checksum of every event, which takes much longer. What the
     scan reports it verifies in any case, see verify_range(). */
  bool verify_all = false;
};

struct ScanResult {
  /* Why the log could not be read to its end, or not at all. */
  Failure error;
  /* What the members below know also of a log whose events cannot be read,
     since they are encrypted: format, is_encrypted, end_of_events, tail.
     `error` then says so. */
  bool is_encrypted = false;
  FormatDescription format;
  /* The last transactions before this log, if it says so. Also when the scan
     began later. */
  std::optional<GtidState> gtids_before;
  /* Where crash recovery has to begin, as this log says last; empty: it does
     not, at least not in the part that was scanned. */
  std::string last_checkpoint;
  /* The log that follows, when this one was closed to begin another. */
  std::string next_log;

  std::uint64_t transactions = 0, events = 0;
  /* End of the last complete event; `from` when there is none. */
  std::uint64_t end_of_events = 0;
  /* The same without the transaction that is not finished. */
  std::uint64_t end_of_transactions = 0;
  /* The last one, when its end is not there. */
  std::optional<Transaction> unfinished;
  Tail tail = Tail::CLEAN;
  /* Why the tail is not CLEAN, with the offset. */
  std::string tail_reason;
};

/* Return false to stop. The reference is valid during the call. */
using TransactionCallback = std::function<bool(const Transaction &)>;

/*
  Calls `callback`, which may be empty, for each transaction, in the order of
  the log. The last one, when it is unfinished, is only in the result; one in
  the middle is passed on like the others, up to where the next begins.

  When the callback stops it, the result is about the part up to there.

  Checksums: all that the result and a transaction say, but for sizes and the
  number of events, is from events whose checksum was right; those of rows, and
  of statements of more than 2 KiB, are not read. An event whose checksum is
  wrong ends the scan: DAMAGED, or TORN when it is the last.
*/
ScanResult scan(ByteSource &source, const ScanOptions &options,
                const TransactionCallback &callback);
inline ScanResult scan(ByteSource &source,
                       const TransactionCallback &callback = {}) {
  return scan(source, {}, callback);
}

/*
  Reads all bytes from `begin`, where an event begins, to `end`, where one ends,
  and verifies the checksum of each event. A failure says what is wrong and
  where: also when the log has no checksums, since nothing is verified then.
*/
Failure verify_range(ByteSource &source, std::uint64_t begin, std::uint64_t end,
                     EventDecryptor *decryptor = nullptr);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_TRANSACTION_SCANNER_H
