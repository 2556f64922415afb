// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/door/refuser.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <boost/thread/lock_guard.hpp>
#include <list>
#include <map>
#include <utility>

#include "recovery_gate/base/thread_name.h"
#include "recovery_gate/door/client_protocol.h"

namespace recovery_gate {
namespace {

using Lock = boost::lock_guard<boost::mutex>;

// How long the thread outlives its last client, since the next is near.
constexpr milliseconds idle_time{1000};
constexpr int look_interval_ms = 250;
// Whoever sends without end must not keep the others waiting.
constexpr int reads_at_once = 16;

void tell(ClientStream &client, const Refusal &refusal,
          const CommandReader &command) {
  client.write(error_packet(refusal.error_number, refusal.sqlstate,
                            refusal.text, command.next_sequence_number(),
                            refusal.compressing));
  client.end_writing();
}

/* How many answers may be given now: as many as were not given in the last
   second. */
class Pace {
 public:
  Pace(Instant now, unsigned a_second)
      : a_second_(a_second), left_(a_second), at_(now) {}

  bool allows_one(Instant now) {
    const double passed = static_cast<double>((now - at_).count()) / 1000;
    left_ = std::min<double>(a_second_, left_ + a_second_ * passed);
    at_ = now;
    return left_ >= 1;
  }
  /* Those that cannot wait are answered also when it does not allow it. */
  void one_was_given() { left_ = std::max(left_ - 1, 0.0); }
  int until_next_ms() const { return 1000 / static_cast<int>(a_second_) + 1; }

 private:
  const unsigned a_second_;
  double left_;
  Instant at_;
};

}  // namespace

/* What the thread has before it. */
class Refuser::Desk {
 public:
  Desk(const Clock &clock, const Server &server, const Limits &limits)
      : clock_(clock),
        server_(server),
        limits_(limits),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        pace_(clock.now(), limits.answers_a_second) {}
  ~Desk() {
    clients_.clear();
    if (epoll_ >= 0) ::close(epoll_);
  }
  Desk(const Desk &) = delete;
  Desk &operator=(const Desk &) = delete;

  bool is_idle() const {
    return clients_.empty() && clock_.now() - busy_at_ >= idle_time;
  }

  void add(Guest &&guest) {
    if (!clients_.empty() && clients_.size() >= limits_.clients)
      send_off(clients_.begin());
    const Place client =
        clients_.emplace(clients_.end(), std::move(guest), limits_.patience);
    client->place = client;
    epoll_event event{EPOLLIN | EPOLLRDHUP, {&*client}};
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, client->guest.client->descriptor(),
                    &event) == 0)
      serve(*client);  // TLS may have read ahead
    else
      send_off(client);
  }

  /* Until something arrives, or the ring sounds, or it is time to look. */
  void wait(int ring) {
    if (!clients_.empty()) busy_at_ = clock_.now();
    epoll_event event{EPOLLIN, {nullptr}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, ring, &event);
    epoll_event events[64];
    const int arrived = ::epoll_wait(
        epoll_, events, std::size(events),
        asking_.empty() ? look_interval_ms : pace_.until_next_ms());
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, ring, nullptr);
    if (arrived < 0) ::usleep(look_interval_ms * 1000);  // never in a circle
    for (int i = 0; i < arrived; ++i)
      if (events[i].data.ptr != nullptr)
        serve(*static_cast<Client *>(events[i].data.ptr));
    answer_those_who_ask();
    mind_the_time();
  }

 private:
  struct Client;
  using Place = std::list<Client>::iterator;

  struct Client {
    Client(Guest &&arrived, milliseconds patience)
        : guest(std::move(arrived)),
          command(guest.refusal.compressing),
          until(guest.since + patience) {}

    Guest guest;
    CommandReader command;
    Instant until;
    enum { SILENT, ASKING, ANSWERED } state = SILENT;
    Place place;
    std::multimap<Instant, Client *>::iterator place_among_asking;
  };

  void serve(Client &client) {
    char buffer[16 * 1024];
    bool complete = false;
    for (int turn = 0; turn < reads_at_once; ++turn) {
      std::size_t length = 0;
      const auto read =
          client.guest.client->read(buffer, sizeof buffer, &length);
      if (read == ClientStream::Read::END) {
        // It may have ended its own side only, and be waiting for the answer.
        if (complete && client.state == Client::SILENT)
          tell(*client.guest.client, client.guest.refusal, client.command);
        forget(client.place);
        return;
      }
      if (read == ClientStream::Read::NOTHING_YET) break;
      complete = client.command.read({buffer, length});
    }
    if (!complete || client.state != Client::SILENT) return;
    client.place_among_asking = asking_.emplace(
        client.guest.since + client.guest.refusal.longest_delay, &client);
    client.state = Client::ASKING;
  }

  void answer_those_who_ask() {
    while (!asking_.empty()) {
      const Instant now = clock_.now();
      const auto [latest, next] = *asking_.begin();
      Client &client = *next;
      const bool has_time = now < latest;
      if (has_time && (!pace_.allows_one(now) || server_.is_crowded())) return;
      pace_.one_was_given();
      asking_.erase(asking_.begin());
      client.state = Client::ANSWERED;
      client.until = now + limits_.farewell;
      tell(*client.guest.client, client.guest.refusal, client.command);
    }
  }

  void forget(Place client) {
    if (client->state == Client::ASKING)
      asking_.erase(client->place_among_asking);
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, client->guest.client->descriptor(),
                nullptr);
    clients_.erase(client);
  }

  /* There is no more time, or room, to wait for it. */
  void send_off(Place client) {
    const bool in_the_middle =
        client->state == Client::SILENT && client->command.has_begun();
    if (client->state != Client::ANSWERED && !in_the_middle)
      tell(*client->guest.client, client->guest.refusal, client->command);
    forget(client);
  }

  void mind_the_time() {
    const Instant now = clock_.now();
    if (now < look_at_) return;
    look_at_ = now + milliseconds(look_interval_ms);
    for (Place next = clients_.begin(); next != clients_.end();) {
      const Place client = next++;
      if (now >= client->until) send_off(client);
    }
  }

  const Clock &clock_;
  const Server &server_;
  const Limits &limits_;
  const int epoll_;
  Pace pace_;
  std::list<Client> clients_;                // in the order of their arrival
  std::multimap<Instant, Client *> asking_;  // by the end of their delay
  Instant busy_at_ = clock_.now();
  Instant look_at_ = clock_.now();
};

Refuser::Refuser(const Clock &clock, Server server, Limits limits)
    : clock_(clock), server_(std::move(server)), limits_(limits) {}

Refuser::~Refuser() { stop(); }

void Refuser::refuse(std::unique_ptr<ClientStream> client, Refusal refusal) {
  {
    Lock lock(mutex_);
    if (stopping_) return;
    arrivals_.push_back({std::move(client), std::move(refusal), clock_.now()});
    if (!running_) start();
  }
  arrival_.ring();
}

void Refuser::start() try {
  if (thread_.joinable()) {
    boost::this_thread::disable_interruption uninterrupted;
    thread_.join();  // it has said that it is ending
  }
  thread_ = boost::thread([this] {
    name_this_thread("gate-refuser");
    run();
  });
  running_ = true;
} catch (const std::exception &) {  // no thread, or no memory for one
  for (Guest &guest : arrivals_)
    tell(*guest.client, guest.refusal,
         CommandReader(guest.refusal.compressing));
  arrivals_.clear();
}

void Refuser::stop() noexcept {
  {
    Lock lock(mutex_);
    stopping_ = true;
  }
  arrival_.ring();
  if (thread_.joinable()) {
    // Joining must not be interrupted, also when an interruptible thread stops.
    boost::this_thread::disable_interruption uninterrupted;
    thread_.join();
  }
  arrivals_.clear();
}

void Refuser::run() {
  server_.begin_thread();
  {
    Desk desk(clock_, server_, limits_);
    std::vector<Guest> arrivals;
    for (;;) try {
        const std::shared_ptr<const Ring> arrival = arrival_.next_ring();
        if (!take(&arrivals, desk.is_idle())) break;
        for (Guest &guest : arrivals) desk.add(std::move(guest));
        arrivals.clear();
        desk.wait(arrival->descriptor());
      } catch (const std::bad_alloc &) {
        arrivals.clear();  // their connections end; the server's memory is out
        ::usleep(look_interval_ms * 1000);
      }
  }
  server_.end_thread();
}

/* False: the thread is to end. */
bool Refuser::take(std::vector<Guest> *arrivals, bool may_end) {
  Lock lock(mutex_);
  if (stopping_ || (may_end && arrivals_.empty())) {
    running_ = false;
    return false;
  }
  arrivals->swap(arrivals_);
  return true;
}

}  // namespace recovery_gate
