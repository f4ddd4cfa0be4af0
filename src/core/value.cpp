#include <lockstep/value.h>

#include <cmath>

#include <nlohmann/json.hpp>

#include <lockstep/error.h>

namespace lockstep {

namespace {

[[noreturn]] void throw_kind(const Value& value, const char* wanted) {
  std::string found = value.kind_name();
  if (!value.is_null()) found += " " + value.to_json();
  throw InputError("found " + found + " where " + wanted + " belongs");
}

std::string scalar_json(const nlohmann::json& scalar) {
  // Text that is not UTF-8 must not make a report fail: the odd bytes are replaced.
  return scalar.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

bool Value::as_bool() const {
  if (const bool* v = std::get_if<bool>(&data_)) return *v;
  throw_kind(*this, "a boolean (true or false)");
}

int64_t Value::as_integer() const {
  if (const int64_t* v = std::get_if<int64_t>(&data_)) return *v;
  if (const double* v = std::get_if<double>(&data_)) {
    // 2^63 itself is a double and does not fit.
    if (std::floor(*v) == *v && *v >= -0x1p63 && *v < 0x1p63) return static_cast<int64_t>(*v);
  }
  throw_kind(*this, "an integer");
}

double Value::as_real() const {
  if (const double* v = std::get_if<double>(&data_)) return *v;
  if (const int64_t* v = std::get_if<int64_t>(&data_)) return static_cast<double>(*v);
  throw_kind(*this, "a number");
}

const std::string& Value::as_text() const {
  if (const std::string* v = std::get_if<std::string>(&data_)) return *v;
  throw_kind(*this, "text");
}

const Value::List& Value::as_list() const {
  if (const List* v = std::get_if<List>(&data_)) return *v;
  throw_kind(*this, "a list");
}

const Value::Map& Value::as_map() const {
  if (const Map* v = std::get_if<Map>(&data_)) return *v;
  throw_kind(*this, "a map");
}

const Value* Value::find(const std::string& name) const {
  for (const auto& [key, value] : as_map()) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::string Value::to_json() const {
  if (is_null()) return "null";
  if (is_bool()) return as_bool() ? "true" : "false";
  if (is_integer()) return std::to_string(std::get<int64_t>(data_));
  if (is_real()) return scalar_json(std::get<double>(data_));
  if (is_text()) return scalar_json(as_text());
  std::string text;
  if (is_list()) {
    for (const Value& element : as_list()) text += (text.empty() ? "" : ", ") + element.to_json();
    return "[" + text + "]";
  }
  for (const auto& [key, value] : as_map()) {
    text += (text.empty() ? "" : ", ") + scalar_json(key) + ": " + value.to_json();
  }
  return "{" + text + "}";
}

std::string Value::to_string() const { return is_text() ? as_text() : to_json(); }

const char* Value::kind_name() const {
  static constexpr const char* kNames[] = {"null", "boolean", "integer", "number", "text", "list", "map"};
  return kNames[data_.index()];
}

}  // namespace lockstep
