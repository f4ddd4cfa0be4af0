#include "report/format.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace lockstep {

std::string format_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.5g", value);
  return text;
}

std::string format_duration(double seconds) {
  char text[48];
  const auto whole = static_cast<int64_t>(std::llround(std::max(0.0, seconds)));
  if (seconds < 10) {
    std::snprintf(text, sizeof text, "%.1f s", std::max(0.0, seconds));
  } else if (whole < 60) {
    std::snprintf(text, sizeof text, "%lld s", static_cast<long long>(whole));
  } else if (whole < 3600) {
    std::snprintf(text, sizeof text, "%lld min %02lld s", static_cast<long long>(whole / 60), static_cast<long long>(whole % 60));
  } else {
    std::snprintf(text, sizeof text, "%lld h %02lld min", static_cast<long long>(whole / 3600),
                  static_cast<long long>(whole % 3600 / 60));
  }
  return text;
}

std::string format_percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %%", 100 * share);
  return text;
}

std::string format_count(int64_t count) {
  std::string digits = std::to_string(count < 0 ? -count : count);
  for (auto at = static_cast<int64_t>(digits.size()) - 3; at > 0; at -= 3) digits.insert(static_cast<size_t>(at), ",");
  return count < 0 ? "-" + digits : digits;
}

std::string format_count(int64_t count, const std::string& what) {
  return format_count(count) + " " + what + (count == 1 ? "" : "s");
}

std::string format_times(int64_t count) { return count == 1 ? "once" : format_count(count) + " times"; }

std::string format_value(const Value& value) {
  return value.is_real() ? format_number(value.as_real()) : value.to_string();
}

namespace {

struct CodePoint {
  uint32_t code = 0;
  size_t n_bytes = 0;  ///< 0: no UTF-8 begins here
};

CodePoint decode_utf8(const std::string& text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(i < text.size() ? text[i] : 0); };
  const unsigned char first = byte(at);
  if (first < 0x80) return {first, 1};
  const size_t n_bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return {};
  uint32_t code = first & (0xffu >> (n_bytes + 1));
  for (size_t i = 1; i < n_bytes; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(at + i) & 0x3fu);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < kLeast[n_bytes] || code > 0x10ffff || is_surrogate) return {};
  return {code, n_bytes};
}

/// What a terminal obeys rather than shows, or what shows the characters beside it in another order.
bool is_obeyed(uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x200e || code == 0x200f ||
         (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

std::string escaped(uint32_t code) {
  if (code == '\n') return "\\n";
  if (code == '\r') return "\\r";
  if (code == '\t') return "\\t";
  char text[16];
  std::snprintf(text, sizeof text, code < 0x100 ? "\\x%02x" : "\\u%04x", code);
  return text;
}

}  // namespace

std::string printable(const std::string& text, bool keeps_lines) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text, at);
    if (point.n_bytes == 0) {
      out += escaped(static_cast<unsigned char>(text[at++]));
      continue;
    }
    if (is_obeyed(point.code) && !(keeps_lines && point.code == '\n')) {
      out += escaped(point.code);
    } else {
      out.append(text, at, point.n_bytes);
    }
    at += point.n_bytes;
  }
  return out;
}

size_t width_of(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string cut(const std::string& text, size_t width) {
  size_t end = 0;
  for (size_t n = 0; end < text.size(); ++end) {
    if ((text[end] & 0xc0) != 0x80 && n++ == width) break;
  }
  return text.substr(0, end);
}

std::string shortened(const std::string& text, size_t width) {
  if (text.size() <= width || width_of(text) <= width) return text;
  return cut(text, std::max<size_t>(width, 3) - 3) + "...";
}

std::string format_table(const std::vector<std::vector<std::string>>& rows, const std::string& indent) {
  std::vector<std::vector<std::string>> cells = rows;
  std::vector<size_t> widths;
  for (auto& row : cells) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t c = 0; c < row.size(); ++c) {
      row[c] = shortened(printable(row[c]), kWidestCell);
      widths[c] = std::max(widths[c], width_of(row[c]));
    }
  }
  std::string out;
  for (const auto& row : cells) {
    std::string line = indent;
    for (size_t c = 0; c < row.size(); ++c) {
      line += row[c];
      if (c + 1 < row.size()) line.append(widths[c] - width_of(row[c]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

}  // namespace lockstep
