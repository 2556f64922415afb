// SPDX-License-Identifier: GPL-2.0-only
/*
  The servers that this one replicates from, while its gate is closed: does one
  have everything that is owed?

  A thread of its own asks them, since asking takes time and a server that does
  not answer must not hold up whoever waits for a replica. It exists while the
  gate is closed, and no connection is left when it ends.
*/
#ifndef RECOVERY_GATE_UPSTREAM_H
#define RECOVERY_GATE_UPSTREAM_H

#include <boost/thread/mutex.hpp>
#include <boost/thread/thread.hpp>
#include <functional>
#include <string>
#include <vector>

#include "recovery_gate/base/clock.h"
#include "recovery_gate/base/journal.h"
#include "recovery_gate/gate/acknowledgements.h"
#include "recovery_gate/ledger/claim.h"

namespace recovery_gate {

struct UpstreamAnswer {
  ServerGtids server;
  /* Not empty: it could not be asked, or what it says does not count, and why;
     a clause that names the server. */
  std::string trouble;
};

/* The replication connections of this server. */
class Upstreams {
 public:
  virtual ~Upstreams() = default;
  /* Before and after the thread that asks does so. begin() may block until
     there is something to ask; false: it was cancelled, and end() must not be
     called. */
  virtual bool begin() = 0;
  virtual void end() = 0;
  /* Asks each; empty: this server replicates from nobody. Takes seconds at
     most, and returns soon once cancel() was called. */
  virtual std::vector<UpstreamAnswer> ask() = 0;
  /* The last of each source in this server's binary log. */
  virtual GtidState written() = 0;
  /* What of that has come back, see History. */
  virtual Contents returned() = 0;
  /* For good. Any thread. */
  virtual void cancel() noexcept = 0;
};

class UpstreamWatch {
 public:
  static constexpr milliseconds shortest_interval{1000},
      longest_interval{10000};

  /* All must outlive the watch. `changed` is called from its thread when view()
     has changed. */
  UpstreamWatch(Upstreams &upstreams, Journal &journal,
                std::function<void()> changed,
                milliseconds interval = shortest_interval);
  ~UpstreamWatch();
  UpstreamWatch(const UpstreamWatch &) = delete;
  UpstreamWatch &operator=(const UpstreamWatch &) = delete;

  /* Call it once. `claims` says what is owed; it is called first, from the
     thread, and again while it could not read the binary log, and may take
     long. Throws boost::thread_resource_error. */
  void start(std::function<std::vector<Claim>()> claims);
  /* The thread ends soon: it is not needed any more. */
  void finish() noexcept;
  /* No thread is left when it returns. May be called at any time, more than
     once, but not from two threads at once. */
  void stop() noexcept;

  UpstreamView view() const;

 private:
  void run(const std::function<std::vector<Claim>()> &claims);
  UpstreamView look(const std::vector<Claim> &claims);
  void announce(const UpstreamView &before, const UpstreamView &now);

  Upstreams &upstreams_;
  Journal &journal_;
  const std::function<void()> changed_;
  const milliseconds shortest_;
  boost::thread thread_;
  GtidState lacking_;           // in the error log last; the thread's
  mutable boost::mutex mutex_;  // guards the next
  UpstreamView view_;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_UPSTREAM_H
