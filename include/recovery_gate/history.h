/*
  The history that a binary log tells, as far as GTIDs of it can be told from the
  same numbers in another one: after RESET MASTER they begin again, and what
  recovery cut off, a replica may have.
*/
#ifndef RECOVERY_GATE_HISTORY_H
#define RECOVERY_GATE_HISTORY_H

#include "recovery_gate/gtid_state.h"

namespace recovery_gate {

/* Which numbers mean something. */
struct History {
  /* False: it is not known whether there was another one before; no GTID that a
     replica names is believed. */
  bool known = true;
  /* Up to these numbers an earlier history may have had other transactions. */
  GtidState earlier;
  /* Domain and server id of replicas, with the number that they had when they
     first connected in this history: what they name beyond it, they have from
     it. */
  GtidState replicas;
};

inline bool operator==(const History &a, const History &b) {
  return a.known == b.known && a.earlier == b.earlier &&
         a.replicas == b.replicas;
}

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_HISTORY_H
