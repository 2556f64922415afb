// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/history.h"

#include <algorithm>
#include <limits>

namespace recovery_gate {

void branch_off(const GtidState &common, const Ended &ended, History *history) {
  const bool is_first = !is_in_question(*history);
  for (const auto &[source, number] : ended.gtids)
    raise_to(&history->earlier, source, number + ended.unseen);
  // What began and ended between two looks has been there all the same.
  history->has_unseen |= ended.unseen != 0;
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

void forget(const Contents &transactions, Contents *known) {
  for (const auto &one : transactions) known->erase(one);
}

void add_numbers(const CutOff &cut, NumberRanges *numbers) {
  const auto add = [&](std::uint32_t domain, std::uint64_t after,
                       std::uint64_t last) {
    for (auto one = numbers->lower_bound({domain, 0});
         one != numbers->end() && one->first.first == domain;) {
      if (one->first.second > last || one->second < after) {
        ++one;
        continue;
      }
      after = std::min(after, one->first.second);
      last = std::max(last, one->second);
      one = numbers->erase(one);
    }
    numbers->emplace(std::pair(domain, after), last);
  };
  for (const auto &[gtid, content] : cut.transactions) {
    const std::uint64_t left = highest_in(cut.left, gtid.domain);
    if (gtid.sequence == 0) continue;
    add(gtid.domain, std::min(left, gtid.sequence - 1), gtid.sequence);
  }
}

bool is_in(const NumberRanges &numbers, std::uint32_t domain,
           std::uint64_t number) {
  auto range = numbers.lower_bound({domain, number});
  if (range == numbers.begin()) return false;
  --range;
  return range->first.first == domain && number <= range->second;
}

void cut_off(const CutOff &cut, History *history) {
  const Contents &transactions = cut.transactions;
  forget(transactions, &history->returned);
  add_numbers(cut, &history->cut_numbers);
  for (const auto &[gtid, content] : transactions)
    if (history->cut_off.count({gtid, std::nullopt}) != 0 ||
        (!content && was_cut_off(gtid, *history)))
      // Nobody knows whether it was the same.
      raise_to(&history->earlier, {gtid.domain, gtid.server_id}, gtid.sequence);
  history->cut_off.insert(transactions.begin(), transactions.end());
  if (history->cut_off.size() > most_cut_off_kept) forget_cut_off(history);
}

void forget_cut_off(History *history) {
  if (history->cut_off.empty()) return;
  for (const auto &[gtid, content] : history->cut_off)
    raise_to(&history->earlier, {gtid.domain, gtid.server_id}, gtid.sequence);
  history->cut_off.clear();
  history->cut_numbers.clear();
  history->returned.clear();
  // Where they had gone back, they are not up to there the same.
  history->common.clear();
}

bool was_cut_off(const Gtid &gtid, const History &history) {
  const auto cut = history.cut_off.lower_bound({gtid, std::nullopt});
  return cut != history.cut_off.end() && cut->first == gtid;
}

bool was_told(const History &history, std::uint32_t domain,
              std::uint32_t replica, std::uint64_t number) {
  const auto told = history.told.find({domain, replica});
  return told != history.told.end() && number <= told->second;
}

bool is_in_question(const History &history) {
  return !history.known || history.has_unseen || !history.earlier.empty() ||
         !history.cut_off.empty();
}

bool add_arrivals(const History &arrived, History *history) {
  for (const auto &[source, number] : arrived.earlier)
    if (!was_cut_off({source.domain, source.server_id, number}, *history))
      raise_to(&history->earlier, source, number);
  ServerIds added;
  for (const std::uint32_t id : arrived.replica_ids)
    if (history->replica_ids.insert(id).second) added.insert(id);
  for (const auto &[replica, number] : arrived.replicas)
    if (added.count(replica.server_id) != 0 && number != 0)
      history->replicas.emplace(replica, number);
  bool more = false;
  for (const auto &[source, number] : arrived.passed_over)
    more |= raise_to(&history->passed_over, source, number);
  for (const auto &[replica, number] : arrived.told)
    more |= raise_to(&history->told, replica, number);
  const std::size_t behind = history->behind.size();
  history->behind.insert(arrived.behind.begin(), arrived.behind.end());
  for (const auto &told : history->told)
    if (arrived.by_gtid.count(told.first.server_id) != 0)
      history->behind.insert(told.first.server_id);
  const ServerIds by_file = history->by_file;
  for (const std::uint32_t id : arrived.by_gtid) history->by_file.erase(id);
  history->by_file.insert(arrived.by_file.begin(), arrived.by_file.end());
  return !added.empty() || history->behind.size() != behind ||
         history->by_file != by_file || more;
}

std::uint64_t highest_in(const GtidState &state, std::uint32_t domain) {
  std::uint64_t highest = 0;
  for (auto gtid = state.lower_bound({domain, 0});
       gtid != state.end() && gtid->first.domain == domain; ++gtid)
    highest = std::max(highest, gtid->second);
  return highest;
}

bool is_believed(const History &history, const Numbers &numbers,
                 std::optional<std::uint32_t> replica) {
  std::uint64_t earlier = std::numeric_limits<std::uint64_t>::max();
  if (history.known) {
    const bool is_common =
        numbers.last <= highest_in(history.common, numbers.domain);
    earlier = is_common ? 0
                        : std::max(highest_in(history.earlier, numbers.domain),
                                   history.has_unseen ? unseen_numbers : 0);
  }
  std::uint64_t above = earlier;
  if (replica && history.replica_ids.count(*replica) != 0) {
    const auto arrived = history.replicas.find({numbers.domain, *replica});
    above = arrived == history.replicas.end()
                ? 0
                : std::min(earlier, arrived->second);
  }
  // Others still have what was cut off, and may have given it to the replica
  // since it arrived.
  return numbers.first > std::max(above, numbers.repeated);
}

}  // namespace recovery_gate
