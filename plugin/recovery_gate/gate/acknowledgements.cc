// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/gate/acknowledgements.h"

namespace recovery_gate {

bool operator==(const UpstreamView &a, const UpstreamView &b) {
  return a.follows == b.follows && a.finding == b.finding;
}

bool operator==(const SemisyncView &a, const SemisyncView &b) {
  return a.enabled == b.enabled && a.replicas == b.replicas &&
         a.acknowledged == b.acknowledged && a.proven == b.proven &&
         a.tally == b.tally && a.standings == b.standings &&
         a.upstream == b.upstream && a.proof_lost == b.proof_lost &&
         a.shutting_down == b.shutting_down;
}

}  // namespace recovery_gate
