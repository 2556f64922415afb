// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <handler.h>
#include <sql_class.h>

#include "no_tables.h"

namespace recovery_gate {
namespace {

class RefusingHandler final : public handler {
 public:
  using handler::handler;

  int create(const char *, TABLE *, HA_CREATE_INFO *) override {
    my_printf_error(ER_CANT_CREATE_TABLE,
                    "Engine RECOVERY_GATE stores no tables; name another one",
                    MYF(0));
    return HA_ERR_UNSUPPORTED;
  }
  int open(const char *, int, uint) override { return HA_ERR_UNSUPPORTED; }
  int close() override { return 0; }

  // All is possible, so that nothing but create() refuses.
  Table_flags table_flags() const override { return 0; }
  ulong index_flags(uint, uint, bool) const override { return 0; }
  uint max_supported_keys() const override { return MAX_KEY; }
  uint max_supported_key_length() const override { return MAX_KEY_LENGTH; }
  uint max_supported_key_part_length() const override { return MAX_KEY_LENGTH; }

  int info(uint) override { return 0; }
  int rnd_init(bool) override { return HA_ERR_UNSUPPORTED; }
  int rnd_next(uchar *) override { return HA_ERR_UNSUPPORTED; }
  int rnd_pos(uchar *, uchar *) override { return HA_ERR_UNSUPPORTED; }
  void position(const uchar *) override {}
  THR_LOCK_DATA **store_lock(THD *, THR_LOCK_DATA **to,
                             thr_lock_type) override {
    return to;
  }
};

}  // namespace

handler *make_refusing_handler(handlerton *engine, TABLE_SHARE *share,
                               MEM_ROOT *memory) {
  return new (memory) RefusingHandler(engine, share);
}

}  // namespace recovery_gate
