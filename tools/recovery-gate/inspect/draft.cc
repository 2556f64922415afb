// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/draft.h"

#include <fmt/format.h>

#include "inspect/start_command.h"

namespace recovery_gate::tool {
namespace {

constexpr char does_not_count[] =
    ", and does not count (recovery_gate_replica_ids)";

std::string path_of(const Findings &findings, const std::string &log) {
  for (const LogFacts &facts : findings.survey.logs)
    if (facts.name == log) return facts.path;
  return log;
}

}  // namespace

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

Draft::Draft(const Findings &all) : findings(all) {
  if (!findings.is_comparable()) return;
  for (std::size_t i = 0; i < findings.replicas.size(); ++i)
    switch (standing_of(findings.replicas[i], findings.server)) {
      case Standing::FOLLOWS:
        following.push_back(i);
        break;
      case Standing::TAKEN_OVER:
        taken_over.push_back(i);
        break;
      case Standing::UNCLEAR:
        unclear.push_back(i);
        break;
      case Standing::IDLE:
        idle.push_back(i);
        break;
      case Standing::UNREACHABLE:
        unreachable.push_back(i);
        break;
    }
}

bool Draft::nobody_was_asked() const {
  return findings.replicas.empty() && !findings.nobody_took_over;
}

std::vector<const Replica *> Draft::at(const Indices &places) const {
  std::vector<const Replica *> replicas;
  for (const std::size_t i : places) replicas.push_back(&findings.replicas[i]);
  return replicas;
}

void Draft::cannot_know(const std::string &what) {
  advice.verdict = Verdict::UNKNOWN;
  advice.headline = what;
}

std::string Draft::what_is_in_doubt() const {
  return "in doubt: " + span(findings.doubt.in_doubt);
}

void Draft::tell_beyond(std::size_t i) {
  advice.reasons.push_back(fmt::format(
      "{} has {}, which this server has not", findings.replicas[i].name,
      to_string(beyond(findings.replicas[i], findings.server))));
}

void Draft::tell_who_has() {
  const std::uint64_t count = findings.doubt.in_doubt.count;
  if (count == 0) return;
  for (std::size_t i = 0; i < findings.replicas.size(); ++i) {
    const Replica &replica = findings.replicas[i];
    const ReplicaCount &has = findings.doubt.replicas[i];
    if (!replica.error.empty())
      advice.reasons.push_back(replica.name +
                               " could not be asked: " + replica.error);
    else if (has.has() == count)
      advice.reasons.push_back(
          replica.name + " has everything in doubt" +
          (!findings.counts(i) ? does_not_count
           : standing_of(replica, findings.server) == Standing::FOLLOWS &&
                   replica.semisync_replica
               ? ", and will acknowledge as soon as it connects"
               : ""));
    else
      advice.reasons.push_back(fmt::format(
          "{} has {} of the {} in doubt{}{}", replica.name, has.has(), count,
          has.unknown == 0
              ? std::string()
              : fmt::format("; of {} it is not known", has.unknown),
          findings.counts(i) ? "" : does_not_count));
  }
  if (!findings.replicas.empty() && findings.doubt.nobody_has > 0)
    advice.reasons.push_back(
        fmt::format("{} in doubt {} on no server that was asked",
                    transactions(findings.doubt.nobody_has),
                    findings.doubt.nobody_has == 1 ? "is" : "are"));
}

void Draft::save_first(const Stretch &stretch) {
  advice.steps.push_back(fmt::format(
      "if what only this server has is to be saved: mariadb-binlog "
      "--start-position={} {}",
      stretch.first->transaction.begin, path_of(findings, stretch.first->log)));
}

void Draft::start_with(const std::vector<std::string> &options) {
  advice.command = start_command(findings, options);
  advice.options = options;
  if (!options.empty())
    advice.caveats.push_back(
        "where systemd starts the server: systemctl set-environment "
        "MYSQLD_OPTS='" +
        shell_line(options) +
        "', then systemctl start mariadb, then systemctl "
        "unset-environment MYSQLD_OPTS");
}

}  // namespace recovery_gate::tool
