// SPDX-License-Identifier: GPL-2.0-only
/*
  One start of the server, from what is on disk to the facts on which
  Gate::decide() decides, and to what the ledger makes of that.

  The plugin goes through it while the server starts, and the command-line tool
  before it does, so that the one foretells what the other will do:

    Start start(ledger);
    start.begin(...);        before recovery
    start.note_what_may_be_cut(...);   with init_rpl_role=SLAVE
    start.recovered(...);    after recovery
    start.inherit(...);      before logs that have expired are deleted
    start.opened(...);       the start's own log is open
    gate.decide(mode, start.facts(), ...);
    start.decided(...);

  The tool ends with the gate's decision after inherit(), and its ledger's files
  are not written. Where inherit() was not called, opened() does what it would
  have done.

  Paths are as the binary log index has them, oldest first, and have to lead to
  the logs from the current folder; with them goes why they are not all logs, if
  so. Logs are only read.

  For one thread at a time. After decided() nothing changes any more, and any
  thread may ask.
*/
#ifndef RECOVERY_GATE_START_H
#define RECOVERY_GATE_START_H

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "recovery_gate/base/failure.h"
#include "recovery_gate/ledger/claim.h"
#include "recovery_gate/ledger/ledger.h"
#include "recovery_gate/ledger/start_facts.h"

namespace recovery_gate {

class Start {
 public:
  /* The ledger must outlive it. */
  explicit Start(Ledger &ledger) : ledger_(ledger) {}

  /* Loads the ledger, and notes whether the newest of these logs was closed
     properly; nothing when there are none. Compares the logs with what an
     earlier start, which did not get to its end, was going to cut off. */
  void begin(const std::vector<std::string> &logs,
             const Failure &index_failure = {});
  /* How to find the relay logs that there were before the start. What stands in
     them was sent by another server: asked for where the record does not say
     that this one receives. Called by the members that follow. */
  void may_have_received(
      std::function<std::vector<std::string>()> find_relay_logs) {
    find_relay_logs_ = std::move(find_relay_logs);
  }
  /* Loads the ledger. This start is not guarded, and here is why. */
  void begin_unguarded(const std::string &why);

  /* After begin(). Recovery is going to cut off what was not acknowledged
     (init_rpl_role=SLAVE): puts on record what there is. `decryptor` may be
     null. When the newest log cannot be read to its end, more than there was
     may have been cut off. When it fails, recovery must not begin: nobody would
     know what it has cut off, should this start be given up then. */
  Failure note_what_may_be_cut(EventDecryptor *decryptor);

  /* Notes where the newest log ends that was there before recovery and is one
     of these, which recovery has left, and the binary log's GTID position
     there. */
  void recovered(const std::string &gtid_position,
                 const std::vector<std::string> &logs);

  /*
    What the ledger knows of these logs. `next` is the sample of the log that is
    opened at this start, which is not there yet; only `end.file`, `gtids`,
    `receives` and `log` matter. `decryptor` may be null; encrypted logs are
    then not read. When it throws, nothing has changed.
  */
  void inherit(const std::vector<std::string> &logs,
               const Failure &index_failure, const BinlogSample &next,
               EventDecryptor *decryptor);

  /*
    The start's own log is open, recovery may have written into it, and logs
    that had expired are deleted. These are the logs that there are now.

    Returns a sentence for the error log when what is owed can be proven, and
    not be sent any more; else nothing.
  */
  std::string opened(const std::vector<std::string> &logs,
                     const Failure &index_failure, const BinlogSample &sample,
                     EventDecryptor *decryptor);

  /* The gate has decided, and this is what it is closed for, or would be if it
     were not switched off. */
  void decided(const Obligation &owed, bool gate_is_open);

  /* What could not be found out. */
  void doubt(const Failure &why);

  const StartFacts &facts() const { return facts_; }
  /* What the ledger has found, with `settled` saying whether nothing that this
     server wrote before its own log was opened is owed. */
  const Ledger::Inheritance &found() const { return found_; }

  /* After opened(). Paths of the logs without which nothing can be proven: the
     start's own, and the one that what is owed begins in. */
  std::vector<std::string> needed_logs() const;
  /* After opened(). What a replica has to have. */
  Demand demand() const;
  /* After decided(). What a server has to have that has all that is owed:
     `owed` was read from the logs that were there then. */
  std::vector<Claim> claims(const Owed &owed) const;

 private:
  Ledger::Inheritance take_stock(const std::vector<std::string> &logs,
                                 const Failure &index_failure,
                                 const BinlogSample &start,
                                 EventDecryptor *decryptor,
                                 StartFacts *facts) const;
  Ledger::Inheritance ask_ledger(const std::vector<LogStart> &starts,
                                 const std::vector<std::string> &logs,
                                 const BinlogSample &start,
                                 EventDecryptor *decryptor,
                                 const StartFacts &facts) const;
  std::string follow_up(const Failure &index_failure);
  bool has_expired(const std::string &file) const;

  Ledger &ledger_;
  std::function<std::vector<std::string>()> find_relay_logs_;
  StartFacts facts_;
  Ledger::Inheritance found_;
  std::vector<std::string> logs_before_recovery_;
  std::string newest_log_;             // the last of them that is left
  std::vector<CuttableEnd> cuttable_;  // see read_cuttable_ends()
  bool had_settled_ = false;  // the settled position was in one of those
  Failure unknown_;           // why it is not known what earlier starts owe
  /* As the logs were before those that had expired were deleted. */
  struct Inherited {
    std::vector<std::string> logs;
    GtidState gtids;
  };
  std::optional<Inherited> inherited_;
  std::vector<std::string> logs_;  // that there are when its own is open
  BinlogSample sample_;
  History recorded_, history_;  // as the last run left it, and now
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_START_H
