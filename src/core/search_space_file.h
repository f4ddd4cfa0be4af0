#pragma once

#include <lockstep/search_space.h>

#include "core/yaml_tree.h"

namespace lockstep {

/// Reads the `search_space` map of a sweep file. Throws InputError with file, line, dotted key and cure.
SearchSpace read_search_space(const YamlNode& node);

}  // namespace lockstep
