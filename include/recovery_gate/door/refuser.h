// SPDX-License-Identifier: GPL-2.0-only
/*
  Answers rejected clients, so that the server need not.

  Only an answer to a command reaches every client as the error that it is; but
  a client may send its first command late, or never. So that nobody keeps a
  slot, a thread or a session of the server meanwhile, the server's session of
  such a client ends immediately, and one thread waits for what all of them
  send.

  Many clients come back as soon as they have their answer, and while they log
  in they take all slots that a replica would need. So when there is a crowd,
  answers are spread out: nobody waits at the server's cost, but everybody waits
  a little.
*/
#ifndef RECOVERY_GATE_REFUSER_H
#define RECOVERY_GATE_REFUSER_H

#include <boost/thread/mutex.hpp>
#include <boost/thread/thread.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "recovery_gate/base/bell.h"
#include "recovery_gate/base/clock.h"
#include "recovery_gate/door/client_stream.h"

namespace recovery_gate {

/* The answer to a client, and how it is sent. */
struct Refusal {
  std::uint16_t error_number = 0;
  std::string sqlstate;  // empty for a client that knows none
  std::string text;
  bool compressing = false;  // the client compresses
  /* In a crowd its answer may be late by that much, counted from refuse(). */
  milliseconds longest_delay{0};
};

class Refuser {
 public:
  struct Limits {
    std::size_t clients = 1000;  // further ones are answered before they ask
    milliseconds patience{60 * 1000};  // with one that does not ask
    milliseconds farewell{2000};       // from the answer to the end
    /* Answers that are given without delay, in a second, while the server is
       not crowded. */
    unsigned answers_a_second = 200;
  };

  /* What it asks of the server, from its thread; none may throw. */
  struct Server {
    /* Around all that the thread does. */
    std::function<void()> begin_thread, end_thread;
    /* Is there hardly a slot left for those who log in? */
    std::function<bool()> is_crowded;
  };

  /* `clock` must outlive it. */
  Refuser(const Clock &clock, Server server, Limits limits);
  ~Refuser();
  Refuser(const Refuser &) = delete;
  Refuser &operator=(const Refuser &) = delete;

  /* Answers the client's first command with the refusal, then ends the
     connection. One that does not ask in time, or when there are too many, is
     answered unasked. A client that leaves is forgotten. Any thread; does not
     block. Throws std::bad_alloc. */
  void refuse(std::unique_ptr<ClientStream> client, Refusal refusal);

  /* Ends all that is left without a word; nobody may be refused from now on.
     Any thread, more than once, but not from two threads at once. */
  void stop() noexcept;

 private:
  class Desk;
  struct Guest {
    std::unique_ptr<ClientStream> client;
    Refusal refusal;
    Instant since;
  };

  void start();
  void run();
  bool take(std::vector<Guest> *arrivals, bool may_end);

  const Clock &clock_;
  const Server server_;
  const Limits limits_;
  Bell arrival_;

  boost::mutex mutex_;  // guards all below
  std::vector<Guest> arrivals_;
  bool running_ = false, stopping_ = false;
  boost::thread thread_;  // while there are clients, and a moment longer
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_REFUSER_H
