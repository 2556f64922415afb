// SPDX-License-Identifier: GPL-2.0-only
/*
  Has a server everything that is owed, by what it says of itself?

  Not a replica that is sent this server's binary log, but the one that this
  server replicates from: after a failover the old primary comes back as a
  replica of the new one, and owes nothing any more once that one has what it
  owes. It says which GTIDs it has; no GTID proves more than in Proof: the
  domain has to be one unbroken ascending series of this server's own from the
  first owed one on, in this history. What this server received later hides
  nothing from a server that names exactly the last owed one.
*/
#ifndef RECOVERY_GATE_CLAIM_H
#define RECOVERY_GATE_CLAIM_H

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "recovery_gate/binlog/gtid_state.h"
#include "recovery_gate/ledger/history.h"
#include "recovery_gate/ledger/owed.h"

namespace recovery_gate {

/* What to have would show that a server has all that is owed. */
struct Claim {
  /* The last owed GTID of each source: whoever lacks one of them lacks
   * something. */
  GtidState last;
  /* What this server wrote in all histories that are known. Whoever names more
     of it has had another one. */
  GtidState written;
  /* What was in this server's binary log then. When it has more of a source by
     now, that may be what a server names beyond the last owed one, or, where
     the log has lost that one, in place of it; unless it is what recovery had
     cut off, and has come back. */
  std::optional<GtidState> left;
  Contents cut;
  /* Whose GTIDs are of this history: everybody's, or what the servers with
     these ids have applied; what they have logged may be older. */
  bool believed_of_all = true;
  ServerIds believed_of;
  GtidState told;  // as History has it
  /* Empty: a server whose GTIDs are believed and that has them all, has
     everything. Else why that would not follow. */
  std::string uncertain;
  /* Domain -> why it would not follow there from a later GTID of the source
     than the last owed. */
  std::map<std::uint32_t, std::string> followed;
  /* That is so because the binary log could not be read; it may be the next
   * time. */
  bool is_unread = false;

  bool empty() const { return last.empty() && uncertain.empty(); }
};

bool operator==(const Claim &a, const Claim &b);

/* Of what was read from the binary log, where GTIDs mean what `history` says.
   `unsettled`: the last GTID of each source, as far as they are known when the
   log could not be read. */
Claim claim_of(const Owed &owed, const GtidState &unsettled,
               const History &history);

/* Of GTIDs that are known, whatever is in the log: each is the last of its
   source. They are among what `history` has as cut off, if they were. */
Claim claim_of(const GtidState &gtids, const History &history);

/* What a server says of itself. */
struct ServerGtids {
  std::uint32_t server_id = 0;
  std::string name;  // "db2:3306 (server_id 2)"
  /* gtid_binlog_state: a number covers all lower ones of its source. */
  GtidState logged;
  /* gtid_slave_pos: the last that it applied in each domain. */
  GtidState applied;
  /* It is a replica of this server too, so it may still get what it lacks. */
  bool is_being_sent = false;
};

enum class Possession {
  HAS,
  /* It certainly has not. */
  LACKS,
  /* What it says does not show it. */
  NOT_SHOWN,
};

/* Of all owed GTIDs of a source up to `number`. */
Possession possession(const ServerGtids &server, const GtidSource &source,
                      std::uint64_t number);

/* May a server name what it was only told, when it began within that with a
   file and a position, or what it was served behind it? Not if that is the last
   of the source that is in `logged`, its gtid_binlog_state: it has applied it.
   `told` as History has it. */
bool names_what_it_was_told(const GtidState &told, std::uint32_t server_id,
                            const GtidSource &source, const GtidState &logged);

struct Finding {
  Possession possession = Possession::NOT_SHOWN;
  /* Who has it, or which GTIDs are lacking, or why it is not known; a clause.
   */
  std::string why;
  GtidState lacking;
};

bool operator==(const Finding &a, const Finding &b);

/* Of several servers that this one replicates from: each owed GTID of each
   claim has to be on one of them. `written` is what is in this server's binary
   log now, `returned` as History has it. No server: NOT_SHOWN. */
Finding find_among(const std::vector<Claim> &claims,
                   const std::vector<ServerGtids> &servers,
                   const GtidState &written = {},
                   const Contents &returned = {});

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_CLAIM_H
