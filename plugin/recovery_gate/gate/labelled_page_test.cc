// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/gate/labelled_page.h"

#include <gmock/gmock.h>

namespace recovery_gate {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::string long_text =
    "in doubt are transactions up to GTID 0-1-42, none of which was found in "
    "the binary logs";

TEST(LabelledPage, PutsTextsIntoOneColumnAndBreaksLinesBetweenWords) {
  LabelledPage page;
  page.line("State", "OPEN");
  page.line("Why", long_text);
  page.more("once: more");
  EXPECT_EQ(page.text(),
            "State:                 OPEN\n"
            "Why:                   in doubt are transactions up to GTID "
            "0-1-42, none of\n"
            "                         which was found in the binary logs\n"
            "                       once: more\n");
}

TEST(LabelledPage, DoesNotBreakAWord) {
  const std::string path = "/" + std::string(90, 'x');
  LabelledPage page;
  page.line("Why", path + " and more");
  EXPECT_EQ(page.text(), "Why:                   " + path + "\n" +
                             std::string(25, ' ') + "and more\n");
}

TEST(LabelledPage, HasTextsBelowLabelsWhereThereIsLittleRoom) {
  LabelledPage page(39);
  page.line("State", "OPEN");
  page.line("Why", long_text);
  page.more("more");
  EXPECT_EQ(page.text(),
            "State: OPEN\n"
            "Why:\n"
            "  in doubt are transactions up to GTID\n"
            "    0-1-42, none of which was found in\n"
            "    the binary logs\n"
            "  more\n");
}

TEST(LabelledPage, IsNotWrappedForAnEar) {
  LabelledPage page(LabelledPage::not_wrapped);
  page.line("Why", long_text);
  page.more("more");
  EXPECT_EQ(page.text(), "Why: " + long_text + "\nWhy: more\n");
}

TEST(LabelledPage, IsReadAgainAsItWasWritten) {
  LabelledPage page;
  page.line("Why", long_text);
  page.line("Replicas", "2");
  page.more("server_id 2: " + long_text);
  page.more(long_text);
  const std::vector<Labelled> entries = read_page(page.text());
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].label, "Why");
  EXPECT_THAT(entries[0].texts, ElementsAre(long_text));
  EXPECT_EQ(entries[1].label, "Replicas");
  EXPECT_THAT(entries[1].texts,
              ElementsAre("2", "server_id 2: " + long_text, long_text));
}

TEST(LabelledPage, ReadsNothingFromWhatIsNone) {
  EXPECT_THAT(read_page(""), IsEmpty());
  EXPECT_THAT(read_page("no label\n   nor here\n\n"), IsEmpty());
}

}  // namespace
}  // namespace recovery_gate
