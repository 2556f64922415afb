// SPDX-License-Identifier: GPL-2.0-only
/* The seam to systemd: the line of text in `systemctl status`. */
#ifndef RECOVERY_GATE_SYSTEMD_H
#define RECOVERY_GATE_SYSTEMD_H

#include <string>

namespace recovery_gate {

/* Has it show this line, unless there is no systemd, the server has begun to
   shut down, or systemd does not take it at once. Any thread. */
void tell_systemd(std::string line);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_SYSTEMD_H
