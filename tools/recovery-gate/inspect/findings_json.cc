// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/findings_json.h"

#include "inspect/start_command.h"

namespace recovery_gate::tool {
namespace {

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
  json["replicas_that_count"] = f.how_many_have(listed);
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
  json["obligation"] = {{"kind", to_string(owed.debt)},
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
               {"counts", f.counts(i)},
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
  out["replicas_needed"] = f.options.replicas.count;
  Json replicas = Json::array();
  for (std::size_t i = 0; i < f.replicas.size(); ++i)
    replicas.push_back(replica_json(f, i));
  out["replicas"] = std::move(replicas);
}

}  // namespace recovery_gate::tool
