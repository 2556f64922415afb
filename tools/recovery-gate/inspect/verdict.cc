// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/verdict.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>

namespace recovery_gate::tool {
namespace {

struct Row {
  Verdict verdict;
  const char *name, *meaning;
};

constexpr Row rows[] = {
    {Verdict::NOTHING_OWED, "nothing_owed",
     "nothing is in doubt: start it as it was"},
    {Verdict::START_AS_PRIMARY, "start_as_primary",
     "start it as the primary: the gate waits for a replica"},
    {Verdict::START_AS_REPLICA, "start_as_replica",
     "another server has taken over: start it as its replica"},
    {Verdict::REBUILD, "rebuild",
     "another server has taken over without what is here for good: do not "
     "start it, rebuild it"},
    {Verdict::UNKNOWN, "unknown", "cannot be known; the page says why"},
    {Verdict::RUNNING, "running",
     "a server is running in this data directory: see status"},
};

const Row &row_of(Verdict verdict) {
  return *std::find_if(std::begin(rows), std::end(rows),
                       [&](const Row &row) { return row.verdict == verdict; });
}

std::string transactions(std::uint64_t count) {
  return fmt::format("{} transaction{}", count, count == 1 ? "" : "s");
}

std::string gtid_of(const std::optional<ListedTransaction> &listed) {
  return listed && listed->transaction.gtid
             ? to_string(*listed->transaction.gtid)
             : std::string("without a GTID");
}

std::string span(const Stretch &stretch) {
  if (stretch.count == 0) return "none";
  const std::string first = gtid_of(stretch.first);
  const std::string last = gtid_of(stretch.last);
  return fmt::format("{} ({}, {} bytes, from {} on)",
                     transactions(stretch.count),
                     stretch.count == 1 ? first : first + " to " + last,
                     stretch.bytes, to_string(stretch.first->begin()));
}

std::string names_of(const std::vector<const Replica *> &replicas) {
  std::string names;
  for (const Replica *replica : replicas)
    names += (names.empty() ? "" : ", ") + replica->name;
  return names;
}

bool is_same_folder(const std::string &a, const std::string &b) {
  char resolved[PATH_MAX];
  return a == b ||
         (::realpath(a.c_str(), resolved) != nullptr && b == resolved);
}

class Adviser {
 public:
  explicit Adviser(const Findings &findings) : f_(findings) {
    if (!f_.is_comparable()) return;
    for (std::size_t i = 0; i < f_.replicas.size(); ++i)
      switch (standing_of(f_.replicas[i], f_.server)) {
        case Standing::FOLLOWS:
          follow_.push_back(i);
          break;
        case Standing::TAKEN_OVER:
          taken_over_.push_back(i);
          break;
        case Standing::UNCLEAR:
          unclear_.push_back(i);
          break;
        case Standing::IDLE:
          idle_.push_back(i);
          break;
        case Standing::UNREACHABLE:
          unreachable_.push_back(i);
          break;
      }
  }

  Advice advise() {
    if (!f_.forecast.closed || (!f_.survey.trouble.empty() &&
                                (f_.forecast.owes || !taken_over_.empty())))
      unreadable();
    else if (!taken_over_.empty())
      replica_or_rebuild();
    else if (!unclear_.empty() && !f_.nobody_took_over)
      unclear();
    else if (!unreachable_.empty() && !f_.nobody_took_over)
      unreachable();
    else if (!f_.forecast.owes)
      nothing_owed();
    else
      owed();
    mind_the_cut();
    return std::move(a_);
  }

 private:
  using Places = std::vector<std::size_t>;

  std::vector<const Replica *> at(const Places &places) const {
    std::vector<const Replica *> replicas;
    for (const std::size_t i : places) replicas.push_back(&f_.replicas[i]);
    return replicas;
  }

  bool nobody_was_asked() const {
    return f_.replicas.empty() && !f_.nobody_took_over;
  }

  std::string what_is_in_doubt() const {
    return "in doubt: " + span(f_.doubt.in_doubt);
  }

  // The verdicts

  void unreadable() {
    a_.verdict = Verdict::UNKNOWN;
    a_.headline = "it cannot be known from outside what is in doubt";
    a_.reasons.push_back(f_.survey.trouble.empty() ? f_.forecast.unknown
                                                   : f_.survey.trouble);
    for (const std::size_t i : taken_over_) tell_beyond(i);
    if (f_.survey.encrypted) {
      a_.steps.push_back(
          "if no other server has taken over: start it as it was. The gate "
          "reads the logs with the server's keys, and decides");
      a_.steps.push_back(
          "if another server has taken over: rebuild this one from it");
    } else {
      a_.steps.push_back(
          "check the log with mariadb-binlog --verify-binlog-checksum; make "
          "the replica that has the most the primary, and rebuild this server");
    }
  }

  void unclear() {
    a_.verdict = Verdict::UNKNOWN;
    a_.headline =
        "it cannot be known whether another server has become the primary";
    for (const Replica *replica : at(unclear_))
      a_.reasons.push_back(why_unclear(*replica));
    if (f_.forecast.owes) a_.reasons.push_back(what_is_in_doubt());
    a_.steps.push_back("find out whether clients write to " +
                       names_of(at(unclear_)) +
                       ". If they do, STOP SLAVE there, and inspect again");
    a_.steps.push_back(
        "if they do not, inspect again with "
        "--no-replica-check");
  }

  std::string why_unclear(const Replica &replica) const {
    const GtidState more = beyond(replica, f_.server);
    if (!more.empty())
      return fmt::format(
          "{} has {} which this server has not, is not read-only, and still "
          "tries to follow this server",
          replica.name, to_string(more));
    for (const ReplicaLink &link : replica.links)
      if (link.is_active())
        return fmt::format("{} follows {}:{}, not this server", replica.name,
                           link.host, link.port);
    return replica.name +
           " is no replica of any server, and not read-only: it may have been "
           "made the primary";
  }

  void unreachable() {
    a_.verdict = Verdict::UNKNOWN;
    a_.headline =
        "it cannot be known whether another server has become the primary";
    for (const Replica *replica : at(unreachable_))
      a_.reasons.push_back(replica->name +
                           " could not be asked: " + replica->error);
    if (f_.forecast.owes) a_.reasons.push_back(what_is_in_doubt());
    a_.steps.push_back("reach it, and inspect again");
    a_.steps.push_back(
        "if it is certain that it has not taken over, inspect again with "
        "--no-replica-check");
  }

  void nothing_owed() {
    a_.verdict = Verdict::NOTHING_OWED;
    a_.headline = "nothing is in doubt: start it as it was";
    a_.reasons.push_back(f_.forecast.why);
    command(recover_as_primary());
    if (*f_.forecast.closed)
      a_.caveats.push_back(
          "recovery_gate_mode is ALWAYS: the gate closes all the same, and "
          "waits for " +
          to_string(f_.forecast.waits_for));
    if (nobody_was_asked()) not_asked();
  }

  void owed() {
    if (!f_.forecast.provable) return unprovable();
    if (nobody_was_asked()) return unasked();
    const Places complete = complete_replicas();
    if (f_.survey.logs.back().tail == Tail::TORN && complete.empty())
      return torn();
    a_.verdict = Verdict::START_AS_PRIMARY;
    a_.headline = fmt::format(
        "start it as the primary: the gate will wait until a semi-sync "
        "replica has acknowledged {}, and with it {}",
        to_string(f_.forecast.waits_for),
        transactions(f_.doubt.in_doubt.count));
    tell_who_has();
    std::vector<std::string> options{"--rpl-semi-sync-master-enabled=ON"};
    if (f_.options.mode == Mode::OFF)
      options.push_back("--recovery-gate-mode=AUTO");
    for (const std::string &option : recover_as_primary())
      options.push_back(option);
    command(options);
    for (const std::size_t i : follow_)
      if (!f_.replicas[i].semisync_replica)
        a_.caveats.push_back(
            f_.replicas[i].name +
            " is no semi-sync replica (rpl_semi_sync_slave_enabled=OFF): what "
            "it receives it does not acknowledge");
    for (const std::size_t i : idle_)
      a_.caveats.push_back(f_.replicas[i].name +
                           " does not follow this server: START SLAVE there");
    if (f_.survey.logs.back().tail == Tail::TORN)
      a_.caveats.push_back(
          "the last event of the binary log is torn: a replica that lacks "
          "something of this log stops there with an error, and has to be "
          "rebuilt. " +
          names_of(at(complete)) + " has everything before it");
    if (f_.nobody_took_over)
      a_.caveats.push_back(
          "--no-replica-check: it is your word that no other server has taken "
          "over");
  }

  void unprovable() {
    a_.verdict = Verdict::UNKNOWN;
    a_.headline =
        "it cannot be known who has what is in doubt: no acknowledgement will "
        "open the gate, only an administrator can";
    a_.reasons.push_back(f_.forecast.why);
    tell_who_has();
    a_.steps.push_back(
        "compare the data with the replicas'. If they have all that matters, "
        "start this server as it was and SET GLOBAL recovery_gate_open_now=ON; "
        "otherwise make one of them the primary, and rebuild this server");
  }

  void unasked() {
    a_.verdict = Verdict::UNKNOWN;
    a_.headline =
        "the gate will be closed; no other server was asked whether it has taken "
        "over without what is in doubt";
    a_.reasons.push_back(what_is_in_doubt());
    a_.reasons.push_back("as a primary it would wait for " +
                         to_string(f_.forecast.waits_for));
    a_.steps.push_back(
        "inspect again with --replica HOST:PORT for each other "
        "server of the group");
    a_.steps.push_back(
        "if it is certain that no other server has taken over, inspect again "
        "with --no-replica-check");
  }

  void torn() {
    a_.verdict = Verdict::UNKNOWN;
    a_.headline =
        "the gate will be closed, and no replica is known that could open it: "
        "the binary log ends in the middle of an event";
    a_.reasons.push_back(f_.survey.logs.back().tail_reason);
    a_.reasons.push_back(
        "the server sends the torn event as it is, and a replica stops there "
        "with an error before it acknowledges anything");
    tell_who_has();
    a_.steps.push_back(
        "make the replica that has the most the primary, and rebuild this server; "
        "or start it, compare, and SET GLOBAL recovery_gate_open_now=ON");
  }

  void replica_or_rebuild() {
    const Places heads = new_primaries();
    if (heads.size() > 1) {
      a_.verdict = Verdict::UNKNOWN;
      a_.headline = "it cannot be known which server is the primary now";
      for (const std::size_t i : heads) tell_beyond(i);
      a_.steps.push_back(
          "find out which of them clients write to, and inspect again with "
          "only that one as --replica");
      return;
    }
    const std::size_t head = heads.front();
    tell_beyond(head);
    const Stretch &lacking = f_.doubt.lacking[head];
    const std::uint64_t perhaps = f_.doubt.perhaps_lacking[head];
    const std::string &name = f_.replicas[head].name;
    const std::string before = lacks_before(head);
    if (lacking.count == 0 && before.empty()) {
      a_.reasons.push_back(name + " has everything that this server has");
    } else {
      a_.reasons.push_back(fmt::format(
          "{} {}: {}", name,
          perhaps == 0               ? "lacks"
          : perhaps == lacking.count ? "lacks, or may have"
                                     : "lacks, or of some may have",
          lacking.count == 0 ? "transactions before the logs that were read"
                             : span(lacking)));
      const std::string obstacle =
          before.empty() ? cannot_be_cut(lacking) : before;
      if (!obstacle.empty()) {
        if (perhaps != 0 && perhaps == lacking.count)
          return cannot_compare(head, obstacle);
        return rebuild(head, obstacle);
      }
      if (f_.doubt.cut_for_good.count != 0 || !f_.state.trouble.empty())
        return would_lose(head);
    }
    start_as_replica(head, lacking);
  }

  void would_lose(std::size_t head) {
    const std::string &name = f_.replicas[head].name;
    const Stretch &lost = f_.doubt.cut_for_good;
    a_.verdict = Verdict::UNKNOWN;
    a_.headline = name +
                  " has taken over; it cannot be known who has what a start of "
                  "this server as its replica would cut off";
    if (lost.count != 0)
      a_.reasons.push_back(may_be_cut(lost) +
                           "; no server that was asked is known to have " +
                           (lost.count == 1 ? "it" : "them"));
    else
      a_.reasons.push_back(
          "recovery_gate.state cannot be used, so what a replica has "
          "acknowledged is not known: " +
          f_.state.trouble);
    a_.steps.push_back(
        "inspect again with every other server of the group as --replica: the "
        "replica that acknowledged should have become the primary");
    save_first(lost.count != 0 ? lost : f_.doubt.lacking[head]);
    a_.steps.push_back(
        "when what is to be kept is saved: rebuild this server "
        "from " +
        name);
  }

  void cannot_compare(std::size_t head, const std::string &obstacle) {
    a_.verdict = Verdict::UNKNOWN;
    a_.headline =
        f_.replicas[head].name +
        " has taken over; it cannot be known whether it has everything "
        "that this server has";
    a_.reasons.push_back(obstacle);
    a_.steps.push_back("compare the data, or rebuild this server from " +
                       f_.replicas[head].name);
  }

  void rebuild(std::size_t head, const std::string &obstacle) {
    const Stretch &lacking = f_.doubt.lacking[head];
    a_.verdict = Verdict::REBUILD;
    a_.headline = fmt::format(
        "do not start it: {} has taken over without what this server keeps. "
        "Rebuild it",
        f_.replicas[head].name);
    a_.reasons.push_back(obstacle);
    if (lacking.count != 0) save_first(lacking);
    a_.steps.push_back(fmt::format(
        "rebuild the data directory from {}, with mariadb-backup for example",
        f_.replicas[head].name));
  }

  void start_as_replica(std::size_t head, const Stretch &lacking) {
    const Replica &primary = f_.replicas[head];
    a_.verdict = Verdict::START_AS_REPLICA;
    a_.headline = fmt::format(
        "start it as a replica of {}: that server has taken over {}",
        primary.name,
        lacking.count == 0 ? "with everything that this one has"
                           : "without what is at the end of this one's log");
    if (f_.survey.crashed) {
      a_.reasons.push_back(
          "recovery with init_rpl_role=SLAVE will cut off at "
          "most " +
          span(f_.doubt.at_most));
      a_.caveats.push_back(
          "how much is cut off depends on what the engines still have prepared, "
          "which only the server can see");
      if (f_.doubt.cuttable.count != 0 &&
          f_.doubt.at_most.count > f_.doubt.cuttable.count)
        a_.caveats.push_back(fmt::format(
            "if more than what comes from {} on is cut off, the tables keep "
            "what the binary log has lost: rebuild it then",
            to_string(f_.doubt.cuttable.first->begin())));
      if (f_.doubt.recovery.count > f_.doubt.cuttable.count)
        a_.caveats.push_back(
            "if it does not start (\"Cannot truncate the binary log\"), "
            "something that cannot be rolled back is in the way: rebuild it");
    }
    command({"--init-rpl-role=SLAVE", "--rpl-semi-sync-master-enabled=OFF",
             "--rpl-semi-sync-slave-enabled=ON", "--skip-slave-start",
             "--read-only=ON"});
    if (lacking.count != 0 && lacking.first->transaction.gtid) {
      const Gtid &first = *lacking.first->transaction.gtid;
      a_.steps.push_back(fmt::format(
          "SELECT @@global.gtid_binlog_state; -- of {}-{} no number above {} "
          "may be in it. If one is, it was not cut off: rebuild this server",
          first.domain, first.server_id, first.sequence - 1));
    }
    std::string host = primary.host;
    unsigned port = primary.port;
    for (const ReplicaLink &link : primary.links)
      if (link.is_active() && link.master_server_id != f_.server.id) {
        host = link.host;
        port = link.port;
        a_.caveats.push_back(fmt::format(
            "{} is itself a replica, of {}:{}: inspect again with that one as "
            "--replica, too",
            primary.name, host, port));
        break;
      }
    a_.steps.push_back(
        fmt::format("CHANGE MASTER TO MASTER_HOST='{}', MASTER_PORT={}, "
                    "MASTER_USER='...', MASTER_PASSWORD='...', "
                    "MASTER_USE_GTID=slave_pos, MASTER_DEMOTE_TO_SLAVE=1;",
                    host, port));
    a_.steps.push_back("START SLAVE;");
    a_.steps.push_back(
        "SHOW SLAVE STATUS; -- error 1236: it has what the primary has not; "
        "rebuild it");
    a_.steps.push_back(
        "SET GLOBAL recovery_gate_open_now=ON; -- if it follows without an "
        "error and its gate is still closed");
  }

  // What recovery with init_rpl_role=SLAVE would do

  /* A start as the primary is meant, whatever the option file says. */
  std::vector<std::string> recover_as_primary() const {
    if (!f_.survey.crashed || !f_.options.recovers_as_slave) return {};
    return {"--init-rpl-role=MASTER"};
  }

  std::string may_be_cut(const Stretch &acknowledged) const {
    return span(acknowledged) +
           " that a replica acknowledged may be cut off by a start with "
           "init_rpl_role=SLAVE";
  }

  /* Ledger::recovered() compares with the settled position. */
  std::string after_the_cut() const {
    const std::optional<Record> &record = f_.state.record;
    const bool gate_sees_it = record && !record->running_since.empty() &&
                              !f_.doubt.cut_acknowledged.first->after_settled &&
                              f_.options.mode != Mode::OFF;
    return std::string("after that it must not be the primary") +
           (gate_sees_it ? ", and its gate waits for OVERRIDE" : "");
  }

  void mind_the_cut() {
    const bool will_replicate = a_.verdict == Verdict::START_AS_REPLICA;
    if (!f_.survey.crashed || a_.verdict == Verdict::REBUILD) return;
    if (f_.options.recovers_as_slave && !will_replicate)
      a_.caveats.push_back(
          "the server's option file has init_rpl_role=SLAVE, with which "
          "recovery cuts off the end of the binary log: --init-rpl-role=MASTER "
          "keeps it");
    const Stretch &acknowledged = f_.doubt.cut_acknowledged;
    if (!f_.survey.trouble.empty())
      a_.caveats.push_back(
          "what a start with init_rpl_role=SLAVE would cut off, and whether a "
          "replica acknowledged it, cannot be known: do not start it so");
    else if (acknowledged.count != 0)
      a_.caveats.push_back(may_be_cut(acknowledged) + "; " + after_the_cut() +
                           (will_replicate
                                ? ". Servers that were asked have all of it"
                                : ": do not start it so"));
  }

  // What they are made of

  /* Those that have written something themselves, if that is one of them. */
  Places new_primaries() const {
    Places writers;
    for (const std::size_t i : taken_over_)
      for (const auto &[source, number] : beyond(f_.replicas[i], f_.server))
        if (source.server_id == f_.replicas[i].server_id) {
          writers.push_back(i);
          break;
        }
    return writers.empty() ? Places{taken_over_.front()} : writers;
  }

  Places complete_replicas() const {
    Places complete;
    for (const Places *places : {&follow_, &idle_})
      for (const std::size_t i : *places)
        if (f_.doubt.replicas[i].has() == f_.doubt.in_doubt.count)
          complete.push_back(i);
    return complete;
  }

  void tell_beyond(std::size_t i) {
    a_.reasons.push_back(
        fmt::format("{} has {}, which this server has not", f_.replicas[i].name,
                    to_string(beyond(f_.replicas[i], f_.server))));
  }

  void tell_who_has() {
    const std::uint64_t count = f_.doubt.in_doubt.count;
    if (count == 0) return;
    for (std::size_t i = 0; i < f_.replicas.size(); ++i) {
      const Replica &replica = f_.replicas[i];
      const ReplicaCount &has = f_.doubt.replicas[i];
      if (!replica.error.empty())
        a_.reasons.push_back(replica.name +
                             " could not be asked: " + replica.error);
      else if (has.has() == count)
        a_.reasons.push_back(
            replica.name + " has everything in doubt" +
            (standing_of(replica, f_.server) == Standing::FOLLOWS &&
                     replica.semisync_replica
                 ? ", and will acknowledge as soon as it connects"
                 : ""));
      else
        a_.reasons.push_back(fmt::format(
            "{} has {} of the {} in doubt{}", replica.name, has.has(), count,
            has.unknown == 0
                ? std::string()
                : fmt::format("; of {} it is not known", has.unknown)));
    }
    if (!f_.replicas.empty() && f_.doubt.nobody_has > 0)
      a_.reasons.push_back(
          fmt::format("{} in doubt {} on no server that was asked",
                      transactions(f_.doubt.nobody_has),
                      f_.doubt.nobody_has == 1 ? "is" : "are"));
  }

  /* Empty, or what the replica lacks of this server's own before the first log
     that was read. */
  std::string lacks_before(std::size_t i) const {
    const std::optional<GtidState> &before =
        f_.survey.logs.front().gtids_before;
    if (!before) return {};
    for (const auto &[source, number] : *before) {
      if (f_.may_have_received && source.server_id != f_.server.id) continue;
      const Gtid gtid{source.domain, source.server_id, number};
      if (has_transaction(f_.replicas[i], gtid, {}, f_.server) == Has::NO)
        return fmt::format(
            "{} lacks {} already, which crash recovery does not touch",
            f_.replicas[i].name, to_string(gtid));
    }
    return {};
  }

  /* Empty when recovery may cut all of it off. */
  std::string cannot_be_cut(const Stretch &lacking) const {
    if (!f_.survey.crashed)
      return "the server was shut down properly, so crash recovery cuts "
             "nothing off";
    const Stretch &cuttable = f_.doubt.cuttable;
    if (cuttable.count != 0 &&
        has_reached(lacking.first->begin(), cuttable.first->begin()))
      return {};
    return fmt::format(
        "crash recovery cannot cut off {} at {} ({}): it is committed for "
        "good, cannot be rolled back, or such a transaction comes after it",
        gtid_of(lacking.first), to_string(lacking.first->begin()),
        to_string(lacking.first->transaction.kind));
  }

  void save_first(const Stretch &stretch) {
    a_.steps.push_back(fmt::format(
        "if what only this server has is to be saved: mariadb-binlog "
        "--start-position={} {}",
        stretch.first->transaction.begin, path_of(stretch.first->log)));
  }

  void not_asked() {
    a_.caveats.push_back(
        "no other server was asked (--replica): if one has become the primary "
        "in the meantime, this one must not be started as one");
  }

  std::string path_of(const std::string &log) const {
    for (const LogFacts &facts : f_.survey.logs)
      if (facts.name == log) return facts.path;
    return log;
  }

  void command(const std::vector<std::string> &more) {
    std::vector<std::string> line{"mariadbd"};
    const ServerOptions &options = f_.options;
    if (options.file) line.push_back("--defaults-file=" + *options.file);
    if (!options.datadir ||
        !is_same_folder(*options.datadir, f_.directory.path))
      line.push_back("--datadir=" + f_.directory.path);
    if (f_.log_bin && f_.log_bin != options.log_bin)
      line.push_back("--log-bin=" + *f_.log_bin);
    if (::geteuid() == 0 && !options.has_user && !f_.directory.owner.empty())
      line.push_back("--user=" + f_.directory.owner);
    line.insert(line.end(), more.begin(), more.end());
    a_.command = std::move(line);
    a_.options = more;
    if (!more.empty())
      a_.caveats.push_back(
          "where systemd starts the server: systemctl set-environment "
          "MYSQLD_OPTS='" +
          shell_line(more) +
          "', then systemctl start mariadb, then systemctl "
          "unset-environment MYSQLD_OPTS");
  }

  const Findings &f_;
  Advice a_;
  Places follow_, taken_over_, unclear_, idle_, unreachable_;
};

}  // namespace

const char *to_string(Verdict verdict) { return row_of(verdict).name; }

std::string verdict_help() {
  std::string text = "Exit codes of inspect, besides those of all commands:\n";
  for (const Row &row : rows)
    text += fmt::format("  {:<5}  {}\n", static_cast<int>(row.verdict),
                        row.meaning);
  return text;
}

Advice advise(const Findings &findings) { return Adviser(findings).advise(); }

std::string shell_line(const std::vector<std::string> &command) {
  constexpr const char *harmless =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
      "-_=./:,@+%";
  std::string line;
  for (const std::string &word : command) {
    if (!line.empty()) line += ' ';
    if (!word.empty() &&
        word.find_first_not_of(harmless) == std::string::npos) {
      line += word;
      continue;
    }
    line += '\'';
    for (const char c : word) {
      if (c == '\'')
        line += "'\\''";
      else
        line += c;
    }
    line += '\'';
  }
  return line;
}

}  // namespace recovery_gate::tool
