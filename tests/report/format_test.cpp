#include "report/format.h"

#include <gtest/gtest.h>

namespace lockstep {
namespace {

TEST(FormatNumber, GivesFiveSignificantDigits) {
  EXPECT_EQ(format_number(0.983333333), "0.98333");
  EXPECT_EQ(format_number(1.23456789e-5), "1.2346e-05");
  EXPECT_EQ(format_number(17), "17");
  EXPECT_EQ(format_number(-0.5), "-0.5");
}

TEST(FormatDuration, ChoosesTheUnit) {
  EXPECT_EQ(format_duration(0.04), "0.0 s");
  EXPECT_EQ(format_duration(9.96), "10.0 s");
  EXPECT_EQ(format_duration(59.4), "59 s");
  EXPECT_EQ(format_duration(59.6), "1 min 00 s");
  EXPECT_EQ(format_duration(200), "3 min 20 s");
  EXPECT_EQ(format_duration(7500), "2 h 05 min");
}

TEST(FormatCount, GroupsThousands) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1000), "1,000");
  EXPECT_EQ(format_count(1234567), "1,234,567");
  EXPECT_EQ(format_count(-1234), "-1,234");
}

TEST(FormatTable, AlignsColumnsWithoutTrailingBlanks) {
  EXPECT_EQ(format_table({{"trial", "lr"}, {"7", "0.1"}, {"1000", ""}}, "  "), "  trial  lr\n  7      0.1\n  1000\n");
}

TEST(FormatTable, ShowsNamesAsTextAndShortensLongOnes) {
  EXPECT_EQ(format_table({{"lr\x1b[31m\n", "b"}, {"1", "é"}}), "lr\\x1b[31m\\n  b\n1             é\n");
  const std::string table = format_table({{std::string(10'000, 'x'), "b"}});
  EXPECT_EQ(table, std::string(kWidestCell - 3, 'x') + "...  b\n");
}

TEST(Printable, EscapesWhatATerminalObeys) {
  EXPECT_EQ(printable("plain 'text' \"<script>\" é 漢 🚀"), "plain 'text' \"<script>\" é 漢 🚀");
  EXPECT_EQ(printable("a\tb\r\n\x7f"), "a\\tb\\r\\n\\x7f");
  EXPECT_EQ(printable("\x1b]0;title\x07"), "\\x1b]0;title\\x07");
  EXPECT_EQ(printable("\u009b2J"), "\\x9b2J") << "one character that begins a sequence, as ESC [ does";
  EXPECT_EQ(printable("\u202eabc\u2066"), "\\u202eabc\\u2066");
  EXPECT_EQ(printable(std::string("nul\0", 4)), "nul\\x00");
  EXPECT_EQ(printable("a\nb\x1b", true), "a\nb\\x1b");
}

TEST(Printable, EscapesBytesThatAreNotUtf8) {
  EXPECT_EQ(printable("\xff"), "\\xff");
  EXPECT_EQ(printable("\xc3"), "\\xc3") << "cut short";
  EXPECT_EQ(printable("\xe2\x82"), "\\xe2\\x82");
  EXPECT_EQ(printable("\xc0\x9b"), "\\xc0\\x9b") << "a longer form of ESC [";
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "half of a surrogate pair";
}

TEST(Shortened, NeverCutsACharacter) {
  EXPECT_EQ(shortened("éééééé", 6), "éééééé");
  EXPECT_EQ(shortened("ééééééé", 6), "ééé...");
}

}  // namespace
}  // namespace lockstep
