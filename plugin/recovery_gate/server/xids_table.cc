// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <sql_class.h>
#include <sql_acl.h>
#include <sql_i_s.h>
#include <sql_show.h>
#include <table.h>

#include "all_or_none.h"
#include "gate_service.h"
#include "xids_table.h"

namespace recovery_gate {
namespace {

bool installed = false;

namespace columns {
using Show::CEnd;
using Show::Column;
using Show::Varchar;

// Longest values: an XID has at most 128 bytes of data; a GTID is two 32-bit
// numbers and a 64-bit one.
ST_FIELD_INFO fields[] = {
    Column("XID", Varchar(128), NOT_NULL),
    Column("ENGINES", Varchar(512), NOT_NULL),
    Column("GTID", Varchar(64), NULLABLE),
    Column("BINLOG_FILE", Varchar(FN_REFLEN), NULLABLE),
    Column("BINLOG_END_POS", Show::ULonglong(20), NULLABLE),
    Column("RESOLUTION", Varchar(16), NOT_NULL),
    CEnd()};
}  // namespace columns

enum { XID_COLUMN, ENGINES, GTID, BINLOG_FILE, BINLOG_END_POS, RESOLUTION };

void store(Field *field, const std::string &text) {
  field->store(text.data(), text.size(), system_charset_info);
}

void store_nullable(Field *field, const std::string &text) {
  field->set_notnull();
  store(field, text);
}

int fill(THD *thd, TABLE_LIST *tables, Item *) try {
  if (check_global_access(thd, PROCESS_ACL, true)) return 0;
  TABLE *table = tables->table;
  for (const RecoveredXid &row : GateService::instance().xids.rows()) {
    std::string engines;
    for (const std::string &engine : row.engines)
      engines += (engines.empty() ? "" : ",") + engine;
    restore_record(table, s->default_values);
    store(table->field[XID_COLUMN], row.text());
    store(table->field[ENGINES], engines);
    store(table->field[RESOLUTION], resolution_name(row.resolution));
    if (row.place) {
      if (row.place->gtid)
        store_nullable(table->field[GTID], to_string(*row.place->gtid));
      store_nullable(table->field[BINLOG_FILE], row.place->end.file);
      table->field[BINLOG_END_POS]->set_notnull();
      table->field[BINLOG_END_POS]->store(row.place->end.offset, true);
    }
    if (schema_table_store_record(thd, table)) return 1;
  }
  return 0;
} catch (const std::bad_alloc &) {
  my_error(ER_OUT_OF_RESOURCES, MYF(0));
  return 1;
}

}  // namespace

int init_xids_table(void *schema_table) {
  if (int refused = follow_the_engine()) return refused;
  auto *table = static_cast<ST_SCHEMA_TABLE *>(schema_table);
  table->fields_info = columns::fields;
  table->fill_table = fill;
  installed = true;
  return 0;
}

bool has_xids_table() { return installed; }

}  // namespace recovery_gate
