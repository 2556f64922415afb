#define MYSQL_SERVER 1
#include <my_global.h>
#include <mysql/plugin.h>
#include <sql_class.h>

#include "gate_service.h"
#include "status_variables.h"

namespace recovery_gate {
namespace {

/* One row of SHOW STATUS after another, from memory that lives as long as the
   statement. */
class Rows {
 public:
  Rows(THD *thd, std::size_t room)
      : thd_(thd), rows_(static_cast<st_mysql_show_var *>(
                       thd_calloc(thd, (room + 1) * sizeof(st_mysql_show_var)))),
        room_(room) {}

  void text(const char *name, const std::string &value) {
    add(name, thd_strmake(thd_, value.data(), value.size()), SHOW_CHAR);
  }

  void number(const char *name, unsigned long long value) {
    add(name, thd_memdup(thd_, &value, sizeof value), SHOW_ULONGLONG);
  }

  st_mysql_show_var *get() const { return rows_; }

 private:
  void add(const char *name, void *value, enum_mysql_show_type type) {
    if (rows_ == nullptr || value == nullptr || used_ == room_) return;
    rows_[used_++] = {name, value, type};
  }

  THD *thd_;
  st_mysql_show_var *rows_;
  std::size_t room_, used_ = 0;
};

int show(THD *thd, st_mysql_show_var *variable, void *, system_status_var *,
         enum_var_type) try {
  static st_mysql_show_var none[] = {{nullptr, nullptr, SHOW_UNDEF}};
  variable->type = SHOW_ARRAY;
  variable->value = reinterpret_cast<char *>(none);
  GateService &service = GateService::instance();
  const GateSnapshot gate = service.snapshot();
  const RecoveredXids::Counts xids = service.xids.counts();

  Rows rows(thd, 20);
  rows.text("open", is_open(gate.state) ? "ON" : "OFF");
  rows.text("state", state_name(gate.state));
  rows.text("reason", reason_name(gate.reason));
  rows.text("waiting_for", waiting_for_name(gate.state));
  rows.text("opened_by", opened_by_name(gate.state));
  rows.text("recovered_file", gate.recovered_end.file);
  rows.number("recovered_pos", gate.recovered_end.offset);
  rows.text("recovered_gtid", gate.recovered_gtid);
  rows.text("ack_file", gate.awaited.file);
  rows.number("ack_pos", gate.awaited.offset);
  rows.number("xids_found", xids.found);
  rows.number("xids_committed", xids.committed);
  rows.number("xids_rolled_back", xids.rolled_back);
  rows.number("xids_external", xids.external);
  rows.number("connections_held", gate.held);
  rows.number("connections_rejected", gate.rejected);
  rows.number("connections_admitted", gate.admitted);
  rows.number("closed_ms", gate.closed_for.count());

  if (rows.get()) variable->value = reinterpret_cast<char *>(rows.get());
  return 0;
} catch (const std::bad_alloc &) {
  return 1;  // no rows
}

}  // namespace

st_mysql_show_var gate_status[] = {
    {"Recovery_gate", reinterpret_cast<char *>(&show), SHOW_FUNC},
    {nullptr, nullptr, SHOW_UNDEF}};

}  // namespace recovery_gate
