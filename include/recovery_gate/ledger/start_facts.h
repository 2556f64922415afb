// SPDX-License-Identifier: GPL-2.0-only
/*
  What is known of a start of the server once crash recovery is over: that on
  which the gate decides.
*/
#ifndef RECOVERY_GATE_START_FACTS_H
#define RECOVERY_GATE_START_FACTS_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "recovery_gate/binlog/binlog_position.h"
#include "recovery_gate/binlog/gtid_state.h"
#include "recovery_gate/ledger/cuttable_end.h"
#include "recovery_gate/ledger/owed.h"
#include "recovery_gate/ledger/record.h"

namespace recovery_gate {

struct StartFacts {
  /* Empty, or why this start is not guarded at all, e.g. because the plugin
     was installed into a server that had clients already. */
  std::string unguarded;
  /* The last binary log was not closed: the server crashed. */
  bool crashed = false;
  /* It was closed, but the server was not shut down properly with the gate in
     it. */
  bool unclean = false;
  /* Not the first start with the plugin, as far as the data directory shows. */
  bool had_record = true;
  /* What this server wrote itself and no replica is known to have. */
  GtidState unsettled;
  std::string first_unsettled_log;  // path; empty when it is not known
  /* It comes after this position, where these were the last transactions.
     Empty: it is not known after which, and may begin in the oldest log. */
  BinlogPosition settled_place;
  GtidState settled_gtids;
  Writers writers;
  /* What was read of it, from that place up to the end of what was recovered,
     while all logs were there that hold it. */
  std::optional<ReadOwed> read_owed;
  /* What an earlier start owed and did not settle. */
  Obligation carried_over;
  /* Empty, or what could not be found out. In doubt the gate closes. */
  std::string doubt;
  /* The last transactions before this start wrote any. */
  GtidState left;
  /* What recovery has cut off here and a replica has, or clients see. */
  GtidState cut_off;
  /* CutOff::kept, where no more is known of it. */
  GtidState kept;
  /* Empty, or why no acknowledgement can prove anything at this start. */
  std::string unprovable;
  /* The last binary log written before this start, its last event's end, and
     the binary log's GTID position there. Empty in a server without logs. */
  BinlogPosition recovered_end;
  std::string recovered_path;  // of that log
  /* Bytes in the newest log before recovery, and whether that has cut some off.
   */
  std::uint64_t size_before_recovery = 0;
  bool was_cut = false;
  /* The end of that log before recovery, if it may cut some off. */
  std::optional<CuttableEnd> cuttable;
  std::optional<std::uint32_t> recovered_identity;  // see binlog_identity()
  std::string recovered_gtid;
  /* The end of the log that was opened at this start: a semi-sync replica
     that acknowledges it has everything before it. */
  BinlogPosition awaited;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_START_FACTS_H
