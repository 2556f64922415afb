// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/binlog/engine_binlog.h"

#include <gmock/gmock.h>

namespace recovery_gate {
namespace {

TEST(EngineBinlog, IsRefusedByNameOfItsOption) {
  EXPECT_EQ(engine_keeps_binlog("").text(), "");
  EXPECT_THAT(engine_keeps_binlog("innodb").text(),
              testing::HasSubstr("(binlog_storage_engine=innodb)"));
}

}  // namespace
}  // namespace recovery_gate
