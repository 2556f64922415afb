// SPDX-License-Identifier: GPL-2.0-only
/*
  All three plugins of this file load, or none does and the server does not
  start.

  A server of another release rejects the storage engine and the information
  schema table by their API version, and initialises the door all the same. So
  what is here touches no object of the server before its release is known.
*/
#ifndef RECOVERY_GATE_ALL_OR_NONE_H
#define RECOVERY_GATE_ALL_OR_NONE_H

#include <string>

namespace recovery_gate {

/* A plugin of this file cannot load, and the error log says why. A start of the
   server ends here; INSTALL fails, and so does --bootstrap where the plugin was
   forced: then this returns what the init function has to. */
int refuse(const std::string &why);

/* What the init functions of the door and of the table return. The storage
   engine was asked before them at a start, and comes after them in INSTALL. */
int follow_the_engine();

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_ALL_OR_NONE_H
