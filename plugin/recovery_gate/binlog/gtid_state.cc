// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/binlog/gtid_state.h"

#include <charconv>

namespace recovery_gate {
namespace {

template <typename Number>
bool take_number(std::string_view *text, Number *number) {
  const char *end = text->data() + text->size();
  const auto got = std::from_chars(text->data(), end, *number);
  if (got.ec != std::errc()) return false;
  text->remove_prefix(static_cast<std::size_t>(got.ptr - text->data()));
  return true;
}

bool take_character(std::string_view *text, char wanted) {
  if (text->empty() || text->front() != wanted) return false;
  text->remove_prefix(1);
  return true;
}

}  // namespace

std::string to_string(const GtidState &state) {
  std::string text;
  for (const auto &[source, number] : state) {
    if (!text.empty()) text += ',';
    text += std::to_string(source.domain) + '-' +
            std::to_string(source.server_id) + '-' + std::to_string(number);
  }
  return text;
}

bool parse(std::string_view text, GtidState *state) {
  GtidState read;
  for (std::string_view rest = text; !rest.empty();) {
    GtidSource source;
    std::uint64_t number = 0;
    if (!take_number(&rest, &source.domain) || !take_character(&rest, '-') ||
        !take_number(&rest, &source.server_id) || !take_character(&rest, '-') ||
        !take_number(&rest, &number))
      return false;
    if (!rest.empty() && (!take_character(&rest, ',') || rest.empty()))
      return false;
    read[source] = number;
  }
  *state = std::move(read);
  return true;
}

bool covers(const GtidState &state, const GtidSource &source,
            std::uint64_t number) {
  const auto last = state.find(source);
  return last != state.end() && last->second >= number;
}

bool raise_to(GtidState *state, const GtidSource &source,
              std::uint64_t number) {
  std::uint64_t &last = (*state)[source];
  const bool is_new = number > last;
  if (is_new) last = number;
  return is_new;
}

GtidState from_servers(const GtidState &state, const ServerIds &ids) {
  return written_since({}, state, ids);
}

GtidState written_since(const GtidState &earlier, const GtidState &later,
                        const ServerIds &ids) {
  GtidState written;
  for (const auto &[source, number] : later) {
    if (ids.count(source.server_id) == 0) continue;
    const auto before = earlier.find(source);
    if (before == earlier.end() || before->second != number)
      written[source] = number;
  }
  return written;
}

bool continues(const GtidState &at_start_of_log, const GtidState &before) {
  for (const auto &[source, number] : before)
    if (at_start_of_log.count(source) == 0) return false;
  return true;
}

}  // namespace recovery_gate
