#pragma once

#include <string>

#include <lockstep/search_space.h>

namespace lockstep {

/// The search space with its true distributions, in declaration order and the words of the sweep file:
/// `[{"name": "lr", "type": "loguniform", "min_value": -7, "max_value": -1}, ...]`.
std::string search_space_to_json(const SearchSpace& space);

/// The inverse. Throws OutputError for what it does not understand.
SearchSpace search_space_from_json(const std::string& json);

}  // namespace lockstep
