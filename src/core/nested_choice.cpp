#include "core/nested_choice.h"

namespace lockstep {

namespace {

const std::string kOpen = "${{search_space.";
const std::string kClose = "}}";

/// The name that a value refers to, or "".
std::string referenced_name(const Value& value) {
  if (!value.is_text()) return "";
  const std::string& text = value.as_text();
  if (!text.starts_with(kOpen) || !text.ends_with(kClose) || text.size() <= kOpen.size() + kClose.size()) return "";
  return text.substr(kOpen.size(), text.size() - kOpen.size() - kClose.size());
}

void collect(const Value& value, std::set<std::string>& names) {
  if (!value.is_map()) return;
  for (const auto& [key, each] : value.as_map()) {
    if (const std::string name = referenced_name(each); !name.empty()) names.insert(name);
    collect(each, names);
  }
}

Value compose(const Configurations& configurations, int64_t trial, const Value& value) {
  if (!value.is_map()) return value;
  Value::Map map;
  for (const auto& [key, each] : value.as_map()) {
    const std::string name = referenced_name(each);
    const std::optional<int64_t> param = name.empty() ? std::nullopt : configurations.space().find(name);
    map.emplace_back(key, param ? composed_value(configurations, trial, *param)
                                : compose(configurations, trial, each));
  }
  return map;
}

}  // namespace

Value nested_reference(const std::string& name) { return kOpen + name + kClose; }

std::set<std::string> nested_names(const SearchSpace& space) {
  std::set<std::string> names;
  for (const Parameter& parameter : space.parameters()) {
    for (const Value& value : parameter.distribution.values) collect(value, names);
  }
  return names;
}

Value composed_value(const Configurations& configurations, int64_t trial, int64_t param) {
  return compose(configurations, trial, configurations.value(trial, param));
}

}  // namespace lockstep
