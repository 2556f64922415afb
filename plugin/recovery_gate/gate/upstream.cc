// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/gate/upstream.h"

#include <algorithm>
#include <boost/thread/lock_guard.hpp>
#include <exception>

#include "recovery_gate/base/thread_name.h"

namespace recovery_gate {
namespace {

using Lock = boost::lock_guard<boost::mutex>;

/* begin() and end() come in pairs, however the thread ends. */
class Asking {
 public:
  explicit Asking(Upstreams &upstreams)
      : upstreams_(upstreams), began_(upstreams.begin()) {}
  ~Asking() {
    if (began_) upstreams_.end();
  }
  Asking(const Asking &) = delete;
  Asking &operator=(const Asking &) = delete;

  explicit operator bool() const { return began_; }

 private:
  Upstreams &upstreams_;
  const bool began_;
};

}  // namespace

UpstreamWatch::UpstreamWatch(Upstreams &upstreams, Journal &journal,
                             std::function<void()> changed,
                             milliseconds interval)
    : upstreams_(upstreams),
      journal_(journal),
      changed_(std::move(changed)),
      shortest_(interval) {}

UpstreamWatch::~UpstreamWatch() { stop(); }

void UpstreamWatch::start(std::function<std::vector<Claim>()> claims) {
  thread_ = boost::thread([this, claims = std::move(claims)] {
    name_this_thread("gate-upstream");
    run(claims);
  });
}

void UpstreamWatch::finish() noexcept {
  if (!thread_.joinable()) return;
  thread_.interrupt();
  upstreams_.cancel();
}

void UpstreamWatch::stop() noexcept {
  if (!thread_.joinable()) return;
  boost::this_thread::disable_interruption uninterrupted;
  finish();
  thread_.join();
}

UpstreamView UpstreamWatch::view() const {
  Lock lock(mutex_);
  return view_;
}

void UpstreamWatch::run(const std::function<std::vector<Claim>()> &claims) {
  Asking asking(upstreams_);
  if (!asking) return;
  std::vector<Claim> owed;
  std::string failure;
  bool knows = false;
  milliseconds interval = shortest_;
  try {
    for (;;) {
      boost::this_thread::interruption_point();
      try {
        if (!knows) owed = claims();
        knows = std::none_of(owed.begin(), owed.end(), [](const Claim &claim) {
          return claim.is_unread;
        });
        const UpstreamView before = view(), now = look(owed);
        interval = now == before ? std::min(interval * 2, longest_interval)
                                 : shortest_;
        // Whether it replicates costs nothing to find out.
        if (!now.follows && knows) interval = shortest_;
        if (!(now == before)) {
          announce(before, now);
          Lock lock(mutex_);
          view_ = now;
        }
        if (!(now == before)) changed_();
        failure.clear();
      } catch (const std::exception &problem) {
        if (failure != problem.what())
          journal_.error(std::string("the server that this one replicates from "
                                     "cannot be asked (") +
                         problem.what() + "); it is tried again");
        failure = problem.what();
        interval = longest_interval;
      }
      boost::this_thread::sleep_for(
          boost::chrono::milliseconds(interval.count()));
    }
  } catch (const boost::thread_interrupted &) {
  }
}

UpstreamView UpstreamWatch::look(const std::vector<Claim> &claims) {
  const std::vector<UpstreamAnswer> answers = upstreams_.ask();
  UpstreamView view;
  view.follows = !answers.empty();
  if (!view.follows) return view;
  std::vector<ServerGtids> servers;
  std::string trouble;
  for (const UpstreamAnswer &answer : answers) {
    if (answer.trouble.empty())
      servers.push_back(answer.server);
    else
      trouble += (trouble.empty() ? "" : "; ") + answer.trouble;
  }
  // After they were asked: it has whatever of this server's they could name.
  const GtidState written = upstreams_.written();
  view.finding = find_among(claims, servers, written, upstreams_.returned());
  // Who cannot be asked may have what the others lack.
  if (!trouble.empty() && view.finding.possession != Possession::HAS)
    view.finding = {Possession::NOT_SHOWN, trouble, {}};
  return view;
}

void UpstreamWatch::announce(const UpstreamView &before,
                             const UpstreamView &now) {
  // The gate itself says it when its state changes.
  if (before.follows && before.finding.possession == Possession::NOT_SHOWN &&
      now.finding.possession == Possession::NOT_SHOWN)
    journal_.note("waiting for PRIMARY: " + now.finding.why);
  if (now.finding.possession != Possession::LACKS ||
      now.finding.lacking == lacking_)
    return;
  lacking_ = now.finding.lacking;
  journal_.error(
      "this server has diverged: primary " + now.finding.why +
      ", which this server has had and no replica that is known has. recovery-gate "
      "inspect shows the transactions that are in its binary log. Bring the rows over "
      "to that server, or rebuild this one from it; SET GLOBAL "
      "recovery_gate_open_now=ON opens the gate all the same");
}

}  // namespace recovery_gate
