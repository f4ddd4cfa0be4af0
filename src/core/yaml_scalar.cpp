#include <charconv>
#include <limits>
#include <regex>

#include "core/yaml_tree.h"

namespace lockstep {

namespace {

bool is_one_of(const std::string& text, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (text == name) return true;
  }
  return false;
}

/// `digits` may start with a minus sign.
bool parse_integer(const std::string& digits, int base, int64_t& result) {
  const char* last = digits.data() + digits.size();
  const auto [end, failure] = std::from_chars(digits.data(), last, result, base);
  return failure == std::errc() && end == last;
}

/// `digits` is known to be a decimal number without a plus sign.
double parse_real(const std::string& digits) {
  double result = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), result);
  if (failure != std::errc::result_out_of_range) return result;
  const double sign = digits[0] == '-' ? -1 : 1;
  const bool tiny = digits.find("e-") != std::string::npos || digits.find("E-") != std::string::npos;
  return sign * (tiny ? 0 : std::numeric_limits<double>::infinity());
}

}  // namespace

Value plain_scalar_value(const std::string& text) {
  // Written out rather than left to yaml-cpp, whose 1.1 schema also takes yes, on and y for booleans.
  static const std::regex kInteger("[-+]?[0-9]+");
  static const std::regex kReal("[-+]?(\\.[0-9]+|[0-9]+(\\.[0-9]*)?)([eE][-+]?[0-9]+)?");
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (is_one_of(text, {"", "~", "null", "Null", "NULL"})) return Value();
  if (is_one_of(text, {"true", "True", "TRUE"})) return Value(true);
  if (is_one_of(text, {"false", "False", "FALSE"})) return Value(false);
  if (is_one_of(text, {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"})) return Value(kInfinity);
  if (is_one_of(text, {"-.inf", "-.Inf", "-.INF"})) return Value(-kInfinity);
  if (is_one_of(text, {".nan", ".NaN", ".NAN"})) return Value(std::numeric_limits<double>::quiet_NaN());
  int64_t integer = 0;
  if (text.starts_with("0x") && text[2] != '-' && parse_integer(text.substr(2), 16, integer)) return Value(integer);
  if (text.starts_with("0o") && text[2] != '-' && parse_integer(text.substr(2), 8, integer)) return Value(integer);
  // No number is longer; and std::regex recurses once a letter.
  if (text.size() > 400) return Value(text);
  const std::string digits = text[0] == '+' ? text.substr(1) : text;
  if (std::regex_match(text, kInteger) && parse_integer(digits, 10, integer)) return Value(integer);
  if (std::regex_match(text, kReal)) return Value(parse_real(digits));
  return Value(text);
}

}  // namespace lockstep
