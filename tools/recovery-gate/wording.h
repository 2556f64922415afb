// SPDX-License-Identifier: GPL-2.0-only
/*
  What the names in the status variables mean, in words. A name that is not
  known here, from a newer plugin, is explained by nothing.
*/
#ifndef RECOVERY_GATE_TOOL_WORDING_H
#define RECOVERY_GATE_TOOL_WORDING_H

#include <chrono>
#include <cstddef>
#include <string>

#include "client/look.h"

namespace recovery_gate::tool {

/* "0 s", "0.25 s", "12 s", "3 min 12 s", "2 h 5 min", "3 d 4 h" */
std::string duration_text(std::chrono::milliseconds duration);

/* Of Recovery_gate_reason. */
std::string why_closed(const std::string &reason);
/* Of Recovery_gate_waiting_for: what is missing. */
std::string what_is_missing(const std::string &waiting_for);
/* Of Recovery_gate_opened_by. */
std::string why_open(const std::string &opened_by);

/* "1 of 2 replicas are known to have everything that is in doubt"; empty where
   one is enough, or where the gate is open. */
std::string how_many(const GateStatus &gate);

/* What an operator can do about it, in a sentence or two. */
std::string what_to_do(const GateStatus &gate);

/* "; db2:3306: is connected", of each replica that was asked. */
std::string of_replicas(const Look &look);

/* All of a look on one line: what is awaited, and for how long already. Where
   no gate was seen, `unseen` is how long that has been so. */
std::string one_line(const Look &look, std::chrono::milliseconds unseen);

/* The same in at most `room` columns, cut where it loses the least. */
std::string short_line(const Look &look, std::chrono::milliseconds unseen,
                       std::size_t room);

/* In lines of at most `width` columns, except for a longer word. */
std::string in_lines(const std::string &text, std::size_t width);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_WORDING_H
