#include "command/lenient_json.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>

namespace lockstep {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 32;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Strings that stand for numbers which JSON does not have. They begin with NUL, so nobody means them as a text.
const std::string kNaN("\0nan", 4), kPlus("\0inf", 4), kMinus("\0-inf", 5);

/// `text` with those unquoted words outside of its strings replaced.
std::string with_quoted_words(const std::string& text) {
  std::string result;
  result.reserve(text.size() + 64);
  bool in_string = false;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (in_string && c == '\\' && i + 1 < text.size()) {
      result.append(text, i, 2);
      i += 2;
      continue;
    }
    if (c == '"') in_string = !in_string;
    if (in_string || !std::isalpha(static_cast<unsigned char>(c))) {
      result += c;
      ++i;
      continue;
    }
    size_t end = i;
    while (end < text.size() && std::isalpha(static_cast<unsigned char>(text[end]))) ++end;
    const auto word = number_in(text.substr(i, std::min(end - i, size_t{16})));
    if (word && !std::isfinite(*word)) {
      const bool is_negative = !result.empty() && result.back() == '-';
      if (is_negative) result.pop_back();
      result += std::isnan(*word) ? R"("\u0000nan")" : is_negative ? R"("\u0000-inf")" : R"("\u0000inf")";
    } else {
      result.append(text, i, end - i);
    }
    i = end;
  }
  return result;
}

}  // namespace

json parse_lenient_json(const std::string& text) {
  // Without a limit, a body of brackets alone takes a hundred times its size.
  const auto shallow = [](int depth, json::parse_event_t, json&) { return depth <= kMaxDepth; };
  json value = json::parse(text, shallow, false);
  if (value.is_discarded()) value = json::parse(with_quoted_words(text), shallow, false);
  return value;
}

std::optional<double> number_of(const json& value) {
  if (value.is_number()) return value.get<double>();
  const auto* text = value.get_ptr<const std::string*>();
  if (!text) return std::nullopt;
  if (*text == kNaN) return std::numeric_limits<double>::quiet_NaN();
  if (*text == kPlus) return kInfinity;
  if (*text == kMinus) return -kInfinity;
  return std::nullopt;
}

std::optional<int64_t> integer_of(const json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<uint64_t>();
    if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
    return static_cast<int64_t>(number);
  }
  if (value.is_number_integer()) return value.get<int64_t>();
  if (!value.is_number_float()) return std::nullopt;
  const auto number = value.get<double>();
  if (!(std::abs(number) < 9e18) || std::trunc(number) != number) return std::nullopt;
  return static_cast<int64_t>(number);
}

std::optional<double> number_in(std::string text) {
  const auto is_space = [](unsigned char c) { return std::isspace(c) != 0; };
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), is_space));
  text.erase(std::find_if_not(text.rbegin(), text.rend(), is_space).base(), text.end());
  if (text.starts_with("+") && !text.starts_with("+-")) text.erase(0, 1);
  double value = 0;
  // Takes "nan", "inf" and "infinity" in any case, and no locale.
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || end != text.data() + text.size()) return std::nullopt;
  if (failure == std::errc::result_out_of_range) return std::nullopt;
  if (failure != std::errc()) return std::nullopt;
  return value;
}

}  // namespace lockstep
