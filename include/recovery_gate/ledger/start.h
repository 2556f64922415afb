// SPDX-License-Identifier: GPL-2.0-only
/*
  From what is on disk to the facts on which Gate::decide() decides.

  The plugin goes through these while the server starts, and the command-line
  tool before it does, so that the one foretells what the other will do:

    StartFacts facts;
    note_last_end(logs, &facts);          before recovery
    note_what_may_be_cut(...);            the same, with init_rpl_role=SLAVE
    unknown = ledger.load(...);
    note_recovered_end(path, &facts);     after recovery
    inherit(ledger, unknown, ...);        before logs that have expired are
  deleted follow_up(...);                       the start's own log is open
    gate.decide(mode, facts, ...);

  Paths are as the binary log index has them, oldest first, and have to lead to
  the logs from the current folder. Files are only read.
*/
#ifndef RECOVERY_GATE_START_H
#define RECOVERY_GATE_START_H

#include <string>
#include <vector>

#include "recovery_gate/base/failure.h"
#include "recovery_gate/ledger/claim.h"
#include "recovery_gate/ledger/ledger.h"
#include "recovery_gate/ledger/start_facts.h"

namespace recovery_gate {

/* Was the newest of these logs closed properly? Nothing is noted when there are
   none. */
void note_last_end(const std::vector<std::string> &logs, StartFacts *facts);

/* Recovery is going to cut off what was not acknowledged (init_rpl_role=SLAVE):
   notes what there is. `decryptor` may be null. Nothing is noted when the log
   cannot be read to its end; then more than there was may have been cut off. */
void note_what_may_be_cut(const std::string &newest_log,
                          EventDecryptor *decryptor, StartFacts *facts);

/* The end of `newest_log` is that of what recovery left. */
void note_recovered_end(const std::string &newest_log, StartFacts *facts);

/*
  What the ledger knows of this start. `unknown` is what Ledger::load()
  returned, `start` the sample of the log that is opened at this start, which is
  the last of `logs` and is not read: it need not be there yet, and only
  `end.file`, `gtids`, `receives` and `log` matter. `index_failure`: why these
  are not all logs, if so. `decryptor` may be null; encrypted logs are then not
  read.

  Returns what the ledger has found, for Ledger::decided(), with `settled`
  saying whether nothing that this server wrote before `start` is owed.
*/
Ledger::Inheritance inherit(const Ledger &ledger, const Failure &unknown,
                            const std::vector<std::string> &logs,
                            const Failure &index_failure,
                            const BinlogSample &start,
                            EventDecryptor *decryptor, StartFacts *facts);

/*
  What has come since inherit() was called with the logs `recovered` and with
  the GTIDs `gtids` at their end: the start's own log is open, recovery may have
  written into it, and logs that had expired are deleted. `logs` are those that
  there are now, and `index_failure` is why these are not all.

  Returns a sentence for the error log when what is owed can be proven, and not
  be sent any more; else nothing.
*/
std::string follow_up(const std::vector<std::string> &recovered,
                      const GtidState &gtids,
                      const std::vector<std::string> &logs,
                      const Failure &index_failure, const BinlogSample &start,
                      Ledger::Inheritance *found, StartFacts *facts);

/* What a server has to have that has all that is owed at this start: `owed` was
   read from the logs that are there. `recorded` is the history as the last run
   left it, `history` that of now. */
std::vector<Claim> claims_of(const StartFacts &facts, const Owed &owed,
                             const History &recorded, const History &history);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_START_H
