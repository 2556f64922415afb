// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/binlog/binlog_position.h"

#include <algorithm>
#include <optional>

namespace recovery_gate {
namespace {

struct LogName {
  std::string_view series;
  std::string_view number;  // without leading zeros
};

std::optional<LogName> split(std::string_view file) {
  const auto dot = file.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == file.size())
    return std::nullopt;
  std::string_view number = file.substr(dot + 1);
  if (number.find_first_not_of("0123456789") != std::string_view::npos)
    return std::nullopt;
  number.remove_prefix(std::min(number.find_first_not_of('0'), number.size()));
  return LogName{file.substr(0, dot), number};
}

// Decimal numbers of any length: no name can overflow the comparison.
int compare_numbers(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return a.compare(b);
}

}  // namespace

std::string to_string(const BinlogPosition &position) {
  if (position.empty()) return "(none)";
  return position.file + ":" + std::to_string(position.offset);
}

std::string without_folder(std::string_view path) {
  const auto slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path
                                                     : path.substr(slash + 1));
}

bool has_reached(const BinlogPosition &at, const BinlogPosition &wanted) {
  const auto a = split(at.file), w = split(wanted.file);
  if (!a || !w || a->series != w->series) return false;
  const int order = compare_numbers(a->number, w->number);
  return order > 0 || (order == 0 && at.offset >= wanted.offset);
}

bool is_next_log(const std::string &file, const std::string &next) {
  const auto a = split(file), b = split(next);
  if (!a || !b || a->series != b->series) return false;
  std::string number = "0" + std::string(a->number);
  auto digit = number.rbegin();
  for (; *digit == '9'; ++digit) *digit = '0';
  ++*digit;
  number.erase(0, number.find_first_not_of('0'));
  return number == b->number;
}

}  // namespace recovery_gate
