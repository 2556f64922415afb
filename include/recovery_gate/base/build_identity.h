// SPDX-License-Identifier: GPL-2.0-only
/*
  Is the running server the one this plugin was built for?

  The server compares version numbers. That is not enough: a server of the
  same release, configured in another way, may lay out its classes
  differently, and the plugin would then read and write the wrong bytes. The
  size of every server object that the plugin reaches into is compared too.
*/
#ifndef RECOVERY_GATE_BUILD_IDENTITY_H
#define RECOVERY_GATE_BUILD_IDENTITY_H

#include <cstddef>
#include <string>
#include <vector>

#include "recovery_gate/base/failure.h"

namespace recovery_gate {

struct LayoutProbe {
  std::string what;           // "Repl_semi_sync_master", for the error message
  std::size_t built_for = 0;  // as the headers say
  std::size_t found = 0;      // in the running server; 0: it has no such thing
};

/*
  None when every probe agrees; else one sentence that names the first
  difference and says what to do. `built_release` and `running_release` are
  server versions such as "10.11.18-MariaDB"; only the part up to the first
  '-' counts, since the rest is for the operator to choose.
*/
Failure build_mismatch(const std::string &built_release,
                       const std::string &running_release,
                       const std::vector<LayoutProbe> &probes);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_BUILD_IDENTITY_H
