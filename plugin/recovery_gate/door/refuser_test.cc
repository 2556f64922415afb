// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/door/refuser.h"

#include <algorithm>
#include <atomic>
#include <list>
#include <vector>

#include "recovery_gate/door/client_protocol.h"
#include "testing/client_pair.h"
#include "testing/fakes.h"

namespace recovery_gate {
namespace {

using namespace std::literals;
using std::chrono::seconds;

const std::string query = "\x09\0\0\0\x03SELECT 1"s;
const Refusal refusal{1047, "08S01", "Recovery gate is closed: ...", false,
                      milliseconds(1000)};

std::string told(std::uint8_t number = 1) {
  return error_packet(1047, "08S01", refusal.text, number, false);
}

class CountedStream final : public ClientStream {
 public:
  CountedStream(int socket, std::atomic<int> *open)
      : stream_(socket), open_(*open) {
    ++open_;
  }
  ~CountedStream() override { --open_; }

  int descriptor() const override { return stream_.descriptor(); }
  Read read(char *buffer, std::size_t room, std::size_t *length) override {
    return stream_.read(buffer, room, length);
  }
  bool write(std::string_view bytes) override { return stream_.write(bytes); }
  void end_writing() override { stream_.end_writing(); }

 private:
  PlainStream stream_;
  std::atomic<int> &open_;
};

struct Scene {
  FakeClock clock;
  std::atomic<int> begun{0}, ended{0};
  std::atomic<int> open{0};  // connections
  std::atomic<bool> crowded{false};
  Refuser::Limits limits;
  std::list<ClientPair> clients;

  Refuser::Server server() {
    return {[this] { ++begun; }, [this] { ++ended; },
            [this] { return crowded.load(); }};
  }

  ClientPair &client_of(Refuser &refuser, const Refusal &with = refusal) {
    ClientPair &client = clients.emplace_back();
    refuser.refuse(
        std::make_unique<CountedStream>(client.give_server_end(), &open), with);
    return client;
  }
};

class ARefuser : public testing::Test, protected Scene {};

TEST_F(ARefuser, AnswersTheFirstCommandAndEndsTheConnection) {
  Refuser refuser(clock, server(), limits);
  ClientPair &client = client_of(refuser);
  client.send(query);
  EXPECT_EQ(client.receive_all(), told());
}

TEST_F(ARefuser, AnswersWhatWasSentBefore) {
  Refuser refuser(clock, server(), limits);
  ClientPair &client = clients.emplace_back();
  client.send(query);
  refuser.refuse(std::make_unique<PlainStream>(client.give_server_end()),
                 refusal);
  EXPECT_EQ(client.receive_all(), told());
}

TEST_F(ARefuser, WaitsUntilACommandIsComplete) {
  Refuser refuser(clock, server(), limits);
  ClientPair &slow = client_of(refuser), &quick = client_of(refuser);
  slow.send(query.substr(0, 6));
  quick.send(query);
  EXPECT_EQ(quick.receive_all(), told());
  EXPECT_TRUE(slow.hears_nothing());
  slow.send(query.substr(6));
  EXPECT_EQ(slow.receive_all(), told());
}

TEST_F(ARefuser, AnswersACompressingClientInAFrame) {
  Refuser refuser(clock, server(), limits);
  Refusal compressing = refusal;
  compressing.compressing = true;
  ClientPair &client = client_of(refuser, compressing);
  client.send("\3\0\0\4\x20\0\0abc"sv);
  EXPECT_EQ(client.receive_all(),
            error_packet(1047, "08S01", refusal.text, 5, true));
}

TEST_F(ARefuser, AnswersAClientThatHasEndedItsOwnSide) {
  Refuser refuser(clock, server(), limits);
  ClientPair &client = clients.emplace_back();
  client.send(query);
  client.end_writing();
  refuser.refuse(std::make_unique<PlainStream>(client.give_server_end()),
                 refusal);
  EXPECT_EQ(client.receive_all(), told());
}

TEST_F(ARefuser, SwallowsWhatIsHuge) {
  Refuser refuser(clock, server(), limits);
  ClientPair &client = client_of(refuser);
  client.send("\xff\xff\xff\0"sv);
  for (int i = 0; i < 0xffffff / 0xff; ++i) client.send(std::string(0xff, 'x'));
  EXPECT_TRUE(client.hears_nothing());
  client.send("\0\0\0\1"sv);
  EXPECT_EQ(client.receive_all(), told(2));
}

TEST_F(ARefuser, HasTimeForOthersWhileOneSendsWithoutEnd) {
  Refuser refuser(clock, server(), limits);
  ClientPair &endless = client_of(refuser), &other = client_of(refuser);
  std::atomic<bool> done{false};
  boost::thread sender([&] {
    endless.send("\xff\xff\xff\0"sv);
    for (int i = 0; i < 1000 && !done; ++i)
      endless.send(std::string(10000, 'x'));
  });
  other.send(query);
  EXPECT_EQ(other.receive_all(), told());
  done = true;
  sender.join();
}

TEST_F(ARefuser, TellsTheOneWhoSaysNothing) {
  Refuser refuser(clock, server(), limits);
  ClientPair &client = client_of(refuser);
  clock.advance(limits.patience - milliseconds(1));
  ClientPair &later = client_of(refuser);
  later.send(query);
  EXPECT_EQ(later.receive_all(), told());
  EXPECT_TRUE(client.hears_nothing());
  clock.advance(seconds(1));
  EXPECT_EQ(client.receive_all(), told());
}

TEST_F(ARefuser, EndsWithoutAWordWhatStopsInTheMiddle) {
  Refuser refuser(clock, server(), limits);
  ClientPair &client = client_of(refuser), &other = client_of(refuser);
  client.send(query.substr(0, 3));
  other.send(query);
  EXPECT_EQ(other.receive_all(), told());
  clock.advance(limits.patience);
  EXPECT_EQ(client.receive_all(), "");
}

TEST_F(ARefuser, TellsTheOldestWhenThereAreTooMany) {
  limits.clients = 2;
  Refuser refuser(clock, server(), limits);
  ClientPair &first = client_of(refuser), &second = client_of(refuser),
             &third = client_of(refuser);
  EXPECT_EQ(first.receive_all(), told());
  EXPECT_TRUE(second.hears_nothing());
  third.send(query);
  EXPECT_EQ(third.receive_all(), told());
  second.send(query);
  EXPECT_EQ(second.receive_all(), told());
}

TEST_F(ARefuser, ClosesAfterTheAnswerAlsoWhenTheClientDoesNot) {
  Refuser refuser(clock, server(), limits);
  ClientPair &client = client_of(refuser);
  client.send(query);
  EXPECT_EQ(client.receive_all(), told());
  clock.advance(limits.farewell);
  while (open > 0) boost::this_thread::yield();
}

TEST_F(ARefuser, ForgetsTheOneWhoLeaves) {
  limits.clients = 2;
  Refuser refuser(clock, server(), limits);
  ClientPair &stays = client_of(refuser);
  for (int i = 0; i < 100; ++i) {
    ClientPair &leaves = client_of(refuser);
    if (i % 2 == 0) leaves.send(query);
    leaves.leave();
    while (open > 1) boost::this_thread::yield();
  }
  EXPECT_TRUE(stays.hears_nothing()) << "there was room for all of them";
}

TEST_F(ARefuser, SpreadsAnswersOutInACrowd) {
  limits.answers_a_second = 10;
  Refuser refuser(clock, server(), limits);
  std::vector<ClientPair *> crowd;
  for (int i = 0; i < 30; ++i) {
    crowd.push_back(&client_of(refuser));
    crowd.back()->send(query);
  }
  const auto answered = [&] {
    return std::count_if(crowd.begin(), crowd.end(), [](ClientPair *client) {
      return !client->hears_nothing();
    });
  };
  while (answered() < 10) boost::this_thread::yield();
  clock.advance(milliseconds(100));
  while (answered() < 11) boost::this_thread::yield();
  clock.advance(milliseconds(500));
  while (answered() < 16) boost::this_thread::yield();
  // Who may not be late is not.
  Refusal urgent = refusal;
  urgent.longest_delay = milliseconds(0);
  ClientPair &hurried = client_of(refuser, urgent);
  hurried.send(query);
  EXPECT_EQ(hurried.receive_all(), told());
  EXPECT_EQ(answered(), 16);
  // One that waits may leave.
  crowd.back()->leave();
  crowd.pop_back();
  while (open > 30) boost::this_thread::yield();
  clock.advance(milliseconds(400));
  for (ClientPair *client : crowd) EXPECT_EQ(client->receive_all(), told());
}

TEST_F(ARefuser, WaitsWithItsAnswersWhileTheServerIsCrowded) {
  crowded = true;
  Refuser refuser(clock, server(), limits);
  ClientPair &client = client_of(refuser), &patient = client_of(refuser);
  client.send(query);
  Refusal urgent = refusal;
  urgent.longest_delay = milliseconds(0);
  ClientPair &hurried = client_of(refuser, urgent);
  hurried.send(query);
  EXPECT_EQ(hurried.receive_all(), told());
  EXPECT_TRUE(client.hears_nothing());
  crowded = false;
  EXPECT_EQ(client.receive_all(), told());
  crowded = true;
  patient.send(query);
  clock.advance(refusal.longest_delay);
  EXPECT_EQ(patient.receive_all(), told()) << "but not for longer than it may";
}

TEST_F(ARefuser, HasAThreadOnlyWhileItIsNeeded) {
  Refuser refuser(clock, server(), limits);
  EXPECT_EQ(begun, 0);
  for (int round = 1; round <= 3; ++round) {
    ClientPair &client = client_of(refuser);
    client.send(query);
    EXPECT_EQ(client.receive_all(), told());
    client.leave();
    EXPECT_EQ(begun, round);
    while (ended < round) {
      clock.advance(seconds(1));
      boost::this_thread::yield();
    }
  }
}

TEST_F(ARefuser, EndsEverythingWhenItIsStopped) {
  Refuser refuser(clock, server(), limits);
  ClientPair &silent = client_of(refuser), &slow = client_of(refuser);
  slow.send(query.substr(0, 6));
  refuser.stop();
  refuser.stop();
  EXPECT_EQ(silent.receive_all(), "");
  EXPECT_EQ(begun, ended);
  ClientPair &late = client_of(refuser);
  EXPECT_EQ(late.receive_all(), "");
}

TEST_F(ARefuser, TakesClientsFromManyThreads) {
  Refuser refuser(clock, server(), limits);
  boost::thread_group threads;
  for (int thread = 0; thread < 8; ++thread)
    threads.create_thread([&] {
      for (int i = 0; i < 20; ++i) {
        ClientPair client;
        refuser.refuse(std::make_unique<PlainStream>(client.give_server_end()),
                       refusal);
        if (i % 3 == 0) continue;
        client.send(query);
        EXPECT_EQ(client.receive_all(), told());
      }
    });
  threads.join_all();
}

}  // namespace
}  // namespace recovery_gate
