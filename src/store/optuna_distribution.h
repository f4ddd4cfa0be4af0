#pragma once

#include <optional>
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

/// The least and the greatest draw of a hyperparameter.
struct DrawRange {
  double low = 0;
  double high = 0;
};

/// The same for trials that are complete, whose draws lie in `drawn`: a real range is widened where a draw has left it
/// (quantised ones do), so that Optuna takes every trial; one of the normal family is `drawn` itself, so that Optuna's
/// importances, which average over the range, do not average over what nobody tried.
std::string optuna_distribution_json(const Distribution& distribution, const DrawRange& drawn);

/// The inverse: what Optuna's `distribution_json` of any version describes, as the nearest of ours. Integers, choices,
/// linear and logarithmic reals are the same; a real range with a step becomes quantised where its values are whole
/// multiples of the step, else continuous; a null among choices becomes the text "None". nullopt for JSON that is no
/// distribution, or one that ours refuse.
std::optional<Distribution> distribution_from_optuna(const std::string& json);

}  // namespace lockstep
