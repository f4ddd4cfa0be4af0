#include "report/plot.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "report/format.h"

namespace lockstep {

namespace {

/// A picture of dots. A character holds several: Braille 2 x 4, ASCII one.
class Canvas {
 public:
  Canvas(size_t n_columns, size_t n_rows, bool utf8)
      : utf8_(utf8), n_columns_(n_columns), n_rows_(n_rows), cells_(n_columns * n_rows, 0) {}

  size_t width() const { return n_columns_ * dots_across(); }
  size_t height() const { return n_rows_ * dots_down(); }

  /// @param y counts from the bottom
  void set(size_t x, size_t y) {
    const size_t from_top = height() - 1 - y;
    const size_t cell = from_top / dots_down() * n_columns_ + x / dots_across();
    // The numbers of Braille's dots: the fourth row was added later.
    static constexpr unsigned char kBits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    cells_[cell] |= utf8_ ? kBits[from_top % 4][x % 2] : 1;
  }

  std::string row(size_t row) const {
    std::string text;
    for (size_t column = 0; column < n_columns_; ++column) {
      const unsigned char cell = cells_[row * n_columns_ + column];
      if (cell == 0) {
        text += ' ';
      } else if (utf8_) {
        // U+2800 + dots
        text += '\xe2';
        text += static_cast<char>(0xa0 + (cell >> 6));
        text += static_cast<char>(0x80 + (cell & 0x3f));
      } else {
        text += '*';
      }
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
  }

 private:
  size_t dots_across() const { return utf8_ ? 2 : 1; }
  size_t dots_down() const { return utf8_ ? 4 : 1; }

  bool utf8_;
  size_t n_columns_, n_rows_;
  std::vector<unsigned char> cells_;
};

/// Values to [0, 1].
struct Scale {
  double low = 0, high = 1;
  bool is_log = false;

  double place(double value) const {
    // Halves: the difference of two huge values overflows.
    const double span = high / 2 - low / 2;
    if (!(span > 0)) return 0.5;
    if (is_log) return (std::log(value) - std::log(low)) / (std::log(high) - std::log(low));
    return (value / 2 - low / 2) / span;
  }
  double value(double place) const {
    if (is_log) return std::exp(std::log(low) + place * (std::log(high) - std::log(low)));
    return low + place * high - place * low;
  }
};

Scale scale_of(const std::vector<Step>& steps) {
  constexpr double kWide = 1000;
  Scale scale{steps.front().second, steps.front().second, false};
  for (const auto& [trial, value] : steps) {
    scale.low = std::min(scale.low, value);
    scale.high = std::max(scale.high, value);
  }
  scale.is_log = scale.low > 0 && scale.high / scale.low > kWide;
  return scale;
}

size_t dot(double place, size_t n_dots) {
  return static_cast<size_t>(std::lround(std::clamp(place, 0.0, 1.0) * static_cast<double>(n_dots - 1)));
}

void draw_steps(const std::vector<Step>& steps, int64_t last, const Scale& scale, Canvas& canvas) {
  const auto across = [&](int64_t trial) {
    return last < 1 ? 0 : dot(static_cast<double>(trial) / static_cast<double>(last), canvas.width());
  };
  for (size_t i = 0; i < steps.size(); ++i) {
    const size_t y = dot(scale.place(steps[i].second), canvas.height());
    const size_t x = across(steps[i].first);
    const size_t end = i + 1 < steps.size() ? across(steps[i + 1].first) : across(last);
    for (size_t at = x; at <= end; ++at) canvas.set(at, y);
    if (i + 1 == steps.size()) break;
    const size_t next = dot(scale.place(steps[i + 1].second), canvas.height());
    for (size_t at = std::min(y, next); at <= std::max(y, next); ++at) canvas.set(end, at);
  }
}

std::string right(const std::string& text, size_t width) {
  return std::string(width - std::min(width, width_of(text)), ' ') + text;
}

/// A bar of `share` of `width` columns, in eighths of a character where there are any.
std::string bar(double share, size_t width, bool utf8) {
  static constexpr const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const double columns = std::clamp(share, 0.0, 1.0) * static_cast<double>(width);
  std::string text;
  if (!utf8) return std::string(static_cast<size_t>(std::lround(columns)), '#');
  const auto eighths = static_cast<size_t>(std::lround(columns * 8));
  for (size_t i = 0; i < eighths / 8; ++i) text += "█";
  return text + kEighths[eighths % 8];
}

}  // namespace

std::vector<Step> best_so_far(const std::vector<Step>& values, bool maximize) {
  std::vector<Step> steps;
  for (const Step& each : values) {
    const bool is_better =
        steps.empty() || (maximize ? each.second > steps.back().second : each.second < steps.back().second);
    if (is_better) steps.push_back(each);
  }
  return steps;
}

std::string draw_curve(const std::vector<Step>& steps, int64_t last, const PlotStyle& style) {
  const Scale scale = scale_of(steps);
  const size_t n_rows = std::max<size_t>(style.height, 3);
  // Labels at the top, the middle and the bottom.
  std::vector<std::string> labels(n_rows);
  labels[0] = format_number(scale.value(1));
  labels[n_rows / 2] = format_number(scale.value(1 - static_cast<double>(n_rows / 2) / static_cast<double>(n_rows - 1)));
  labels[n_rows - 1] = format_number(scale.value(0));
  size_t margin = 0;
  for (const std::string& label : labels) margin = std::max(margin, label.size());
  constexpr size_t kAxis = 2;  // a blank and the line
  const size_t n_columns = std::max<size_t>(style.width, margin + kAxis + 10) - margin - kAxis;
  Canvas canvas(n_columns, n_rows, style.utf8);
  draw_steps(steps, last, scale, canvas);

  std::string out;
  for (size_t row = 0; row < n_rows; ++row) {
    const char* axis = style.utf8 ? (labels[row].empty() ? "│" : "┤") : (labels[row].empty() ? "|" : "+");
    out += right(labels[row], margin) + " " + axis + canvas.row(row) + "\n";
  }
  out += std::string(margin, ' ') + (style.utf8 ? " └" : " +");
  for (size_t i = 0; i < n_columns; ++i) out += style.utf8 ? "─" : "-";
  out += "\n" + std::string(margin + kAxis, ' ') + "0" + right("trial " + format_count(last), n_columns - 1) + "\n";
  if (scale.is_log) out += std::string(margin + kAxis, ' ') + "(logarithmic)\n";
  return out;
}

std::string draw_bars(const std::vector<Bar>& bars, const PlotStyle& style) {
  size_t label_width = 0;
  double largest = 0;
  std::vector<std::string> labels;
  for (const Bar& each : bars) {
    labels.push_back(shortened(printable(each.label), std::max<size_t>(style.width / 3, 8)));
    label_width = std::max(label_width, width_of(labels.back()));
    largest = std::max(largest, each.share);
  }
  constexpr size_t kPercent = 9;  // two blanks, "100.0 %"
  const size_t room = std::max<size_t>(style.width, label_width + kPercent + 12) - label_width - kPercent - 2;
  std::string out;
  for (size_t i = 0; i < bars.size(); ++i) {
    out += labels[i] + std::string(label_width - width_of(labels[i]), ' ') + right(format_percent(bars[i].share), kPercent);
    const std::string drawn = bar(largest > 0 ? bars[i].share / largest : 0, room, style.utf8);
    out += (drawn.empty() ? "" : "  " + drawn) + "\n";
  }
  return out;
}

}  // namespace lockstep
