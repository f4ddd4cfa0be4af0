#pragma once

#include <stdexcept>
#include <string>

namespace lockstep {

/// A right sweep file. Lines are counted by the tests, so add at the end only.
inline const std::string kGoodSweep =
    R"(type: sweep
sampling_algorithm:
  type: random
  seed: 7
search_space:
  lr:
    type: loguniform
    min_value: -7
    max_value: -1
objective:
  goal: maximize
  primary_metric: accuracy
limits:
  max_total_trials: 100
  max_concurrent_trials: 20
  timeout: 60
early_termination:
  type: median_stopping
  evaluation_interval: 2
  delay_evaluation: 5
trial:
  model: mlp
  epochs: 10
)";

/// `kGoodSweep` with the first `from` replaced by `to`; throws when it is not there, so that no test tests nothing.
inline std::string replaced(const std::string& from, const std::string& to) {
  std::string text = kGoodSweep;
  const size_t at = text.find(from);
  if (at == std::string::npos) throw std::logic_error("the sweep has no '" + from + "'");
  return text.replace(at, from.size(), to);
}

}  // namespace lockstep
