// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/base/bell.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>

namespace recovery_gate {
namespace {

bool has_rung(const Ring &ring) {
  pollfd event{ring.descriptor(), POLLIN, 0};
  return ::poll(&event, 1, 0) == 1;
}

TEST(Bell, RingsForAllWhoListen) {
  Bell bell;
  const auto one = bell.next_ring(), another = bell.next_ring();
  EXPECT_FALSE(has_rung(*one));
  bell.ring();
  EXPECT_TRUE(has_rung(*one));
  EXPECT_TRUE(has_rung(*another));
  EXPECT_TRUE(has_rung(*one)) << "looking at it does not end it";
}

TEST(Bell, DoesNotRingForThoseWhoComeLater) {
  Bell bell;
  bell.ring();
  const auto first = bell.next_ring();
  EXPECT_FALSE(has_rung(*first));
  bell.ring();
  EXPECT_FALSE(has_rung(*bell.next_ring()));
  EXPECT_TRUE(has_rung(*first));
}

TEST(Ring, SaysThatThereIsNoDescriptorLeft) {
  rlimit before, none;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const Ring ring;
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_LT(ring.descriptor(), 0);
}

}  // namespace
}  // namespace recovery_gate
