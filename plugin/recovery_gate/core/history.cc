#include "recovery_gate/history.h"

namespace recovery_gate {

bool add_arrivals(const History &arrived, History *history) {
  ServerIds added;
  for (const std::uint32_t id : arrived.replica_ids)
    if (history->replica_ids.insert(id).second) added.insert(id);
  for (const auto &[replica, number] : arrived.replicas)
    if (added.count(replica.server_id) != 0 && number != 0)
      history->replicas.emplace(replica, number);
  const std::size_t behind = history->behind.size();
  history->behind.insert(arrived.behind.begin(), arrived.behind.end());
  return !added.empty() || history->behind.size() != behind;
}

}  // namespace recovery_gate
