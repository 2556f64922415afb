// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/base/failure.h"

#include <gtest/gtest.h>

namespace recovery_gate {
namespace {

Failure halve(int number, int *half) {
  if (number % 2 != 0) return std::to_string(number) + " is odd";
  *half = number / 2;
  return {};
}

Failure quarter(int number, int *result) {
  if (Failure failure = halve(number, result)) return failure;
  return halve(*result, result);
}

TEST(FailureTest, IsNoneOrSaysWhy) {
  int result = 0;
  EXPECT_FALSE(quarter(8, &result));
  EXPECT_EQ(result, 2);
  EXPECT_EQ(quarter(8, &result).text(), "");
  EXPECT_TRUE(quarter(7, &result));
  EXPECT_EQ(quarter(6, &result).text(), "3 is odd");
}

TEST(FailureTest, IsNoneWithoutAText) {
  EXPECT_FALSE(Failure());
  EXPECT_FALSE(Failure(""));
  EXPECT_FALSE(Failure(std::string()));
}

}  // namespace
}  // namespace recovery_gate
