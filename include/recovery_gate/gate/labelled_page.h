// SPDX-License-Identifier: GPL-2.0-only
/*
  A page for a person: texts behind their labels.

    LabelledPage page;
    page.line("Replicas", "2 semi-sync replicas connected");
    page.more("server_id 2 at db2 ...");        under the text before
    for (const Labelled &entry : read_page(page.text())) ...

  What does not fit goes on in the next line, two columns further in than the
  text of an entry, so that read_page() finds the same entries again. On a
  narrow page, a text that does not fit behind its label is below it; a page
  that is not wrapped has each text on a line of its own, behind its label, to
  be listened to. read_page() reads neither.
*/
#ifndef RECOVERY_GATE_LABELLED_PAGE_H
#define RECOVERY_GATE_LABELLED_PAGE_H

#include <cstddef>
#include <string>
#include <vector>

namespace recovery_gate {

class LabelledPage {
 public:
  static constexpr std::size_t usual_width = 79, narrow = 60, not_wrapped = 0;

  /* Lines of at most `width` columns, except for a longer word. */
  explicit LabelledPage(std::size_t width = usual_width) : width_(width) {}

  /* Neither `label` nor `text` may have a line break. */
  void line(const std::string &label, const std::string &text);
  /* Belongs to the line before it. */
  void more(const std::string &text);

  const std::string &text() const { return page_; }

 private:
  void add(const std::string &head, const std::string &text);

  const std::size_t width_;
  std::string label_, page_;
};

struct Labelled {
  std::string label;
  /* That of line(), and of each more() after it. */
  std::vector<std::string> texts;
};

/* What is no line of such a page is left out. */
std::vector<Labelled> read_page(const std::string &page);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_LABELLED_PAGE_H
