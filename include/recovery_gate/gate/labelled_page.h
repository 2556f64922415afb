// SPDX-License-Identifier: GPL-2.0-only
/*
  A page for a person in 80 columns: texts behind their labels.

    LabelledPage page;
    page.line("Replicas", "2 semi-sync replicas connected");
    page.more("server_id 2 at db2 ...");        under the text before
    for (const Labelled &entry : read_page(page.text())) ...

  What does not fit goes on in the next line, two columns further in than the
  text of an entry, so that read_page() finds the same entries again.
*/
#ifndef RECOVERY_GATE_LABELLED_PAGE_H
#define RECOVERY_GATE_LABELLED_PAGE_H

#include <string>
#include <vector>

namespace recovery_gate {

class LabelledPage {
 public:
  /* Neither `label` nor `text` may have a line break. */
  void line(const std::string &label, const std::string &text);
  /* Belongs to the line before it. */
  void more(const std::string &text);

  const std::string &text() const { return page_; }

 private:
  std::string page_;
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
