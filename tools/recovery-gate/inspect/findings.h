// SPDX-License-Identifier: GPL-2.0-only
/* All that inspect finds: here, and on the servers that it asks. */
#ifndef RECOVERY_GATE_TOOL_INSPECT_FINDINGS_H
#define RECOVERY_GATE_TOOL_INSPECT_FINDINGS_H

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "inspect/datadir.h"
#include "inspect/doubt.h"
#include "inspect/forecast.h"
#include "inspect/logs.h"
#include "inspect/replica.h"

namespace recovery_gate::tool {

struct Findings {
  /* Others can be compared with this server: it is known what it has. */
  bool is_comparable() const { return forecast.gtids.has_value(); }

  /* recovery_gate_replica_ids, as the server's option file has it. */
  bool counts(std::size_t replica) const {
    return options.replicas.counts(replicas[replica].server_id);
  }
  /* How many different servers that count have it. */
  std::size_t how_many_have(const ListedTransaction &listed) const {
    ServerIds have;
    for (std::size_t i = 0; i < listed.has.size(); ++i)
      if (counts(i) &&
          (listed.has[i] == Has::APPLIED || listed.has[i] == Has::RECEIVED))
        have.insert(replicas[i].server_id);
    return have.size();
  }

  DataDirectory directory;
  ServerOptions options;
  std::optional<std::string> log_bin;  // --log-bin, as it was given
  StateOnDisk state;
  /* What others wrote is not this server's own: see the core's function of this
     name. */
  bool may_have_received = false;
  Survey survey;
  Forecast forecast;
  ThisServer server;
  std::vector<Replica> replicas;
  Doubt doubt;
  /* --no-replica-check: a person knows that no other server has taken over. */
  bool nobody_took_over = false;
};

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_INSPECT_FINDINGS_H
