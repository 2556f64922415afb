// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/gate/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "recovery_gate/gate/labelled_page.h"
#include "recovery_gate/gate/labels.h"
#include "recovery_gate/gate/waiting_text.h"

namespace recovery_gate {
namespace {

std::string counted(std::uint64_t count, const char *one, const char *many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string name_of(const Transaction &transaction) {
  std::string name = transaction.gtid ? "GTID " + to_string(*transaction.gtid)
                                      : std::string("no GTID");
  if (transaction.xid != 0) name += fmt::format(", XID {}", transaction.xid);
  if (transaction.xa) {
    const char *what =
        transaction.kind == TransactionKind::XA_PREPARE    ? "XA PREPARE"
        : transaction.kind == TransactionKind::XA_ROLLBACK ? "XA ROLLBACK"
                                                           : "XA COMMIT";
    name += fmt::format(", {} {}", what, to_sql(*transaction.xa));
  }
  if (transaction.ddl) name += ", DDL";
  return name;
}

/* That nothing was found does not say that nothing is owed, when the GTIDs say
   otherwise or the search could not see all. */
std::string what_is_in_doubt(const InDoubt &found, const GtidState &unsettled) {
  const std::string gtids =
      unsettled.empty() ? std::string() : "up to GTID " + to_string(unsettled);
  if (found.count == 0 && !gtids.empty())
    return "transactions " + gtids + ", none of which was found";
  if (found.count == 0)
    return found.reservation.empty() ? "0 transactions" : "none was found";
  return counted(found.count, "transaction", "transactions") + ", " +
         counted(found.bytes, "byte", "bytes") +
         (gtids.empty() ? gtids : ", " + gtids);
}

/* What no replica is known to have, or was not when the server started. */
void in_doubt(const Report &report, LabelledPage *page) {
  const InDoubt &found = report.in_doubt;
  const std::string line = what_is_in_doubt(found, report.gate.unsettled);
  page->line(is_open(report.gate.state) ? label::was_in_doubt : label::in_doubt,
             line);
  if (!found.reservation.empty()) page->more(found.reservation);
  if (found.count > found.last.size())
    page->more(fmt::format("the last {} of them:", found.last.size()));
  for (const InDoubt::Item &item : found.last)
    page->more(fmt::format("{}: {} up to {}", name_of(item.transaction),
                           counted(item.transaction.size(), "byte", "bytes"),
                           to_string(item.end)));
}

void replicas(const Report &report, LabelledPage *page) {
  page->line(label::acknowledged,
             report.acknowledged.empty()
                 ? "nothing yet"
                 : "up to " + to_string(report.acknowledged));
  const std::vector<ReplicaStanding> &replicas = report.gate.replicas;
  const ReplicaTally &tally = report.gate.tally;
  page->line(label::replicas,
             (tally.is_any ? "" : text_of(tally) + "; ") +
                 counted(replicas.size(), "semi-sync replica connected",
                         "semi-sync replicas connected"));
  for (const ReplicaStanding &replica : replicas) {
    std::string shown;
    if (!replica.counts) shown = "; does not count (recovery_gate_replica_ids)";
    if (replica.standing == Standing::PROVEN)
      shown += "; proven: " + replica.why;
    if (replica.standing == Standing::NEVER)
      shown += "; proves nothing: " + replica.why;
    if (replica.standing == Standing::NOT_YET && replica.counts &&
        !replica.why.empty())
      shown += "; not proven yet: " + replica.why;
    page->more(
        fmt::format("server_id {} at {} (connection {}): sent up to {}{}",
                    replica.server_id, replica.host, replica.connection,
                    to_string(replica.sent), shown));
  }
  for (const ProvenReplica &replica : tally.replicas) {
    const auto is_it = [&](const ReplicaStanding &connected) {
      return connected.server_id == replica.server_id;
    };
    if (!tally.is_any && std::none_of(replicas.begin(), replicas.end(), is_it))
      page->more(fmt::format("server_id {} (not connected): proven: {}",
                             replica.server_id, replica.why));
  }
}

}  // namespace

std::string status_page(const Report &report) {
  const GateSnapshot &gate = report.gate;
  const bool closed = !is_open(gate.state);
  const bool was_closed = gate.reason != CloseReason::NONE;
  LabelledPage page;
  page.line(label::state, full_name(gate.state));
  if (!report.since.empty()) page.line(label::since, report.since);
  page.line(label::reason, reason_name(gate.reason));
  if (was_closed) {
    page.line(label::why, gate.why);
    page.line(closed ? label::closed_for : label::was_closed_for,
              fmt::format("{:.3f} s",
                          static_cast<double>(gate.closed_for.count()) / 1000));
  }
  if (*waiting_for_name(gate.state) != '\0')
    page.line(label::waiting_for,
              fmt::format("{}: {}", waiting_for_name(gate.state),
                          counted_meaning(gate.state, gate.tally)));
  if (!closed)
    page.line(
        label::opened_by,
        fmt::format("{}: {}", opened_by_name(gate.state), meaning(gate.state)));
  page.line(
      label::recovered,
      fmt::format("{} (GTID {})", to_string(gate.recovered_end),
                  gate.recovered_gtid.empty() ? "none" : gate.recovered_gtid));
  if (was_closed) {
    in_doubt(report, &page);
    page.line(label::awaited, to_string(gate.awaited));
  }
  if (closed && gate.upstream.follows)
    page.line(label::primary, gate.upstream.finding.why.empty()
                                  ? "not asked yet"
                                  : gate.upstream.finding.why);
  if (closed) replicas(report, &page);
  if (was_closed) {
    if (closed) page.line(label::held, std::to_string(gate.held));
    page.line(label::admitted, std::to_string(gate.admitted));
    page.line(label::rejected, std::to_string(gate.rejected));
  }
  page.line(label::prepared,
            fmt::format("{} found, {} committed, {} rolled back, {} left "
                        "prepared for an XA coordinator",
                        report.xids.found, report.xids.committed,
                        report.xids.rolled_back, report.xids.external));
  for (const std::string &trouble : report.replication)
    if (&trouble == &report.replication.front())
      page.line(label::replication, trouble);
    else
      page.more(trouble);
  page.line(label::what_to_do,
            what_to_do(gate.state, gate.replicas, gate.tally));
  return page.text();
}

}  // namespace recovery_gate
