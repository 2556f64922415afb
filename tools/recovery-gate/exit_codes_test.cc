// SPDX-License-Identifier: GPL-2.0-only
#include "exit_codes.h"

#include <gmock/gmock.h>

#include <set>

namespace recovery_gate::tool {
namespace {

using testing::HasSubstr;

/* Without inspect's. */
constexpr int codes[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17};

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
  EXPECT_EQ(static_cast<int>(ExitCode::ERRORS_FOUND), 16);
  EXPECT_EQ(static_cast<int>(ExitCode::WARNINGS_FOUND), 17);
}

TEST(ExitCodes, EachHasANameOfItsOwn) {
  std::set<std::string> names;
  for (const int code : codes)
    names.insert(result_name(static_cast<ExitCode>(code)));
  EXPECT_EQ(names.size(), std::size(codes));
  EXPECT_STREQ(result_name(ExitCode::OPEN), "open");
  EXPECT_STREQ(result_name(ExitCode::CLOSED), "closed");
  EXPECT_STREQ(result_name(static_cast<ExitCode>(12)), "inspect");
}

TEST(ExitCodes, HelpListsEach) {
  for (const int code : codes)
    EXPECT_THAT(exit_code_help(),
                HasSubstr("\n  " + std::to_string(code) + " "));
  EXPECT_THAT(exit_code_help(), HasSubstr("\n  10-15  inspect"));
}

}  // namespace
}  // namespace recovery_gate::tool
