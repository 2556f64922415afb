// SPDX-License-Identifier: GPL-2.0-only
/*
  The seam to this server's replication connections, as the side that receives.

  Each server that this one replicates from is asked with a short connection of
  its own: the host, account and TLS settings are those of the replication
  connection, as the server's own I/O thread uses them. It is asked for its
  GTIDs, which say what it has; that it let this server's position pass says
  less, since it lets positions pass in domains that it does not know, and with
  a file and a position checks nothing.
*/
#ifndef RECOVERY_GATE_SERVER_UPSTREAM_H
#define RECOVERY_GATE_SERVER_UPSTREAM_H

#include <atomic>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "recovery_gate/base/journal.h"
#include "recovery_gate/gate/upstream.h"

namespace recovery_gate {

class ServerUpstreams final : public Upstreams {
 public:
  /* `returned` may be called from the thread that asks. */
  ServerUpstreams(Journal &journal, std::function<Contents()> returned)
      : journal_(journal), returned_(std::move(returned)) {}

  bool begin() override;
  void end() override;
  std::vector<UpstreamAnswer> ask() override;
  GtidState written() override;
  Contents returned() override { return returned_(); }
  void cancel() noexcept override;

 private:
  void mention_waiting_sessions();

  Journal &journal_;
  const std::function<Contents()> returned_;
  std::atomic<bool> cancelled_{false};
  std::vector<UpstreamAnswer> last_;
  bool mentioned_ = false;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_SERVER_UPSTREAM_H
