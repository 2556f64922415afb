#include "recovery_gate/gate/admission.h"

#include <gtest/gtest.h>

namespace recovery_gate {
namespace {

Visitor user(std::string_view account) { return {account, false, false}; }

bool lets_in(std::string_view admit_users, std::string_view account) {
  return AdmissionPolicy(admit_users).may_pass_closed(user(account));
}

TEST(Admission, DependsOnPrivilegesAndTheListAndOnNothingElse) {
  const AdmissionPolicy policy("monitor");
  for (const bool administrator : {false, true})
    for (const bool replica : {false, true})
      for (const bool listed : {false, true}) {
        const Visitor visitor{listed ? "monitor" : "app", administrator,
                              replica};
        EXPECT_EQ(policy.may_pass_closed(visitor),
                  administrator || replica || listed)
            << visitor.account << (administrator ? ", administrator" : "")
            << (replica ? ", replica" : "");
      }
}

TEST(Admission, LetsOnlyAdministratorsAndReplicasInWithoutAList) {
  for (const AdmissionPolicy &policy :
       {AdmissionPolicy(), AdmissionPolicy("")}) {
    EXPECT_TRUE(policy.may_pass_closed({"root", true, false}));
    EXPECT_TRUE(policy.may_pass_closed({"repl", false, true}));
    EXPECT_TRUE(policy.may_pass_closed({"", true, false}));
    EXPECT_FALSE(policy.may_pass_closed(user("root")));
    EXPECT_FALSE(policy.may_pass_closed(user("")));
  }
}

TEST(Admission, TakesEveryNameOfTheList) {
  EXPECT_TRUE(lets_in("first,second,third", "first"));
  EXPECT_TRUE(lets_in("first,second,third", "second"));
  EXPECT_TRUE(lets_in("first,second,third", "third"));
  EXPECT_FALSE(lets_in("first,second,third", "fourth"));
}

TEST(Admission, IgnoresBlanksAroundNames) {
  EXPECT_TRUE(lets_in("  first ,\tsecond\t", "first"));
  EXPECT_TRUE(lets_in("  first ,\tsecond\t", "second"));
  EXPECT_FALSE(lets_in(" first ", " first "));
}

TEST(Admission, KeepsBlanksInsideAName) {
  EXPECT_TRUE(lets_in("the monitor", "the monitor"));
  EXPECT_FALSE(lets_in("the monitor", "the"));
  EXPECT_FALSE(lets_in("the monitor", "themonitor"));
}

TEST(Admission, NeverTakesAnEmptyNameForTheAnonymousAccount) {
  for (const char *list : {",", ",,", " , ", "first,", ",first", " ", "\t"})
    EXPECT_FALSE(lets_in(list, "")) << '"' << list << '"';
}

TEST(Admission, FindsNamesBesideEmptyOnes) {
  for (const char *list : {",first", "first,", ",,first,,", " , first"})
    EXPECT_TRUE(lets_in(list, "first")) << '"' << list << '"';
}

TEST(Admission, ComparesNamesExactly) {
  EXPECT_FALSE(lets_in("monitor", "Monitor"));
  EXPECT_FALSE(lets_in("monitor", "monitor2"));
  EXPECT_FALSE(lets_in("monitor", "moni"));
  EXPECT_FALSE(lets_in("monitor", "monitor "));
  EXPECT_FALSE(lets_in("first,second", "first,second"));
}

TEST(Admission, DoesNotNeedTheListsTextAnyLonger) {
  std::string list = "first,second";
  const AdmissionPolicy policy(list);
  list.assign(list.size(), 'x');
  EXPECT_TRUE(policy.may_pass_closed(user("first")));
  EXPECT_TRUE(policy.may_pass_closed(user("second")));
}

}  // namespace
}  // namespace recovery_gate
