// SPDX-License-Identifier: GPL-2.0-only
#include "prestart/decision.h"

#include <gmock/gmock.h>

namespace recovery_gate::tool {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

Advice advice(Verdict verdict, std::vector<std::string> options = {}) {
  Advice given;
  given.verdict = verdict;
  given.headline = "so it is";
  given.reasons = {"db2 says so"};
  given.options = std::move(options);
  given.steps = {"look"};
  return given;
}

TEST(Decision, StartsAsTheVerdictSays) {
  Decision made = decide(advice(Verdict::NOTHING_OWED), {});
  EXPECT_TRUE(made.starts);
  EXPECT_THAT(made.options, IsEmpty());
  EXPECT_THAT(made.lines,
              Contains("nothing_owed: so it is; started as it was"));
  made =
      decide(advice(Verdict::START_AS_REPLICA, {"--init-rpl-role=SLAVE"}), {});
  EXPECT_TRUE(made.starts);
  EXPECT_THAT(made.options, ElementsAre("--init-rpl-role=SLAVE"));
  EXPECT_THAT(made.lines,
              AllOf(Contains(HasSubstr("started with --init-rpl-role=SLAVE")),
                    Contains("because: db2 says so"), Contains("to do: look")));
  EXPECT_TRUE(decide(advice(Verdict::START_AS_PRIMARY, {"--a"}), {}).starts);
}

TEST(Decision, StaysDownWhereAStartCouldDoHarm) {
  for (const Verdict verdict :
       {Verdict::REBUILD, Verdict::UNKNOWN, Verdict::RUNNING}) {
    const Decision made = decide(advice(verdict, {"--a"}), {});
    EXPECT_FALSE(made.starts);
    EXPECT_THAT(made.options, IsEmpty());
    EXPECT_THAT(made.lines, Contains(HasSubstr("it is not started")));
  }
}

TEST(Decision, AReadOnlyStartCutsNothingOffAndIsClosed) {
  Settings settings;
  settings.on_unknown = settings.on_rebuild = Policy::READ_ONLY;
  for (const Verdict verdict : {Verdict::REBUILD, Verdict::UNKNOWN}) {
    const Decision made = decide(advice(verdict, {"--a"}), settings);
    EXPECT_TRUE(made.starts);
    EXPECT_THAT(made.options, AllOf(Contains("--read-only=ON"),
                                    Contains("--recovery-gate-mode=ALWAYS"),
                                    Contains("--init-rpl-role=MASTER"),
                                    Not(Contains("--a"))));
  }
  EXPECT_FALSE(decide(advice(Verdict::RUNNING), settings).starts);
}

}  // namespace
}  // namespace recovery_gate::tool
