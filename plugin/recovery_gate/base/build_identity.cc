// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/base/build_identity.h"

namespace recovery_gate {
namespace {

std::string release_of(const std::string &version) {
  return version.substr(0, version.find('-'));
}

}  // namespace

Failure build_mismatch(const std::string &built_release,
                       const std::string &running_release,
                       const std::vector<LayoutProbe> &probes) {
  const std::string built = release_of(built_release);
  const std::string running = release_of(running_release);
  if (built != running)
    return "this plugin was built for MariaDB " + built +
           " and the server is " + running +
           "; install the plugin that was built for " + running;
  for (const LayoutProbe &probe : probes)
    if (probe.built_for != probe.found)
      return "this plugin was built for MariaDB " + built +
             " with another build configuration: " + probe.what +
             " is laid out differently in this server; build the plugin from the source and the "
             "configuration of exactly this server";
  return {};
}

}  // namespace recovery_gate
