#include "recovery_gate/history.h"

#include <algorithm>

namespace recovery_gate {
namespace {

// More than can be written before anybody takes it down.
constexpr std::uint64_t unseen_numbers = 100000;

}  // namespace

void branch_off(const GtidState &common, const GtidState &ended,
                History *history) {
  const bool is_first = history->known && history->earlier.empty();
  for (const auto &[source, number] : ended) {
    std::uint64_t &highest = history->earlier[source];
    highest = std::max(highest, number + unseen_numbers);
  }
  if (is_first) {
    history->common = common;
  } else {
    GtidState still_common;
    for (const auto &[source, number] : history->common) {
      const auto again = common.find(source);
      if (again != common.end())
        still_common[source] = std::min(number, again->second);
    }
    history->common = std::move(still_common);
  }
}

bool add_arrivals(const History &arrived, History *history) {
  for (const auto &[source, number] : arrived.earlier) {
    std::uint64_t &highest = history->earlier[source];
    highest = std::max(highest, number);
  }
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
