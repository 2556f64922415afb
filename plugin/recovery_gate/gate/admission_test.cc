// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/gate/admission.h"

#include <gtest/gtest.h>

namespace recovery_gate {
namespace {

Visitor user(std::string_view account) { return {account, false, false}; }

bool admits(std::string_view admit_users, std::string_view account) {
  return AdmissionPolicy(admit_users).admits(user(account));
}

TEST(Admission, DependsOnPrivilegesAndTheListAndOnNothingElse) {
  const AdmissionPolicy policy("monitor");
  for (const bool administrator : {false, true})
    for (const bool replica : {false, true})
      for (const bool listed : {false, true}) {
        const Visitor visitor{listed ? "monitor" : "app", administrator,
                              replica};
        EXPECT_EQ(policy.admits(visitor), administrator || replica || listed)
            << visitor.account << (administrator ? ", administrator" : "")
            << (replica ? ", replica" : "");
      }
}

TEST(Admission, LetsOnlyAdministratorsAndReplicasInWithoutAList) {
  for (const AdmissionPolicy &policy :
       {AdmissionPolicy(), AdmissionPolicy("")}) {
    EXPECT_TRUE(policy.admits({"root", true, false}));
    EXPECT_TRUE(policy.admits({"repl", false, true}));
    EXPECT_TRUE(policy.admits({"", true, false}));
    EXPECT_FALSE(policy.admits(user("root")));
    EXPECT_FALSE(policy.admits(user("")));
  }
}

TEST(Admission, TakesEveryNameOfTheList) {
  EXPECT_TRUE(admits("first,second,third", "first"));
  EXPECT_TRUE(admits("first,second,third", "second"));
  EXPECT_TRUE(admits("first,second,third", "third"));
  EXPECT_FALSE(admits("first,second,third", "fourth"));
}

TEST(Admission, IgnoresBlanksAroundNames) {
  EXPECT_TRUE(admits("  first ,\tsecond\t", "first"));
  EXPECT_TRUE(admits("  first ,\tsecond\t", "second"));
  EXPECT_FALSE(admits(" first ", " first "));
}

TEST(Admission, KeepsBlanksInsideAName) {
  EXPECT_TRUE(admits("the monitor", "the monitor"));
  EXPECT_FALSE(admits("the monitor", "the"));
  EXPECT_FALSE(admits("the monitor", "themonitor"));
}

TEST(Admission, NeverTakesAnEmptyNameForTheAnonymousAccount) {
  for (const char *list : {",", ",,", " , ", "first,", ",first", " ", "\t"})
    EXPECT_FALSE(admits(list, "")) << '"' << list << '"';
}

TEST(Admission, FindsNamesBesideEmptyOnes) {
  for (const char *list : {",first", "first,", ",,first,,", " , first"})
    EXPECT_TRUE(admits(list, "first")) << '"' << list << '"';
}

TEST(Admission, ComparesNamesExactly) {
  EXPECT_FALSE(admits("monitor", "Monitor"));
  EXPECT_FALSE(admits("monitor", "monitor2"));
  EXPECT_FALSE(admits("monitor", "moni"));
  EXPECT_FALSE(admits("monitor", "monitor "));
  EXPECT_FALSE(admits("first,second", "first,second"));
}

TEST(Admission, DoesNotNeedTheListsTextAnyLonger) {
  std::string list = "first,second";
  const AdmissionPolicy policy(list);
  list.assign(list.size(), 'x');
  EXPECT_TRUE(policy.admits(user("first")));
  EXPECT_TRUE(policy.admits(user("second")));
}

}  // namespace
}  // namespace recovery_gate
