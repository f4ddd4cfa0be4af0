#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace lockstep {

/// A hyperparameter's or setting's value as a user writes it: boolean, integer, real, text, a list of those, or
/// a map from names to them (as in `dataset: {csv: path, target: column}`).
class Value {
 public:
  using List = std::vector<Value>;
  using Map = std::vector<std::pair<std::string, Value>>;  // in the order written

  Value() = default;  // null
  Value(bool v) : data_(v) {}
  Value(int v) : data_(static_cast<int64_t>(v)) {}
  Value(int64_t v) : data_(v) {}
  Value(double v) : data_(v) {}
  Value(const char* v) : data_(std::string(v)) {}
  Value(std::string v) : data_(std::move(v)) {}
  Value(List v) : data_(std::move(v)) {}
  Value(Map v) : data_(std::move(v)) {}

  bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  bool is_bool() const { return std::holds_alternative<bool>(data_); }
  bool is_integer() const { return std::holds_alternative<int64_t>(data_); }
  bool is_real() const { return std::holds_alternative<double>(data_); }
  bool is_number() const { return is_integer() || is_real(); }
  bool is_text() const { return std::holds_alternative<std::string>(data_); }
  bool is_list() const { return std::holds_alternative<List>(data_); }
  bool is_map() const { return std::holds_alternative<Map>(data_); }

  /// Each throws InputError naming the kind found when the value is of another kind. `as_real` takes integers
  /// too, and `as_integer` takes a real without a fraction.
  bool as_bool() const;
  int64_t as_integer() const;
  double as_real() const;
  const std::string& as_text() const;
  const List& as_list() const;
  const Map& as_map() const;
  /// The entry of a map, or nullptr.
  const Value* find(const std::string& name) const;

  /// JSON on one line: `0.1`, `"relu"`, `[64, 32]`. Reals are written so that they read back to the same bits, and
  /// with a point or an exponent, so that they read back as reals; what is not finite becomes `null`.
  std::string to_json() const;
  /// As `to_json`, but a top-level text without its quotes: what tables and logs print.
  std::string to_string() const;
  /// "boolean", "integer", "number", "text", "list", "map" or "null".
  const char* kind_name() const;

  // Defined where Value is complete: nvcc does not take a defaulted one here.
  friend bool operator==(const Value& a, const Value& b);

 private:
  std::variant<std::monostate, bool, int64_t, double, std::string, List, Map> data_;
};

inline bool operator==(const Value& a, const Value& b) { return a.data_ == b.data_; }

}  // namespace lockstep
