// SPDX-License-Identifier: GPL-2.0-only
/*
  The connections of a replica of several primaries, and what keeps them going.

  In the server one switch says for all of them whether events come with a
  semi-sync header (MDEV-32947). The end of one connection clears it, and a
  start sets it to rpl_semi_sync_slave_enabled. A connection that runs in the
  other mode then takes its next event for a damaged one and ends.

  LinkRepair decides: when to set the switch again, whom to start again, what to
  say. It has no thread and knows no server.

  LinkWatch is the thread that looks and follows these orders. It exists only on
  a replica with at least two connections.
*/
#ifndef RECOVERY_GATE_LINKS_H
#define RECOVERY_GATE_LINKS_H

#include <atomic>
#include <boost/thread/mutex.hpp>
#include <boost/thread/thread.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "recovery_gate/base/clock.h"
#include "recovery_gate/base/journal.h"

namespace recovery_gate {

/* Of a connection's I/O thread. */
enum class LinkState { STOPPED, STARTING, RECEIVING };

/* Why it ended. */
enum class LinkError {
  NONE,
  REFUSED,    // 1595: an event could not be queued
  NO_HEADER,  // 1593: an event came without the semi-sync header
  OTHER
};

/* One connection at one moment. */
struct Link {
  std::string name;
  std::uint64_t run = 0;  // differs each time the I/O thread is started
  LinkState state = LinkState::STOPPED;
  /* The I/O thread has been asked to end, or has failed, and has not ended. */
  bool ending = false;
  bool semisync = false;  // while RECEIVING: events come with the header
  LinkError error = LinkError::NONE;
  bool is_recent = false;  // the error came in the last two seconds
  /* How far it has received; only when there is an error. */
  std::string place;
  bool gtid = false;
  bool checksums = true;  // events come with one, and it is checked
  bool applies = true;    // the SQL thread runs, and has not been asked to end
  bool unreadable = false;  // 1594: the SQL thread cannot read the relay log
};

struct LinksView {
  std::vector<Link> links;
  bool switch_on = false;
  bool setting_on = false;  // rpl_semi_sync_slave_enabled
};

enum class Restart {
  IO_THREAD,    // goes on where it stopped receiving
  FROM_APPLIED  // both threads; a GTID connection receives again what it has
                // not applied
};

enum class RestartResult {
  DONE,
  LATER,      // somebody is doing something with this connection
  NOT_WANTED  // it is not as it was seen: somebody has stopped or started it
};

/* The connections of this server. */
class WatchedLinks {
 public:
  virtual ~WatchedLinks() = default;
  /* Are at least two configured? Any thread; never blocks. */
  virtual bool several() = 0;
  /* First and last in the thread that calls the rest. */
  virtual void begin() = 0;
  virtual void end() = 0;
  /* False: they cannot be seen right now. Never blocks. `view` holds what was
     seen last: one that is just being started may be left as it was. */
  virtual bool look(LinksView *view) = 0;
  virtual void set_switch() = 0;
  /* Starts what is stopped of `link` if that is still as it was seen. */
  virtual RestartResult restart(const Link &link, Restart how) = 0;
};

class LinkRepair {
 public:
  explicit LinkRepair(Journal &journal) : journal_(journal) {}

  /* How soon something may happen of which a look has to be taken. */
  enum class Pace {
    FAR,      // nothing that runs can be disturbed
    NEAR,     // one may end at any time
    IMMINENT  // one is ending
  };
  struct Orders {
    bool set_switch = false;
    std::string note;  // for the journal, after that: every microsecond counts
    std::optional<Restart> how;
    Link which;  // to start again, if `how`
    Pace pace = Pace::FAR;
  };

  /* A connection that ends with one of these errors so soon after another one
     ended or started did so because of that. */
  static constexpr milliseconds attributable{1000};
  /* An SQL thread that has stopped more recently may be part of a STOP SLAVE.
   */
  static constexpr milliseconds longest_stop{60000};
  /* One that would end others is started again if they end as well, so soon. */
  static constexpr milliseconds longest_conflict{10000};
  /* So often it is started again without receiving anything more. */
  static constexpr int most_in_vain = 3;
  static constexpr milliseconds pause_after_in_vain{1000};
  /* One that may have no semi-sync is started apart from others, if that takes
     no longer. */
  static constexpr milliseconds longest_turn{1000};
  /* Two modes at once are reported if they last so long. */
  static constexpr milliseconds transition{500};

  /* What happens from now on is not the consequence of what was before. */
  void begin();
  /* Throws std::bad_alloc, as does restarted(); the next look makes up for it.
   */
  Orders next(const LinksView &view, Instant now);
  /* What became of the order to start `link` again. */
  void restarted(const Link &link, Restart how, RestartResult result,
                 Instant now);

  /* What needs an administrator, each with what to do; one sentence or two. */
  std::vector<std::string> troubles() const;

 private:
  struct Known {
    std::uint64_t run = 0;
    LinkState state = LinkState::STOPPED;
    bool ending = false;
    Instant ended{0};          // when it was first seen to end, in this run
    Instant starting{0};       // when it was first seen to, in this spell
    Instant applied{0};        // when it was last seen to apply, or first seen
    bool semisync = false;     // in this spell of receiving
    bool had_it = false;       // semi-sync, in any spell
    bool exposed = false;      // to the wrong mode, without checksums
    bool wants_it = false;     // the setting was ON when it started
    bool counted = false;      // among plain_starts, in this spell
    int plain_starts = 0;      // in a row, although the setting was ON
    std::uint64_t judged = 0;  // the run whose end needs no decision any more
    bool fell_unseen = false;  // shortly before the first look
    bool unreadable_judged = false;
    int in_vain = 0;
    std::string restarted_at;  // the place then; empty: not yet
    Instant restarted{0};
  };
  struct Disturbance {
    std::string by;
    const char *what;
    Instant when;
  };

  void note_changes(const LinksView &view, Instant now);
  void note_disturbance(const Link &link, const Known &known, Instant now);
  void note_state(const Link &link, const LinksView &view, Instant now,
                  Known *known);
  static void count_plain_start(Known *known);
  void forget_others(const LinksView &view);
  void disturbed(const std::string &by, const char *what, Instant now);
  const Disturbance *disturbance_of(const std::string &name, Instant now) const;
  bool is_plain_by_nature(const Link &link, const LinksView &view) const;
  bool is_suspect(const Link &link, const LinksView &view) const;
  bool is_plain_by_chance(const Link &link) const;
  bool wants_switch(const LinksView &view, Instant now) const;
  std::string note_of_switch(const LinksView &view, Instant now) const;
  std::string why_switched(const std::string &name, Instant now) const;
  std::string conflict(const Link &fallen, const LinksView &view) const;
  bool has_to_wait(const Link &fallen, const LinksView &view, bool switch_on,
                   Instant now) const;
  Pace pace_of(const LinksView &view, bool one_is_down) const;
  void judge(const LinksView &view, Instant now, Orders *orders);
  bool judge_io(const Link &link, const LinksView &view, Instant now,
                Orders *orders);
  bool judge_sql(const Link &link, Orders *orders);
  void give_up(const Link &link, const std::string &why);
  void report(const Link &link, const std::string &why);
  void compare_modes(const LinksView &view, Instant now);
  bool is_new(const std::string &about, const std::string &trouble);

  Journal &journal_;
  bool is_first_ = true;
  std::map<std::string, Known> known_;
  // The last two, of different connections: a connection does not disturb
  // itself.
  std::optional<Disturbance> last_, before_;
  std::optional<Instant>
      contrary_;  // the switch was seen so, to one that receives
  std::optional<Instant> mixed_since_;
  mutable boost::mutex mutex_;                   // guards the next
  std::map<std::string, std::string> troubles_;  // by what they are about
};

class LinkWatch {
 public:
  static constexpr milliseconds far{100}, near{5};
  static constexpr std::chrono::microseconds imminent{100};

  /* All must outlive the watch. */
  LinkWatch(WatchedLinks &links, Clock &clock, Journal &journal);
  ~LinkWatch();
  LinkWatch(const LinkWatch &) = delete;
  LinkWatch &operator=(const LinkWatch &) = delete;

  /* Any thread. Off: nothing is done any more, until it is on again. */
  void enable(bool on) { enabled_ = on; }
  /* To be called again and again, by one thread: starts the watch's own when
     there is something to watch. Costs next to nothing. Throws
     boost::thread_resource_error. */
  void tend();
  /* No thread is left when it returns. Not at the same time as tend(). */
  void stop() noexcept;

  std::vector<std::string> troubles() const;

 private:
  void run();
  LinkRepair::Pace look();

  WatchedLinks &links_;
  Clock &clock_;
  Journal &journal_;
  LinkRepair repair_{journal_};
  LinksView view_;  // the thread's only
  std::atomic<bool> enabled_{true};
  std::atomic<bool> running_{false};
  boost::thread thread_;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_LINKS_H
