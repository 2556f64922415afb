// SPDX-License-Identifier: GPL-2.0-only
/*
  Replicas that a person has named: do they follow this server, and does one
  sleep before it connects again? A replica whose I/O thread has lost its
  primary tries again every MASTER_CONNECT_RETRY seconds, 60 by default.
*/
#ifndef RECOVERY_GATE_TOOL_FOLLOWERS_H
#define RECOVERY_GATE_TOOL_FOLLOWERS_H

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/connection.h"
#include "client/look.h"
#include "client/settings.h"
#include "recovery_gate/base/clock.h"

namespace recovery_gate::tool {

/* The server that they are to follow. */
struct Followed {
  std::uint32_t id = 0;
  /* Does this address lead to it? For a replica that was restarted, and does
     not know yet whom it will reach. */
  std::function<bool(const std::string &host, unsigned port)> is_at;
};

/* Nothing: `session` is connected and did not say. */
std::optional<Followed> ask_followed(Session &session,
                                     const ConnectionOptions &options);

/* For one thread. */
class Followers {
 public:
  /* With `wake`, each that sleeps is woken. One that an administrator has
     stopped is never started, nor one whose SQL thread does not run: a GTID
     replica that starts with both stopped throws its relay log away. */
  Followers(const std::vector<std::string> &names, Reach reach, bool wake);
  ~Followers();

  /* After the server was lost: all may be asleep again. */
  void start_over();

  /* Asks those that are not connected yet, each not more often than it is
   * worth. */
  void visit(const Followed &server, Instant now);

  /* A line for each, and in `advice` what can be done about one that sleeps. */
  void tell(Look *look) const;

 private:
  struct One;
  void visit(One &one, const Followed &server, Instant now);

  const Reach reach_;
  const bool wake_;
  std::vector<One> all_;
};

/* --replica for a subcommand. */
struct ReplicaOptions {
  std::vector<std::string> names;
  GivenSettings account;  // peer-user, peer-password
};
void add_replica_options(CLI::App &app, ReplicaOptions *options);

/* The replicas named in `options`, else, where `or_peers`, those in the option
   file. Returns an empty string, or what is wrong. */
std::string make_followers(const ReplicaOptions &options,
                           const ConnectionOptions &common, bool or_peers,
                           bool wake, std::unique_ptr<Followers> *followers);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_FOLLOWERS_H
