// SPDX-License-Identifier: GPL-2.0-only
/*
  The seam to this server's replication connections and to the one switch that
  says for all of them whether they are semi-sync.

  They are looked at under LOCK_active_mi, which is only tried for: whoever
  holds it may be busy. A connection is started again as START SLAVE does it,
  under the lock that keeps START, STOP, CHANGE MASTER and RESET SLAVE apart,
  which is only tried for, too; so what was seen of it can be checked again, and
  nobody's STOP SLAVE is undone.
*/
#ifndef RECOVERY_GATE_LINK_REPAIR_H
#define RECOVERY_GATE_LINK_REPAIR_H

#include "recovery_gate/gate/links.h"

namespace recovery_gate {

class ServerLinks final : public WatchedLinks {
 public:
  bool several() override;
  void begin() override;
  void end() override;
  bool look(LinksView *view) override;
  void set_switch() override;
  RestartResult restart(const Link &link, Restart how) override;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_LINK_REPAIR_H
