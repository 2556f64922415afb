// SPDX-License-Identifier: GPL-2.0-only
/*
  One look at a server's gate from outside, even at one that shows itself only
  in not admitting this account.
*/
#ifndef RECOVERY_GATE_TOOL_LOOK_H
#define RECOVERY_GATE_TOOL_LOOK_H

#include <string>
#include <vector>

#include "client/connection.h"
#include "client/gate_status.h"

namespace recovery_gate::tool {

struct Look {
  enum class Kind {
    GATE,          // `gate` is what the server says
    NOT_ADMITTED,  // closed: `error` is the gate's own, or that it held this
                   // account for longer than this program waits
    NO_PLUGIN,     // a server without a gate
    UNREACHABLE,   // `error` is why
  };

  Kind kind = Kind::UNREACHABLE;
  GateStatus gate;
  ServerError error;
  /* Of the server's own page, see add_replicas(): a line for each semi-sync
     replica that is connected, and what can be done. */
  std::vector<std::string> replicas = {};
  std::string advice = {};
  /* What the server's own replication connections need from an administrator,
     see add_replication(). */
  std::vector<std::string> replication = {};

  bool is_open() const { return kind == Kind::GATE && gate.open; }
};

/* What to say of a server without a gate. */
extern const char *const no_plugin_text;

/* Is this the gate's own answer to an account that it does not admit? */
bool is_rejection(const ServerError &error);

/* May the same attempt succeed later? Not with a wrong password, for one. */
bool is_temporary(const ServerError &error);

/* Looks again and again over one connection, and makes a new one when it was
   lost. For one thread. */
class Observer {
 public:
  /* `session` must outlive the observer. */
  explicit Observer(Session &session) : session_(session) {}

  /* Connects when there is no connection. A lost one is UNREACHABLE once, even
     when the server is there again. */
  Look look();

 private:
  Look failed(ServerError error);

  Session &session_;
  bool connected_ = false;
};

/* Asks a closed gate that waits for replicas which are connected what it knows
   of them. An account that may not see the server's page learns nothing more.
 */
void add_replicas(Session &session, Look *look);

/* Asks for that page for what it says of the server's own replication. */
void add_replication(Session &session, Look *look);

/* {"gate": ...} or {"error": ...}, to be added to a result. */
void add_look(Json *result, const Look &look);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_LOOK_H
