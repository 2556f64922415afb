// SPDX-License-Identifier: GPL-2.0-only
/*
  Opening a file to look at it and nothing else.
*/
#ifndef RECOVERY_GATE_QUIET_OPEN_H
#define RECOVERY_GATE_QUIET_OPEN_H

#include <string>

namespace recovery_gate {

/* open(2) to read, with these further flags, and closed in programs that are
   executed; the caller closes it. A named pipe is opened too, with or without
   somebody at its other end. Where the system lets us, the access time stays as
   it is: whoever examines a data directory leaves no trace in it. Only the
   file's owner and root may ask for that. */
int open_quietly(const std::string &path, int further_flags = 0);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_QUIET_OPEN_H
