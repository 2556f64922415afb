// SPDX-License-Identifier: GPL-2.0-only
/*
  Should this server come back as the primary? The answer from all that was
  found, with what to type.
*/
#ifndef RECOVERY_GATE_TOOL_INSPECT_VERDICT_H
#define RECOVERY_GATE_TOOL_INSPECT_VERDICT_H

#include <string>
#include <vector>

#include "inspect/datadir.h"
#include "inspect/doubt.h"
#include "inspect/forecast.h"
#include "inspect/logs.h"
#include "inspect/replica.h"

namespace recovery_gate::tool {

/* The numbers are exit codes, and never change. */
enum class Verdict {
  NOTHING_OWED = 10,
  START_AS_PRIMARY = 11,
  START_AS_REPLICA = 12,
  REBUILD = 13,
  UNKNOWN = 14,
  RUNNING = 15,
};

/* "nothing_owed" and so on */
const char *to_string(Verdict verdict);
/* The table in inspect --help. */
std::string verdict_help();

struct Findings {
  /* Others can be compared with this server: it is known what it has. */
  bool is_comparable() const { return forecast.gtids.has_value(); }

  DataDirectory directory;
  ServerOptions options;
  std::optional<std::string> log_bin;  // --log-bin, as it was given
  StateOnDisk state;
  /* What others wrote is not this server's own: see the core's function of this
     name. */
  bool may_have_received = false;
  Survey survey;
  Forecast forecast;
  ThisServer server;
  std::vector<Replica> replicas;
  Doubt doubt;
  /* --no-replica-check: a person knows that no other server has taken over. */
  bool nobody_took_over = false;
};

struct Advice {
  Verdict verdict = Verdict::UNKNOWN;
  std::string headline;
  std::vector<std::string> reasons;
  /* The command that starts the server, complete when the server's option file
     was given; empty when it is not to be started. */
  std::vector<std::string> command;
  /* Those of its options that are for this start only. */
  std::vector<std::string> options;
  /* SQL or words, in order: what to do after that, or instead. */
  std::vector<std::string> steps;
  /* What was not checked, or may turn out otherwise. */
  std::vector<std::string> caveats;
};

Advice advise(const Findings &findings);

/* As a shell takes it. */
std::string shell_line(const std::vector<std::string> &command);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_INSPECT_VERDICT_H
