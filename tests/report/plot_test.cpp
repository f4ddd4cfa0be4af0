#include "report/plot.h"

#include <gtest/gtest.h>

#include "report/format.h"

namespace lockstep {
namespace {

using Steps = std::vector<Step>;

TEST(BestSoFar, KeepsWhatIsBetterThanAllBefore) {
  const Steps values = {{0, 3.0}, {2, 5.0}, {3, 2.0}, {7, 2.0}, {9, 1.0}};
  EXPECT_EQ(best_so_far(values, false), (Steps{{0, 3.0}, {3, 2.0}, {9, 1.0}}));
  EXPECT_EQ(best_so_far(values, true), (Steps{{0, 3.0}, {2, 5.0}}));
  EXPECT_EQ(best_so_far({}, true), Steps{});
}

TEST(DrawCurve, InAscii) {
  EXPECT_EQ(draw_curve({{0, 1.0}, {5, 2.0}, {10, 3.0}}, 20, {false, 26, 3}),
            "3 +           ************\n"  // of 23 columns; trial 10 is the 12th
            "2 +      ******\n"
            "1 +*******\n"
            "  +-----------------------\n"
            "   0              trial 20\n");
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

TEST(DrawCurve, InBraille) {
  const auto drawn = lines(draw_curve({{0, 0.0}, {1, 1.0}}, 1, {true, 12, 3}));
  ASSERT_EQ(drawn.size(), 5u);
  // 10 columns are 20 dots: a line at the bottom, one up in the last column, and its end at the top.
  EXPECT_EQ(drawn[0], "  1 ┤         ⢸");
  EXPECT_EQ(drawn[1], "0.5 ┤         ⢸");
  EXPECT_EQ(drawn[2], "  0 ┤⣀⣀⣀⣀⣀⣀⣀⣀⣀⣸");
}

TEST(DrawCurve, FitsTheWidth) {
  for (const bool utf8 : {false, true}) {
    for (const size_t width : {40u, 80u, 200u}) {
      for (const auto& line : lines(draw_curve({{0, -1.5e-7}, {999, 12345.678}}, 1000, {utf8, width, 12}))) {
        EXPECT_LE(width_of(line), width) << line;
      }
    }
  }
}

TEST(DrawCurve, TakesOneTrialAndExtremeValues) {
  EXPECT_EQ(lines(draw_curve({{0, 0.25}}, 0, {false, 40, 3})).size(), 5u);
  for (const Steps& steps : {Steps{{0, -1.7e308}, {1, 1.7e308}}, Steps{{0, 0.0}, {1, 5e-324}}, Steps{{3, 1.0}}}) {
    const std::string drawn = draw_curve(steps, 5, {true, 60, 12});
    EXPECT_EQ(drawn.find("nan"), std::string::npos) << drawn;
    EXPECT_EQ(drawn.find("inf"), std::string::npos) << drawn;
  }
}

TEST(DrawCurve, IsLogarithmicOverDecades) {
  const std::string wide = draw_curve({{0, 1e6}, {1, 1.0}}, 10, {false, 40, 3});
  EXPECT_NE(wide.find("logarithmic"), std::string::npos) << wide;
  EXPECT_NE(wide.find(" 1000 +"), std::string::npos) << "half way, in the logarithm: " << wide;
  EXPECT_EQ(draw_curve({{0, 1e6}, {1, -1.0}}, 10, {false, 40, 3}).find("logarithmic"), std::string::npos);
}

TEST(DrawBars, ScalesToTheLargest) {
  EXPECT_EQ(draw_bars({{"lr", 0.5}, {"momentum", 0.25}, {"rest", 0}}, {false, 40, 12}),
            "lr         50.0 %  #####################\n"
            "momentum   25.0 %  ###########\n"
            "rest        0.0 %\n");
  EXPECT_EQ(draw_bars({{"lr", 0.5}, {"momentum", 0.2}}, {true, 40, 12}),
            "lr         50.0 %  █████████████████████\n"
            "momentum   20.0 %  ████████▍\n");
}

TEST(DrawBars, NamesStayText) {
  const std::string drawn = draw_bars({{std::string(10'000, 'x'), 1}, {"a\x1b[2J\nb", 0.5}}, {true, 60, 12});
  EXPECT_EQ(drawn.find('\x1b'), std::string::npos);
  ASSERT_EQ(lines(drawn).size(), 2u);
  for (const auto& line : lines(drawn)) EXPECT_LE(width_of(line), 60u) << line;
}

}  // namespace
}  // namespace lockstep
