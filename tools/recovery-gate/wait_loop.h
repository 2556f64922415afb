// SPDX-License-Identifier: GPL-2.0-only
/*
  Waiting until a gate is open: when to look, what to report, when to give up.
*/
#ifndef RECOVERY_GATE_TOOL_WAIT_LOOP_H
#define RECOVERY_GATE_TOOL_WAIT_LOOP_H

#include <functional>
#include <optional>

#include "client/look.h"
#include "exit_codes.h"
#include "recovery_gate/base/clock.h"

namespace recovery_gate::tool {

/* Time, as the loop needs it. */
class Pace : public Clock {
 public:
  virtual void sleep(milliseconds duration) = 0;
};

/* What a look saw, and when. */
struct Moment {
  const Look &look;
  milliseconds waited;  // since the loop began
  milliseconds unseen;  // since a gate was seen, or since the loop began
};

/* How the loop reports what it sees. */
class Progress {
 public:
  virtual ~Progress() = default;
  /* After each look while there is something to wait for. */
  virtual void waiting(const Moment &moment) = 0;
  /* Once, in the end. Why it is not OPEN goes to the standard error. */
  virtual void ended(ExitCode code, const Moment &moment) = 0;
};

struct WaitSettings {
  std::optional<std::chrono::seconds> timeout;  // nothing: no limit
  /* Whether to wait for the server, too. */
  bool retry = true;
};

/* Returns OPEN, TIMED_OUT, NO_PLUGIN or UNREACHABLE: the last when waiting for
   the server is of no use, or was not wanted. */
ExitCode wait_until_open(const std::function<Look()> &look, Pace &pace,
                         Progress &progress, const WaitSettings &settings);

/*
  For a log: a line whenever what is awaited has changed, and once a minute so
  that a reader knows that somebody still waits. `write` gets a line without its
  end.
*/
class LogProgress final : public Progress {
 public:
  explicit LogProgress(std::function<void(const std::string &)> write)
      : write_(std::move(write)) {}
  void waiting(const Moment &moment) override;
  void ended(ExitCode code, const Moment &moment) override;

 private:
  const std::function<void(const std::string &)> write_;
  std::optional<std::string> awaited_;
  milliseconds last_{0};
};

/* For programs: at the same moments as LogProgress, a JSON object each. */
class JsonProgress final : public Progress {
 public:
  explicit JsonProgress(std::function<void(const Json &)> write)
      : write_(std::move(write)) {}
  void waiting(const Moment &moment) override;
  void ended(ExitCode code, const Moment &moment) override;

 private:
  const std::function<void(const Json &)> write_;
  std::optional<std::string> awaited_;
  milliseconds last_{0};
};

/* For a person at a terminal: one line, drawn again at each look. */
class TerminalProgress final : public Progress {
 public:
  void waiting(const Moment &moment) override;
  void ended(ExitCode code, const Moment &moment) override;
};

/* The last line for a person. */
std::string end_text(ExitCode code, const Moment &moment);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_WAIT_LOOP_H
