// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/gate/links.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/chrono/duration.hpp>
#include <boost/thread/lock_guard.hpp>
#include <exception>

#include "recovery_gate/base/thread_name.h"

namespace recovery_gate {
namespace {

using Lock = boost::lock_guard<boost::mutex>;

// Less often, it may be by chance: its start and the end of another one at a
// time.
constexpr int plain_by_nature = 3;

// What a trouble is about; no connection has such a name.
const char all_of_them[] = "\n";

const char remedy_for_modes[] =
    "Set rpl_semi_sync_slave_enabled to ON if all primaries have semi-sync, else "
    "to OFF; then STOP ALL SLAVES; START ALL SLAVES";

bool is_up(const Link &link) {
  return link.state == LinkState::RECEIVING && !link.ending;
}

std::string quoted(const Link &link) { return "'" + link.name + "'"; }

std::string names_of(const std::vector<const Link *> &links) {
  std::string names;
  for (const Link *link : links)
    names += (names.empty() ? "" : ", ") + quoted(*link);
  return names;
}

std::string remedy_for_relay_log(const Link &link) {
  return fmt::format(
      "STOP SLAVE {0}; CHANGE MASTER {0} TO MASTER_LOG_FILE=..., "
      "MASTER_LOG_POS=..., with Relay_Master_Log_File and Exec_Master_Log_Pos of "
      "SHOW SLAVE {0} STATUS; START SLAVE {0}",
      quoted(link));
}

boost::chrono::microseconds pause_after(LinkRepair::Pace pace) {
  const std::chrono::microseconds pause =
      pace == LinkRepair::Pace::IMMINENT ? LinkWatch::imminent
      : pace == LinkRepair::Pace::NEAR
          ? std::chrono::microseconds(LinkWatch::near)
          : std::chrono::microseconds(LinkWatch::far);
  return boost::chrono::microseconds(pause.count());
}

const char *number_of(LinkError error) {
  return error == LinkError::NO_HEADER ? "1593" : "1595";
}

}  // namespace

void LinkRepair::begin() {
  is_first_ = true;
  known_.clear();
  last_.reset();
  before_.reset();
  contrary_.reset();
  mixed_since_.reset();
  Lock lock(mutex_);
  troubles_.clear();
}

LinkRepair::Orders LinkRepair::next(const LinksView &view, Instant now) {
  note_changes(view, now);
  Orders orders;
  orders.set_switch = wants_switch(view, now);
  if (orders.set_switch) orders.note = note_of_switch(view, now);
  judge(view, now, &orders);
  compare_modes(view, now);
  orders.pace = pace_of(view, orders.how.has_value());
  is_first_ = false;
  return orders;
}

LinkRepair::Pace LinkRepair::pace_of(const LinksView &view,
                                     bool one_is_down) const {
  int running = 0;
  bool one_ends = one_is_down, matters = one_is_down;
  for (const Link &link : view.links) {
    if (link.state == LinkState::STOPPED) continue;
    ++running;
    one_ends |= link.ending;
    matters |= known_.at(link.name).semisync ||
               (view.setting_on && link.state == LinkState::STARTING);
  }
  if (!matters || running + one_is_down < 2) return Pace::FAR;
  return one_ends ? Pace::IMMINENT : Pace::NEAR;
}

void LinkRepair::note_changes(const LinksView &view, Instant now) {
  for (const Link &link : view.links) {
    const bool is_known = known_.count(link.name) != 0;
    Known &known = known_[link.name];
    if (!is_known) known.applied = now;
    if (!is_first_) {
      note_disturbance(link, known, now);
    } else if (link.state == LinkState::STOPPED) {
      // Nobody has seen why it ended. But looks begin as soon as there are
      // several connections, and the second may have come and gone.
      known.fell_unseen = link.is_recent;
      if (!link.is_recent) known.judged = link.run;
      known.unreadable_judged = link.unreadable;
    }
    note_state(link, view, now, &known);
  }
  for (const Link &link : view.links)
    if (Known &known = known_[link.name];
        known.semisync && !link.checksums && disturbance_of(link.name, now))
      known.exposed = true;
  forget_others(view);
}

void LinkRepair::note_disturbance(const Link &link, const Known &known,
                                  Instant now) {
  const bool was_up = known.state != LinkState::STOPPED;
  if (link.run != known.run)
    disturbed(link.name, "start", now);
  else if (link.ending || (was_up && link.state == LinkState::STOPPED))
    disturbed(link.name, "end", now);
  else if (link.state != known.state)
    disturbed(link.name, "reconnection", now);
}

void LinkRepair::note_state(const Link &link, const LinksView &view,
                            Instant now, Known *known) {
  const bool is_started = link.run != known->run;
  const bool is_down = link.ending || link.state == LinkState::STOPPED;
  const bool was_down = known->ending || known->state == LinkState::STOPPED;
  // Whoever starts it knows what was wrong.
  if (is_started && !is_first_) {
    is_new(link.name, "");
    known->fell_unseen = false;
  }
  if (is_down && (is_started || !was_down)) known->ended = now;
  if (link.applies) known->applied = now;
  if (!link.unreadable) known->unreadable_judged = false;
  if (is_started || link.state != LinkState::RECEIVING) known->semisync = false;
  if (is_started || link.state == LinkState::STARTING) {
    if (is_started || known->state != LinkState::STARTING)
      known->starting = now;
    known->counted = false;
    known->wants_it = view.setting_on && !is_first_;
  }
  if (link.state == LinkState::RECEIVING) {
    // Unknown after a reply that failed, and as true as before.
    known->semisync |= link.semisync;
    if (known->semisync) {
      known->had_it = true;
      known->plain_starts = 0;
    } else {
      count_plain_start(known);
    }
    if (known->semisync != view.switch_on) contrary_ = now;
  } else if (link.error == LinkError::NO_HEADER) {
    count_plain_start(known);  // it was too short to be seen
  }
  known->run = link.run;
  known->state = link.state;
  known->ending = link.ending;
}

void LinkRepair::count_plain_start(Known *known) {
  if (known->counted || !known->wants_it) return;
  known->counted = true;
  ++known->plain_starts;
}

void LinkRepair::forget_others(const LinksView &view) {
  for (auto known = known_.begin(); known != known_.end();) {
    const auto is_it = [&](const Link &link) {
      return link.name == known->first;
    };
    if (std::any_of(view.links.begin(), view.links.end(), is_it)) {
      ++known;
    } else {
      is_new(known->first, "");
      known = known_.erase(known);
    }
  }
}

void LinkRepair::disturbed(const std::string &by, const char *what,
                           Instant now) {
  if (last_ && last_->by != by) before_ = last_;
  last_ = Disturbance{by, what, now};
}

const LinkRepair::Disturbance *LinkRepair::disturbance_of(
    const std::string &name, Instant now) const {
  for (const std::optional<Disturbance> *one : {&last_, &before_})
    if (*one && (*one)->by != name && now - (*one)->when <= attributable)
      return &**one;
  return nullptr;
}

std::string LinkRepair::why_switched(const std::string &name,
                                     Instant now) const {
  const Disturbance *cause = disturbance_of(name, now);
  return cause == nullptr
             ? "another connection"
             : fmt::format("the {} of connection '{}'", cause->what, cause->by);
}

/* Not by chance: it will be so again after the next start. */
bool LinkRepair::is_plain_by_nature(const Link &link,
                                    const LinksView &view) const {
  return !view.setting_on ||
         known_.at(link.name).plain_starts >= plain_by_nature;
}

/* At least once its primary had not said so; somebody else's start or end may
   have been the reason. */
bool LinkRepair::is_suspect(const Link &link, const LinksView &view) const {
  return view.setting_on && known_.at(link.name).plain_starts > 0;
}

/* It had semi-sync, was to have it again, and another one's start or end came
   between. When all are like that, nothing in the server changes it again. */
bool LinkRepair::is_plain_by_chance(const Link &link) const {
  const Known &known = known_.at(link.name);
  return is_up(link) && !known.semisync && known.had_it && known.wants_it &&
         known.plain_starts < plain_by_nature;
}

bool LinkRepair::wants_switch(const LinksView &view, Instant now) const {
  if (view.switch_on) return false;
  bool semisync = false, plain = false, natural = false, starting = false,
       by_chance = false, asking = false, checked = true;
  for (const Link &link : view.links) {
    if (link.ending || link.state == LinkState::STOPPED) continue;
    const Known &known = known_.at(link.name);
    by_chance |= is_plain_by_chance(link);
    if (link.state == LinkState::STARTING) {
      // One whose primary has no semi-sync is about to say so.
      starting |= known.plain_starts == 0;
      asking |= now - known.starting < longest_turn;
    } else if (known.semisync) {
      semisync = true;
    } else {
      plain = true;
      checked &= link.checksums;
      natural |= is_plain_by_nature(link, view);
    }
  }
  // Those without it end then: by chance without it, they come back with it;
  // else they do not go together with the others, and those are as the setting
  // says.
  if (view.setting_on)
    return semisync || (starting && !natural) ||
           (by_chance && checked && !asking);
  return semisync && !plain && !starting;
}

std::string LinkRepair::note_of_switch(const LinksView &view,
                                       Instant now) const {
  std::vector<const Link *> kept, lost;
  for (const Link &link : view.links)
    if (is_up(link) && known_.at(link.name).semisync)
      kept.push_back(&link);
    else if (is_plain_by_chance(link))
      lost.push_back(&link);
  if (!kept.empty())
    return fmt::format(
        "{} switched semi-sync off for all connections of this replica "
        "(MDEV-32947); it is on again for {}",
        why_switched(kept.front()->name, now), names_of(kept));
  if (!lost.empty())
    return fmt::format(
        "connections {} came without semi-sync, because {} switched it off for all "
        "connections of this replica (MDEV-32947). It is on again; they end with "
        "error 1593, and are started again",
        names_of(lost), why_switched(lost.front()->name, now));
  return {};
}

/* Why a start of `fallen` would end another one that is as the setting says, or
   empty. */
std::string LinkRepair::conflict(const Link &fallen,
                                 const LinksView &view) const {
  if (!is_plain_by_nature(fallen, view)) return {};
  for (const Link &link : view.links)
    if (link.name != fallen.name && is_up(link) &&
        known_.at(link.name).semisync)
      return "connection " + quoted(link) +
             " runs with semi-sync, and this one would not have it";
  return {};
}

void LinkRepair::judge(const LinksView &view, Instant now, Orders *orders) {
  for (const Link &link : view.links)
    if (judge_sql(link, orders)) return;
  // Those first that are the least likely to take semi-sync from the others.
  for (int starts = 0; starts <= plain_by_nature; ++starts)
    for (const Link &link : view.links)
      if (std::min(known_[link.name].plain_starts, plain_by_nature) == starts &&
          judge_io(link, view, now, orders))
        return;
}

/* A start shows what the primary has, and not what others do, if nobody else
   starts or ends at that time. And whose primary has no semi-sync takes it from
   all that are about to ask for it. */
bool LinkRepair::has_to_wait(const Link &fallen, const LinksView &view,
                             bool switch_on, Instant now) const {
  const bool suspect = is_suspect(fallen, view);
  if (now - known_.at(fallen.name).ended >= longest_turn) return false;
  for (const Link &link : view.links) {
    if (link.name == fallen.name || link.state == LinkState::STOPPED) continue;
    const Known &known = known_.at(link.name);
    if (link.state == LinkState::STARTING) {
      if ((suspect || is_suspect(link, view)) &&
          now - known.starting < longest_turn)
        return true;
    } else if (suspect && (link.ending || known.semisync != switch_on)) {
      return true;
    }
  }
  return false;
}

/* True: it is to be started again. */
bool LinkRepair::judge_io(const Link &link, const LinksView &view, Instant now,
                          Orders *orders) {
  Known &known = known_[link.name];
  if (link.state != LinkState::STOPPED || link.error == LinkError::NONE ||
      known.judged == link.run)
    return false;
  const bool wrong_mode =
      link.error == LinkError::NO_HEADER ||
      (link.error == LinkError::REFUSED &&
       (disturbance_of(link.name, known.ended) != nullptr ||
        known.fell_unseen ||
        (contrary_ && known.ended - *contrary_ <= attributable)));
  // STOP SLAVE ends the SQL thread first.
  const bool may_be_stopped =
      !link.applies && !link.unreadable && now - known.applied < longest_stop;
  if (!wrong_mode || may_be_stopped) {
    known.judged = link.run;
    return false;
  }
  if (!link.checksums && !link.gtid) {
    give_up(link,
            "it receives no checksums, and its relay log may not be what the "
            "primary has sent. " +
                remedy_for_relay_log(link));
    return false;
  }
  if (!link.applies) {
    give_up(link,
            fmt::format(
                "its SQL thread does not run{}",
                link.gtid && !link.unreadable
                    ? fmt::format(", and to start the I/O thread alone would "
                                  "discard what is received and not applied. "
                                  "START SLAVE {0} SQL_THREAD, then START "
                                  "SLAVE {0}",
                                  quoted(link))
                    : ". START SLAVE " + quoted(link)));
    return false;
  }
  const std::string why_not = conflict(link, view);
  if (!why_not.empty()) {
    report(link, why_not + ". " + remedy_for_modes);
    // The other one may have ended, too, and not be seen to yet.
    if (now - known.ended > longest_conflict) known.judged = link.run;
    return false;
  }
  const bool in_vain = known.restarted_at == link.place;
  if (in_vain && known.in_vain >= most_in_vain) {
    give_up(link, fmt::format("it was started again {} times and received "
                              "nothing. START SLAVE {} tries it once more",
                              known.in_vain, quoted(link)));
    return false;
  }
  if (in_vain && now < known.restarted + pause_after_in_vain) return false;
  if (has_to_wait(link, view, view.switch_on || orders->set_switch, now))
    return false;
  orders->how = Restart::IO_THREAD;
  orders->which = link;
  return true;
}

/* Events that were read in the wrong mode, and that nothing was wrong with at
   first sight. True: it is to be started again. */
bool LinkRepair::judge_sql(const Link &link, Orders *orders) {
  Known &known = known_[link.name];
  if (!link.unreadable || known.unreadable_judged) return false;
  if (!known.exposed || link.ending || link.state != LinkState::RECEIVING)
    return false;
  if (!link.gtid) {
    known.unreadable_judged = true;
    const std::string trouble = fmt::format(
        "the relay log of connection {} cannot be read (1594): an event that was "
        "read while semi-sync was switched for all connections of this replica "
        "(MDEV-32947) was written to it. {}",
        quoted(link), remedy_for_relay_log(link));
    if (is_new(link.name, trouble)) journal_.error(trouble);
    return false;
  }
  orders->how = Restart::FROM_APPLIED;
  orders->which = link;
  return true;
}

void LinkRepair::give_up(const Link &link, const std::string &why) {
  known_[link.name].judged = link.run;
  report(link, why);
}

void LinkRepair::report(const Link &link, const std::string &why) {
  const std::string trouble = fmt::format(
      "connection {} has ended with error {}, because semi-sync was switched for "
      "all connections of this replica (MDEV-32947), and is not started again: {}",
      quoted(link), number_of(link.error), why);
  if (is_new(link.name, trouble)) journal_.error(trouble);
}

void LinkRepair::restarted(const Link &link, Restart how, RestartResult result,
                           Instant now) {
  if (result == RestartResult::LATER) return;
  Known &known = known_[link.name];
  known.judged = link.run;
  known.unreadable_judged = link.unreadable;
  if (result == RestartResult::NOT_WANTED) return;
  if (how == Restart::FROM_APPLIED) {
    known.exposed = false;
    journal_.warning(fmt::format(
        "the relay log of connection {} could not be read (1594): an event that was "
        "read while semi-sync was switched for all connections of this replica "
        "(MDEV-32947) was written to it. The connection was stopped and started, "
        "and receives again what it had not applied",
        quoted(link)));
    return;
  }
  known.in_vain = known.restarted_at == link.place ? known.in_vain + 1 : 1;
  known.restarted_at = link.place;
  known.restarted = now;
  journal_.warning(fmt::format(
      "connection {} had ended with error {}, because {} switched semi-sync for all "
      "connections of this replica (MDEV-32947). Its I/O thread was started again "
      "at {}",
      quoted(link), number_of(link.error), why_switched(link.name, known.ended),
      link.place));
}

/* What will end one of them sooner or later. */
void LinkRepair::compare_modes(const LinksView &view, Instant now) {
  std::vector<const Link *> with, without;
  if (view.links.size() > 1)
    for (const Link &link : view.links)
      if (is_up(link))
        (known_[link.name].semisync ? with : without).push_back(&link);
  const bool differ = !with.empty() && !without.empty();
  const std::vector<const Link *> &others = view.setting_on ? without : with;
  if (!differ && others.empty()) {
    mixed_since_.reset();
    is_new(all_of_them, "");
    return;
  }
  if (!mixed_since_) mixed_since_ = now;
  if (now - *mixed_since_ < transition) return;
  const std::string trouble =
      differ
          ? fmt::format(
                "connections {} run with semi-sync, and {} without: this "
                "server has one switch for all of them (MDEV-32947), and the "
                "next event ends one or the other. {}",
                names_of(with), names_of(without), remedy_for_modes)
          : fmt::format(
                "rpl_semi_sync_slave_enabled is {}, and connections {} run {} "
                "semi-sync: the next start of another one switches it for "
                "all of them (MDEV-32947), and they end. {}",
                view.setting_on ? "ON" : "OFF", names_of(others),
                view.setting_on ? "without" : "with", remedy_for_modes);
  if (is_new(all_of_them, trouble)) journal_.warning(trouble);
}

/* An empty one is none any more. */
bool LinkRepair::is_new(const std::string &about, const std::string &trouble) {
  Lock lock(mutex_);
  if (trouble.empty()) {
    troubles_.erase(about);
    return false;
  }
  std::string &said = troubles_[about];
  if (said == trouble) return false;
  said = trouble;
  return true;
}

std::vector<std::string> LinkRepair::troubles() const {
  Lock lock(mutex_);
  std::vector<std::string> all;
  for (const auto &[about, trouble] : troubles_) all.push_back(trouble);
  return all;
}

LinkWatch::LinkWatch(WatchedLinks &links, Clock &clock, Journal &journal)
    : links_(links), clock_(clock), journal_(journal) {}

LinkWatch::~LinkWatch() { stop(); }

void LinkWatch::tend() {
  if (!enabled_ || running_ || !links_.several()) return;
  stop();  // the last one has ended, and is still to be joined
  running_ = true;
  try {
    thread_ = boost::thread([this] {
      name_this_thread("gate-links");
      run();
    });
  } catch (...) {
    running_ = false;
    throw;
  }
}

void LinkWatch::stop() noexcept {
  if (!thread_.joinable()) return;
  boost::this_thread::disable_interruption uninterrupted;
  thread_.interrupt();
  thread_.join();
}

std::vector<std::string> LinkWatch::troubles() const {
  return repair_.troubles();
}

LinkRepair::Pace LinkWatch::look() {
  const LinkRepair::Orders orders = repair_.next(view_, clock_.now());
  if (orders.set_switch) links_.set_switch();
  if (!orders.note.empty()) journal_.note(orders.note);
  if (orders.how)
    repair_.restarted(orders.which, *orders.how,
                      links_.restart(orders.which, *orders.how), clock_.now());
  return orders.pace;
}

void LinkWatch::run() {
  links_.begin();
  repair_.begin();
  view_.links.clear();
  LinkRepair::Pace pace = LinkRepair::Pace::FAR;
  std::string failure;
  try {
    while (enabled_) {
      try {
        if (links_.look(&view_)) {
          if (view_.links.size() < 2) break;
          pace = look();
        }
        failure.clear();
      } catch (const std::exception &problem) {
        pace = LinkRepair::Pace::FAR;
        if (failure != problem.what())
          journal_.error(
              std::string("replication connections are not watched (") +
              problem.what() + "); it is tried again");
        failure = problem.what();
      }
      boost::this_thread::sleep_for(pause_after(pace));
    }
  } catch (const boost::thread_interrupted &) {
  }
  links_.end();
  running_ = false;
}

}  // namespace recovery_gate
