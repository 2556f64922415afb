// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/binlog/binlog_position.h"

#include "testing/fakes.h"

namespace recovery_gate {
namespace {

bool reaches(const BinlogPosition &at, const BinlogPosition &wanted) {
  return has_reached(at, wanted);
}

TEST(BinlogPosition, IsEmptyWithoutAFile) {
  EXPECT_TRUE(BinlogPosition().empty());
  EXPECT_TRUE((BinlogPosition{"", 4}.empty()));
  EXPECT_FALSE((BinlogPosition{"bin.000001", 0}.empty()));
}

TEST(BinlogPosition, EqualsOnlyTheSameOffsetInTheSameFile) {
  const BinlogPosition position{"bin.000001", 4};
  EXPECT_EQ(position, (BinlogPosition{"bin.000001", 4}));
  EXPECT_NE(position, (BinlogPosition{"bin.000001", 5}));
  EXPECT_NE(position, (BinlogPosition{"bin.000002", 4}));
}

TEST(BinlogPosition, ReadsAsFileAndOffset) {
  EXPECT_EQ(to_string(BinlogPosition{"bin.000004", 328}), "bin.000004:328");
  EXPECT_EQ(to_string(BinlogPosition{"bin.000004", 1ULL << 40}),
            "bin.000004:1099511627776");
}

TEST(BinlogPosition, SaysSoWhenThereIsNone) {
  EXPECT_EQ(to_string(BinlogPosition()), "(none)");
}

TEST(BinlogPosition, LeavesTheFolderOut) {
  EXPECT_EQ(without_folder("/var/log/mysql/bin.000001"), "bin.000001");
  EXPECT_EQ(without_folder("./bin.000001"), "bin.000001");
  EXPECT_EQ(without_folder("bin.000001"), "bin.000001");
  EXPECT_EQ(without_folder("logs/"), "");
  EXPECT_EQ(without_folder(""), "");
}

TEST(HasReached, IsTrueAtThePositionAndPastIt) {
  EXPECT_TRUE(reaches({"bin.000003", 400}, {"bin.000003", 400}));
  EXPECT_TRUE(reaches({"bin.000003", 401}, {"bin.000003", 400}));
  EXPECT_FALSE(reaches({"bin.000003", 399}, {"bin.000003", 400}));
}

TEST(HasReached, LooksAtTheFileBeforeTheOffset) {
  EXPECT_TRUE(reaches({"bin.000004", 4}, {"bin.000003", 400}));
  EXPECT_FALSE(reaches({"bin.000002", 9999}, {"bin.000003", 400}));
}

TEST(HasReached, ComparesOffsetsBeyond32Bits) {
  EXPECT_TRUE(reaches({"bin.000003", 1ULL << 32}, {"bin.000003", 400}));
  EXPECT_FALSE(reaches({"bin.000003", 400}, {"bin.000003", 1ULL << 32}));
}

TEST(HasReached, KnowsThatTheMillionthLogComesAfterTheOneBefore) {
  EXPECT_TRUE(reaches({"bin.1000000", 4}, {"bin.999999", 400}));
  EXPECT_FALSE(reaches({"bin.999999", 400}, {"bin.1000000", 4}));
  EXPECT_TRUE(reaches({"bin.1000001", 4}, {"bin.1000000", 4}));
}

TEST(HasReached, ComparesNumbersThatFitNoInteger) {
  const std::string huge(40, '9');
  EXPECT_TRUE(reaches({"bin.1" + huge, 4}, {"bin." + huge, 4}));
  EXPECT_FALSE(reaches({"bin." + huge, 4}, {"bin.1" + huge, 4}));
}

TEST(HasReached, DoesNotCountLeadingZeros) {
  EXPECT_TRUE(reaches({"bin.10", 4}, {"bin.000009", 400}));
  EXPECT_FALSE(reaches({"bin.000009", 400}, {"bin.10", 4}));
  EXPECT_TRUE(reaches({"bin.9", 400}, {"bin.000009", 400}));
  EXPECT_TRUE(reaches({"bin.000001", 4}, {"bin.000000", 4}));
  EXPECT_FALSE(reaches({"bin.000000", 4}, {"bin.000001", 4}));
}

TEST(HasReached, IsFalseWhenThereIsNoPosition) {
  EXPECT_FALSE(reaches({}, {"bin.000001", 4}));
  EXPECT_FALSE(reaches({"bin.000001", 4}, {}));
  EXPECT_FALSE(reaches({}, {}));
}

TEST(HasReached, IsFalseInAnotherSeriesOfLogs) {
  EXPECT_FALSE(reaches({"other.000009", 400}, {"bin.000003", 400}));
  EXPECT_FALSE(reaches({"relay-bin.000009", 400}, {"bin.000003", 400}));
  EXPECT_FALSE(reaches({"Bin.000009", 400}, {"bin.000003", 400}));
  EXPECT_FALSE(reaches({"./bin.000009", 400}, {"bin.000003", 400}));
}

TEST(HasReached, TakesOnlyTheLastPartOfANameForItsNumber) {
  EXPECT_TRUE(reaches({"db.1.000004", 4}, {"db.1.000003", 4}));
  EXPECT_FALSE(reaches({"db.2.000004", 4}, {"db.1.000003", 4}));
}

TEST(HasReached, IsFalseForNamesThatAreNoLogs) {
  for (const char *junk :
       {"bin", "bin.", ".000001", ".", "..", "bin.index", "bin.00000x",
        "bin.x00001", "bin.-1", "bin.+1", "bin. 1", "bin.1 ", "bin.0x1"}) {
    EXPECT_FALSE(reaches({junk, 400}, {junk, 4})) << junk;
    EXPECT_FALSE(reaches({junk, 400}, {"bin.000001", 4})) << junk;
    EXPECT_FALSE(reaches({"bin.000001", 400}, {junk, 4})) << junk;
  }
}

TEST(NextLog, HasTheNextNumberAndTheSameName) {
  const struct {
    const char *file, *next;
  } pairs[] = {{"bin.000001", "bin.000002"}, {"bin.000009", "bin.000010"},
               {"bin.000099", "bin.000100"}, {"bin.999999", "bin.1000000"},
               {"bin.000000", "bin.000001"}, {"bin.9", "bin.000010"},
               {"a.b.000019", "a.b.000020"}};
  for (const auto &pair : pairs) {
    EXPECT_TRUE(is_next_log(pair.file, pair.next)) << pair.file;
    EXPECT_FALSE(is_next_log(pair.next, pair.file)) << pair.file;
    EXPECT_FALSE(is_next_log(pair.file, pair.file)) << pair.file;
  }
}

TEST(NextLog, IsNoLaterOneAndNoneOfAnotherSeries) {
  EXPECT_FALSE(is_next_log("bin.000001", "bin.000003"));
  EXPECT_FALSE(is_next_log("bin.000001", "other.000002"));
  for (const char *junk : {"", "bin", "bin.", ".000002", "bin.00000x"}) {
    EXPECT_FALSE(is_next_log("bin.000001", junk)) << junk;
    EXPECT_FALSE(is_next_log(junk, "bin.000002")) << junk;
  }
}

}  // namespace
}  // namespace recovery_gate
