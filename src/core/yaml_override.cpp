#include "core/yaml_override.h"

#include <algorithm>

namespace lockstep {

namespace {

constexpr const char* kForm = "write --set KEY=VALUE, such as --set limits.max_total_trials=100";

std::string place(const Override& override) { return "--set " + override.key; }

/// `sampling_algorithm: random` and `early_termination: none` are short for a map with that type.
void expand_shorthand(YamlNode& node) {
  if (node.path != "sampling_algorithm" && node.path != "early_termination") return;
  if (!node.is_scalar() || node.is_null()) return;
  YamlNode type = node;
  type.key = "type";
  type.path = node.path + ".type";
  node.kind = YamlNode::Kind::kMap;
  node.text.clear();
  node.quoted = false;
  node.children = {std::move(type)};
}

/// The entry of `map` whose key starts the dotted `rest`, the longest key first, and what then remains of `rest`.
YamlNode* existing_entry(YamlNode& map, const std::string& rest, std::string& remainder) {
  for (size_t end = rest.size(); end != std::string::npos && end > 0; end = rest.rfind('.', end - 1)) {
    if (YamlNode* entry = map.find(rest.substr(0, end))) {
      remainder = end == rest.size() ? "" : rest.substr(end + 1);
      return entry;
    }
  }
  return nullptr;
}

YamlNode& new_entry(YamlNode& map, const std::string& rest, const Override& override, std::string& remainder) {
  const size_t dot = rest.find('.');
  YamlNode entry;
  entry.key = rest.substr(0, dot);
  entry.path = map.path.empty() ? entry.key : map.path + "." + entry.key;
  entry.where.file = place(override);
  remainder = dot == std::string::npos ? "" : rest.substr(dot + 1);
  map.children.push_back(std::move(entry));
  return map.children.back();
}

void set_place(YamlNode& node, const std::string& place) {
  node.where = {place};
  for (YamlNode& child : node.children) set_place(child, place);
}

/// One line of a command: its place is the option, and a line of its own tells nothing.
YamlNode parse_setting(const Override& override, const std::string& path) {
  try {
    YamlNode value = parse_yaml(override.value, place(override), path);
    set_place(value, place(override));
    return value;
  } catch (const InputError& failure) {
    throw failure.at({place(override)}, "");
  }
}

int depth_of(const YamlNode& node) {
  int depth = 0;
  for (const YamlNode& child : node.children) depth = std::max(depth, 1 + depth_of(child));
  return depth;
}

void apply(YamlNode& root, const Override& override) {
  if (override.key.empty() || override.key.front() == '.' || override.key.back() == '.' ||
      override.key.find("..") != std::string::npos) {
    throw InputError({place(override)}, "", "has no name before or after a dot", kForm);
  }
  YamlNode* node = &root;
  std::string rest = override.key;
  while (!rest.empty()) {
    expand_shorthand(*node);
    if (node->is_null()) {
      node->kind = YamlNode::Kind::kMap;
      node->text.clear();
      node->where.file = place(override);
      node->where.line = 0;
    }
    if (!node->is_map()) {
      throw InputError({place(override)}, node->path, "is no map, so nothing can be set in it",
                       "set it as a whole: --set '" + node->path + "=...'");
    }
    std::string remainder;
    YamlNode* next = existing_entry(*node, rest, remainder);
    node = next ? next : &new_entry(*node, rest, override, remainder);
    rest = remainder;
  }
  YamlNode value = parse_setting(override, node->path);
  value.key = node->key;
  *node = std::move(value);
}

}  // namespace

Override parse_override(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos) throw InputError({"--set " + text}, "", "has no '='", kForm);
  if (equals == 0) throw InputError({"--set " + text}, "", "has no key before the '='", kForm);
  return {text.substr(0, equals), text.substr(equals + 1)};
}

void apply_overrides(YamlNode& root, const std::vector<Override>& overrides) {
  for (const Override& override : overrides) {
    apply(root, override);
    // The journal keeps the result as a file, which must read back.
    if (depth_of(root) > kMaxYamlDepth) {
      throw InputError({place(override)}, "", "makes the file nested more than " + std::to_string(kMaxYamlDepth) + " deep",
                       "flatten it");
    }
  }
}

}  // namespace lockstep
