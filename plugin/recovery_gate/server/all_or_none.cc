// SPDX-License-Identifier: GPL-2.0-only
#include "all_or_none.h"

#include "plugin_list.h"
#include "recovery_hooks.h"
#include "server_shutdown.h"
#include "server_facts.h"
#include "server_identity.h"
#include "server_log.h"

namespace recovery_gate {
namespace {

void warn_that_there_is_no_gate() {
  static bool warned = false;
  if (warned) return;
  warned = true;
  ServerLog().warning(
      "recovery_gate=OFF: this server runs without its gate, and clients may "
      "read what no replica has");
}

}  // namespace

int refuse(const std::string &why) {
  const bool ends_the_start = is_initialising() && !is_bootstrap();
  std::string line = "not loaded: " + why;
  if (ends_the_start)
    line +=
        ". The server does not start without its gate; to run it without one, "
        "remove plugin-load-add=ha_recovery_gate and all recovery_gate options, "
        "or after INSTALL SONAME start it with recovery_gate=OFF";
  ServerLog().error(line);
  // Not left to recovery_gate=FORCE: whether that is set is only known in a
  // server of the right release.
  if (ends_the_start) give_up_start();
  return 1;
}

int follow_the_engine() {
  if (is_bootstrap()) return 0;
  if (const Failure mismatch = server_mismatch())
    return refuse(mismatch.text());
  if (!is_initialising()) {
    // Else INSTALL SONAME would leave these two behind, for the next start.
    const Failure obstacle = cannot_guard();
    return obstacle ? refuse(obstacle.text()) : 0;
  }
  if (hooks_wait_for_door()) return 0;
  if (is_engine_switched_off()) {
    warn_that_there_is_no_gate();
    return 0;
  }
  return refuse(
      "the plugin RECOVERY_GATE, which is the gate, did not load with the others "
      "of its file; errors before this one may say why. Load all of them with "
      "plugin-load-add=ha_recovery_gate");
}

}  // namespace recovery_gate
