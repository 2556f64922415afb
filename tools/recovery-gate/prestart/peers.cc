// SPDX-License-Identifier: GPL-2.0-only
#include "prestart/peers.h"

#include <errmsg.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "client/address.h"

namespace recovery_gate::tool {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t largest_answer = 16 << 20;  // bytes

/* Passes on what another session answers, and keeps it. */
class Recording final : public Session {
 public:
  explicit Recording(Session &session) : session_(session) {}

  ServerError connect() override { return keep(session_.connect(), {}); }

  ServerError query(const std::string &sql, Rows *rows) override {
    const ServerError error = session_.query(sql, rows);
    return keep(error, *rows);
  }

  std::vector<std::uint8_t> answers() const {
    return json::to_msgpack(answers_);
  }

 private:
  ServerError keep(const ServerError &error, const Rows &rows) {
    json lines = json::array();
    for (const auto &row : rows.rows) {
      json line = json::array();
      for (const Rows::Value &value : row)
        line.push_back(value ? json(*value) : json(nullptr));
      lines.push_back(std::move(line));
    }
    answers_.push_back({{"code", error.code},
                        {"text", error.text},
                        {"columns", rows.columns},
                        {"rows", std::move(lines)}});
    return error;
  }

  Session &session_;
  json answers_ = json::array();
};

/* Answers what was kept, to the same questions. */
class Replay final : public Session {
 public:
  explicit Replay(const std::vector<std::uint8_t> &answers)
      : answers_(json::from_msgpack(answers, true, false)) {}

  bool is_complete() const { return answers_.is_array() && !answers_.empty(); }

  ServerError connect() override { return next(nullptr); }
  ServerError query(const std::string &, Rows *rows) override {
    return next(rows);
  }

 private:
  ServerError next(Rows *rows) {
    if (place_ >= answers_.size()) return {CR_SERVER_LOST, "no answer"};
    const json &answer = answers_[place_++];
    if (rows != nullptr) {
      rows->columns = answer["columns"].get<std::vector<std::string>>();
      for (const json &line : answer["rows"]) {
        auto &row = rows->rows.emplace_back();
        for (const json &value : line)
          row.push_back(value.is_null()
                            ? Rows::Value()
                            : Rows::Value(value.get<std::string>()));
      }
    }
    return {answer["code"].get<unsigned>(), answer["text"].get<std::string>()};
  }

  json answers_;
  std::size_t place_ = 0;
};

[[noreturn]] void ask_in_this_process(const std::string &name,
                                      const Reach &reach, int pipe) {
  const std::unique_ptr<Session> session = reach(name);
  Recording recording(*session);
  ask_replica(recording, name);
  const std::vector<std::uint8_t> answers = recording.answers();
  for (std::size_t done = 0; done < answers.size();) {
    const ssize_t n =
        ::write(pipe, answers.data() + done, answers.size() - done);
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  ::_exit(0);
}

/* One peer, and the process that asks it. */
class Asked {
 public:
  Asked(std::string name, const Reach &reach) : name_(std::move(name)) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    const pid_t parent = ::getpid();
    process_ = ::fork();
    if (process_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() == parent) ask_in_this_process(name_, reach, ends[1]);
      ::_exit(1);
    }
    ::close(ends[1]);
    pipe_ = ends[0];
    if (process_ < 0) close();
  }
  Asked(Asked &&other) noexcept
      : name_(std::move(other.name_)),
        process_(std::exchange(other.process_, -1)),
        pipe_(std::exchange(other.pipe_, -1)),
        answers_(std::move(other.answers_)) {}
  ~Asked() { end(); }

  int pipe() const { return pipe_; }  // -1: it has ended

  void read() {
    std::uint8_t buffer[4096];
    const ssize_t n = ::read(pipe_, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) return;
    if (n > 0) answers_.insert(answers_.end(), buffer, buffer + n);
    if (n <= 0 || answers_.size() > largest_answer) close();
  }

  Replica result(milliseconds limit) {
    const bool hangs = pipe_ >= 0;
    end();
    Replay replay(answers_);
    if (replay.is_complete()) return ask_replica(replay, name_);
    Replica replica;
    replica.name = name_;
    replica.error = hangs ? fmt::format("no answer within {} ms", limit.count())
                          : "what it answered is no server's answer";
    return replica;
  }

 private:
  void close() {
    if (pipe_ >= 0) ::close(pipe_);
    pipe_ = -1;
  }
  void end() {
    close();
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
    }
    process_ = -1;
  }

  std::string name_;
  pid_t process_ = -1;
  int pipe_ = -1;
  std::vector<std::uint8_t> answers_;
};

/* Has it any transaction of a server that this one knows, in the same domain?
 */
bool shares_history(const Replica &peer, const ThisServer &server) {
  for (const GtidState *state :
       {&peer.slave_pos, &peer.current_pos, &peer.binlog_state})
    for (const auto &[source, number] : *state)
      if (server.gtids.count(source) != 0) return true;
  return false;
}

bool has_history(const Replica &peer) {
  return !peer.slave_pos.empty() || !peer.current_pos.empty() ||
         !peer.binlog_state.empty();
}

}  // namespace

std::vector<Replica> ask_peers(const std::vector<std::string> &names,
                               const Reach &reach, milliseconds limit) {
  const auto end = steady_clock::now() + limit;
  std::vector<Asked> asked;
  asked.reserve(names.size());
  for (const std::string &name : names) asked.emplace_back(name, reach);
  for (;;) {
    std::vector<pollfd> open;
    std::vector<Asked *> of;
    for (Asked &each : asked)
      if (each.pipe() >= 0) {
        open.push_back({each.pipe(), POLLIN, 0});
        of.push_back(&each);
      }
    const auto left =
        std::chrono::duration_cast<milliseconds>(end - steady_clock::now());
    if (open.empty() || left.count() <= 0) break;
    if (::poll(open.data(), open.size(), static_cast<int>(left.count())) < 0 &&
        errno != EINTR)
      break;
    for (std::size_t i = 0; i < open.size(); ++i)
      if (open[i].revents != 0) of[i]->read();
  }
  std::vector<Replica> replicas;
  for (Asked &each : asked) replicas.push_back(each.result(limit));
  return replicas;
}

void check_peers(std::vector<Replica> *peers, const ThisServer &server) {
  for (Replica &peer : *peers) {
    if (!peer.error.empty()) continue;
    if (peer.server_id == 0)
      peer.error = "it does not say which server it is (server_id)";
    else if (peer.server_id == server.id)
      peer.error = fmt::format(
          "it has server_id {}, which is that of this server: each server of a "
          "group needs one of its own",
          server.id);
    else if (!server.gtids.empty() && has_history(peer) &&
             !shares_history(peer, server))
      peer.error =
          "it has nothing of this server's history: it is of another "
          "group, or was made anew";
  }
}

bool is_own_address(const Replica &peer, const ServerOptions &options) {
  return peer.port == options.port.value_or(3306) &&
         is_of_this_machine(peer.host);
}

}  // namespace recovery_gate::tool
