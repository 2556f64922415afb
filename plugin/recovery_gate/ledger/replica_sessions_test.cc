// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/replica_sessions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace recovery_gate {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ReplicaSessionsTest : public testing::Test {
 protected:
  /* A replica's session ends, after so many resets. */
  bool ends(std::uint64_t connection, std::uint64_t resets = 0) {
    EndedReplica ended;
    ended.connection.id = connection;
    ended.resets = resets;
    return sessions.left(std::move(ended));
  }

  /* The connections of those that have ended. */
  std::vector<std::uint64_t> ended() {
    ReplicaObservation seen;
    sessions.show(&seen, [] { return true; });
    std::vector<std::uint64_t> connections;
    for (const EndedReplica &replica : seen.ended)
      connections.push_back(replica.connection.id);
    return connections;
  }

  ReplicaSessions sessions;
};

TEST_F(ReplicaSessionsTest, ShowsOnceWhoHasEnded) {
  sessions.logged_in(7, 0);
  sessions.logged_in(8, 0);
  EXPECT_TRUE(ends(7));
  sessions.left(8);
  EXPECT_THAT(ended(), ElementsAre(7));
  EXPECT_THAT(ended(), IsEmpty());
}

TEST_F(ReplicaSessionsTest, DoesNotKnowWhoseLoginItDidNotSee) {
  EXPECT_FALSE(ends(7));
  EXPECT_THAT(ended(), IsEmpty());
}

TEST_F(ReplicaSessionsTest, TellsWhoCameBeforeTheLogWasBegunAnew) {
  sessions.logged_in(7, 0);
  sessions.logged_in(8, 1);
  sessions.logged_in(9, 0);
  ends(9, 1);
  ReplicaObservation seen;
  seen.resets = 1;
  seen.connections.resize(3);
  seen.connections[0].id = 7;
  seen.connections[1].id = 8;
  seen.connections[2].id = 6;  // from before the plugin
  EXPECT_TRUE(sessions.show(&seen, [] { return true; }));
  EXPECT_FALSE(seen.connections[0].of_this_log);
  EXPECT_TRUE(seen.connections[1].of_this_log);
  EXPECT_FALSE(seen.connections[2].of_this_log);
  EXPECT_FALSE(seen.ended.at(0).connection.of_this_log);
}

TEST_F(ReplicaSessionsTest, LosesNobodyWhenALookIsGivenUp) {
  sessions.logged_in(7, 0);
  sessions.logged_in(8, 0);
  ends(7);
  ReplicaObservation seen;
  EXPECT_FALSE(sessions.show(&seen, [&] {
    ends(8);  // meanwhile
    return false;
  }));
  EXPECT_THAT(ended(), ElementsAre(7, 8));
}

TEST_F(ReplicaSessionsTest, LosesNobodyWhenALookFails) {
  sessions.logged_in(7, 0);
  ends(7);
  ReplicaObservation seen;
  EXPECT_THROW(
      sessions.show(&seen,
                    []() -> bool { throw std::runtime_error("no GTIDs"); }),
      std::runtime_error);
  EXPECT_THAT(ended(), ElementsAre(7));
}

}  // namespace
}  // namespace recovery_gate
