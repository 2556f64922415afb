// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/replica_sessions.h"

#include <boost/thread/lock_guard.hpp>

namespace recovery_gate {
namespace {

using Lock = boost::lock_guard<boost::mutex>;

}  // namespace

void ReplicaSessions::logged_in(std::uint64_t connection,
                                std::uint64_t resets) {
  Lock lock(mutex_);
  logins_[connection] = resets;
}

void ReplicaSessions::left(std::uint64_t connection) {
  Lock lock(mutex_);
  logins_.erase(connection);
}

bool ReplicaSessions::left(EndedReplica ended) {
  Lock lock(mutex_);
  const auto login = logins_.find(ended.connection.id);
  if (login == logins_.end()) return false;
  ended.connection.of_this_log = login->second == ended.resets;
  logins_.erase(login);
  ended_.push_back(std::move(ended));
  return true;
}

bool ReplicaSessions::show(ReplicaObservation *seen,
                           const std::function<bool()> &complete) {
  {
    Lock lock(mutex_);
    seen->ended.swap(ended_);
    for (ReplicaConnection &connection : seen->connections) {
      const auto login = logins_.find(connection.id);
      connection.of_this_log = login == logins_.end()
                                   ? seen->resets == 0
                                   : login->second == seen->resets;
    }
  }
  bool is_complete = false;
  try {
    is_complete = complete();
  } catch (...) {
    put_back(std::move(seen->ended));
    throw;
  }
  if (!is_complete) put_back(std::move(seen->ended));
  return is_complete;
}

void ReplicaSessions::put_back(std::vector<EndedReplica> ended) {
  Lock lock(mutex_);
  ended_.insert(ended_.begin(), ended.begin(), ended.end());
}

}  // namespace recovery_gate
