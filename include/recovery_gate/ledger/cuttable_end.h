// SPDX-License-Identifier: GPL-2.0-only
/*
  The end of the binary log before crash recovery, which may cut off any part of
  it (init_rpl_role=SLAVE).
*/
#ifndef RECOVERY_GATE_CUTTABLE_END_H
#define RECOVERY_GATE_CUTTABLE_END_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "recovery_gate/binlog/binlog_events.h"
#include "recovery_gate/binlog/binlog_position.h"
#include "recovery_gate/binlog/gtid_state.h"
#include "recovery_gate/binlog/transaction_content.h"
#include "recovery_gate/ledger/history.h"

namespace recovery_gate {

struct CuttableEnd {
  struct Item {
    Gtid gtid;
    std::uint64_t previous = 0;  // the last of the same source; 0: none
    std::uint64_t begin = 0;     // in the log
    std::optional<std::uint64_t> content;
    /* Recovery cuts it off all the same, but does not roll all of it back:
       tables without transactions have it. */
    bool stays = false;
  };

  /* The log's size, in bytes. */
  BinlogPosition end;
  /* See binlog_identity(). */
  std::optional<std::uint32_t> identity;
  /* The last transactions; nothing when the log was not read. */
  std::optional<GtidState> last;
  /* Those at the end, in the order of the log. */
  std::vector<Item> items;
  /* See binlog_identity(), up to where the first of them begins. */
  std::optional<std::uint32_t> identity_before;
};

bool operator==(const CuttableEnd::Item &a, const CuttableEnd::Item &b);
bool operator==(const CuttableEnd &a, const CuttableEnd &b);

/* Of each log that recovery reads, newest first, as if all that the logs behind
   it hold stood at its end: recovery deletes those when it cuts this one. The
   newest is always there, without `last` and `items` when it cannot be read to
   its end, or is too long for a start to wait for that. Ends before another
   such log, and where it is too much to be kept one by one. `log_paths` are
   oldest first; `decryptor` may be null. */
std::vector<CuttableEnd> read_cuttable_ends(
    const std::vector<std::string> &log_paths, EventDecryptor *decryptor);

/* What was cut off when the log ends here; nothing where that is not known one
   by one. */
std::optional<CutOff> cut_off_from(const CuttableEnd &before,
                                   std::uint64_t log_size);

/* Is this the same log, and as long as it was? */
bool is_uncut(const CuttableEnd &before, const std::string &log_path);

/* CutOff::kept when all of that is cut off. */
GtidState kept_of(const CuttableEnd &before);

/* As cut_off_from(), also where this may be another log of that name. */
std::optional<CutOff> find_cut_off(const CuttableEnd &before,
                                   const std::string &log_path);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_CUTTABLE_END_H
