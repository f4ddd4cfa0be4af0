#pragma once

#include <functional>
#include <set>
#include <string>

#include <lockstep/configurations.h>
#include <lockstep/search_space.h>
#include <lockstep/value.h>

namespace lockstep {

/// A choice's value may be a map that holds distributions, as Azure ML's schema has it. Each of these is a hyperparameter of
/// its own, drawn for every trial, and the map refers to it; it counts only where the map was chosen.

/// What stands in the map for the hyperparameter `name`.
Value nested_reference(const std::string& name);
/// The hyperparameters that maps of the space refer to.
std::set<std::string> nested_names(const SearchSpace& space);
/// A trial's value of a hyperparameter, with what its map refers to filled in.
Value composed_value(const Configurations& configurations, int64_t trial, int64_t param);

}  // namespace lockstep
