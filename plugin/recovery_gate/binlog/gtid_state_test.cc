// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/binlog/gtid_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace recovery_gate {
namespace {

using testing::IsEmpty;

const GtidState three{{{0, 1}, 58}, {{0, 2}, 7}, {{3, 1}, 900}};

TEST(GtidState, IsShownAsTheServerDoes) {
  EXPECT_EQ(to_string({}), "");
  EXPECT_EQ(to_string({{{0, 1}, 58}}), "0-1-58");
  EXPECT_EQ(to_string(three), "0-1-58,0-2-7,3-1-900");
}

TEST(GtidState, IsReadAsItIsShown) {
  const GtidState largest{{{4294967295u, 4294967295u}, 18446744073709551615u}};
  for (const GtidState &state : {GtidState(), three, largest}) {
    GtidState read{{{9, 9}, 9}};
    EXPECT_TRUE(parse(to_string(state), &read));
    EXPECT_EQ(read, state);
  }
}

TEST(GtidState, IsReadInAnyOrder) {
  GtidState read;
  EXPECT_TRUE(parse("3-1-900,0-2-7,0-1-58", &read));
  EXPECT_EQ(read, three);
}

TEST(GtidState, IsNotReadFromAnythingElse) {
  for (const char *text : {",",
                           "0",
                           "0-1",
                           "0-1-",
                           "-1-58",
                           "0--58",
                           "0-1-58,",
                           ",0-1-58",
                           "0-1-58,,0-2-7",
                           "0-1-58 ",
                           " 0-1-58",
                           "0-1-58, 0-2-7",
                           "0-1-58;0-2-7",
                           "0-1-x",
                           "0-x-58",
                           "x-1-58",
                           "0-1--58",
                           "0-1-+58",
                           "0-1-58-1",
                           "4294967296-1-58",
                           "0-4294967296-58",
                           "0-1-18446744073709551616",
                           "0-1-58\n",
                           "none"}) {
    GtidState read = three;
    EXPECT_FALSE(parse(text, &read)) << '"' << text << '"';
    EXPECT_EQ(read, three) << '"' << text << '"';
  }
}

TEST(GtidState, TellsWhatComesFromSomeServers) {
  EXPECT_EQ(from_servers(three, {1}), (GtidState{{{0, 1}, 58}, {{3, 1}, 900}}));
  EXPECT_EQ(from_servers(three, {2}), (GtidState{{{0, 2}, 7}}));
  EXPECT_EQ(from_servers(three, {1, 2, 3}), three);
  EXPECT_THAT(from_servers(three, {3}), IsEmpty());
  EXPECT_THAT(from_servers(three, {}), IsEmpty());
}

TEST(GtidState, TellsWhatSomeServersWroteSince) {
  GtidState later = three;
  EXPECT_THAT(written_since(three, later, {1, 2}), IsEmpty());
  later[{0, 1}] = 60;
  later[{0, 2}] = 61;
  later[{4, 1}] = 1;
  EXPECT_EQ(written_since(three, later, {1}),
            (GtidState{{{0, 1}, 60}, {{4, 1}, 1}}));
  EXPECT_EQ(written_since(three, later, {2}), (GtidState{{{0, 2}, 61}}));
  EXPECT_THAT(written_since(three, later, {3}), IsEmpty());
}

TEST(GtidState, TakesASmallerNumberForNewToo) {
  // gtid_seq_no may be set by hand.
  EXPECT_EQ(written_since({{{0, 1}, 58}}, {{{0, 1}, 5}}, {1}),
            (GtidState{{{0, 1}, 5}}));
}

TEST(GtidState, DoesNotMindWhatIsGone) {
  EXPECT_THAT(written_since(three, {}, {1, 2}), IsEmpty());
}

TEST(GtidState, ContinuesWhatHasAllItsSources) {
  EXPECT_TRUE(continues({}, {}));
  EXPECT_TRUE(continues(three, {}));
  EXPECT_TRUE(continues(three, three));
  EXPECT_TRUE(continues(three, {{{0, 2}, 6}}));
  EXPECT_TRUE(continues({{{0, 1}, 5}}, {{{0, 1}, 58}}));
  EXPECT_FALSE(continues({}, three));
  EXPECT_FALSE(continues({{{0, 1}, 58}, {{0, 2}, 7}}, three));
  EXPECT_FALSE(continues(three, {{{3, 2}, 1}}));
}

}  // namespace
}  // namespace recovery_gate
