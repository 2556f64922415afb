// SPDX-License-Identifier: GPL-2.0-only
/*
  Stand-ins for what surrounds the core: a clock that tests move, a
  journal that remembers, a semi-sync and a server that do what a test says, and
  files that fail and forget.

  Threads meet by events only and no time decides anything. What a test waits
  for has a limit far beyond what a busy machine needs: broken code then fails
  the test instead of hanging it.
*/
#ifndef RECOVERY_GATE_FAKES_H
#define RECOVERY_GATE_FAKES_H

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/thread/thread.hpp>
#include <cerrno>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <ostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "recovery_gate/base/clock.h"
#include "recovery_gate/base/journal.h"
#include "recovery_gate/binlog/binlog_position.h"
#include "recovery_gate/binlog/gtid_state.h"
#include "recovery_gate/gate/acknowledgements.h"
#include "recovery_gate/gate/gate.h"
#include "recovery_gate/gate/gate_state.h"
#include "recovery_gate/gate/waiter.h"
#include "recovery_gate/ledger/settlement.h"
#include "recovery_gate/ledger/state_file.h"
#include "testing/monitor.h"

namespace recovery_gate {

/* How GoogleTest prints them in a failure. */
inline void PrintTo(const BinlogPosition &position, std::ostream *out) {
  *out << to_string(position);
}
inline void PrintTo(GateState state, std::ostream *out) {
  *out << full_name(state);
}
inline void PrintTo(CloseReason reason, std::ostream *out) {
  *out << reason_name(reason);
}
inline void PrintTo(const Record &record, std::ostream *out) {
  *out << encode(record);
}
inline void PrintTo(const Obligation &obligation, std::ostream *out) {
  Record record;
  record.obligation = obligation;
  const std::string text = encode(record);
  *out << text.substr(0, text.find("running-"));
}
inline void PrintTo(const Settled &settled, std::ostream *out) {
  *out << to_string(settled.position) << " with " << to_string(settled.gtids);
}

/* Matches a line of text that has all the parts, in any order. */
template <typename... Parts>
auto tells(const Parts &...parts) {
  return testing::AllOf(testing::HasSubstr(parts)...);
}

/* One start for all tests: the log before it ends at recovered_end, and the
   server has opened the next one. */
inline const BinlogPosition recovered_end{"bin.000006", 1234};
inline const BinlogPosition awaited{"bin.000007", 400};
inline const std::string recovered_gtid = "0-1-42";
inline constexpr std::uint32_t recovered_identity = 0x1d5eed42;

inline StartFacts after_a_proper_shutdown() {
  StartFacts facts;
  facts.recovered_end = recovered_end;
  facts.recovered_identity = recovered_identity;
  facts.recovered_gtid = recovered_gtid;
  facts.awaited = awaited;
  return facts;
}

/* It crashed, and what it wrote last is on no replica. */
inline StartFacts after_a_crash() {
  StartFacts facts = after_a_proper_shutdown();
  facts.crashed = true;
  facts.unsettled = {{{0, 1}, 42}};
  return facts;
}

/* Semi-sync at the moments that matter. */
inline SemisyncView semisync_off() { return {}; }
inline SemisyncView no_replica() {
  SemisyncView view;
  view.enabled = true;
  return view;
}
inline SemisyncView replica_connected() {
  SemisyncView view = no_replica();
  view.replicas = 1;
  return view;
}
inline SemisyncView acknowledged(const BinlogPosition &position,
                                 const BinlogPosition &wanted = awaited) {
  SemisyncView view = replica_connected();
  view.acknowledged = position;
  view.proven = has_reached(position, wanted);
  if (view.proven)
    view.proven_by = "replica 2 has acknowledged " + to_string(position);
  return view;
}
inline SemisyncView proof_lost(const std::string &why) {
  SemisyncView view = replica_connected();
  view.proof_lost = why;
  return view;
}
inline SemisyncView shutting_down(SemisyncView view = replica_connected()) {
  view.shutting_down = true;
  return view;
}

class FakeClock final : public Clock {
 public:
  Instant now() const override { return Instant(now_.load()); }
  void advance(milliseconds by) { now_ += by.count(); }

 private:
  // Far from 0, which a deadline has that was never set, and no round number,
  // which could be taken for a duration.
  std::atomic<Instant::rep> now_{987654321};
};

class FakeJournal final : public Journal {
 public:
  void note(const std::string &line) override { add(line, &notes_); }
  void warning(const std::string &line) override { add(line, &warnings_); }
  void error(const std::string &line) override { add(line, &errors_); }

  std::vector<std::string> lines() const { return copy(lines_); }
  std::vector<std::string> notes() const { return copy(notes_); }
  std::vector<std::string> warnings() const { return copy(warnings_); }
  std::vector<std::string> errors() const { return copy(errors_); }

  void forget() {
    std::lock_guard<std::mutex> lock(mutex_);
    for (Lines *all : {&lines_, &notes_, &warnings_, &errors_}) all->clear();
  }

  /* A real journal never throws. This one does instead of a line that it
     would be given: there was no memory to put it together. */
  void run_out_of_memory_at_the_next_line() { run_out_of_memory_after(0); }
  void run_out_of_memory_after(int lines) { lines_left_ = lines; }

 private:
  using Lines = std::vector<std::string>;

  void add(const std::string &line, Lines *where) {
    if (lines_left_-- == 0) throw std::bad_alloc();
    EXPECT_THAT(line, testing::Not(testing::IsEmpty()));
    EXPECT_THAT(line, testing::Not(testing::HasSubstr("\n")));
    std::lock_guard<std::mutex> lock(mutex_);
    lines_.push_back(line);
    where->push_back(line);
  }

  Lines copy(const Lines &lines) const {
    std::lock_guard<std::mutex> lock(mutex_);
    return lines;
  }

  std::atomic<int> lines_left_{-1};  // negative: it does not run out
  mutable std::mutex mutex_;
  Lines lines_, notes_, warnings_, errors_;
};

/*
  A folder in memory that forgets what was not synced: contents that were not
  written by write_synced() do not exist here, and a rename is lost in a crash
  until the folder is synced. One call, counted from 0, can be made to fail or
  to be the last before the crash; or all that write can, until they are let
  again.
*/
class FaultyFiles final : public FileLayer {
 public:
  enum class Fault { NONE, ERROR, CRASH_BEFORE, CRASH_AFTER, TORN_WRITE };
  struct Crash {};

  Fault fault = Fault::NONE;
  int faulty_call = -1;
  int calls = 0;
  int write_error = 0;  // ENOSPC, EROFS...; 0: nothing is in the way
  int writes = 0;       // begun

  int read(const std::string &path, std::string *content) override {
    return run([&] {
      const auto file = now_.find(path);
      if (file == now_.end()) return ENOENT;
      *content = file->second;
      return 0;
    });
  }
  int write_synced(const std::string &path,
                   const std::string &content) override {
    ++writes;
    if (fault == Fault::TORN_WRITE && calls == faulty_call) {
      now_[path] = durable_[path] = content.substr(0, content.size() / 2);
      throw Crash();
    }
    return run([&] {
      if (write_error != 0) return write_error;
      now_[path] = durable_[path] = content;
      return 0;
    });
  }
  int rename(const std::string &from, const std::string &to) override {
    return run([&] {
      if (write_error == EROFS) return EROFS;
      if (!now_.count(from)) return ENOENT;
      now_[to] = now_[from];
      now_.erase(from);
      return 0;
    });
  }
  int sync_folder(const std::string &) override {
    return run([&] {
      durable_ = now_;
      return 0;
    });
  }

  /* The machine comes back: what was not synced may be there or not. */
  void come_back(bool unsynced_survived) {
    if (unsynced_survived)
      durable_ = now_;
    else
      now_ = durable_;
    fault = Fault::NONE;
  }

  void put(const std::string &path, const std::string &content) {
    now_[path] = durable_[path] = content;
  }
  bool has(const std::string &path) const { return now_.count(path) != 0; }
  std::string content(const std::string &path) const { return now_.at(path); }

 private:
  template <typename Operation>
  int run(Operation operation) {
    const bool faulty = calls++ == faulty_call;
    if (faulty && fault == Fault::ERROR) return EIO;
    if (faulty && fault == Fault::CRASH_BEFORE) throw Crash();
    const int error = operation();
    if (faulty && fault == Fault::CRASH_AFTER) throw Crash();
    return error;
  }

  std::map<std::string, std::string> now_, durable_;
};

/*
  Semi-sync, blocking as the real one does, until a test lets something happen.

  Its waits are those of the standard library on purpose: like the server's,
  they know nothing of boost's interruption.
*/
class FakeAcknowledgements final : public Acknowledgements, private Monitor {
 public:
  explicit FakeAcknowledgements(FakeClock &clock) : clock_(clock) {}

  /* What a test lets happen. */
  void server_has_started() {
    happen([this] { started_ = true; });
  }
  void server_gives_up_starting() {
    happen([this] { gives_up_ = true; });
  }
  void change(const SemisyncView &view) {
    happen([&] { view_ = view; });
  }
  void let_pass(milliseconds time) {
    happen([&] { clock_.advance(time); });
  }

  /* What a test waits for; false when it does not come. */
  bool thread_waits_for_the_server() {
    return comes(
        [this] { return attaching_ && !started_ && wakes_seen_ == wakes_; });
  }
  /* It has taken in all that has happened. */
  bool thread_waits_for_a_change() {
    return comes([this] { return seen_ != nullptr && !has_news(); });
  }
  bool thread_has_ended() {
    return comes([this] { return ended_; });
  }

  /* What has been. */
  std::thread::id waiting_thread() const { return get(waiting_thread_); }
  int attached() const { return get(attached_); }
  int detached() const { return get(detached_); }
  int returned() const { return get(returned_); }
  int woken() const { return get(wakes_); }
  std::optional<Instant> waits_until() const { return get(until_); }

  bool attach() override {
    boost::this_thread::at_thread_exit(
        [this] { happen([this] { ended_ = true; }); });
    std::unique_lock<std::mutex> lock(mutex_);
    attaching_ = true;
    event_.wait(lock, [this] {
      wakes_seen_ = wakes_;
      event_.notify_all();
      return started_ || gives_up_ ||
             boost::this_thread::interruption_requested();
    });
    attaching_ = false;
    if (!started_) return false;
    waiting_thread_ = std::this_thread::get_id();
    ++attached_;
    return true;
  }

  void detach() override {
    std::lock_guard<std::mutex> lock(mutex_);
    expect_attached();
    ++detached_;
  }

  SemisyncView wait_for_change(const SemisyncView &seen,
                               std::optional<Instant> until) override {
    std::unique_lock<std::mutex> lock(mutex_);
    expect_attached();
    seen_ = &seen;
    until_ = until;
    event_.notify_all();
    event_.wait(lock, [this] { return has_news(); });
    seen_ = nullptr;
    woken_ = false;
    ++returned_;
    return view_;
  }

  void wake() noexcept override {
    happen([this] {
      woken_ = true;
      ++wakes_;
    });
  }

 private:
  bool has_news() const {
    return woken_ || !(view_ == *seen_) || (until_ && clock_.now() >= *until_);
  }

  void expect_attached() const {
    EXPECT_EQ(attached_, detached_ + 1);
    EXPECT_EQ(std::this_thread::get_id(), waiting_thread_);
  }

  FakeClock &clock_;
  SemisyncView view_;
  bool started_ = false, gives_up_ = false, woken_ = false;
  bool attaching_ = false, ended_ = false;
  const SemisyncView *seen_ = nullptr;  // while the thread waits
  std::optional<Instant> until_;
  std::thread::id waiting_thread_;
  int attached_ = 0, detached_ = 0, returned_ = 0;
  int wakes_ = 0, wakes_seen_ = 0;
};

/* Remembers which threads asked: as many as there were calls. */
class FakeHost final : public Host {
 public:
  using Threads = std::vector<std::thread::id>;

  void show(const std::string &line) override {
    std::lock_guard<std::mutex> lock(mutex_);
    shown_.push_back(line);
  }
  void shut_down() override { add(&shut_down_by_); }
  void opened() override { add(&opened_by_); }

  std::vector<std::string> shown() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return shown_;
  }
  Threads shut_down_by() const { return copy(shut_down_by_); }
  Threads opened_by() const { return copy(opened_by_); }

 private:
  void add(Threads *threads) {
    std::lock_guard<std::mutex> lock(mutex_);
    threads->push_back(std::this_thread::get_id());
  }
  Threads copy(const Threads &threads) const {
    std::lock_guard<std::mutex> lock(mutex_);
    return threads;
  }

  mutable std::mutex mutex_;
  std::vector<std::string> shown_;
  Threads shut_down_by_, opened_by_;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_FAKES_H
