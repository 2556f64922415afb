// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <sql_class.h>
#include <sql_plugin.h>

#include <cstring>
#include <map>
#include <string>

#include "plugin_list.h"

namespace recovery_gate {
namespace {

using LoadOption = decltype(st_plugin_int::load_option);

std::map<std::string, LoadOption> chosen_by_operator;

my_bool pin(THD *, plugin_ref plugin, void *pinned) {
  st_plugin_int *entry = plugin_ref_to_int(plugin);
  const std::string name(entry->name.str, entry->name.length);
  if (name != "RECOVERY_GATE" && name != "RECOVERY_GATE_DOOR" &&
      name != "RECOVERY_GATE_XIDS")
    return 0;
  if (*static_cast<bool *>(pinned)) {
    chosen_by_operator[name] = entry->load_option;
    entry->load_option = PLUGIN_FORCE_PLUS_PERMANENT;
  } else if (chosen_by_operator.count(name)) {
    entry->load_option = chosen_by_operator[name];
  }
  return 0;
}

my_bool is_off(THD *, plugin_ref plugin, void *) {
  const st_plugin_int *entry = plugin_ref_to_int(plugin);
  // One whose options cannot be read is disabled too.
  return entry->load_option == PLUGIN_OFF &&
         std::string(entry->name.str, entry->name.length) == "RECOVERY_GATE";
}

}  // namespace

bool is_engine_switched_off() {
  return plugin_foreach_with_mask(nullptr, is_off, MYSQL_STORAGE_ENGINE_PLUGIN,
                                  PLUGIN_IS_DISABLED, nullptr);
}

void pin_plugins(bool pinned) {
  plugin_foreach(nullptr, pin, MYSQL_STORAGE_ENGINE_PLUGIN, &pinned);
  plugin_foreach(nullptr, pin, MYSQL_AUDIT_PLUGIN, &pinned);
  plugin_foreach(nullptr, pin, MYSQL_INFORMATION_SCHEMA_PLUGIN, &pinned);
}

}  // namespace recovery_gate
