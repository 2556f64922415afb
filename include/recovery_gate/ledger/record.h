// SPDX-License-Identifier: GPL-2.0-only
/*
  What must survive a restart.
*/
#ifndef RECOVERY_GATE_RECORD_H
#define RECOVERY_GATE_RECORD_H

#include <cstdint>
#include <optional>
#include <string>

#include "recovery_gate/binlog/binlog_position.h"
#include "recovery_gate/ledger/cuttable_end.h"
#include "recovery_gate/ledger/history.h"
#include "recovery_gate/ledger/settlement.h"

namespace recovery_gate {

/* What is known of something that may be on no replica. */
enum class Debt {
  NONE,
  /* A start found that the server had crashed, and has not got so far as to
     find out what is owed. */
  CRASH,
  /* The server was shut down properly before a replica had acknowledged all. */
  SHUTDOWN,
  /* A start was closed for it, or would have been. */
  CARRIED_OVER,
};

/* As recovery_gate.state has it. */
const char *to_string(Debt debt);

struct Obligation {
  Debt debt = Debt::NONE;
  /* Whether an acknowledgement could still prove it: the logs were all there.
   */
  bool provable = true;
  /* End of what is owed; the next start waits for the end of all that it
     finds. */
  BinlogPosition recovered_end;
  /* See binlog_identity(). */
  std::optional<std::uint32_t> identity;
  std::string recovered_gtid;

  bool open() const { return debt != Debt::NONE; }
};

bool operator==(const Obligation &a, const Obligation &b);

/* All that survives. */
struct Record {
  Obligation obligation;
  /* Where the run of the server that is going on began, after the header of its
     first log; empty once it was shut down properly. */
  BinlogPosition running_since;
  std::uint32_t running_identity = 0;  // see binlog_identity()
  /* The last position that a semi-sync replica is known to have acknowledged.
   */
  BinlogPosition acknowledged;
  std::optional<Settled> settled;
  /* Who has written after the settled position, in domains where the server
     knew nothing of them before, and the number when that was seen first. */
  GtidState newcomers;
  /* Ids under which the server may have written after the settled position,
     whatever the logs say; none while it never was given another at run time.
   */
  ServerIds other_server_ids;
  /* Since the settled position the server may have written what it received as
     a replica. */
  bool received = false;
  /* In this history of the binary log some server was sent it. */
  bool served = true;
  History history;
  /* Recovery was going to cut this, and the start has not got to its end. */
  std::optional<CuttableEnd> cuttable;
};

bool operator==(const Record &a, const Record &b);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_RECORD_H
