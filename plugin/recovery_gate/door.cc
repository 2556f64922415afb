#define MYSQL_SERVER 1
#include <my_global.h>
#include <mysql/plugin_audit.h>
#include <mysqld.h>
#include <sql_class.h>

#include <atomic>

#include "door.h"
#include "gate_service.h"

namespace recovery_gate {
namespace {

std::atomic<bool> installed{false};

Visitor visitor_of(THD *thd) {
  const Security_context &account = *thd->security_ctx;
  const auto has = [&account](privilege_t privilege) {
    return (account.master_access & privilege) != NO_ACL;
  };
  return {account.priv_user, has(CONNECTION_ADMIN_ACL), has(REPL_SLAVE_ACL)};
}

/* The login's OK may be in the diagnostics area, sent or not. */
void set_error(THD *thd, const std::string &text) {
  thd->clear_error(true);
  my_message(ER_UNKNOWN_COM_ERROR, text.c_str(), MYF(0));
}

/*
  The login is over and its OK is sent; the client will send a command and
  read one answer. Only an answer to that command reaches every client as the
  error it is, so the command is read first. The time for it is the one that
  the server gives to a login.
*/
void answer_first_command(THD *thd, const std::string &text) {
  NET *net = &thd->net;
  if (thd->client_capabilities & CLIENT_COMPRESS) net->compress = 1;
  thd_proc_info(thd, "Recovery gate: turning the client away");
  my_net_set_read_timeout(net, connect_timeout);
  thd->clear_error(true);
  net_new_transaction(net);
  thd_wait_begin(thd, THD_WAIT_NET);  // lets a thread pool go on elsewhere
  const ulong length = my_net_read_packet(net, 1);
  thd_wait_end(thd);
  const bool leaves = length == 1 && net->read_pos[0] == COM_QUIT;
  if (length != packet_error && !leaves) {
    set_error(thd, text);
    thd->protocol->end_statement();
  }
  thd->clear_error(true);
  // init_connect comes next, and must neither run nor wait for the client.
  thd->set_killed(KILL_CONNECTION);
  vio_shutdown(net->vio, SHUT_RD);
  thd_proc_info(thd, nullptr);
}

/* The answer to the command that changes the user is still to be sent. */
void answer_change_user(THD *thd, const std::string &text) {
  set_error(thd, text);
  thd->set_killed(KILL_CONNECTION);
}

void notify(THD *thd, unsigned int event_class, const void *event) try {
  if (event_class != MYSQL_AUDIT_CONNECTION_CLASS) return;
  GateService &service = GateService::instance();
  if (service.lets_everybody_in()) return;

  const auto &connection = *static_cast<const mysql_event_connection *>(event);
  const Visitor visitor = visitor_of(thd);
  if (connection.event_subclass == MYSQL_AUDIT_CONNECTION_DISCONNECT) {
    if (visitor.replica) service.replica_left();
    return;
  }
  // A failed login has its own error, and is told nothing.
  if (connection.status != 0) return;
  if (service.gate.knock(visitor) == Gate::Verdict::ADMIT) {
    if (visitor.replica) service.replica_arrived();
    return;
  }
  const std::string text = service.gate.turned_away_text();
  if (connection.event_subclass == MYSQL_AUDIT_CONNECTION_CONNECT)
    answer_first_command(thd, text);
  else
    answer_change_user(thd, text);
} catch (const std::bad_alloc &) {
  thd->set_killed(KILL_CONNECTION);
}

}  // namespace

st_mysql_audit door = {MYSQL_AUDIT_INTERFACE_VERSION, nullptr, notify,
                       {MYSQL_AUDIT_CONNECTION_CLASSMASK}};

int init_door(void *) {
  installed = true;
  return 0;
}

int deinit_door(void *) {
  installed = false;
  return 0;
}

bool has_door() { return installed; }

}  // namespace recovery_gate
