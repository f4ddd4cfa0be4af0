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
/// 1234567 as 1,234,567.
std::string format_count(int64_t count);
/// "once", "1,234 times".
std::string format_times(int64_t count);
/// A hyperparameter's value as a person reads it: reals with five digits.
std::string format_value(const Value& value);

/// Left-aligned columns, two spaces apart; the first row is the header.
std::string format_table(const std::vector<std::vector<std::string>>& rows, const std::string& indent = "");

}  // namespace lockstep
