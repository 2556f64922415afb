// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/page.h"

#include <fmt/format.h>

#include <algorithm>

namespace recovery_gate::tool {
namespace {

const char *debt_name(Debt debt) {
  switch (debt) {
    case Debt::NONE:
      return "none";
    case Debt::CRASH:
      return "crash";
    case Debt::SHUTDOWN:
      return "shutdown";
    case Debt::CARRIED_OVER:
      break;
  }
  return "carried-over";
}

std::string gtid_text(const Transaction &transaction) {
  return transaction.gtid ? to_string(*transaction.gtid) : "-";
}

/* --- The page ------------------------------------------------------------- */

class Page {
 public:
  void title(const std::string &text) {
    text_ += (text_.empty() ? "" : "\n") + text + "\n";
  }
  void line(const std::string &name, const std::string &value) {
    text_ += fmt::format("  {:<15}  {}\n", name, value);
  }
  void item(const std::string &value) { text_ += "  - " + value + "\n"; }
  void raw(const std::string &value) { text_ += value; }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string log_text(const LogFacts &log) {
  std::string text = fmt::format("{} bytes", log.size);
  if (!log.error.empty() && !log.encrypted) return text + ", " + log.error;
  text += fmt::format(", {}", log.in_use ? "not closed" : "closed");
  if (log.encrypted)
    text += ", encrypted";
  else
    text += fmt::format(", {} transactions", log.transactions);
  if (log.end_of_events != log.size)
    text += fmt::format(", complete events end at {}", log.end_of_events);
  if (log.tail != Tail::CLEAN)
    text += fmt::format(", {}: {}", to_string(log.tail), log.tail_reason);
  if (log.has_unfinished) text += ", the last transaction has no end";
  if (log.recovery_reads) text += "; crash recovery reads it";
  return text;
}

void add_logs(const Findings &f, Page *page) {
  page->title("The binary log");
  page->line("ended by", f.survey.crashed ? "a crash: it was not closed"
                                          : "a proper shutdown");
  page->line("index",
             fmt::format("{}, {} log{}; those that matter:",
                         f.directory.index_path, f.survey.logs_in_index,
                         f.survey.logs_in_index == 1 ? "" : "s"));
  for (const LogFacts &log : f.survey.logs) page->line(log.name, log_text(log));
  page->line("ends at", to_string(f.survey.end));
  if (f.survey.gtids) page->line("GTID position", f.survey.gtid_position);
}

void add_state(const Findings &f, Page *page) {
  page->title("recovery_gate.state");
  if (!f.state.trouble.empty()) page->line("cannot be used", f.state.trouble);
  if (!f.state.record) {
    if (f.state.trouble.empty())
      page->line("missing",
                 "this server has not run with the gate yet, or the "
                 "file was deleted");
    return;
  }
  const Record &record = *f.state.record;
  const Obligation &owed = record.obligation;
  page->line("obligation",
             owed.open()
                 ? fmt::format("{}, up to {}{}", debt_name(owed.debt),
                               to_string(owed.recovered_end),
                               owed.provable ? "" : ", cannot be proven")
                 : "none");
  page->line("acknowledged", to_string(record.acknowledged));
  page->line("settled", !record.settled ? "nothing"
                        : record.settled->gtids.empty()
                            ? to_string(record.settled->position)
                            : to_string(record.settled->position) + ", GTID " +
                                  to_string(record.settled->gtids));
}

void add_forecast(const Findings &f, Page *page) {
  const Forecast &forecast = f.forecast;
  page->title("The gate at the next start, as a primary");
  if (!forecast.closed) {
    page->line("not known", forecast.unknown);
    return;
  }
  page->line("will be", *forecast.closed
                            ? fmt::format("CLOSED, reason {}",
                                          reason_name(forecast.reason))
                            : std::string("OPEN"));
  if (*forecast.closed)
    page->line("will wait for",
               forecast.provable
                   ? to_string(forecast.waits_for) +
                         " (the header of the log that the start opens)"
                   : "an administrator: nothing can prove who has what is in "
                     "doubt");
  page->line("it will say", forecast.why);
}

std::string stretch_text(const Stretch &stretch) {
  if (stretch.count == 0) return "none";
  return fmt::format(
      "{}, {} bytes, {} at {} to {} at {}", stretch.count, stretch.bytes,
      gtid_text(stretch.first->transaction), to_string(stretch.first->begin()),
      gtid_text(stretch.last->transaction), to_string(stretch.last->end()));
}

void add_transactions(const Findings &f, Page *page) {
  const Doubt &doubt = f.doubt;
  page->title("Transactions");
  if (!f.survey.trouble.empty()) {
    page->line("not known", f.survey.trouble);
    return;
  }
  page->line("in doubt", stretch_text(doubt.in_doubt));
  page->line("unacknowledged", stretch_text(doubt.unacknowledged));
  page->line("for recovery", stretch_text(doubt.recovery));
  if (f.survey.crashed) {
    page->line("could be cut", stretch_text(doubt.at_most));
    page->line("  acknowledged", stretch_text(doubt.cut_acknowledged));
    if (!f.replicas.empty())
      page->line("  only here", stretch_text(doubt.cut_for_good));
  }
  if (doubt.shown.empty()) return;
  page->raw("\n");
  if (doubt.not_shown != 0)
    page->raw(fmt::format("  ... {} earlier ones (--all)\n", doubt.not_shown));
  for (const ListedTransaction &listed : doubt.shown) {
    const Transaction &t = listed.transaction;
    std::string text =
        fmt::format("  {:<14} {:<24} {:>8} bytes  {}", gtid_text(t),
                    to_string(listed.begin()), t.size(), to_string(t.kind));
    if (!listed.after_settled) text += listed.own ? "  settled" : "  received";
    for (std::size_t i = 0; i < listed.has.size(); ++i)
      text +=
          fmt::format("  {}: {}", f.replicas[i].name, to_string(listed.has[i]));
    page->raw(text + "\n");
  }
}

std::string standing_text(const Replica &replica, const Findings &f) {
  if (!f.is_comparable()) return "cannot be compared";
  const Standing standing = standing_of(replica, f.server);
  return standing == Standing::TAKEN_OVER ? "has taken over"
                                          : to_string(standing);
}

void add_replicas(const Findings &f, Page *page) {
  if (f.replicas.empty()) return;
  page->title("Other servers");
  for (std::size_t i = 0; i < f.replicas.size(); ++i) {
    const Replica &r = f.replicas[i];
    if (!r.error.empty()) {
      page->line(r.name, r.error);
      continue;
    }
    page->line(r.name, fmt::format("server id {}, {}{}{}", r.server_id,
                                   standing_text(r, f),
                                   r.read_only ? ", read-only" : "",
                                   r.semisync_replica ? ", semi-sync" : ""));
    page->line("  applied",
               to_string(r.slave_pos.empty() ? r.binlog_pos : r.slave_pos));
    for (const ReplicaLink &link : r.links) {
      page->line("  from",
                 fmt::format("{}:{}, server id {}, I/O {}, SQL {}", link.host,
                             link.port, link.master_server_id, link.io_state,
                             link.sql_state));
      page->line("  received", link.uses_gtid ? to_string(link.received)
                                              : to_string(link.received_file));
    }
    const GtidState more = beyond(r, f.server);
    if (!more.empty()) page->line("  only there", to_string(more));
    const ReplicaCount &count = f.doubt.replicas[i];
    if (f.doubt.in_doubt.count != 0)
      page->line("  in doubt",
                 fmt::format("{} applied, {} received, {} lacking, {} unknown",
                             count.applied, count.received, count.lacking,
                             count.unknown));
  }
}

void add_advice(const Findings &f, const Advice &advice, Page *page) {
  std::string headline = advice.headline;
  if (!headline.empty())
    headline[0] = static_cast<char>(std::toupper(headline[0]));
  page->title("Verdict: " + headline + ".");
  for (const std::string &reason : advice.reasons) page->item(reason);
  if (!advice.command.empty()) {
    page->title(f.options.file ? "Start it with"
                               : "Start it with this, and the options that it "
                                 "always had");
    page->raw("  " + shell_line(advice.command) + "\n");
  }
  if (!advice.steps.empty()) {
    page->title(advice.command.empty() ? "What to do" : "Then");
    for (const std::string &step : advice.steps) page->item(step);
  }
  if (!advice.caveats.empty()) {
    page->title("Note");
    for (const std::string &caveat : advice.caveats) page->item(caveat);
  }
}

/* --- JSON ----------------------------------------------------------------- */

Json position_json(const BinlogPosition &position) {
  if (position.empty()) return nullptr;
  return {{"file", position.file}, {"offset", position.offset}};
}

Json gtids_json(const std::optional<GtidState> &gtids) {
  return gtids ? Json(to_string(*gtids)) : Json(nullptr);
}

Json text_or_null(const std::string &text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Json gtid_json(const Transaction &transaction) {
  return transaction.gtid ? Json(to_string(*transaction.gtid)) : Json(nullptr);
}

Json transaction_json(const ListedTransaction &listed, const Findings &f) {
  const Transaction &t = listed.transaction;
  Json json = {
      {"gtid", gtid_json(t)},
      {"server_id", t.server_id},
      {"kind", to_string(t.kind)},
      {"xid", t.xid ? Json(t.xid) : Json(nullptr)},
      {"file", listed.log},
      {"begin", t.begin},
      {"end", t.end},
      {"bytes", t.size()},
      {"timestamp", t.timestamp},
      {"own", listed.own},
      {"in_doubt", listed.after_settled},
      {"acknowledged", !listed.after_acknowledged},
  };
  Json has = Json::object();
  for (std::size_t i = 0; i < listed.has.size(); ++i)
    has[f.replicas[i].name] = to_string(listed.has[i]);
  json["replicas"] = std::move(has);
  return json;
}

Json stretch_json(const Stretch &stretch) {
  Json json = {{"count", stretch.count}, {"bytes", stretch.bytes}};
  json["first_gtid"] = nullptr;
  json["last_gtid"] = nullptr;
  json["begin"] = nullptr;
  json["end"] = nullptr;
  if (stretch.count == 0) return json;
  json["first_gtid"] = gtid_json(stretch.first->transaction);
  json["last_gtid"] = gtid_json(stretch.last->transaction);
  json["begin"] = position_json(stretch.first->begin());
  json["end"] = position_json(stretch.last->end());
  return json;
}

Json logs_json(const Survey &survey) {
  Json logs = Json::array();
  for (const LogFacts &log : survey.logs)
    logs.push_back({
        {"file", log.name},
        {"path", log.path},
        {"size", log.size},
        {"end_of_events", log.end_of_events},
        {"in_use", log.in_use},
        {"encrypted", log.encrypted},
        {"server_id", log.server_id},
        {"server_version", log.server_version},
        {"recovery_reads", log.recovery_reads},
        {"transactions",
         log.encrypted ? Json(nullptr) : Json(log.transactions)},
        {"tail", to_string(log.tail)},
        {"tail_reason", text_or_null(log.tail_reason)},
        {"unfinished_transaction", log.has_unfinished},
        {"error", text_or_null(log.error)},
    });
  return logs;
}

Json state_json(const StateOnDisk &state) {
  Json json = {{"present", state.record.has_value() || !state.trouble.empty()},
               {"error", text_or_null(state.trouble)}};
  if (!state.record) return json;
  const Record &record = *state.record;
  const Obligation &owed = record.obligation;
  json["obligation"] = {{"kind", debt_name(owed.debt)},
                        {"open", owed.open()},
                        {"provable", owed.provable},
                        {"recovered_end", position_json(owed.recovered_end)},
                        {"recovered_gtid", owed.recovered_gtid}};
  json["acknowledged"] = position_json(record.acknowledged);
  json["received"] = record.received;
  json["running_since"] = position_json(record.running_since);
  json["settled"] =
      record.settled ? position_json(record.settled->position) : Json(nullptr);
  json["settled_gtid"] =
      record.settled ? Json(to_string(record.settled->gtids)) : Json(nullptr);
  return json;
}

Json forecast_json(const Forecast &forecast) {
  return {
      {"closed", forecast.closed ? Json(*forecast.closed) : Json(nullptr)},
      {"owes", forecast.closed ? Json(forecast.owes) : Json(nullptr)},
      {"reason",
       forecast.closed ? Json(reason_name(forecast.reason)) : Json(nullptr)},
      {"provable", forecast.closed ? Json(forecast.provable) : Json(nullptr)},
      {"waits_for", forecast.closed.value_or(false) && forecast.provable
                        ? position_json(forecast.waits_for)
                        : Json(nullptr)},
      {"unsettled_gtid", to_string(forecast.unsettled)},
      {"text", text_or_null(forecast.why)},
      {"unknown", text_or_null(forecast.unknown)},
  };
}

Json link_json(const ReplicaLink &link) {
  return {
      {"name", link.name},
      {"host", link.host},
      {"port", link.port},
      {"master_server_id", link.master_server_id},
      {"io_running", link.io_state},
      {"sql_running", link.sql_state},
      {"uses_gtid", link.uses_gtid},
      {"received_gtid", to_string(link.received)},
      {"received", position_json(link.received_file)},
      {"applied", position_json(link.applied_file)},
      {"last_error", text_or_null(link.last_error)},
  };
}

Json replica_json(const Findings &f, std::size_t i) {
  const Replica &r = f.replicas[i];
  Json json = {{"name", r.name},
               {"error", text_or_null(r.error)},
               {"standing", f.is_comparable() || !r.error.empty()
                                ? Json(to_string(standing_of(r, f.server)))
                                : Json(nullptr)}};
  if (!r.error.empty()) return json;
  Json links = Json::array();
  for (const ReplicaLink &link : r.links) links.push_back(link_json(link));
  const ReplicaCount &count = f.doubt.replicas[i];
  json.update({{"server_id", r.server_id},
               {"version", r.version},
               {"gtid_slave_pos", to_string(r.slave_pos)},
               {"gtid_current_pos", to_string(r.current_pos)},
               {"gtid_binlog_pos", to_string(r.binlog_pos)},
               {"gtid_binlog_state", to_string(r.binlog_state)},
               {"logs_all", r.logs_all},
               {"read_only", r.read_only},
               {"semisync_replica", r.semisync_replica},
               {"semisync_primary", r.semisync_primary},
               {"links", links},
               {"only_there", to_string(beyond(r, f.server))},
               {"in_doubt",
                {{"applied", count.applied},
                 {"received", count.received},
                 {"lacking", count.lacking},
                 {"unknown", count.unknown}}},
               {"lacks", stretch_json(f.doubt.lacking[i])}});
  return json;
}

}  // namespace

std::string inspect_page(const Findings &findings, const Advice &advice) {
  Page page;
  page.title(findings.directory.path);
  add_logs(findings, &page);
  add_state(findings, &page);
  add_forecast(findings, &page);
  add_transactions(findings, &page);
  add_replicas(findings, &page);
  add_advice(findings, advice, &page);
  return page.take();
}

void add_findings(const Findings &f, const Advice &advice, Json *json) {
  Json &out = *json;
  out["verdict"] = to_string(advice.verdict);
  out["headline"] = advice.headline;
  out["reasons"] = advice.reasons;
  out["command"] = advice.command;
  out["command_line"] = text_or_null(shell_line(advice.command));
  out["command_is_complete"] =
      !advice.command.empty() && f.options.file.has_value();
  out["steps"] = advice.steps;
  out["caveats"] = advice.caveats;
  out["data_directory"] = f.directory.path;
  out["server_id"] = f.server.id;
  out["is_replica"] = f.directory.receives;
  out["crashed"] = f.survey.crashed;
  out["index"] = f.directory.index_path;
  out["logs_in_index"] = f.survey.logs_in_index;
  out["logs"] = logs_json(f.survey);
  out["checkpoint_log"] = text_or_null(without_folder(f.survey.checkpoint_log));
  out["end"] = position_json(f.survey.end);
  out["gtid_position"] =
      f.survey.gtids ? Json(f.survey.gtid_position) : Json(nullptr);
  out["gtid_state"] = gtids_json(f.survey.gtids);
  out["trouble"] = text_or_null(f.survey.trouble);
  out["state_file"] = state_json(f.state);
  out["gate"] = forecast_json(f.forecast);
  const bool known = f.survey.trouble.empty();
  out["in_doubt"] = known ? stretch_json(f.doubt.in_doubt) : Json(nullptr);
  out["unacknowledged"] =
      known ? stretch_json(f.doubt.unacknowledged) : Json(nullptr);
  out["recovery"] = known ? stretch_json(f.doubt.recovery) : Json(nullptr);
  const auto cut_json = [&](const Stretch &stretch) {
    return known && f.survey.crashed ? stretch_json(stretch) : Json(nullptr);
  };
  out["at_most_cut_off"] = cut_json(f.doubt.at_most);
  out["acknowledged_cut_off"] = cut_json(f.doubt.cut_acknowledged);
  out["acknowledged_cut_off_for_good"] =
      f.replicas.empty() ? Json(nullptr) : cut_json(f.doubt.cut_for_good);
  out["nobody_has"] =
      f.replicas.empty() ? Json(nullptr) : Json(f.doubt.nobody_has);
  Json transactions = Json::array();
  for (const ListedTransaction &listed : f.doubt.shown)
    transactions.push_back(transaction_json(listed, f));
  out["transactions"] = std::move(transactions);
  out["transactions_not_shown"] = f.doubt.not_shown;
  Json replicas = Json::array();
  for (std::size_t i = 0; i < f.replicas.size(); ++i)
    replicas.push_back(replica_json(f, i));
  out["replicas"] = std::move(replicas);
}

}  // namespace recovery_gate::tool
