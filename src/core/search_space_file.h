#pragma once

#include <lockstep/search_space.h>

#include "core/yaml_tree.h"

namespace lockstep {

/// What a search space means hangs on the rest of its file.
struct SearchSpaceRules {
  double log_base = 0;  ///< of the bounds of logarithmic distributions; 0: e
  bool maps = true;     ///< whether a choice may hold maps: a built-in task can make nothing of them
  bool nested = true;   ///< whether these may hold distributions in turn: a grid would try combinations that are none
};

/// Reads the `search_space` map of a sweep file. A distribution in a map that `model` can be becomes a hyperparameter of its
/// own, `model.lr`, behind `model` (`core/nested_choice.h`). Throws InputError with file, line, dotted key and cure.
SearchSpace read_search_space(const YamlNode& node, const SearchSpaceRules& rules = {});

}  // namespace lockstep
