// SPDX-License-Identifier: GPL-2.0-only
/*
  The labels of what is shown to a person: SHOW ENGINE RECOVERY_GATE STATUS
  prints them, and the command-line tool prints them too and reads that page by
  them.
*/
#ifndef RECOVERY_GATE_LABELS_H
#define RECOVERY_GATE_LABELS_H

#include <cstddef>

namespace recovery_gate::label {

/* Of the error that a rejected client gets, and of the line in systemctl
 * status. */
inline constexpr char gate_is_closed[] = "Recovery gate is closed: ";

inline constexpr char state[] = "State";
inline constexpr char since[] = "Since";
inline constexpr char reason[] = "Reason";
inline constexpr char why[] = "Why";
inline constexpr char closed_for[] = "Closed for";
inline constexpr char was_closed_for[] = "Was closed for";
inline constexpr char waiting_for[] = "Waiting for";
inline constexpr char opened_by[] = "Opened by";
inline constexpr char time_limit[] = "Time limit";
inline constexpr char recovered[] = "Recovered up to";
inline constexpr char in_doubt[] = "In doubt";
inline constexpr char was_in_doubt[] = "Was in doubt";
inline constexpr char awaited[] = "Awaited position";
inline constexpr char acknowledged[] = "Acknowledged";
inline constexpr char primary[] = "Primary";
inline constexpr char replicas[] = "Replicas";
inline constexpr char held[] = "Held now";
inline constexpr char admitted[] = "Admitted while closed";
inline constexpr char rejected[] = "Rejected while closed";
inline constexpr char prepared[] = "Prepared transactions";
inline constexpr char replication[] = "Replication";
inline constexpr char mode[] = "Mode";
inline constexpr char server[] = "Server";
inline constexpr char what_to_do[] = "What to do";

/* The text begins in this column, counted from 0, behind "Label:". */
inline constexpr std::size_t text_column = 23;

}  // namespace recovery_gate::label

#endif  // RECOVERY_GATE_LABELS_H
