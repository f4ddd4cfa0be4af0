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

}  // namespace
}  // namespace lockstep
