// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/base/build_identity.h"

#include "testing/fakes.h"

namespace recovery_gate {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::vector<LayoutProbe> agreeing = {{"THD", 26000, 26000},
                                           {"MYSQL_BIN_LOG", 1500, 1500}};

TEST(BuildIdentity, MatchesTheServerItWasBuiltFor) {
  EXPECT_THAT(
      build_mismatch("10.11.18-MariaDB", "10.11.18-MariaDB", agreeing).text(),
      IsEmpty());
  EXPECT_THAT(build_mismatch("10.11.18-MariaDB", "10.11.18-MariaDB", {}).text(),
              IsEmpty());
}

TEST(BuildIdentity, LeavesTheSuffixOfAVersionToTheOperator) {
  EXPECT_THAT(build_mismatch("10.11.18-MariaDB",
                             "10.11.18-MariaDB-0+deb12u1-log", agreeing)
                  .text(),
              IsEmpty());
  EXPECT_THAT(build_mismatch("10.11.18", "10.11.18-ours", agreeing).text(),
              IsEmpty());
}

TEST(BuildIdentity, RefusesAnotherRelease) {
  for (const char *running :
       {"10.11.19-MariaDB", "10.11.1-MariaDB", "10.11.180-MariaDB",
        "11.8.18-MariaDB", "10.6.18-MariaDB", ""})
    EXPECT_THAT(build_mismatch("10.11.18-MariaDB", running, agreeing).text(),
                Not(IsEmpty()))
        << running;
}

TEST(BuildIdentity, NamesBothReleasesAndSaysWhatToDo) {
  EXPECT_THAT(
      build_mismatch("10.11.18-MariaDB", "10.11.19-MariaDB", agreeing).text(),
      tells("built for MariaDB 10.11.18", "the server is 10.11.19",
            "install the plugin that was built for 10.11.19"));
}

TEST(BuildIdentity, ComparesTheReleaseBeforeAnythingElse) {
  EXPECT_THAT(build_mismatch("10.11.18-MariaDB", "10.11.19-MariaDB",
                             {{"THD", 26000, 26008}})
                  .text(),
              Not(HasSubstr("THD")));
}

TEST(BuildIdentity, NamesTheFirstObjectThatDiffersAndSaysWhatToDo) {
  EXPECT_THAT(
      build_mismatch("10.11.18-MariaDB", "10.11.18-MariaDB",
                     {{"MYSQL_BIN_LOG", 1500, 1500},
                      {"THD", 26000, 26008},
                      {"Repl_semi_sync_master", 400, 392}})
          .text(),
      AllOf(tells("another build configuration", "THD", "build the plugin"),
            Not(HasSubstr("MYSQL_BIN_LOG")),
            Not(HasSubstr("Repl_semi_sync_master"))));
}

TEST(BuildIdentity, RefusesAServerThatLacksAnObject) {
  EXPECT_THAT(build_mismatch("10.11.18-MariaDB", "10.11.18-MariaDB",
                             {{"Repl_semi_sync_master", 400, 0}})
                  .text(),
              HasSubstr("Repl_semi_sync_master"));
}

}  // namespace
}  // namespace recovery_gate
