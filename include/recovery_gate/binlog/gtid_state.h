// SPDX-License-Identifier: GPL-2.0-only
/*
  GTID positions: for each domain and server id, the sequence number of the last
  transaction. What the server calls a binary log state.
*/
#ifndef RECOVERY_GATE_GTID_STATE_H
#define RECOVERY_GATE_GTID_STATE_H

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace recovery_gate {

using ServerIds = std::set<std::uint32_t>;

struct GtidSource {
  std::uint32_t domain = 0;
  std::uint32_t server_id = 0;
};

inline bool operator<(const GtidSource &a, const GtidSource &b) {
  return a.domain != b.domain ? a.domain < b.domain : a.server_id < b.server_id;
}
inline bool operator==(const GtidSource &a, const GtidSource &b) {
  return a.domain == b.domain && a.server_id == b.server_id;
}

/* Source -> sequence number of its last transaction. */
using GtidState = std::map<GtidSource, std::uint64_t>;

/* "0-1-58,0-2-7", as @@gtid_binlog_state shows it; "" when there is none. */
std::string to_string(const GtidState &state);

/* False, and `*state` is unchanged, when the text is anything else. The entries
   may come in any order. */
bool parse(std::string_view text, GtidState *state);

/* Has it that transaction, or a later one of the same source? */
bool covers(const GtidState &state, const GtidSource &source,
            std::uint64_t number);

/* Has it from now on, if it had not. Returns whether that is new. */
bool raise_to(GtidState *state, const GtidSource &source, std::uint64_t number);

/* What comes from these servers. */
GtidState from_servers(const GtidState &state, const ServerIds &ids);

/* What `later` has of these servers that `earlier` has not, or has with another
   number: each with the number that it has in `later`. */
GtidState written_since(const GtidState &earlier, const GtidState &later,
                        const ServerIds &ids);

/* Has the list at the start of a log all that came before? False when the
   binary log was begun anew in between. */
bool continues(const GtidState &at_start_of_log, const GtidState &before);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_GTID_STATE_H
