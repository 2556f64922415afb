#include "recovery_gate/refuser.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <boost/thread/lock_guard.hpp>
#include <list>
#include <utility>

#include "recovery_gate/client_protocol.h"

namespace recovery_gate {
namespace {

using Lock = boost::lock_guard<boost::mutex>;

// How long the thread outlives its last client, since the next is near.
constexpr milliseconds idle_time{1000};
constexpr int look_interval_ms = 250;
// Whoever sends without end must not keep the others waiting.
constexpr int reads_at_once = 16;

void tell(ClientStream &client, const Refusal &refusal,
          std::uint8_t sequence_number) {
  client.write(error_packet(refusal.error_number, refusal.sqlstate,
                            refusal.text, sequence_number,
                            refusal.compressing));
  client.end_writing();
}

}  // namespace

/* What the thread has before it. */
class Refuser::Desk {
 public:
  Desk(const Clock &clock, const Limits &limits)
      : clock_(clock), limits_(limits), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}
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
    while (!clients_.empty() && clients_.size() >= limits_.clients)
      send_off_oldest();
    clients_.emplace_back(std::move(guest));
    Client &client = clients_.back();
    client.place = std::prev(clients_.end());
    epoll_event event{EPOLLIN | EPOLLRDHUP, {&client}};
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, client.guest.client->descriptor(),
                    &event) != 0) {
      remind(client);
      clients_.pop_back();
      return;
    }
    serve(client);  // TLS may have read ahead
  }

  /* Until something arrives, or the ring sounds, or it is time to look. */
  void wait(int ring) {
    busy_at_ = clients_.empty() ? busy_at_ : clock_.now();
    epoll_event event{EPOLLIN, {nullptr}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, ring, &event);
    epoll_event events[64];
    const int arrived =
        ::epoll_wait(epoll_, events, std::size(events), look_interval_ms);
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, ring, nullptr);
    for (int i = 0; i < arrived; ++i)
      if (events[i].data.ptr != nullptr)
        serve(*static_cast<Client *>(events[i].data.ptr));
    if (arrived < 0) ::usleep(look_interval_ms * 1000);  // never in a circle
    mind_the_time();
  }

 private:
  struct Client {
    explicit Client(Guest &&guest)
        : guest(std::move(guest)), command(this->guest.refusal.compressing) {}

    Guest guest;
    CommandReader command;
    bool answered = false;
    std::list<Client>::iterator place;
  };

  void serve(Client &client) {
    char buffer[16 * 1024];
    bool complete = false;
    for (int turn = 0; turn < reads_at_once; ++turn) {
      std::size_t length = 0;
      const auto read =
          client.guest.client->read(buffer, sizeof buffer, &length);
      if (read == ClientStream::Read::END) {
        clients_.erase(client.place);
        return;
      }
      if (read == ClientStream::Read::NOTHING_YET) break;
      complete = client.command.read({buffer, length});
    }
    if (!complete || client.answered) return;
    client.answered = true;
    client.guest.until = clock_.now() + limits_.farewell;
    tell(*client.guest.client, client.guest.refusal,
         client.command.next_sequence_number());
  }

  /* It has not asked, and there is no more time to wait for it. */
  void remind(Client &client) {
    if (client.answered || client.command.has_begun()) return;
    tell(*client.guest.client, client.guest.refusal,
         client.command.next_sequence_number());
  }

  void send_off_oldest() {
    remind(clients_.front());
    clients_.pop_front();
  }

  void mind_the_time() {
    const Instant now = clock_.now();
    if (now < look_at_) return;
    look_at_ = now + milliseconds(look_interval_ms);
    for (auto client = clients_.begin(); client != clients_.end();) {
      if (now < client->guest.until) {
        ++client;
        continue;
      }
      remind(*client);
      client = clients_.erase(client);
    }
  }

  const Clock &clock_;
  const Limits &limits_;
  const int epoll_;
  std::list<Client> clients_;  // in the order of their arrival
  Instant busy_at_ = clock_.now();
  Instant look_at_ = clock_.now();
};

Refuser::Refuser(const Clock &clock, ThreadHooks hooks, Limits limits)
    : clock_(clock), hooks_(std::move(hooks)), limits_(limits) {}

Refuser::~Refuser() { stop(); }

void Refuser::refuse(std::unique_ptr<ClientStream> client, Refusal refusal) {
  {
    Lock lock(mutex_);
    if (stopping_) return;
    arrivals_.push_back({std::move(client), std::move(refusal),
                         clock_.now() + limits_.patience});
    if (!running_) start();
  }
  arrival_.ring();
}

void Refuser::start() try {
  if (thread_.joinable()) {
    boost::this_thread::disable_interruption uninterrupted;
    thread_.join();  // it has said that it is ending
  }
  thread_ = boost::thread([this] { run(); });
  running_ = true;
} catch (const boost::thread_resource_error &) {
  for (Guest &guest : arrivals_) tell(*guest.client, guest.refusal, 1);
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
  hooks_.begin();
  {
    Desk desk(clock_, limits_);
    std::vector<Guest> arrivals;
    for (;;) try {
        const std::shared_ptr<const Ring> arrival = arrival_.next_ring();
        if (!take(&arrivals, desk.is_idle())) break;
        for (Guest &guest : arrivals) desk.add(std::move(guest));
        arrivals.clear();
        desk.wait(arrival->descriptor());
      } catch (const std::bad_alloc &) {
        arrivals.clear();  // their connections end; the server's memory is out
      }
  }
  hooks_.end();
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
