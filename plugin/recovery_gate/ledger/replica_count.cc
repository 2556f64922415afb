// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/replica_count.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <set>

namespace recovery_gate {
namespace {

// Older ones add little: whoever sent them has had time to connect once more.
constexpr std::size_t most_replies = 16;

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool parse(std::string_view text, std::uint32_t *server_id) {
  const char *const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, *server_id);
  return error == std::errc() && rest == end && *server_id != 0;
}

/*
  Can each reply be given to an author that `may_be` lets have it, and nobody
  have two? All are of one position, which no connection sends twice.
*/
class Sharing {
 public:
  using MayBe = std::function<bool(const Reply::Author &)>;

  Sharing(const std::vector<const Reply *> &replies, const MayBe &may_be)
      : replies_(replies), may_be_(may_be) {}

  bool is_possible() {
    for (std::size_t reply = 0; reply < replies_.size(); ++reply) {
      tried_.clear();
      if (!give(reply)) return false;
    }
    return true;
  }

 private:
  /* Whoever has another one already may pass that on. */
  bool give(std::size_t reply) {
    for (const Reply::Author &author : replies_[reply]->authors) {
      if (!may_be_(author) || !tried_.insert(author.connection).second)
        continue;
      const auto other = given_.find(author.connection);
      if (other != given_.end() && !give(other->second)) continue;
      given_[author.connection] = reply;
      return true;
    }
    return false;
  }

  const std::vector<const Reply *> &replies_;
  const MayBe &may_be_;
  std::map<std::uint64_t, std::size_t> given_;  // connection -> reply
  std::set<std::uint64_t> tried_;
};

std::vector<std::vector<const Reply *>> by_position(
    const std::vector<Reply> &replies) {
  std::vector<std::vector<const Reply *>> all;
  for (const Reply &reply : replies) {
    const auto same =
        std::find_if(all.begin(), all.end(), [&](const auto &group) {
          return group.front()->position == reply.position;
        });
    if (same == all.end())
      all.push_back({&reply});
    else
      same->push_back(&reply);
  }
  return all;
}

}  // namespace

bool ReplicaPolicy::counts(std::uint32_t server_id) const {
  return excluded.count(server_id) == 0 &&
         (only.empty() || only.count(server_id) != 0);
}

bool ReplicaPolicy::is_any() const {
  return count <= 1 && only.empty() && excluded.empty();
}

std::optional<std::uint32_t> ReplicaPolicy::most() const {
  if (only.empty()) return std::nullopt;
  return static_cast<std::uint32_t>(
      std::count_if(only.begin(), only.end(),
                    [this](std::uint32_t id) { return counts(id); }));
}

bool parse_replica_ids(std::string_view text, ReplicaPolicy *policy) {
  ReplicaPolicy read = *policy;
  read.only.clear();
  read.excluded.clear();
  const bool is_empty = trimmed(text).empty();
  while (!is_empty) {
    const auto comma = text.find(',');
    std::string_view item = trimmed(text.substr(0, comma));
    const bool excludes = !item.empty() && item.front() == '!';
    if (excludes) item = trimmed(item.substr(1));
    std::uint32_t server_id = 0;
    if (!parse(item, &server_id)) return false;
    (excludes ? read.excluded : read.only).insert(server_id);
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  if (read.most() == 0u) return false;
  *policy = std::move(read);
  return true;
}

std::string shortage(const ReplicaPolicy &policy, const ServerIds &known) {
  if (policy.is_any()) return {};
  const std::string wanted =
      "recovery_gate_replica_count is " + std::to_string(policy.count);
  const std::optional<std::uint32_t> most = policy.most();
  if (most && *most < policy.count)
    return wanted + ", and recovery_gate_replica_ids lets no more than " +
           std::to_string(*most) +
           " count: no acknowledgement can open a closed gate";
  std::uint32_t count = 0;
  std::string ids;
  for (const std::uint32_t id : known) {
    if (!policy.counts(id)) continue;
    ++count;
    ids += (ids.empty() ? " (server_id " : ", ") + std::to_string(id);
  }
  if (count >= policy.count) return {};
  return wanted + ", and " + std::to_string(count) +
         (count == 1 ? " semi-sync replica that counts has"
                     : " semi-sync replicas that count have") +
         " connected since the server started" + ids + (ids.empty() ? "" : ")");
}

bool operator==(const ProvenReplica &a, const ProvenReplica &b) {
  return a.server_id == b.server_id && a.name == b.name && a.why == b.why;
}

bool operator==(const ReplicaTally &a, const ReplicaTally &b) {
  return a.is_any == b.is_any && a.needed == b.needed && a.proven == b.proven &&
         a.known == b.known && a.replicas == b.replicas;
}

std::string text_of(const ReplicaTally &tally) {
  std::string text = std::to_string(tally.proven) + " of " +
                     std::to_string(tally.needed) +
                     (tally.needed == 1 ? " replica is" : " replicas are") +
                     " known to have everything that is in doubt";
  if (tally.known > 0 && tally.known < tally.needed)
    text += "; " + std::to_string(tally.known) + " that " +
            (tally.known == 1 ? "counts has" : "count have") +
            " connected since the server started";
  return text;
}

std::string names_of(const ReplicaTally &tally) {
  std::string names;
  for (const ProvenReplica &replica : tally.replicas)
    names += (names.empty() ? "" : "; ") + replica.name + ": " + replica.why;
  if (tally.proven > tally.replicas.size())
    names += "; one of the others has acknowledged it too";
  return names;
}

void ReplicaCount::add(const Answer &answer) {
  for (const Arrival &arrival : answer.arrivals) note(arrival);
  if (answer.reply) {
    const auto known = std::find_if(
        replies_.begin(), replies_.end(),
        [&](const Reply &one) { return one.number == answer.reply->number; });
    if (known != replies_.end())
      *known = *answer.reply;
    else
      replies_.push_back(*answer.reply);
    if (replies_.size() > most_replies) replies_.erase(replies_.begin());
  }
  for (auto &[server_id, replica] : replicas_) {
    BinlogPosition position;
    if (!replica.proven && has_replied(server_id, &position))
      replica.proven = "it has acknowledged " + to_string(position) +
                       ", and has or was sent everything before that";
  }
}

void ReplicaCount::note(const Arrival &arrival) {
  Replica &replica = replicas_[arrival.server_id];
  if (arrival.connection < replica.connection) return;
  const bool is_new = arrival.connection != replica.connection;
  replica.connection = arrival.connection;
  replica.name = arrival.name;
  replica.semisync |= arrival.semisync;
  const bool lacks = arrival.shows == Arrival::Shows::LACK;
  const bool shows_all = arrival.shows == Arrival::Shows::ALL;
  if (is_new) {
    if (lacks || (!shows_all && !replica.is_coming_back)) {
      replica.valid_from = arrival.connection;
      replica.proven.reset();
    }
    replica.lacked_then |= replica.is_coming_back && lacks;
    replica.is_coming_back = false;
  }
  if (arrival.semisync && shows_all && !replica.proven)
    replica.proven = "it named a GTID position that has everything in doubt";
}

bool ReplicaCount::proves(const Reply::Author &author) const {
  const auto replica = replicas_.find(author.server_id);
  return author.proves && replica != replicas_.end() &&
         author.connection >= replica->second.valid_from;
}

/* Somebody who has it under that id must have sent one of the replies. */
bool ReplicaCount::has_replied(std::uint32_t server_id,
                               BinlogPosition *position) const {
  const Sharing::MayBe anybody = [](const Reply::Author &) { return true; };
  const Sharing::MayBe others = [&](const Reply::Author &author) {
    return author.server_id != server_id || !proves(author);
  };
  for (const auto &replies : by_position(replies_)) {
    // One that sends a position twice is no replica that can be reckoned with.
    if (!Sharing(replies, anybody).is_possible()) continue;
    if (Sharing(replies, others).is_possible()) continue;
    *position = replies.front()->position;
    return true;
  }
  return false;
}

/* One more, when somebody else that counts has replied, whoever it was. */
std::uint32_t ReplicaCount::proven_beside(const ReplicaPolicy &policy) const {
  const auto is_another = [&](const Reply::Author &author) {
    return proves(author) && policy.counts(author.server_id) &&
           !replicas_.at(author.server_id).proven;
  };
  return std::any_of(replies_.begin(), replies_.end(), [&](const Reply &reply) {
    return std::all_of(reply.authors.begin(), reply.authors.end(), is_another);
  });
}

ReplicaTally ReplicaCount::tally(const ReplicaPolicy &policy) const {
  ReplicaTally tally;
  tally.is_any = policy.is_any();
  tally.needed = policy.count;
  for (const auto &[server_id, replica] : replicas_) {
    if (!policy.counts(server_id)) continue;
    if (replica.semisync) ++tally.known;
    if (replica.proven)
      tally.replicas.push_back({server_id, replica.name, *replica.proven});
  }
  tally.proven =
      static_cast<std::uint32_t>(tally.replicas.size()) + proven_beside(policy);
  return tally;
}

bool ReplicaCount::is_doubtful_author(const ReplicaStanding &standing) const {
  return std::any_of(replies_.begin(), replies_.end(), [&](const Reply &reply) {
    return std::any_of(reply.authors.begin(), reply.authors.end(),
                       [&](const Reply::Author &author) {
                         return author.connection == standing.connection &&
                                proves(author);
                       });
  });
}

void ReplicaCount::complete(const ReplicaPolicy &policy,
                            std::vector<ReplicaStanding> *standings) const {
  for (ReplicaStanding &standing : *standings) {
    const auto replica = replicas_.find(standing.server_id);
    standing.counts = policy.counts(standing.server_id);
    if (replica != replicas_.end() && replica->second.proven) {
      standing.standing = Standing::PROVEN;
      standing.why = *replica->second.proven;
      continue;
    }
    if (standing.standing == Standing::PROVEN) {
      standing.standing = Standing::NOT_YET;
      standing.why.clear();
    }
    if (standing.standing == Standing::NOT_YET && is_doubtful_author(standing))
      standing.why =
          "what was acknowledged may be another replica's; if it stays so, STOP "
          "SLAVE IO_THREAD and START SLAVE IO_THREAD there";
  }
}

std::vector<ReplicaStanding> ReplicaCount::may_be_disturbed(
    const std::vector<ReplicaStanding> &standings) const {
  std::vector<ReplicaStanding> left;
  for (const ReplicaStanding &standing : standings) {
    const auto replica = replicas_.find(standing.server_id);
    if (!standing.counts || standing.standing == Standing::PROVEN ||
        replica == replicas_.end())
      continue;
    const int times = replica->second.times_disturbed;
    if (times == 0 || (times == 1 && replica->second.lacked_then &&
                       is_doubtful_author(standing)))
      left.push_back(standing);
  }
  return left;
}

void ReplicaCount::disturbed(const ServerIds &server_ids) {
  for (const std::uint32_t server_id : server_ids) {
    Replica &replica = replicas_[server_id];
    ++replica.times_disturbed;
    replica.is_coming_back = true;
  }
}

}  // namespace recovery_gate
