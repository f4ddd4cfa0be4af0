#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <lockstep/search_space.h>

namespace lockstep {

struct Backend;
struct Context;

/// The configurations of a run of trials: draws [n_trials, n_params], row-major, double, host memory. Row i is
/// trial `first_trial + i`. Draws are what the sampler wrote; `value` says what one stands for.
class Configurations {
 public:
  Configurations() = default;
  /// Takes over `draws`, whose size must be a multiple of the space's width.
  Configurations(SearchSpace space, int64_t first_trial, int64_t n_trials, std::vector<double> draws);
  /// Of trials 0, 1, ... with these values, by name: {{{"lr", 0.1}, {"hidden", 16}}, ...}. Throws as `SearchSpace::encode`,
  /// naming the trial.
  Configurations(SearchSpace space, const std::vector<Value::Map>& trials);

  const SearchSpace& space() const { return space_; }
  int64_t n_trials() const { return n_trials_; }
  int64_t first_trial() const { return first_trial_; }
  const double* row(int64_t trial) const { return draws_.data() + (trial - first_trial_) * space_.n_params(); }
  double draw(int64_t trial, int64_t param) const { return row(trial)[param]; }
  Value value(int64_t trial, int64_t param) const { return space_[param].distribution.decode(draw(trial, param)); }
  /// A trial's configuration by name.
  Configuration configuration(int64_t trial) const;
  const std::vector<double>& draws() const { return draws_; }
  /// Gives a trial another configuration, [n_params].
  void replace(int64_t trial, std::span<const double> draws);

 private:
  SearchSpace space_;
  int64_t first_trial_ = 0;
  int64_t n_trials_ = 0;
  std::vector<double> draws_;
};

/// Draws the configurations of trials [first_trial, first_trial + n_trials) by random sampling with `context.seed`.
/// Trial k's configuration depends on the seed, k and the parameter's column alone: not on how many are drawn, the
/// device, or the other parameters. Synchronises the stream.
Configurations sample_random(const Backend& backend, const Context& context, const SearchSpace& space,
                             int64_t first_trial, int64_t n_trials);

}  // namespace lockstep
