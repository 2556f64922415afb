// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <mysql/plugin_audit.h>
#include <sql_class.h>

#include <atomic>
#include <memory>
#include <utility>

#include "all_or_none.h"
#include "client_socket.h"
#include "connection_slots.h"
#include "gate_service.h"
#include "login_hook.h"
#include "recovery_gate/door/hold.h"
#include "unlocked.h"

namespace recovery_gate {
namespace {

std::atomic<bool> installed{false};

Visitor visitor_of(const THD *thd) {
  const Security_context &account = *thd->security_ctx;
  const auto has = [&account](privilege_t privilege) {
    return (account.master_access & privilege) != NO_ACL;
  };
  return {account.priv_user, has(CONNECTION_ADMIN_ACL), has(REPL_SLAVE_ACL),
          connection_slots(thd)};
}

/* The login's OK may be in the diagnostics area, sent or not. */
void set_error(THD *thd, const std::string &text) {
  thd->clear_error(true);
  my_message(ER_UNKNOWN_COM_ERROR, text.c_str(), MYF(0));
}

/* Nobody is there any more: the session ends without another word. */
void end_session(THD *thd) {
  thd->clear_error(true);
  thd->set_killed(KILL_CONNECTION);
  // init_connect comes next, and would run for nobody.
  mysql_mutex_lock(&thd->LOCK_thd_data);  // Replicas reads it
  thd->security_ctx->master_access |= CONNECTION_ADMIN_ACL;
  mysql_mutex_unlock(&thd->LOCK_thd_data);
}

/* The login is over and its OK is sent; the client will send a command and
   read one answer. */
void reject(THD *thd, milliseconds longest_delay) {
  const std::string text = GateService::instance().gate.rejection_text();
  ClientSocket socket(thd);
  if (std::unique_ptr<ClientStream> client = socket.detach()) {
    const bool knows_states =
        (thd->client_capabilities & CLIENT_PROTOCOL_41) != 0;
    GateService::instance().refuser.refuse(
        std::move(client),
        {ER_UNKNOWN_COM_ERROR,
         knows_states ? mysql_errno_to_sqlstate(ER_UNKNOWN_COM_ERROR) : "",
         text, socket.compresses(), longest_delay});
  } else {
    // For want of a descriptor it is told unasked, as if it had asked.
    thd->net.compress = socket.compresses();
    net_new_transaction(&thd->net);
    thd->net.pkt_nr = thd->net.compress_pkt_nr = 1;
    set_error(thd, text);
    thd->protocol->end_statement();
  }
  end_session(thd);
}

/* The answer to the command that changes the user is still to be sent. */
void answer_change_user(THD *thd, const std::string &text) {
  set_error(thd, text);
  thd->set_killed(KILL_CONNECTION);
}

class Held final : public HeldClient {
 public:
  explicit Held(THD *thd) : thd_(thd), socket_(thd) {
    thd_wait_begin(thd, THD_WAIT_NET);  // lets a thread pool go on elsewhere
  }
  ~Held() override {
    thd_wait_end(thd_);
    thd_proc_info(thd_, nullptr);
  }

  int descriptor() const override { return socket_.descriptor(); }
  // KILL writes it before it closes the socket, and so wakes who is held.
  bool killed() const override {
    return unlocked(thd_->killed) >= KILL_CONNECTION;
  }
  FirstCommand peek() const override { return socket_.peek(); }
  void show(const char *state) override { thd_proc_info(thd_, state); }

 private:
  THD *thd_;
  ClientSocket socket_;
};

void login(THD *thd, const Visitor &visitor) try {
  GateService &service = GateService::instance();
  Gate::Reception reception = service.gate.knock(visitor);
  switch (reception.decision) {
    case Gate::Decision::ADMIT:
      return;
    case Gate::Decision::REJECT:
      reject(thd, service.gate.longest_delay());
      return;
    case Gate::Decision::HOLD:
      break;
  }
  HoldOutcome outcome;
  {
    Held client(thd);
    outcome = hold(service.gate, service.clock, visitor,
                   std::move(reception.place), client);
  }
  switch (outcome) {
    case HoldOutcome::ADMITTED:
      return;
    case HoldOutcome::REJECTED:
      reject(thd, milliseconds(0));
      return;
    case HoldOutcome::LEFT:
      end_session(thd);
      return;
  }
} catch (const std::bad_alloc &) {
  end_session(thd);
}

void change_of_user(THD *thd, Visitor visitor) {
  GateService &service = GateService::instance();
  visitor.slots = 0;  // not held: a session that was let in is in use
  if (service.gate.knock(visitor).decision == Gate::Decision::ADMIT) return;
  answer_change_user(thd, service.gate.rejection_text());
}

void notify(THD *thd, unsigned int event_class, const void *event) try {
  if (event_class != MYSQL_AUDIT_CONNECTION_CLASS) return;
  GateService &service = GateService::instance();
  // Without the gate this may be a server of another release, with another THD.
  if (!service.is_guarding()) return;
  const auto &connection = *static_cast<const mysql_event_connection *>(event);
  const bool may_replicate =
      (thd->security_ctx->master_access & REPL_SLAVE_ACL) != NO_ACL;
  if (connection.event_subclass == MYSQL_AUDIT_CONNECTION_DISCONNECT) {
    if (may_replicate) service.replica_left(thd);
    return;
  }
  // A failed login has its own error, and is told nothing.
  if (connection.status != 0) return;
  if (may_replicate) service.replica_arrived(thd);
  if (service.lets_everybody_in()) return;
  const Visitor visitor = visitor_of(thd);
  if (connection.event_subclass == MYSQL_AUDIT_CONNECTION_CONNECT)
    login(thd, visitor);
  else
    change_of_user(thd, visitor);
} catch (const std::bad_alloc &) {
  thd->set_killed(KILL_CONNECTION);
}

}  // namespace

st_mysql_audit door = {MYSQL_AUDIT_INTERFACE_VERSION,
                       nullptr,
                       notify,
                       {MYSQL_AUDIT_CONNECTION_CLASSMASK}};

int init_door(void *) {
  if (int refused = follow_the_engine()) return refused;
  installed = true;
  return 0;
}

int deinit_door(void *) {
  installed = false;
  return 0;
}

bool has_door() { return installed; }

}  // namespace recovery_gate
