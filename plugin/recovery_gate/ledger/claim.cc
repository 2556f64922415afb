// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/claim.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace recovery_gate {
namespace {

std::string text_of(const GtidState &gtids) {
  return (gtids.size() == 1 ? "GTID " : "GTIDs ") + to_string(gtids);
}

std::string names_of(const std::vector<ServerGtids> &servers) {
  std::string names;
  for (const ServerGtids &server : servers)
    names += (names.empty() ? "" : " and ") + server.name;
  return names;
}

std::uint64_t last_of(const GtidSource &source, const GtidState &gtids) {
  const auto last = gtids.find(source);
  return last == gtids.end() ? 0 : last->second;
}

/* What is in this server's log, and what of it has come back. */
struct Here {
  const GtidState &now;
  const Contents &returned;
};

/* Has this server written in the source since? */
bool has_gone_on(const Claim &claim, const GtidSource &source,
                 const Here &here) {
  const std::uint64_t left = last_of(source, *claim.left),
                      now = last_of(source, here.now);
  if (now == left) return false;
  bool is_cut = false;
  for (const auto &one : claim.cut) {
    const Gtid &gtid = one.first;
    if (gtid.domain != source.domain || gtid.server_id != source.server_id ||
        gtid.sequence > now)
      continue;
    if (here.returned.count(one) == 0) return true;
    is_cut |= gtid.sequence == now;
  }
  return !is_cut;
}

/* Empty, or why a server that names a GTID need not have the transaction that
   is owed: a clause. */
std::string ambiguity(const Claim &claim, const GtidSource &source,
                      const ServerGtids &server, const Here &here,
                      const GtidState &in_doubt) {
  const std::uint64_t number = claim.last.at(source);
  const bool is_believed = claim.believed_of_all ||
                           (claim.believed_of.count(server.server_id) != 0 &&
                            covers(server.applied, source, number));
  const bool goes_on = claim.left && has_gone_on(claim, source, here);
  const bool is_again = goes_on && last_of(source, *claim.left) < number;
  // Its own transactions with the id that this server had then.
  if (server.server_id == source.server_id || !is_believed || is_again)
    return server.name + " names " + text_of({{source, number}}) +
           ", which may be another transaction with the same number "
           "(RESET MASTER, server_id, a tail that recovery cut off)";
  const auto followed = claim.followed.find(source.domain);
  if (followed != claim.followed.end() &&
      (covers(server.logged, source, number + 1) ||
       covers(server.applied, source, number + 1)))
    return server.name + " names a later GTID than " +
           text_of({{source, number}}) +
           ", the last in doubt: " + followed->second;
  // What this server has written since may stand behind something else in its
  // log, and a replica be served from there.
  const std::uint64_t most =
      std::max(goes_on ? number : last_of(source, claim.written),
               last_of(source, in_doubt));
  if (covers(server.logged, source, most + 1) ||
      covers(server.applied, source, most + 1))
    return server.name + " names later GTIDs than " +
           text_of({{source, most}}) +
           ", the last in doubt: this server has written something since, or the "
           "data directory of one of the two was put back to an older state";
  return {};
}

/* `in_doubt`: the last of all claims. */
Finding find_one(const Claim &claim, const std::vector<ServerGtids> &servers,
                 const Here &here, const GtidState &in_doubt) {
  Finding finding;
  GtidState unclear;
  std::string ambiguous;
  bool is_being_sent = false;
  for (const auto &[source, number] : claim.last) {
    bool has = false, may_have = false;
    std::string why;
    for (const ServerGtids &server : servers) {
      const Possession one = possession(server, source, number);
      may_have |= one != Possession::LACKS || server.is_being_sent;
      is_being_sent |= one == Possession::LACKS && server.is_being_sent;
      if (one != Possession::HAS ||
          names_what_it_was_told(claim.told, server.server_id, source,
                                 server.logged))
        continue;
      const std::string doubt =
          ambiguity(claim, source, server, here, in_doubt);
      has |= doubt.empty();
      if (!doubt.empty()) why = doubt;
    }
    if (has) continue;
    (may_have ? unclear : finding.lacking)[source] = number;
    if (!why.empty()) ambiguous = why;
  }
  const std::string names = names_of(servers);
  const bool many = servers.size() > 1;
  if (!finding.lacking.empty()) {
    finding.possession = Possession::LACKS;
    finding.why =
        names + (many ? " lack " : " lacks ") + text_of(finding.lacking);
  } else if (!ambiguous.empty()) {
    finding.why = ambiguous;
  } else if (is_being_sent) {
    finding.why = names + (many ? " lack " : " lacks ") + text_of(unclear) +
                  ", and may still receive it as a replica of this server";
  } else if (!unclear.empty()) {
    finding.why = "the GTIDs of " + names + " do not show whether it has " +
                  text_of(unclear);
  } else if (!claim.uncertain.empty()) {
    finding.why = names + (many ? " name" : " names") +
                  " the last GTID in doubt, which does not show the rest: " +
                  claim.uncertain;
  } else {
    finding.possession = Possession::HAS;
    finding.why = claim.empty() ? names + (many ? " answer" : " answers") +
                                      ", and nothing is in doubt"
                                : names + (many ? " have" : " has") +
                                      " everything that was in doubt, up to " +
                                      text_of(claim.last);
  }
  return finding;
}

/* Adds the first claim that matters to what is known of those before it. */
void add(const Finding &one, Finding *all) {
  if (one.possession == Possession::LACKS)
    all->lacking.insert(one.lacking.begin(), one.lacking.end());
  const auto rank = [](Possession possession) {
    return possession == Possession::LACKS       ? 2
           : possession == Possession::NOT_SHOWN ? 1
                                                 : 0;
  };
  if (!all->why.empty() && rank(one.possession) <= rank(all->possession))
    return;
  all->possession = one.possession;
  all->why = one.why;
}

/* Has this number of what was cut off, or a lower one, stood for several
   transactions? */
bool was_used_twice(const GtidSource &source, std::uint64_t number,
                    const History &history) {
  auto one = history.cut_off.lower_bound(
      {{source.domain, source.server_id, 0}, std::nullopt});
  for (const Contents::value_type *before = nullptr;
       one != history.cut_off.end() && one->first.domain == source.domain &&
       one->first.server_id == source.server_id &&
       one->first.sequence <= number;
       before = &*one++)
    if (before != nullptr && before->first == one->first) return true;
  return false;
}

Claim with_believers(Claim claim, const std::vector<Numbers> &all,
                     const History &history) {
  claim.told = history.told;
  claim.written = history.earlier;
  for (const auto &[gtid, content] : history.cut_off)
    raise_to(&claim.written, {gtid.domain, gtid.server_id}, gtid.sequence);
  claim.believed_of = history.replica_ids;
  for (const Numbers &numbers : all) {
    claim.believed_of_all &= is_believed(history, numbers);
    for (auto id = claim.believed_of.begin(); id != claim.believed_of.end();)
      id = is_believed(history, numbers, *id) ? std::next(id)
                                              : claim.believed_of.erase(id);
  }
  if (claim.believed_of_all) claim.believed_of.clear();
  return claim;
}

}  // namespace

bool operator==(const Claim &a, const Claim &b) {
  return a.last == b.last && a.written == b.written && a.left == b.left &&
         a.cut == b.cut && a.is_unread == b.is_unread &&
         a.believed_of_all == b.believed_of_all &&
         a.believed_of == b.believed_of && a.told == b.told &&
         a.uncertain == b.uncertain && a.followed == b.followed;
}

bool operator==(const Finding &a, const Finding &b) {
  return a.possession == b.possession && a.why == b.why &&
         a.lacking == b.lacking;
}

Claim claim_of(const Owed &owed, const GtidState &unsettled,
               const History &history) {
  Claim claim;
  if (!owed.unknown.empty()) {
    claim.last = unsettled;
    claim.uncertain = "what is in doubt cannot be read from the binary log (" +
                      owed.unknown + ")";
    claim.is_unread = true;
    return claim;
  }
  claim.last = owed.gtids();
  std::vector<Numbers> all;
  for (const auto &[domain, of_domain] : owed.domains) {
    const bool is_named_by_its_last =
        of_domain.broken.empty() && of_domain.writers.size() == 1 &&
        of_domain.highest.at(of_domain.last.server_id) ==
            of_domain.last.sequence;
    if (!of_domain.followed.empty() && is_named_by_its_last)
      claim.followed[domain] = of_domain.followed;
    else if (!of_domain.hidden().empty())
      claim.uncertain = of_domain.hidden();
    if (of_domain.first.sequence <= highest_in(history.passed_over, domain))
      claim.uncertain = "in domain " + std::to_string(domain) +
                        " this server has served replicas from behind it";
    all.push_back({domain, of_domain.first.sequence, of_domain.last.sequence,
                   of_domain.repeated});
  }
  return with_believers(std::move(claim), all, history);
}

Claim claim_of(const GtidState &gtids, const History &history) {
  Claim claim;
  claim.last = gtids;
  std::vector<Numbers> all;
  for (const auto &[source, number] : gtids) {
    const bool repeats = was_used_twice(source, number, history);
    all.push_back({source.domain, number, number, repeats ? number : 0});
  }
  return with_believers(std::move(claim), all, history);
}

Possession possession(const ServerGtids &server, const GtidSource &source,
                      std::uint64_t number) {
  if (covers(server.logged, source, number) ||
      covers(server.applied, source, number))
    return Possession::HAS;
  // It was never sent anything of this source, or has forgotten that (RESET
  // MASTER).
  if (server.logged.count(source) == 0 && server.applied.count(source) == 0)
    return Possession::NOT_SHOWN;
  // It may have applied it before what it applied last, and not logged it.
  for (const auto &[applied, last] : server.applied)
    if (applied.domain == source.domain && last >= number &&
        server.logged.count(applied) == 0)
      return Possession::NOT_SHOWN;
  return Possession::LACKS;
}

bool names_what_it_was_told(const GtidState &told, std::uint32_t server_id,
                            const GtidSource &source, const GtidState &logged) {
  const auto number = told.find({source.domain, server_id});
  return number != told.end() && last_of(source, logged) != number->second;
}

Finding find_among(const std::vector<Claim> &claims,
                   const std::vector<ServerGtids> &servers,
                   const GtidState &written, const Contents &returned) {
  Finding finding;
  const Here here{written, returned};
  if (servers.empty()) return finding;
  GtidState in_doubt;
  for (const Claim &claim : claims)
    for (const auto &[source, number] : claim.last)
      raise_to(&in_doubt, source, number);
  finding.possession = Possession::HAS;
  for (const Claim &claim : claims)
    if (!claim.empty()) add(find_one(claim, servers, here, in_doubt), &finding);
  if (finding.why.empty()) finding = find_one({}, servers, here, in_doubt);
  return finding;
}

}  // namespace recovery_gate
