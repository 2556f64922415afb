// SPDX-License-Identifier: GPL-2.0-only
#include "client/look.h"

#include <errmsg.h>
#include <mysqld_error.h>

#include "recovery_gate/gate/labelled_page.h"
#include "recovery_gate/gate/labels.h"

namespace recovery_gate::tool {

const char *const no_plugin_text =
    "the server has no recovery gate: plugin-load-add=ha_recovery_gate is "
    "missing in its configuration";

/* The one thing that makes an account wait after its login. Should it be
   another one, the server is of as little use. */
constexpr const char *held_text =
    "logged in, and had no answer to the first statement: the gate is closed, "
    "and holds accounts that it does not admit";

bool is_rejection(const ServerError &error) {
  return error.code == ER_UNKNOWN_COM_ERROR &&
         error.text.rfind(label::gate_is_closed, 0) == 0;
}

bool is_temporary(const ServerError &error) {
  switch (error.code) {
    // The server is not there, not yet, or no more.
    case CR_SOCKET_CREATE_ERROR:
    case CR_CONNECTION_ERROR:
    case CR_CONN_HOST_ERROR:
    case CR_IPSOCK_ERROR:
    case CR_UNKNOWN_HOST:  // names of containers come and go with them
    case CR_SERVER_GONE_ERROR:
    case CR_SERVER_HANDSHAKE_ERR:
    case CR_SERVER_LOST:
    case CR_SERVER_LOST_EXTENDED:
    case ER_SERVER_SHUTDOWN:
    case ER_NORMAL_SHUTDOWN:
    // It is, and has no room or patience.
    case ER_CON_COUNT_ERROR:
    case ER_TOO_MANY_USER_CONNECTIONS:
    case ER_USER_LIMIT_REACHED:
    case ER_ABORTING_CONNECTION:
    case ER_NEW_ABORTING_CONNECTION:
    case ER_CONNECTION_KILLED:
    case ER_QUERY_INTERRUPTED:
    case ER_LOCK_WAIT_TIMEOUT:
      return true;
    default:
      return is_rejection(error);
  }
}

Look Observer::look() {
  const bool is_new = !connected_;
  if (is_new) {
    if (ServerError error = session_.connect()) return failed(std::move(error));
    connected_ = true;
  }
  Rows answer;
  if (ServerError error = session_.query(status_query, &answer)) {
    if (!is_new || !error.timed_out) return failed(std::move(error));
    connected_ = false;
    error.text = held_text;
    return {Look::Kind::NOT_ADMITTED, {}, std::move(error)};
  }
  const std::optional<GateStatus> gate = parse_status(answer);
  if (!gate) return {Look::Kind::NO_PLUGIN, {}, {}};
  return {Look::Kind::GATE, *gate, {}};
}

Look Observer::failed(ServerError error) {
  connected_ = false;
  const bool rejected = is_rejection(error);
  return {rejected ? Look::Kind::NOT_ADMITTED : Look::Kind::UNREACHABLE,
          {},
          std::move(error)};
}

void add_replicas(Session &session, Look *look) {
  // Some may be connected that have everything, or do not count.
  const GateStatus &gate = look->gate;
  const bool may_have_replicas =
      gate.waiting_for == "ACK" ||
      (gate.waiting_for == "REPLICA" && gate.replicas_needed > 0);
  if (look->kind != Look::Kind::GATE || !may_have_replicas) return;
  Rows answer;
  if (session.query("SHOW ENGINE RECOVERY_GATE STATUS", &answer)) return;
  for (const auto &[name, texts] :
       read_page(answer.value(0, "Status").value_or(""))) {
    if (texts.empty()) continue;
    // The first is how many there are.
    if (name == label::replicas)
      look->replicas.assign(texts.begin() + 1, texts.end());
    if (name == label::what_to_do) look->advice = texts.front();
  }
}

void add_replication(Session &session, Look *look) {
  if (look->kind != Look::Kind::GATE) return;
  Rows answer;
  if (session.query("SHOW ENGINE RECOVERY_GATE STATUS", &answer)) return;
  for (const auto &[name, texts] :
       read_page(answer.value(0, "Status").value_or("")))
    if (name == label::replication) look->replication = texts;
}

void add_look(Json *result, const Look &look) {
  if (look.kind == Look::Kind::GATE) (*result)["gate"] = to_json(look.gate);
  if (look.kind == Look::Kind::NOT_ADMITTED)
    (*result)["gate"] = {{"open", false}, {"state", "CLOSED"}};
  if (!look.replicas.empty()) (*result)["replicas"] = look.replicas;
  if (look.error)
    (*result)["error"] = {{"message", look.error.text},
                          {"code", look.error.code}};
}

}  // namespace recovery_gate::tool
