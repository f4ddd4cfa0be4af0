#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <lockstep/value.h>

namespace lockstep {

/// Five significant digits, without trailing zeros: 0.98333, 1.2346e-05, 17.
std::string format_number(double value);
/// 12 s, 3 min 20 s, 2 h 05 min.
std::string format_duration(double seconds);
/// 0.123 as 12.3 %.
std::string format_percent(double share);
/// 1234567 as 1,234,567.
std::string format_count(int64_t count);
/// "1 trial", "1,234 trials".
std::string format_count(int64_t count, const std::string& what);
/// "once", "1,234 times".
std::string format_times(int64_t count);
/// A hyperparameter's value as a person reads it: reals with five digits.
std::string format_value(const Value& value);

/// `text` as a terminal may show it: control characters (line breaks and escape sequences among them), marks that turn the
/// direction of writing, and bytes that are not UTF-8 stand as \n, \x1b, \u202e. With `keeps_lines` line breaks stay.
std::string printable(const std::string& text, bool keeps_lines = false);
/// Columns of UTF-8 text, one a character.
size_t width_of(const std::string& text);
/// The first `width` characters; never half of one.
std::string cut(const std::string& text, size_t width);
/// `text` if it is no wider than `width`, else as much of it as fits before "...".
std::string shortened(const std::string& text, size_t width);

/// Cells of a table longer than this are shortened: what is printed for programs has them whole.
inline constexpr size_t kWidestCell = 200;

/// Left-aligned columns, two spaces apart; the first row is the header. Cells are made printable.
std::string format_table(const std::vector<std::vector<std::string>>& rows, const std::string& indent = "");

}  // namespace lockstep
