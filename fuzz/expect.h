// SPDX-License-Identifier: GPL-2.0-only
/*
  What a fuzz target asserts. In every build: a fuzzer without assertions finds
  crashes only.
*/
#ifndef RECOVERY_GATE_FUZZ_EXPECT_H
#define RECOVERY_GATE_FUZZ_EXPECT_H

#include <cstdio>
#include <cstdlib>

#define EXPECT(condition)                                             \
  do {                                                                \
    if (!(condition)) {                                               \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, \
                   #condition);                                       \
      std::abort();                                                   \
    }                                                                 \
  } while (false)

#endif  // RECOVERY_GATE_FUZZ_EXPECT_H
