// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/gate/labelled_page.h"

#include <algorithm>
#include <sstream>

#include "recovery_gate/gate/labels.h"

namespace recovery_gate {
namespace {

constexpr std::size_t continued_column = label::text_column + 2;
constexpr std::size_t narrow_column = 2;

/* Behind what the first line has already. */
std::string wrapped(std::string lines, const std::string &text,
                    std::size_t continued, std::size_t width) {
  std::size_t used = lines.size();
  bool is_first = true;
  std::istringstream words(text);
  for (std::string word; words >> word; is_first = false) {
    if (!is_first && used + 1 + word.size() > width) {
      lines += '\n' + std::string(continued, ' ');
      used = continued;
    } else if (!is_first) {
      lines += ' ';
      ++used;
    }
    lines += word;
    used += word.size();
  }
  return lines + '\n';
}

}  // namespace

void LabelledPage::line(const std::string &label, const std::string &text) {
  label_ = label + ':';
  if (width_ == not_wrapped || width_ >= narrow) return add(label_, text);
  if (label_.size() + 1 + text.size() <= width_) {
    page_ += label_ + ' ' + text + '\n';
  } else {
    page_ += label_ + '\n';
    add("", text);
  }
}

void LabelledPage::more(const std::string &text) { add("", text); }

/* `head` fills the columns before the text. */
void LabelledPage::add(const std::string &head, const std::string &text) {
  if (width_ == not_wrapped) {
    page_ += label_ + ' ' + text + '\n';
  } else if (width_ < narrow) {
    page_ += wrapped(std::string(narrow_column, ' '), text, 2 * narrow_column,
                     width_);
  } else {
    std::string first = head;
    first.resize(std::max(head.size() + 1, label::text_column), ' ');
    page_ += wrapped(std::move(first), text, continued_column, width_);
  }
}

std::vector<Labelled> read_page(const std::string &page) {
  std::vector<Labelled> entries;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t colon = line.find(':');
    const bool has_label =
        !line.empty() && line.front() != ' ' && colon != std::string::npos;
    const std::size_t text =
        line.find_first_not_of(' ', has_label ? colon + 1 : 0);
    if (has_label) entries.push_back({line.substr(0, colon), {}});
    if (text == std::string::npos || entries.empty()) continue;
    std::vector<std::string> &texts = entries.back().texts;
    if (text == continued_column && !has_label && !texts.empty())
      texts.back() += ' ' + line.substr(text);
    else
      texts.push_back(line.substr(text));
  }
  return entries;
}

}  // namespace recovery_gate
