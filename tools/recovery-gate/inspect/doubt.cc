// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/doubt.h"

#include <algorithm>

#include "recovery_gate/ledger/settlement.h"

namespace recovery_gate::tool {
namespace {

constexpr std::uint8_t no_engine = 255;

bool is_applying(const Replica &replica) {
  return std::any_of(
      replica.links.begin(), replica.links.end(),
      [](const ReplicaLink &link) { return link.sql_state == "Yes"; });
}

void cut_nothing(Doubt *doubt) {
  doubt->at_most = doubt->cut_acknowledged = doubt->cut_for_good = {};
}

}  // namespace

void Stretch::add(const ListedTransaction &transaction) {
  if (!first) first = transaction;
  last = transaction;
  ++count;
  bytes += transaction.transaction.size();
}

bool can_be_cut_off(const Transaction &transaction) {
  // Recovery would not roll all of it back.
  if (!transaction.transactional) return false;
  if (transaction.kind == TransactionKind::COMMIT_XID) return true;
  return transaction.extra_engines == no_engine &&
         transaction.kind != TransactionKind::STANDALONE;
}

KnownPlaces valid_places(const std::optional<Record> &record,
                         const BinlogIndex &index) {
  KnownPlaces places;
  if (!record || index.logs.empty()) return places;
  const auto is_here = [&](const BinlogPosition &position) {
    return std::any_of(index.logs.begin(), index.logs.end(),
                       [&](const std::string &path) {
                         return without_folder(path) == position.file;
                       });
  };
  const BinlogPosition first{without_folder(index.logs.front()), 0};
  const auto was_purged = [&](const BinlogPosition &position) {
    return first.file != position.file && has_reached(first, position);
  };
  if (record->settled) {
    const Settled &settled = *record->settled;
    const bool is_there = std::any_of(
        index.logs.begin(), index.logs.end(),
        [&](const std::string &path) { return is_inside(settled, path); });
    if (is_there || was_purged(settled.position))
      places.settled = settled.position;
    else
      return places;  // all of the file is about another binary log
  }
  if (is_here(record->acknowledged) || was_purged(record->acknowledged))
    places.acknowledged = record->acknowledged;
  return places;
}

DoubtCounter::DoubtCounter(const KnownPlaces &places,
                           std::optional<ServerIds> owner_ids,
                           const std::vector<Replica> &replicas,
                           const ThisServer &server, Options options)
    : places_(places),
      owner_ids_(std::move(owner_ids)),
      replicas_(replicas),
      server_(server),
      options_(options) {
  doubt_.replicas.resize(replicas.size());
  doubt_.lacking.resize(replicas.size());
  doubt_.perhaps_lacking.resize(replicas.size());
}

void DoubtCounter::add(const Transaction &transaction, const LogFacts &log) {
  ListedTransaction listed;
  listed.log = log.name;
  listed.transaction = transaction;
  listed.own = is_own(transaction, log);
  listed.after_settled = listed.own && is_after_settled(listed);
  listed.after_acknowledged = !has_reached(places_.acknowledged, listed.end());
  for (const Replica &replica : replicas_)
    listed.has.push_back(
        transaction.gtid
            ? has_transaction(replica, *transaction.gtid, listed.end(), server_)
            : Has::UNKNOWN);
  if (log.recovery_reads) {
    doubt_.recovery.add(listed);
    const bool can_be = can_be_cut_off(transaction);
    if (!can_be) doubt_.cuttable = {};
    const bool is_overlooked = log.is_last && doubt_.at_most.count != 0 &&
                               doubt_.at_most.first->log != log.name;
    if (!can_be && !is_overlooked) cut_nothing(&doubt_);
    if (can_be) doubt_.cuttable.add(listed);
    if (can_be || is_overlooked) {
      doubt_.at_most.add(listed);
      const bool acknowledged =
          listed.own && !(listed.after_settled && listed.after_acknowledged);
      if (acknowledged) doubt_.cut_acknowledged.add(listed);
      if (acknowledged && !is_kept_elsewhere(listed))
        doubt_.cut_for_good.add(listed);
    }
  }
  if (listed.own && listed.after_acknowledged)
    doubt_.unacknowledged.add(listed);
  for (std::size_t i = 0; listed.own && i < replicas_.size(); ++i) {
    if (listed.has[i] == Has::APPLIED) continue;
    doubt_.lacking[i].add(listed);
    if (listed.has[i] == Has::UNKNOWN ||
        (listed.has[i] == Has::RECEIVED && is_applying(replicas_[i])))
      ++doubt_.perhaps_lacking[i];
  }
  if (listed.after_settled) {
    doubt_.in_doubt.add(listed);
    count_replicas(listed);
  }
  if (!listed.after_settled && !options_.all) return;
  doubt_.shown.push_back(std::move(listed));
  if (!options_.all && doubt_.shown.size() > options_.limit) {
    doubt_.shown.pop_front();
    ++doubt_.not_shown;
  }
}

Doubt DoubtCounter::result(bool crashed, bool owes) const {
  Doubt doubt = doubt_;
  if (!crashed) {
    doubt.cuttable = {};
    cut_nothing(&doubt);
  }
  if (owes) return doubt;
  doubt.in_doubt = {};
  doubt.replicas.assign(replicas_.size(), {});
  doubt.nobody_has = doubt.perhaps_nobody_has = doubt.not_shown = 0;
  if (!options_.all) doubt.shown.clear();
  for (ListedTransaction &listed : doubt.shown) listed.after_settled = false;
  return doubt;
}

bool DoubtCounter::is_own(const Transaction &transaction,
                          const LogFacts &log) const {
  const std::uint32_t id =
      transaction.gtid ? transaction.gtid->server_id : transaction.server_id;
  return !owner_ids_ || id == log.server_id || owner_ids_->count(id) != 0;
}

bool DoubtCounter::is_after_settled(const ListedTransaction &listed) const {
  // Without a place everything counts, as for the gate.
  return !has_reached(places_.settled, listed.end());
}

/* What a replica has only received is gone when it is started anew. */
bool DoubtCounter::is_kept_elsewhere(const ListedTransaction &listed) const {
  for (std::size_t i = 0; i < replicas_.size(); ++i)
    if (listed.has[i] == Has::APPLIED ||
        (listed.has[i] == Has::RECEIVED && is_applying(replicas_[i])))
      return true;
  return false;
}

void DoubtCounter::count_replicas(const ListedTransaction &listed) {
  bool somebody = false, perhaps = replicas_.empty();
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    ReplicaCount &count = doubt_.replicas[i];
    switch (listed.has[i]) {
      case Has::APPLIED:
        ++count.applied;
        break;
      case Has::RECEIVED:
        ++count.received;
        break;
      case Has::NO:
        ++count.lacking;
        break;
      case Has::UNKNOWN:
        ++count.unknown;
        break;
    }
    somebody |= listed.has[i] == Has::APPLIED || listed.has[i] == Has::RECEIVED;
    perhaps |= listed.has[i] == Has::UNKNOWN;
  }
  if (somebody) return;
  ++(perhaps ? doubt_.perhaps_nobody_has : doubt_.nobody_has);
}

}  // namespace recovery_gate::tool
