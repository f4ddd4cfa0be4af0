#pragma once

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

namespace lockstep {

/// JSON as programs write it: with NaN and infinities unquoted, as Python's json.dumps has them (and C's printf: nan,
/// -inf). What is nested deeper than 32 levels is left out. Returns a discarded value for what is no JSON.
nlohmann::json parse_lenient_json(const std::string& text);

/// The value of a number, or of a NaN or an infinity that `parse_lenient_json` met; nothing for anything else.
std::optional<double> number_of(const nlohmann::json& value);

/// The value of an integer, also of one written as 5.0; nothing for anything else.
std::optional<int64_t> integer_of(const nlohmann::json& value);

/// A number by itself in a text, with "nan" and "inf" in any case and spelling; nothing where it is anything else.
std::optional<double> number_in(std::string text);

}  // namespace lockstep
