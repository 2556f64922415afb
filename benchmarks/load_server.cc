// SPDX-License-Identifier: GPL-2.0-only
/*
  load-server WHAT [OPTIONS]

  Clients for tools/bench-door: does one thing with a server on 127.0.0.1 and
  prints, as one line of JSON, what came of it. WHAT is:

    connect  N threads connect and leave, over and over
    select   N connections select rows by their primary key
    commit   N connections update rows, each its own, with a commit for each
    held     N connections log in and send SELECT 1 at once: tells when each had
             its first answer; --together: once all have logged in
    first    one client tries to connect until it has an answer: tells when

  select and commit use the table load_server.items (id INT PRIMARY KEY, n INT,
  filler), with ids from 1 on without a gap. All times are nanoseconds of
  CLOCK_MONOTONIC, the same in all programs of this machine.
*/
#include <mysql.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using Json = nlohmann::json;

struct Options {
  unsigned port = 0;
  std::string user, password;
  unsigned clients = 1;
  double seconds = 1, warm_up = 0.2, timeout = 60;
  unsigned rows = 1;
  unsigned every = 1;  // milliseconds
  bool together = false;
  std::string query = "SELECT 1";
};

[[noreturn]] void fail(const std::string &what) {
  std::fprintf(stderr, "load-server: %s\n", what.c_str());
  // Not exit(): other threads are in the middle of something.
  std::_Exit(1);
}

std::int64_t now(clockid_t clock = CLOCK_MONOTONIC) {
  timespec time{};
  clock_gettime(clock, &time);
  return time.tv_sec * INT64_C(1'000'000'000) + time.tv_nsec;
}

void pause(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

constexpr char host[] = "127.0.0.1";

struct Close {
  void operator()(MYSQL *mysql) const { mysql_close(mysql); }
};
using Connection = std::unique_ptr<MYSQL, Close>;

Connection prepare() {
  Connection connection(mysql_init(nullptr));
  if (!connection) fail("out of memory");
  return connection;
}

std::string error_of(MYSQL *mysql) {
  return std::to_string(mysql_errno(mysql)) + ": " + mysql_error(mysql);
}

bool connect(MYSQL *mysql, const Options &options) {
  return mysql_real_connect(mysql, host, options.user.c_str(),
                            options.password.c_str(), nullptr, options.port,
                            nullptr, 0) != nullptr;
}

Connection connect(const Options &options) {
  Connection connection = prepare();
  if (!connect(connection.get(), options))
    fail("cannot connect: " + error_of(connection.get()));
  return connection;
}

bool query(MYSQL *mysql, const std::string &sql) {
  if (mysql_real_query(mysql, sql.data(), sql.size()) != 0) return false;
  mysql_free_result(mysql_store_result(mysql));
  return mysql_errno(mysql) == 0;
}

// --- Load --------------------------------------------------------------------

/* What one client does again and again. */
using Operation = std::function<void()>;

Operation connect_and_leave(const Options &options, unsigned) {
  return [&options] { connect(options); };
}

Operation select_rows(const Options &options, unsigned number) {
  std::shared_ptr<MYSQL> connection = connect(options);
  return [connection, random = std::minstd_rand(number + 1),
          ids = std::uniform_int_distribution<unsigned>(
              1, options.rows)]() mutable {
    if (!query(connection.get(),
               "SELECT n, filler FROM load_server.items WHERE id = " +
                   std::to_string(ids(random))))
      fail("cannot select: " + error_of(connection.get()));
  };
}

Operation update_rows(const Options &options, unsigned number) {
  // A stripe of the table for each: they do not wait for each other's locks.
  const unsigned stripes = options.rows / options.clients;
  if (stripes == 0) fail("there are fewer rows than clients");
  std::shared_ptr<MYSQL> connection = connect(options);
  return [connection, number, clients = options.clients,
          random = std::minstd_rand(number + 1),
          stripe = std::uniform_int_distribution<unsigned>(
              0, stripes - 1)]() mutable {
    const unsigned id = 1 + number + clients * stripe(random);
    if (!query(connection.get(),
               "UPDATE load_server.items SET n = n + 1 WHERE id = " +
                   std::to_string(id)))
      fail("cannot update: " + error_of(connection.get()));
  };
}

/* A counter that shares its cache line with nobody's. */
struct alignas(128) Counter {
  std::atomic<std::uint64_t> value{0};
};

Json load(const Options &options,
          const std::function<Operation(const Options &, unsigned)> &make) {
  std::vector<Counter> counters(options.clients);
  std::atomic<unsigned> ready{0};
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < options.clients; ++i) {
    threads.emplace_back([&, i] {
      mysql_thread_init();
      {
        const Operation operation = make(options, i);
        ++ready;
        while (!over) {
          operation();
          counters[i].value.fetch_add(1, std::memory_order_relaxed);
        }
      }
      mysql_thread_end();
    });
  }
  const auto count = [&counters] {
    std::uint64_t sum = 0;
    for (const Counter &counter : counters)
      sum += counter.value.load(std::memory_order_relaxed);
    return sum;
  };
  while (ready < options.clients) pause(0.001);
  pause(options.warm_up);
  const std::uint64_t before = count();
  const std::int64_t start = now();
  pause(options.seconds);
  const std::uint64_t operations = count() - before;
  const double seconds = static_cast<double>(now() - start) * 1e-9;
  over = true;
  for (std::thread &thread : threads) thread.join();
  return {{"operations", operations},
          {"all_operations", count()},  // with those that are not timed
          {"seconds", seconds},
          {"per_second", static_cast<double>(operations) / seconds}};
}

// --- Being held --------------------------------------------------------------

/*
  One of many clients in one thread. It only ever waits in Crowd's epoll, so
  that a thousand of them do not fight the server for the processors.
*/
class HeldClient {
 public:
  explicit HeldClient(const Options &options)
      : options_(options), connection_(prepare()) {
    mysql_options(connection_.get(), MYSQL_OPT_NONBLOCK, nullptr);
  }

  static constexpr int waits_for_all = -1;

  /* Goes as far as it gets without waiting; `ready` is what it waited for.
  Returns what it waits for now, 0 when it is done. */
  int go_on(int ready) {
    MYSQL *const mysql = connection_.get();
    for (int waits = ready;; waits = 0) {
      switch (step_) {
        case Step::CONNECT:
          waits = waits == 0
                      ? mysql_real_connect_start(
                            &connected_, mysql, host, options_.user.c_str(),
                            options_.password.c_str(), nullptr, options_.port,
                            nullptr, 0)
                      : mysql_real_connect_cont(&connected_, mysql, waits);
          if (waits != 0) return waits;
          if (connected_ == nullptr) return finish();
          connected_ns_ = now();
          step_ = Step::QUERY;
          if (options_.together) return waits_for_all;
          break;
        case Step::QUERY:
          waits = waits == 0 ? mysql_real_query_start(&failed_, mysql,
                                                      options_.query.data(),
                                                      options_.query.size())
                             : mysql_real_query_cont(&failed_, mysql, waits);
          if (waits != 0) return waits;
          if (failed_ != 0) return finish();
          step_ = Step::RESULT;
          break;
        case Step::RESULT:
          waits = waits == 0 ? mysql_store_result_start(&result_, mysql)
                             : mysql_store_result_cont(&result_, mysql, waits);
          if (waits != 0) return waits;
          mysql_free_result(result_);
          return finish();
      }
    }
  }

  int socket() const { return mysql_get_socket(connection_.get()); }

  bool is_logging_in() const { return step_ == Step::CONNECT; }

  Json as_json() const {
    return {{"connected_ns", connected_ns_},
            {"answered_ns", answered_ns_},
            {"error", error_},
            {"message", message_}};
  }

 private:
  enum class Step { CONNECT, QUERY, RESULT };

  int finish() {
    answered_ns_ = now();
    error_ = mysql_errno(connection_.get());
    message_ = mysql_error(connection_.get());
    return 0;
  }

  const Options &options_;
  Connection connection_;
  Step step_ = Step::CONNECT;
  MYSQL *connected_ = nullptr;
  int failed_ = 0;
  MYSQL_RES *result_ = nullptr;
  std::int64_t connected_ns_ = 0, answered_ns_ = 0;
  unsigned error_ = 0;
  std::string message_;
};

class Crowd {
 public:
  explicit Crowd(const Options &options)
      : deadline_(now() + static_cast<std::int64_t>(options.timeout * 1e9)),
        epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) fail("cannot epoll");
    for (unsigned i = 0; i < options.clients; ++i)
      clients_.push_back(std::make_unique<HeldClient>(options));
    left_ = clients_.size();
  }
  ~Crowd() { close(epoll_); }
  Crowd(const Crowd &) = delete;
  Crowd &operator=(const Crowd &) = delete;

  Json run() {
    const std::int64_t began = now(), wall = now(CLOCK_REALTIME);
    while (left_ > 0) {
      while (logging_in_ < most_logins && started_ < clients_.size()) {
        const std::size_t number = started_++;
        ++logging_in_;
        go_on(number, 0, EPOLL_CTL_ADD);
      }
      if (left_ > 0) answer();
      if (all_wait()) ask_together();
    }
    Json clients = Json::array();
    for (const auto &client : clients_) clients.push_back(client->as_json());
    return {{"began_ns", began},
            {"began_wall_ns", wall},
            {"asked_ns", asked_ns_},
            {"clients", clients}};
  }

 private:
  // Of more at a time, the kernel would drop some, and try those again after a
  // second, or two, or four.
  static constexpr unsigned most_logins = 32;

  void answer() {
    epoll_event events[64];
    const std::int64_t left = (deadline_ - now()) / 1'000'000;
    const int count =
        left <= 0 ? 0
                  : epoll_wait(epoll_, events, 64, static_cast<int>(left) + 1);
    if (count < 0 && errno == EINTR) return;
    if (count <= 0)
      fail(std::to_string(left_) + " clients are without an answer");
    for (int i = 0; i < count; ++i) {
      const std::size_t number = events[i].data.u64;
      const std::uint32_t seen = events[i].events;
      int ready = 0;
      if (seen & (EPOLLIN | EPOLLERR | EPOLLHUP)) ready |= MYSQL_WAIT_READ;
      if (seen & (EPOLLOUT | EPOLLERR | EPOLLHUP)) ready |= MYSQL_WAIT_WRITE;
      go_on(number, ready, EPOLL_CTL_MOD);
    }
  }

  void go_on(std::size_t number, int ready, int operation) {
    HeldClient &client = *clients_[number];
    const bool was_logging_in = client.is_logging_in();
    const int waits = client.go_on(ready);
    if (was_logging_in && (waits == 0 || !client.is_logging_in()))
      --logging_in_;
    watch(number, waits, operation);
  }

  bool all_wait() const { return waiting_ > 0 && waiting_ == clients_.size(); }

  void ask_together() {
    waiting_ = 0;
    asked_ns_ = now();
    for (std::size_t i = 0; i < clients_.size(); ++i)
      go_on(i, 0, EPOLL_CTL_MOD);
  }

  void watch(std::size_t number, int waits, int operation) {
    const int socket = clients_[number]->socket();
    if (waits == 0) {
      --left_;
      if (operation == EPOLL_CTL_MOD)
        epoll_ctl(epoll_, EPOLL_CTL_DEL, socket, nullptr);
      return;
    }
    epoll_event event{};
    if (waits == HeldClient::waits_for_all) {
      ++waiting_;
    } else {
      if (waits & MYSQL_WAIT_READ) event.events |= EPOLLIN;
      if (waits & MYSQL_WAIT_WRITE) event.events |= EPOLLOUT;
    }
    event.data.u64 = number;
    if (epoll_ctl(epoll_, operation, socket, &event) != 0)
      fail(std::string("cannot epoll: ") + std::strerror(errno));
  }

  const std::int64_t deadline_;
  const int epoll_;
  std::vector<std::unique_ptr<HeldClient>> clients_;
  std::size_t started_ = 0, waiting_ = 0, left_ = 0;
  std::int64_t asked_ns_ = 0;
  unsigned logging_in_ = 0;
};

// --- Coming in after a restart -----------------------------------------------

Json first_answer(const Options &options) {
  const std::int64_t began = now();
  const auto deadline =
      began + static_cast<std::int64_t>(options.timeout * 1e9);
  unsigned tries = 0;
  std::map<std::string, unsigned> errors;
  for (;;) {
    ++tries;
    const Connection connection = prepare();
    if (connect(connection.get(), options) &&
        query(connection.get(), options.query))
      return {{"began_ns", began},
              {"answered_ns", now()},
              {"tries", tries},
              {"errors", errors}};
    ++errors[std::to_string(mysql_errno(connection.get()))];
    if (now() > deadline) fail("no answer: " + error_of(connection.get()));
    // As an application that wants in, and not as one that is patient.
    pause(options.every * 1e-3);
  }
}

}  // namespace

int main(int argc, char **argv) {
  Options options;
  CLI::App app("Clients for tools/bench-door");
  app.require_subcommand(1);
  app.add_option("--port", options.port)->required();
  app.add_option("--user", options.user)->required();
  app.add_option("--password", options.password)->envname("MYSQL_PWD");
  app.fallthrough();

  Json answer;
  const auto add_load = [&](const char *name, const char *what, auto make) {
    CLI::App *mode = app.add_subcommand(name, what);
    mode->add_option("--clients", options.clients)
        ->check(CLI::Range(1, 100'000));
    mode->add_option("--seconds", options.seconds);
    mode->add_option("--warm-up", options.warm_up, "seconds that do not count");
    mode->add_option("--rows", options.rows, "in the table")
        ->check(CLI::PositiveNumber);
    mode->callback([&, make] { answer = load(options, make); });
  };
  add_load("connect", "connect and leave", connect_and_leave);
  add_load("select", "select rows by primary key", select_rows);
  add_load("commit", "update rows, with a commit for each", update_rows);

  CLI::App *held = app.add_subcommand("held", "log in, ask, wait");
  held->add_option("--clients", options.clients)->check(CLI::Range(1, 100'000));
  held->add_flag("--together", options.together, "when all have logged in");
  held->callback([&] { answer = Crowd(options).run(); });
  CLI::App *first = app.add_subcommand("first", "try until there is an answer");
  first->add_option("--every", options.every, "milliseconds between two tries");
  first->callback([&] { answer = first_answer(options); });
  for (CLI::App *mode : {held, first}) {
    mode->add_option("--query", options.query);
    mode->add_option("--timeout", options.timeout, "seconds");
  }

  if (mysql_library_init(0, nullptr, nullptr) != 0) fail("no client library");
  CLI11_PARSE(app, argc, argv);
  std::printf("%s\n", answer.dump().c_str());
  return std::fflush(stdout) == 0 ? 0 : 1;
}
