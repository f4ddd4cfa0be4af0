#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace lockstep {

/// How a terminal draws: characters of UTF-8 (Braille dots, blocks) or ASCII alone, and into how many columns.
struct PlotStyle {
  bool utf8 = false;
  size_t width = 80;
  size_t height = 12;  ///< rows of a curve
};

/// A trial's number and a value.
using Step = std::pair<int64_t, double>;

/// The best value so far: those of `values`, which stand by number, that are better than all before them.
std::vector<Step> best_so_far(const std::vector<Step>& values, bool maximize);

/// The curve of `steps` up to the trial `last`, with axes and their labels. The value's axis is logarithmic, and says
/// so, where all values are positive and the greatest is above a thousand times the least.
/// @param steps as `best_so_far` returns them; not empty
std::string draw_curve(const std::vector<Step>& steps, int64_t last, const PlotStyle& style);

struct Bar {
  std::string label;
  double share = 0;  ///< in [0, 1]
};

/// A line a bar: label, bar and percent. Labels are made printable, and cut to a third of the width. The longest bar takes
/// the room that is left.
std::string draw_bars(const std::vector<Bar>& bars, const PlotStyle& style);

}  // namespace lockstep
