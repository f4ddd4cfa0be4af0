#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/yaml_tree.h"

namespace lockstep {

/// Checked reading of a YamlNode. Everything throws InputError with file, line, dotted key and cure.

/// Refuses anything but a map. `example` shows a right one.
void require_map(const YamlNode& node, const std::string& example);
/// Refuses entries of `map` that are not in `names`; names the nearest. `what` says what `map` is: "limits".
void check_names(const YamlNode& map, const std::vector<std::string>& names, const std::string& what);
/// The entry of `map`, which must be there and not null. `cure` is added to the message: "add 'q: 1'".
const YamlNode& require(const YamlNode& map, const std::string& name, const std::string& cure);
/// The entry of `map`, or nullptr when it is absent or null.
const YamlNode* find_value(const YamlNode& map, const std::string& name);

/// The scalar's value; each refuses another kind of value.
const std::string& read_text(const YamlNode& node);
int64_t read_integer(const YamlNode& node);
double read_number(const YamlNode& node);
bool read_flag(const YamlNode& node);

/// An integer that must lie in [min_value, max_value].
int64_t read_integer(const YamlNode& node, int64_t min_value, int64_t max_value);

/// Refuses `name` as one of none of `names`: "unknown `what` 'name'; did you mean 'nearest'? known are a, b, c".
[[noreturn]] void refuse_unknown(const YamlNode& node, const std::string& what, const std::string& name,
                                 const std::vector<std::string>& names);

}  // namespace lockstep
