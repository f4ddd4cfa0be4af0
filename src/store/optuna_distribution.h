#pragma once

#include <string>

#include <lockstep/search_space.h>

namespace lockstep {

/// `distribution` as Optuna's `distribution_json`: the nearest of its three kinds that Optuna can read.
///
/// choice becomes categorical (lists and maps among its values as their JSON text, as Optuna takes scalars alone);
/// randint and int become IntDistribution; the rest FloatDistribution. Optuna has no normal distributions and no
/// unclipped quantised ones: they become a range that no draw leaves, wide and finite, with no step. A logarithmic
/// range whose low end is 0 in double, which would make the study unreadable, is written as a linear one.
///
/// A draw is the `param_value` that belongs to it.
std::string optuna_distribution_json(const Distribution& distribution);

}  // namespace lockstep
