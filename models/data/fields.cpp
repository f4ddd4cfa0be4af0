#include "models/data/fields.h"

#include <algorithm>

namespace lockstep::models {

std::string cure_for(const std::string& name, const std::vector<std::string>& known, const std::string& what) {
  const std::string near = nearest_name(name, known);
  std::string out = near.empty() ? "" : "did you mean '" + near + "'? ";
  out += what;
  for (size_t i = 0; i < known.size(); ++i) out += (i == 0 ? " " : ", ") + known[i];
  return out;
}

InputError Fields::error(const std::string& name, const std::string& problem, const std::string& cure) const {
  return InputError(where_, key_ + (name.empty() ? "" : ".") + name, problem, cure);
}

const Value* Fields::find(const std::string& name) {
  if (std::find(known_.begin(), known_.end(), name) == known_.end()) known_.push_back(name);
  return map_.find(name);
}

std::string Fields::text(const std::string& name, const std::string& default_value) {
  const Value* value = find(name);
  return value == nullptr ? default_value : as_name(*value, name);
}

std::string Fields::needed_text(const std::string& name, const std::string& cure) {
  if (!has(name)) throw error(name, "is needed but not given", cure);
  return text(name, "");
}

std::vector<std::string> Fields::texts(const std::string& name) {
  const Value* value = find(name);
  if (value == nullptr) return {};
  if (!value->is_list()) return {as_name(*value, name)};
  std::vector<std::string> out;
  for (const auto& each : value->as_list()) out.push_back(as_name(each, name));
  return out;
}

int64_t Fields::count(const std::string& name, int64_t default_value) {
  const Value* value = find(name);
  if (value == nullptr) return default_value;
  if (!value->is_integer() || value->as_integer() < 1) {
    throw error(name, value->to_json() + " is not a number of them", "give an integer from 1");
  }
  return value->as_integer();
}

size_t Fields::one_of(const std::string& name, const std::vector<std::string>& known, size_t default_value) {
  const std::string given = text(name, "");
  if (given.empty()) return default_value;
  const auto found = std::find(known.begin(), known.end(), given);
  if (found == known.end()) {
    throw error(name, "there is no '" + given + "' here", cure_for(given, known, "It can be"));
  }
  return static_cast<size_t>(found - known.begin());
}

void Fields::refuse_unknown() const {
  for (const auto& [name, value] : map_.as_map()) {
    if (std::find(known_.begin(), known_.end(), name) == known_.end()) {
      throw error(name, "is not known here", cure_for(name, known_, "Known here are"));
    }
  }
}

std::string Fields::as_name(const Value& value, const std::string& name) const {
  if (value.is_list() || value.is_map() || value.is_null()) {
    throw error(name, value.to_json() + " is a " + value.kind_name(), "it must be a text");
  }
  return value.to_string();
}

}  // namespace lockstep::models
