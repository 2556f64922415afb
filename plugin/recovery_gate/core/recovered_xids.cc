#include "recovery_gate/recovered_xids.h"

namespace recovery_gate {

const char *resolution_name(Resolution resolution) {
  switch (resolution) {
    case Resolution::PREPARED: return "PREPARED";
    case Resolution::COMMITTED: return "COMMITTED";
    case Resolution::ROLLED_BACK: return "ROLLED BACK";
  }
  return "PREPARED";
}

void RecoveredXids::prepared(const std::string &key, const std::string &text,
                             bool external, const std::string &engine) {
  if (sealed_) return;
  RecoveredXid &row = rows_[key];
  row.text = text;
  row.external = external;
  row.engines.insert(engine);
}

void RecoveredXids::resolved(const std::string &key, Resolution resolution) {
  if (sealed_) return;
  const auto row = rows_.find(key);
  if (row != rows_.end()) row->second.resolution = resolution;
}

RecoveredXids::Counts RecoveredXids::counts() const {
  Counts counts;
  for (const auto &[key, row] : rows_) {
    ++counts.found;
    if (row.resolution == Resolution::COMMITTED) ++counts.committed;
    if (row.resolution == Resolution::ROLLED_BACK) ++counts.rolled_back;
    if (row.external && row.resolution == Resolution::PREPARED)
      ++counts.external;
  }
  return counts;
}

}  // namespace recovery_gate
