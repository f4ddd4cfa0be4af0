#include <lockstep/configurations.h>

#include <stdexcept>

#include "core/device_buffer.h"

namespace lockstep {

Configurations::Configurations(SearchSpace space, int64_t first_trial, int64_t n_trials, std::vector<double> draws)
    : space_(std::move(space)), first_trial_(first_trial), n_trials_(n_trials), draws_(std::move(draws)) {
  if (n_trials < 0 || first_trial < 0 || static_cast<int64_t>(draws_.size()) != n_trials * space_.n_params()) {
    throw std::invalid_argument("Configurations: " + std::to_string(draws_.size()) + " draws are not " +
                                std::to_string(n_trials) + " trials of " + std::to_string(space_.n_params()) +
                                " hyperparameters");
  }
}

Configurations sample_random(const Backend& backend, const Context& context, const SearchSpace& space,
                             int64_t first_trial, int64_t n_trials) {
  if (first_trial < 0 || n_trials < 0) {
    throw std::invalid_argument("sample_random: negative trial or number of trials");
  }
  std::vector<double> draws(static_cast<size_t>(n_trials * space.n_params()));
  if (!draws.empty()) {
    const std::vector<DistributionSpec> specs = space.specs();
    DeviceBuffer<DistributionSpec> device_specs(backend, context, specs.size());
    DeviceBuffer<double> device_draws(backend, context, draws.size());
    device_specs.upload(specs.data(), specs.size());
    backend.sample_random(context, device_specs.data(), space.n_params(), first_trial, n_trials, device_draws.data());
    device_draws.download(draws.data(), draws.size());
  }
  return Configurations(space, first_trial, n_trials, std::move(draws));
}

}  // namespace lockstep
