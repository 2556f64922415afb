// SPDX-License-Identifier: GPL-2.0-only
/*
  The transactions that a start finds on no replica, one by one: those of this
  server's own after the last settled position.
*/
#ifndef RECOVERY_GATE_IN_DOUBT_H
#define RECOVERY_GATE_IN_DOUBT_H

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "recovery_gate/binlog/binlog_position.h"
#include "recovery_gate/binlog/gtid_state.h"
#include "recovery_gate/binlog/transaction_scanner.h"
#include "recovery_gate/ledger/settlement.h"
#include "recovery_gate/ledger/start_facts.h"
#include "recovery_gate/ledger/writers.h"

namespace recovery_gate {

/* Where they are. */
struct InDoubtStretch {
  /* The binary logs that hold any of them, oldest first, as paths. */
  std::vector<std::string> logs;
  /* An event begins here in the first of the logs; 0: all of it counts. */
  std::uint64_t from = 0;
  /* An event ends here in the last of the logs; 0: the end of that log. */
  std::uint64_t to = 0;
  /* Of the last of the logs up to there, see binlog_identity(); nothing when it
     is not known. */
  std::optional<std::uint32_t> identity;
  /* Who wrote them; the numbers mean nothing. Empty: there are none. */
  GtidState sources;
  /* Empty, or why these need not be all, or are more than there are. */
  std::string reservation;
  /* What came back by replication is not among them. */
  Writers writers = {};
};

/* Of the start that the facts are about, see start_facts.h. `settled` is the
   position from which its ledger counted; `logs` are those of the binary log
   index, oldest first. */
InDoubtStretch find_stretch(const StartFacts &facts,
                            const std::optional<Settled> &settled,
                            const std::vector<std::string> &logs);

struct InDoubt {
  struct Item {
    Transaction transaction;
    BinlogPosition end;
  };

  std::uint64_t count = 0;
  std::uint64_t bytes = 0;  // in the binary log
  /* The last of them, oldest first. */
  std::deque<Item> last;
  /* Empty, or why there may be more, or fewer. */
  std::string reservation;
  bool is_final = true;  // looking again will find nothing else
};

/* So that nobody who only looks waits for hours: when the logs of a stretch are
   larger together, the oldest are left out. */
inline constexpr std::uint64_t most_searched = 1024ULL * 1024 * 1024;

/* Reads the logs of the stretch, most_searched bytes at most but for the last
   log, which is read in any case; keeps the last `keep` transactions, whose
   checksums it verifies. Asks `cancelled` for each that it finds, and returns
   early when that says so. */
InDoubt find_in_doubt(const InDoubtStretch &stretch, std::size_t keep,
                      EventDecryptor *decryptor,
                      const std::function<bool()> &cancelled = {},
                      std::uint64_t most = most_searched);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_IN_DOUBT_H
