// SPDX-License-Identifier: GPL-2.0-only
#include "exit_codes.h"

#include <gmock/gmock.h>

#include <set>

namespace recovery_gate::tool {
namespace {

using testing::HasSubstr;

/* Written out: a number that changes breaks somebody's script. */
TEST(ExitCodes, NeverChange) {
  EXPECT_EQ(static_cast<int>(ExitCode::OPEN), 0);
  EXPECT_EQ(static_cast<int>(ExitCode::USAGE), 1);
  EXPECT_EQ(static_cast<int>(ExitCode::UNREACHABLE), 2);
  EXPECT_EQ(static_cast<int>(ExitCode::NO_PLUGIN), 3);
  EXPECT_EQ(static_cast<int>(ExitCode::CLOSED), 4);
  EXPECT_EQ(static_cast<int>(ExitCode::TIMED_OUT), 5);
  EXPECT_EQ(static_cast<int>(ExitCode::REFUSED), 6);
  EXPECT_EQ(static_cast<int>(ExitCode::INTERRUPTED), 7);
  EXPECT_EQ(static_cast<int>(ExitCode::NOT_WRITTEN), 8);
  EXPECT_EQ(static_cast<int>(ExitCode::NOT_RUN), 9);
  EXPECT_EQ(static_cast<int>(ExitCode::INSPECT_FIRST), 10);
  EXPECT_EQ(static_cast<int>(ExitCode::INSPECT_LAST), 15);
}

TEST(ExitCodes, EachHasANameOfItsOwn) {
  std::set<std::string> names;
  for (int code = 0; code <= 9; ++code)
    names.insert(result_name(static_cast<ExitCode>(code)));
  EXPECT_EQ(names.size(), 10u);
  EXPECT_STREQ(result_name(ExitCode::OPEN), "open");
  EXPECT_STREQ(result_name(ExitCode::CLOSED), "closed");
  EXPECT_STREQ(result_name(static_cast<ExitCode>(12)), "inspect");
}

TEST(ExitCodes, HelpListsEach) {
  for (int code = 0; code <= 9; ++code)
    EXPECT_THAT(exit_code_help(),
                HasSubstr("\n  " + std::to_string(code) + " "));
  EXPECT_THAT(exit_code_help(), HasSubstr("\n  10-15  inspect"));
}

}  // namespace
}  // namespace recovery_gate::tool
