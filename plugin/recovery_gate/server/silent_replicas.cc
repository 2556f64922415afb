// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <mysqld.h>
#include <sql_class.h>

#include <algorithm>
#include <string>
#include <utility>

#include "silent_replicas.h"

namespace recovery_gate {
namespace {

// The time that a replica is given to acknowledge what it was sent. A slow one
// must not be thrown out for ever, so it grows.
constexpr milliseconds shortest_interval{2000};
constexpr milliseconds longest_interval{60 * 1000};

my_bool end_if_among(THD *thd, std::set<std::uint64_t> *connections) {
  if (connections->count(thd->thread_id) != 0 &&
      thd->get_command() == COM_BINLOG_DUMP)
    thd->awake(KILL_CONNECTION);
  return 0;
}

}  // namespace

SilentReplicas::SilentReplicas(const Clock &clock, Journal &journal)
    : clock_(clock),
      journal_(journal),
      next_look_(clock.now()),
      interval_(shortest_interval) {}

void SilentReplicas::put_off() {
  if (clock_.now() >= next_look_) next_look_ = clock_.now() + interval_;
}

void SilentReplicas::look(const std::vector<ReplicaStanding> &replicas,
                          const BinlogPosition &position) {
  if (clock_.now() < next_look_) return;
  if (!close(replicas, position, replicas.size()).empty())
    interval_ = std::min(interval_ * 2, longest_interval);
  next_look_ = clock_.now() + interval_;
}

ServerIds SilentReplicas::look_for_one(
    const std::vector<ReplicaStanding> &replicas,
    const BinlogPosition &position) {
  if (clock_.now() < next_look_) return {};
  const ServerIds closed = close(replicas, position, 1);
  next_look_ = clock_.now() + interval_;
  return closed;
}

ServerIds SilentReplicas::close(const std::vector<ReplicaStanding> &replicas,
                                const BinlogPosition &position,
                                std::size_t most) {
  ServerIds closed;
  std::set<std::uint64_t> passed, silent;
  for (const ReplicaStanding &replica : replicas) {
    // Another connection would prove no more.
    if (replica.standing == Standing::NEVER && !replica.should_reconnect)
      continue;
    if (!replica.should_reconnect && !has_reached(replica.sent, position))
      continue;
    passed.insert(replica.connection);
    if (passed_.count(replica.connection) != 0 && silent.size() < most) {
      silent.insert(replica.connection);
      closed.insert(replica.server_id);
    }
  }
  passed_ = std::move(passed);
  if (!silent.empty()) {
    server_threads.iterate(end_if_among, &silent);
    journal_.note(
        "had " + std::to_string(silent.size()) +
        " semi-sync replica connection(s) reconnect: " + to_string(position) +
        " was sent there " + std::to_string(interval_.count()) +
        " ms ago or earlier and was not acknowledged");
  }
  return closed;
}

}  // namespace recovery_gate
