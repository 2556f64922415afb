// SPDX-License-Identifier: GPL-2.0-only
/*
  What this server owes, from one start to the next: keeps recovery_gate.state
  true.

  One start:

    Ledger ledger(clock, journal, state_file);
    ledger.load(...);          before recovery
    ledger.recovered(...);     after it: what is unsettled?
    ledger.decided(...);       before the first client
    ledger.look(...);          every look_interval
    ledger.opened(...);        when a closed gate was opened
    ledger.shutting_down(...)  when all sessions have ended

  All members may be called from any thread. What they change is on disk when
  they return, except for look(), which writes a few times a second at most and
  nothing when nothing happened. When it cannot be written, the error log says
  so and it is tried again: in the meantime, what is on disk overstates
  what is owed.
*/
#ifndef RECOVERY_GATE_LEDGER_H
#define RECOVERY_GATE_LEDGER_H

#include <atomic>
#include <boost/thread/mutex.hpp>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "recovery_gate/base/clock.h"
#include "recovery_gate/base/failure.h"
#include "recovery_gate/base/journal.h"
#include "recovery_gate/binlog/binlog_position.h"
#include "recovery_gate/ledger/proof.h"
#include "recovery_gate/ledger/settlement.h"
#include "recovery_gate/ledger/state_file.h"

namespace recovery_gate {

/* May the server have written after the settled position what it received as a
   replica? The record says what it was then; where there is none that knows,
   what it is at this start has to do. */
bool may_have_received(const std::optional<Record> &on_disk, bool receives);

/* The end of the binary log, and all that is known of it there. */
struct BinlogSample {
  BinlogPosition end;
  /* Another number for each log file, also when it has the name of one that was
     deleted. */
  std::uint64_t log_number = 0;
  std::uint32_t identity = 0;  // see binlog_identity()
  /* Exactly what the log holds up to there. */
  GtidState gtids;
  LogStart log;  // the one that is being written
  /* What replication applies is written here, so that it may come from
     elsewhere. */
  bool receives = false;
  /* How often the binary log was begun anew since the server started. */
  std::uint64_t resets = 0;
};

/* The same without what has to be read from files. */
struct EndOfBinlog {
  BinlogPosition end;
  GtidState gtids;
  std::uint64_t resets = 0;
};

/* How far the binary log has come, and how far replicas have acknowledged it.
 */
class BinlogProgress {
 public:
  virtual ~BinlogProgress() = default;

  struct End {
    BinlogPosition position;
    std::uint64_t log_number = 0;  // as in BinlogSample
    std::uint64_t resets = 0;      // as in BinlogSample
  };
  virtual End end() = 0;
  /* The last position that a semi-sync replica acknowledged, or began at, since
     the server started or its binary log was reset; empty when there is none.
   */
  virtual BinlogPosition acknowledged() = 0;
  /* Is a replica known to have all that is demanded? See Proof. */
  virtual bool is_proven(const Demand &demand, const History &history) = 0;
  /* What is in the stretch, read from the binary log. */
  virtual Owed read_owed(const Demand &demand) = 0;
  /* See Proof::take_arrivals(). */
  virtual History arrivals(std::uint64_t resets) = 0;
  /* Is somebody being sent the binary log, semi-sync or not, or was since the
     last call? */
  virtual bool serves() = 0;
  /* The same of somebody who had logged in before the log was begun anew. */
  virtual bool served_earlier() = 0;
  /* The id under which the server writes now. */
  virtual std::uint32_t server_id() = 0;
  virtual bool receives() = 0;  // as in BinlogSample
  /* Those of these transactions that stand in its relay logs, and what is in
     each; nothing when that cannot be seen for the moment. */
  virtual std::optional<Contents> relayed(const std::set<Gtid> &wanted) = 0;
  /* The last that the server has applied as a replica and not logged, in each
     domain; nothing until that is known. */
  virtual std::optional<GtidState> passed_over() = 0;
  /* May wait for a commit that is being written; end() must not. */
  virtual BinlogSample sample() = 0;
};

class Ledger {
 public:
  static constexpr milliseconds look_interval{100};

  /* All must outlive the ledger. */
  Ledger(const Clock &clock, Journal &journal, StateFile &file);

  /* What earlier starts left behind. `crashed`: the newest log was not closed,
     which is put on record immediately, since a start that is given up later
     closes it. Fails when it cannot be known. */
  Failure load(bool crashed, const BinlogPosition &newest_log);

  /* Before recovery. Is the settled position inside this log? */
  bool has_settled_in(const std::string &log_path) const;
  /* It was, and recovery has cut off the end of the log, which ends here now,
     with these as the last transactions: what is left of it was settled. */
  void cut_back(const BinlogPosition &end, std::uint32_t identity,
                const GtidState &gtids);

  /* Before recovery, which may cut this off: on record until decided(). When it
     fails, recovery must not begin. */
  Failure may_be_cut(const CuttableEnd &end);
  /* The same of an earlier start, which has not got there, before anything is
     written to a log: what has become of it. Empty when the log is gone, or it
     is not known where it is. */
  void may_have_been_cut(const std::string &log_path);

  struct Inheritance {
    Obligation obligation;
    Unsettled unsettled;
    /* The position from which that was counted, when it was not the first log.
     */
    std::optional<Settled> since;
    Writers writers;
    /* False for a server that never ran with the plugin. */
    bool had_record = false;
    /* Nothing in these logs is owed: all is acknowledged, or what a server has
       that never ran with the plugin, and that its clients saw long ago. */
    bool settled = false;
    /* The last run with the plugin was not ended by a proper shutdown. */
    bool unclean = false;
    /* Not empty: the log that the server wrote last is not among these, so
       nobody knows what it held. */
    std::string lost_track;
    /* Nor is any log from before it. */
    bool lost_all = false;
    /* The logs that the last run wrote begin as they did. */
    bool is_same_series = false;
    /* The last transactions before this start wrote any. */
    GtidState recovered;
    /* Recovery has cut off the end of the last log, which ended so. */
    bool was_cut = false;
    Ended before_cut;
    /* What it cut off, if that is known one by one. */
    std::optional<CutOff> cut;
    /* There was a binary log before this start. */
    bool had_logs = false;
    /* What was settled, and so is on a replica, and is not in these logs any
       more: recovery has cut it off. */
    GtidState cut_off;
  };
  /* Of the logs in the binary log index, those that recovered() has to know. */
  std::vector<std::string> relevant_logs(
      const std::vector<std::string> &paths) const;

  /* Servers with these ids have sent what the logs hold of them since the
     settled position; recovered() asked before has not known it. Until
     decided(). */
  void has_received_from(const ServerIds &senders);

  /* Recovery is over, and left these logs; the last is the one just opened, of
     which `start` is the sample. */
  Inheritance recovered(const std::vector<LogStart> &logs,
                        const BinlogSample &start, bool crashed) const;

  /* `owed` is what the gate is closed for, or would be if it were not switched
     off. `settled`: nothing that this server wrote before `start` is owed.
     `found` is what recovered() returned. */
  void decided(const Obligation &owed, const BinlogSample &start, bool settled,
               const Inheritance &found);

  /* It was closed and is open, with an acknowledgement or without. */
  void opened();
  /* What is owed can no longer be proven. */
  void lost_proof();
  /* Something is on record that closes the next start. Takes no lock. */
  bool owes() const { return owes_; }
  /* Where replicas are when they connect matters, since their numbers may be of
     another history. Takes no lock. */
  bool wants_arrivals() const { return wants_arrivals_; }
  /* A session that may replicate has begun, and is not served before this
     returns: it may come with GTIDs, and a crash before the next look. Writes
     the record when it says who came by file, which it does again when nobody
     has come for a while. */
  void replica_logged_in();
  static constexpr milliseconds quiet_after_login{10 * 1000};
  /* An administrator gives up all that is owed, also behind an open gate, up to
     here, where these are the last transactions. Does not wait for a look: the
     next one does it. */
  void give_up(EndOfBinlog here);

  /* Records progress. While the gate is closed nothing is settled here. */
  void look(BinlogProgress &progress, bool gate_is_open);

  /* The last look: no session is left that could write. The paths are those of
     all logs, oldest first; `unreadable` is why they are not known, if so. */
  void shutting_down(BinlogProgress &progress, bool gate_is_open,
                     const std::vector<std::string> &log_paths,
                     const std::string &gtid_position, Failure unreadable);

  /* A copy. */
  Record record() const;

 private:
  void note_server_id(std::uint32_t id);
  void note_acknowledged(const BinlogPosition &acknowledged);
  void note_replicas(BinlogProgress &progress, std::uint64_t resets);
  void note_told(BinlogProgress &progress, History *arrivals) const;
  void note_other_history(const GtidState &named);
  void note_received(bool receives);
  void keep_foreign_ids(const GtidState &settled, const GtidState &written);
  GtidState settled_gtids() const;
  void follow(BinlogProgress &progress, const BinlogProgress::End &end,
              const BinlogPosition &acknowledged);
  void wait(BinlogProgress &progress, const BinlogProgress::End &end);
  bool is_proven(BinlogProgress &progress, const BinlogPosition &acknowledged,
                 const BinlogSample &sample);
  bool reaches(const BinlogPosition &acknowledged, const BinlogSample &sample,
               const ServerIds &own);
  bool is_proof(const BinlogPosition &acknowledged, const BinlogSample &sample,
                const ServerIds &own) const;
  ServerIds own_of(const Settled &settled) const;
  Writers writers(const GtidState &gtids, bool receives) const;
  void note_newcomers(const BinlogSample &sample);
  GtidState vanished(const std::vector<LogStart> &logs,
                     const GtidState &gtids) const;
  void note_passed_over(BinlogProgress &progress);
  void give_up_if_told(BinlogProgress &progress);
  void was_cut(const std::optional<CutOff> &known, const Ended &before);
  bool take(const BinlogSample &sample);
  void note_vanished(const BinlogSample &sample);
  void begin_history(const GtidState &common, const Ended &ended);
  void forget_arrivals();
  void begin_anew(const BinlogSample &sample);
  Demand demand_for(const BinlogSample &sample) const;
  bool nothing_own_since_settled(BinlogProgress &progress,
                                 const BinlogSample &sample);
  bool may_have_returned(const GtidState &own) const;
  bool note_returned(BinlogProgress &progress, const GtidState &written);
  ServerIds ids_of_sessions() const;
  void settle(const BinlogSample &sample);
  void discharge();
  ServerIds files_to_be_saved();
  void write_without_delay();
  Failure write();
  void save();
  void save_if_due();

  const Clock &clock_;
  Journal &journal_;
  std::atomic<bool> owes_{false}, wants_arrivals_{false};
  /* In this order: who logs in sets the one and reads the other, and who writes
     sets the other and reads the one. */
  std::atomic<Instant> last_login_{Instant::min()};
  std::atomic<bool> may_have_files_on_disk_{false};
  boost::mutex given_up_mutex_;  // guards the next
  std::optional<EndOfBinlog> given_up_;

  mutable boost::mutex mutex_;  // guards all below
  StateFile &file_;
  Record record_;
  // Nothing: no file, one that is damaged, or nobody knows.
  std::optional<Record> on_disk_;
  bool had_record_ = false;
  std::optional<BinlogSample> start_;
  /* Ids under which this run of the server wrote. */
  ServerIds own_ids_;
  /* The settled position, when it is in this run of the server. */
  std::optional<BinlogSample> settled_in_this_run_;
  /* The one on record is in these logs, or was purged. */
  bool settled_counts_ = false;
  std::optional<BinlogSample> last_;
  /* Waits for an acknowledgement. */
  std::optional<BinlogSample> pending_;
  /* What was settled of the server's own and recovery has cut off. */
  GtidState lost_;
  ServerIds senders_;  // see has_received_from()
  /* Set: recovery has cut something off in an earlier start, and it is not
     known what; this was History::known. */
  std::optional<bool> was_known_;
  bool knows_passed_over_ = false;
  /* The last of its own that have the numbers of what recovery cut off, and are
     not that: so that the log is not read again and again. */
  GtidState not_returned_;
  std::set<Gtid> not_relayed_;  // what was looked for in relay logs last
  bool looks_again_ = false;    // they could not be seen at this look
  BinlogPosition refused_, refused_for_;  // what did not reach far enough last
  bool receives_ = false;                 // at the last look
  bool worth_writing_ = false;
  bool cannot_write_ = false;
  Instant write_not_before_{0};
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_LEDGER_H
