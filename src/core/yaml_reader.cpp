#include "core/yaml_reader.h"

#include <limits>

#include <lockstep/sweep_spec.h>

namespace lockstep {

namespace {

std::string known_names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string describe(const YamlNode& node) {
  if (node.is_null()) return "nothing";
  if (!node.is_scalar()) return node.is_map() ? "a map" : "a list";
  const Value value = node.value();
  return value.kind_name() + std::string(" ") + value.to_json();
}

[[noreturn]] void refuse_kind(const YamlNode& node, const std::string& wanted, const std::string& example) {
  const bool needless_quotes = node.quoted && !plain_scalar_value(node.text).is_text() && wanted != "text";
  node.refuse("found " + describe(node) + " where " + wanted + " belongs",
              needless_quotes ? "remove the quotes" : "write " + wanted + " such as " + example);
}

}  // namespace

void require_map(const YamlNode& node, const std::string& example) {
  if (!node.is_map()) {
    node.refuse("found " + describe(node) + " where a map belongs", "write names and values, such as " + example);
  }
}

void check_names(const YamlNode& map, const std::vector<std::string>& names, const std::string& what) {
  for (const YamlNode& child : map.children) {
    bool known = false;
    for (const std::string& name : names) known = known || name == child.key;
    if (!known) refuse_unknown(child, "field of " + what, child.key, names);
  }
}

const YamlNode* find_value(const YamlNode& map, const std::string& name) {
  const YamlNode* node = map.find(name);
  return node && !node->is_null() ? node : nullptr;
}

const YamlNode& require(const YamlNode& map, const std::string& name, const std::string& cure) {
  if (const YamlNode* node = find_value(map, name)) return *node;
  const YamlNode* empty = map.find(name);
  const std::string path = map.path.empty() ? name : map.path + "." + name;
  throw InputError(empty ? empty->where : map.where, path, empty ? "has no value" : "is missing", cure);
}

const std::string& read_text(const YamlNode& node) {
  if (!node.is_scalar() || !node.value().is_text()) refuse_kind(node, "text", "\"abc\"");
  return node.text;
}

int64_t read_integer(const YamlNode& node) {
  if (!node.is_scalar() || !node.value().is_number()) refuse_kind(node, "an integer", "10");
  const Value value = node.value();
  if (value.is_integer()) return value.as_integer();
  // 1e3 is a whole number too; 1.5 is not.
  const double real = value.as_real();
  if (!(real >= -0x1p53 && real <= 0x1p53) || real != static_cast<double>(static_cast<int64_t>(real))) {
    refuse_kind(node, "an integer", "10");
  }
  return static_cast<int64_t>(real);
}

int64_t read_integer(const YamlNode& node, int64_t min_value, int64_t max_value) {
  const int64_t value = read_integer(node);
  if (value >= min_value && value <= max_value) return value;
  const bool bounded = max_value < std::numeric_limits<int64_t>::max();
  node.refuse(std::to_string(value) + (value < min_value ? " is too small" : " is too large"),
              bounded ? "write " + std::to_string(min_value) + " to " + std::to_string(max_value)
                      : "write at least " + std::to_string(min_value));
}

double read_number(const YamlNode& node) {
  if (!node.is_scalar() || !node.value().is_number()) refuse_kind(node, "a number", "0.1");
  return node.value().as_real();
}

bool read_flag(const YamlNode& node) {
  if (!node.is_scalar() || !node.value().is_bool()) refuse_kind(node, "a boolean", "true");
  return node.value().as_bool();
}

void refuse_unknown(const YamlNode& node, const std::string& what, const std::string& name,
                    const std::vector<std::string>& names) {
  const std::string nearest = nearest_name(name, names);
  node.refuse("unknown " + what + ": '" + name + "'",
              (nearest.empty() ? "" : "did you mean '" + nearest + "'? ") + "known are " + known_names(names));
}

}  // namespace lockstep
