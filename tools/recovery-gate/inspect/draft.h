// SPDX-License-Identifier: GPL-2.0-only
/* Advice that is being written: what it is written from, and the sentences that
   several verdicts have in common. */
#ifndef RECOVERY_GATE_TOOL_INSPECT_DRAFT_H
#define RECOVERY_GATE_TOOL_INSPECT_DRAFT_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "inspect/advice.h"

namespace recovery_gate::tool {

/* Of Findings::replicas. */
using Indices = std::vector<std::size_t>;

struct Draft {
  /* The findings must outlive it. */
  explicit Draft(const Findings &all);

  const Findings &findings;
  /* The other servers, by how they stand to this one; none where they cannot be
     compared. */
  Indices following, taken_over, unclear, idle, unreachable;
  Advice advice;

  bool nobody_was_asked() const;
  std::vector<const Replica *> at(const Indices &places) const;

  /* The verdict UNKNOWN; `what` begins "it cannot be known", or leads there. */
  void cannot_know(const std::string &what);

  /* Sentences, and what adds one to the advice. */
  std::string what_is_in_doubt() const;
  void tell_beyond(std::size_t i);
  void tell_who_has();
  void save_first(const Stretch &stretch);
  /* The command that starts the server, with these options for once. */
  void start_with(const std::vector<std::string> &options);
};

/* "1 transaction", "2 transactions" */
std::string transactions(std::uint64_t count);
std::string gtid_of(const std::optional<ListedTransaction> &listed);
/* How many transactions, which, and from where on. */
std::string span(const Stretch &stretch);
std::string names_of(const std::vector<const Replica *> &replicas);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_INSPECT_DRAFT_H
