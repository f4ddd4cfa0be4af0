#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <lockstep/backend.h>
#include <lockstep/configurations.h>
#include <lockstep/search_space.h>
#include <lockstep/sweep_spec.h>

namespace lockstep {

/// Throws InputError when `space` cannot be sampled so: a grid takes choice alone, and a Sobol sequence has
/// `kMaxSobolParams` dimensions.
void check_sampling(const Sampling& sampling, const SearchSpace& space);

/// Combinations in a space of choices; the largest int64_t when there are more. 1 for an empty space. Throws InputError
/// for anything but choice.
int64_t grid_size(const SearchSpace& space);

/// Trials that can be sampled: the grid's size, the points of a Sobol sequence, or the largest int64_t.
int64_t max_trials(const Sampling& sampling, const SearchSpace& space);

/// Trials of a sweep: its `limits.max_total_trials`, or the grid's size where that is smaller.
int64_t trial_count(const SweepSpec& spec);

/// The most trials at once that a sweep wants: its `limits.max_concurrent_trials`. Without one a Bayesian sweep wants a
/// tenth of its trials, as it learns nothing from what trains at the same time; any other as many as memory takes, the
/// largest int64_t.
int64_t concurrent_limit(const SweepSpec& spec);

/// What a user should know of a sweep's sampling, such as how much of the grid its limit leaves; "" when nothing.
/// @param n_observations that Bayesian sampling begins with
std::string sampling_note(const SweepSpec& spec, int64_t n_observations = 0);

/// Draws configurations run by run, into device memory. Trial k's configuration depends on the algorithm, the context's
/// seed, k and the parameter's column alone; a grid's on k and the choices before and after it.
class Sampler {
 public:
  /// Checks the space. `backend` and `context` must outlive the sampler; `sampling.seed` is not looked at: the seed is
  /// the context's.
  Sampler(const Backend& backend, const Context& context, const Sampling& sampling, const SearchSpace& space);
  ~Sampler();
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  /// Writes the draws [n_trials, n_params] of trials [first_trial, first_trial + n_trials), row-major, to device memory
  /// `draws`. In stream order; does not synchronise. Throws InputError beyond `max_trials`.
  void draw(int64_t first_trial, int64_t n_trials, double* draws) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Draws the configurations of trials [first_trial, first_trial + n_trials) by `sampling.algorithm` with
/// `context.seed`. Synchronises the stream.
Configurations sample(const Backend& backend, const Context& context, const Sampling& sampling,
                      const SearchSpace& space, int64_t first_trial, int64_t n_trials);

/// The configurations of a sweep's trials, all `trial_count` of them. Those of a Bayesian sweep are provisional, drawn at
/// random but for two at the ends of every range: to plan with, until a proposer chooses.
Configurations sample(const Backend& backend, const Context& context, const SweepSpec& spec);

}  // namespace lockstep
