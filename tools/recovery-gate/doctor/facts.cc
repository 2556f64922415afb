// SPDX-License-Identifier: GPL-2.0-only
#include "doctor/facts.h"

#include <strings.h>

#include <algorithm>

#include "client/number.h"

namespace recovery_gate::tool {
namespace {

bool is_yes(const std::string &text) {
  return text == "1" || strcasecmp(text.c_str(), "ON") == 0 ||
         strcasecmp(text.c_str(), "TRUE") == 0;
}

bool is_same(const std::string &one, const std::string &other) {
  return strcasecmp(one.c_str(), other.c_str()) == 0 ||
         (is_yes(one) && is_yes(other));
}

}  // namespace

std::string ServerFacts::value(const std::string &name) const {
  const auto found = settings.find(name);
  return found == settings.end() ? std::string() : found->second.value;
}

std::uint64_t ServerFacts::number(const std::string &name) const {
  return number_of<std::uint64_t>(value(name));
}

bool ServerFacts::is_on(const std::string &name) const {
  return is_yes(value(name));
}

std::uint64_t ServerFacts::status_number(const std::string &name) const {
  const auto found = status.find(name);
  return found == status.end() ? 0 : number_of<std::uint64_t>(found->second);
}

std::uint32_t ServerFacts::id() const {
  return number_of<std::uint32_t>(value("server_id"));
}

bool ServerFacts::acknowledges() const {
  const auto found = status.find("Rpl_semi_sync_slave_status");
  return found != status.end() && is_yes(found->second);
}

bool ServerFacts::is_kept(const std::string &name) const {
  const auto found = settings.find(name);
  if (found == settings.end() || found->second.origin != "SQL") return true;
  std::string option = name;
  std::replace(option.begin(), option.end(), '_', '-');
  const auto line =
      std::find_if(option_lines.rbegin(), option_lines.rend(),
                   [&](const OptionLine &line) { return line.name == option; });
  // An option without a value is a switch that is on.
  return is_same(line == option_lines.rend() ? found->second.compiled
                                             : line->value.value_or("ON"),
                 found->second.value);
}

}  // namespace recovery_gate::tool
