// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/as_replica.h"

#include <fmt/format.h>

#include "inspect/recovery_cut.h"

namespace recovery_gate::tool {
namespace {

/* Those that have written something themselves, if that is one of them. */
Indices new_primaries(const Draft &draft) {
  const Findings &f = draft.findings;
  Indices writers;
  for (const std::size_t i : draft.taken_over)
    for (const auto &[source, number] : beyond(f.replicas[i], f.server))
      if (source.server_id == f.replicas[i].server_id) {
        writers.push_back(i);
        break;
      }
  return writers.empty() ? Indices{draft.taken_over.front()} : writers;
}

/* Empty, or what the server lacks of this one's own before the first log that
   was read. */
std::string lacks_before(const Draft &draft, std::size_t i) {
  const Findings &f = draft.findings;
  const std::optional<GtidState> &before = f.survey.logs.front().gtids_before;
  if (!before) return {};
  for (const auto &[source, number] : *before) {
    if (f.may_have_received && source.server_id != f.server.id) continue;
    const Gtid gtid{source.domain, source.server_id, number};
    if (has_transaction(f.replicas[i], gtid, {}, f.server) == Has::NO)
      return fmt::format(
          "{} lacks {} already, which crash recovery does not touch",
          f.replicas[i].name, to_string(gtid));
  }
  return {};
}

void would_lose(Draft *draft, std::size_t head) {
  const Findings &f = draft->findings;
  Advice &a = draft->advice;
  const std::string &name = f.replicas[head].name;
  const Stretch &lost = f.doubt.cut_for_good;
  draft->cannot_know(
      name +
      " has taken over; it cannot be known who has what a start of "
      "this server as its replica would cut off");
  if (lost.count != 0)
    a.reasons.push_back(may_be_cut(lost) +
                        "; no server that was asked is known to have " +
                        (lost.count == 1 ? "it" : "them"));
  else
    a.reasons.push_back(
        "recovery_gate.state cannot be used, so what a replica has "
        "acknowledged is not known: " +
        f.state.trouble);
  a.steps.push_back(
      "inspect again with every other server of the group as --replica: the "
      "replica that acknowledged should have become the primary");
  draft->save_first(lost.count != 0 ? lost : f.doubt.lacking[head]);
  a.steps.push_back(
      "when what is to be kept is saved: rebuild this server "
      "from " +
      name);
}

void cannot_compare(Draft *draft, std::size_t head,
                    const std::string &obstacle) {
  const Findings &f = draft->findings;
  Advice &a = draft->advice;
  draft->cannot_know(
      f.replicas[head].name +
      " has taken over; it cannot be known whether it has everything "
      "that this server has");
  a.reasons.push_back(obstacle);
  a.steps.push_back("compare the data, or rebuild this server from " +
                    f.replicas[head].name);
}

void rebuild(Draft *draft, std::size_t head, const std::string &obstacle) {
  const Findings &f = draft->findings;
  Advice &a = draft->advice;
  const Stretch &lacking = f.doubt.lacking[head];
  a.verdict = Verdict::REBUILD;
  a.headline = fmt::format(
      "do not start it: {} has taken over without what this server keeps. "
      "Rebuild it",
      f.replicas[head].name);
  a.reasons.push_back(obstacle);
  if (lacking.count != 0) draft->save_first(lacking);
  a.steps.push_back(fmt::format(
      "rebuild the data directory from {}, with mariadb-backup for example",
      f.replicas[head].name));
}

void start_as_replica(Draft *draft, std::size_t head, const Stretch &lacking) {
  const Findings &f = draft->findings;
  Advice &a = draft->advice;
  const Replica &primary = f.replicas[head];
  a.verdict = Verdict::START_AS_REPLICA;
  a.headline = fmt::format(
      "start it as a replica of {}: that server has taken over {}",
      primary.name,
      lacking.count == 0 ? "with everything that this one has"
                         : "without what is at the end of this one's log");
  if (f.survey.crashed) {
    a.reasons.push_back(
        "recovery with init_rpl_role=SLAVE will cut off at "
        "most " +
        span(f.doubt.at_most));
    a.caveats.push_back(
        "how much is cut off depends on what the engines still have prepared, "
        "which only the server can see");
    if (f.doubt.cuttable.count != 0 &&
        f.doubt.at_most.count > f.doubt.cuttable.count)
      a.caveats.push_back(fmt::format(
          "if more than what comes from {} on is cut off, the tables keep "
          "what the binary log has lost: rebuild it then",
          to_string(f.doubt.cuttable.first->begin())));
    if (f.doubt.recovery.count > f.doubt.cuttable.count)
      a.caveats.push_back(
          "if it does not start (\"Cannot truncate the binary log\"), "
          "something that cannot be rolled back is in the way: rebuild it");
  }
  draft->start_with({"--init-rpl-role=SLAVE",
                     "--rpl-semi-sync-master-enabled=OFF",
                     "--rpl-semi-sync-slave-enabled=ON", "--skip-slave-start",
                     "--read-only=ON"});
  if (lacking.count != 0 && lacking.first->transaction.gtid) {
    const Gtid &first = *lacking.first->transaction.gtid;
    a.steps.push_back(fmt::format(
        "SELECT @@global.gtid_binlog_state; -- of {}-{} no number above {} "
        "may be in it. If one is, it was not cut off: rebuild this server",
        first.domain, first.server_id, first.sequence - 1));
  }
  std::string host = primary.host;
  unsigned port = primary.port;
  for (const ReplicaLink &link : primary.links)
    if (link.is_active() && link.master_server_id != f.server.id) {
      host = link.host;
      port = link.port;
      a.caveats.push_back(fmt::format(
          "{} is itself a replica, of {}:{}: inspect again with that one as "
          "--replica, too",
          primary.name, host, port));
      break;
    }
  a.steps.push_back(
      fmt::format("CHANGE MASTER TO MASTER_HOST='{}', MASTER_PORT={}, "
                  "MASTER_USER='...', MASTER_PASSWORD='...', "
                  "MASTER_USE_GTID=slave_pos, MASTER_DEMOTE_TO_SLAVE=1;",
                  host, port));
  a.steps.push_back("START SLAVE;");
  a.steps.push_back(
      "SHOW SLAVE STATUS; -- error 1236: it has what the primary has not; "
      "rebuild it");
  a.steps.push_back(
      "SET GLOBAL recovery_gate_open_now=ON; -- if it follows without an "
      "error and its gate is still closed");
}

}  // namespace

void advise_as_replica(Draft *draft) {
  const Findings &f = draft->findings;
  Advice &a = draft->advice;
  const Indices heads = new_primaries(*draft);
  if (heads.size() > 1) {
    draft->cannot_know("it cannot be known which server is the primary now");
    for (const std::size_t i : heads) draft->tell_beyond(i);
    a.steps.push_back(
        "find out which of them clients write to, and inspect again with "
        "only that one as --replica");
    return;
  }
  const std::size_t head = heads.front();
  draft->tell_beyond(head);
  const Stretch &lacking = f.doubt.lacking[head];
  const std::uint64_t perhaps = f.doubt.perhaps_lacking[head];
  const std::string &name = f.replicas[head].name;
  const std::string before = lacks_before(*draft, head);
  if (lacking.count == 0 && before.empty()) {
    a.reasons.push_back(name + " has everything that this server has");
  } else {
    a.reasons.push_back(fmt::format(
        "{} {}: {}", name,
        perhaps == 0               ? "lacks"
        : perhaps == lacking.count ? "lacks, or may have"
                                   : "lacks, or of some may have",
        lacking.count == 0 ? "transactions before the logs that were read"
                           : span(lacking)));
    const std::string obstacle =
        before.empty() ? cannot_be_cut(f, lacking) : before;
    if (!obstacle.empty()) {
      if (perhaps != 0 && perhaps == lacking.count)
        return cannot_compare(draft, head, obstacle);
      return rebuild(draft, head, obstacle);
    }
    if (f.doubt.cut_for_good.count != 0 || !f.state.trouble.empty())
      return would_lose(draft, head);
  }
  start_as_replica(draft, head, lacking);
}

}  // namespace recovery_gate::tool
