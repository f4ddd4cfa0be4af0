#include <lockstep/configurations.h>

#include <algorithm>
#include <stdexcept>
#include <string>

namespace lockstep {

Configurations::Configurations(SearchSpace space, int64_t first_trial, int64_t n_trials, std::vector<double> draws)
    : space_(std::move(space)), first_trial_(first_trial), n_trials_(n_trials), draws_(std::move(draws)) {
  if (n_trials < 0 || first_trial < 0 || static_cast<int64_t>(draws_.size()) != n_trials * space_.n_params()) {
    throw std::invalid_argument("Configurations: " + std::to_string(draws_.size()) + " draws are not " +
                                std::to_string(n_trials) + " trials of " + std::to_string(space_.n_params()) +
                                " hyperparameters");
  }
}

Configurations::Configurations(SearchSpace space, const std::vector<Value::Map>& trials)
    : space_(std::move(space)), n_trials_(static_cast<int64_t>(trials.size())) {
  for (size_t trial = 0; trial < trials.size(); ++trial) {
    try {
      const std::vector<double> draws = space_.encode(trials[trial]);
      draws_.insert(draws_.end(), draws.begin(), draws.end());
    } catch (const InputError& error) {
      throw error.at({}, "trial " + std::to_string(trial));
    }
  }
}

Configuration Configurations::configuration(int64_t trial) const {
  if (trial < first_trial_ || trial - first_trial_ >= n_trials_) {
    throw std::invalid_argument("Configurations: there is no trial " + std::to_string(trial));
  }
  return space_.decode({row(trial), static_cast<size_t>(space_.n_params())});
}

void Configurations::replace(int64_t trial, std::span<const double> draws) {
  if (trial < first_trial_ || trial - first_trial_ >= n_trials_ || static_cast<int64_t>(draws.size()) != space_.n_params()) {
    throw std::invalid_argument("Configurations: " + std::to_string(draws.size()) + " draws cannot replace those of trial " +
                                std::to_string(trial));
  }
  std::copy(draws.begin(), draws.end(), draws_.begin() + (trial - first_trial_) * space_.n_params());
}

}  // namespace lockstep
