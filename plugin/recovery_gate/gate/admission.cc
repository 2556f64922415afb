// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/gate/admission.h"

namespace recovery_gate {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

AdmissionPolicy::AdmissionPolicy(std::string_view admit_users) {
  while (!admit_users.empty()) {
    const auto comma = admit_users.find(',');
    const auto name = trimmed(admit_users.substr(0, comma));
    if (!name.empty()) admit_users_.emplace(name);
    if (comma == std::string_view::npos) break;
    admit_users.remove_prefix(comma + 1);
  }
}

bool AdmissionPolicy::admits(const Visitor &visitor) const {
  return visitor.administrator || visitor.replica ||
         admit_users_.find(visitor.account) != admit_users_.end();
}

}  // namespace recovery_gate
