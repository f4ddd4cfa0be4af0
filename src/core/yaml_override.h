#pragma once

#include <vector>

#include <lockstep/sweep_spec.h>

#include "core/yaml_tree.h"

namespace lockstep {

/// Sets `override.key` in the map `root`, later ones over earlier ones, and creates the maps on the way. What was set
/// is placed at "--set KEY" in messages. A key that itself contains dots is found when the file has it. Throws
/// InputError for a key without a name between its dots, a value that is not YAML, and a way through a non-map.
void apply_overrides(YamlNode& root, const std::vector<Override>& overrides);

}  // namespace lockstep
