#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <lockstep/configurations.h>
#include <lockstep/search_space.h>
#include <lockstep/sweep_spec.h>

namespace lockstep {

enum class Acquisition {
  kAuto,      ///< log_ei for up to 8 configurations at a time, thompson for more
  kThompson,  ///< each configuration is the best point of one function drawn from the posterior
  kLogEi,     ///< the largest logarithm of the expected improvement, one configuration after another
};

struct BayesianOptions {
  Goal goal = Goal::kMaximize;
  uint64_t seed = 0;
  /// Configurations of a scrambled Sobol sequence, or observations told, before there is a model; 0: twice the
  /// hyperparameters, at least 8.
  int64_t startup = 0;
  Acquisition acquisition = Acquisition::kAuto;
  int64_t model_size = 320;  ///< observations that the model's hyperparameters are fitted to; it conditions on all
};

/// Bayesian optimisation by a Gaussian process, for any number of configurations at a time: `ask` for some, evaluate them
/// in any order, `tell` what they came to. Nothing has to be told before more is asked: what is still being evaluated is
/// not proposed again. The same calls with the same seed give the same configurations on one machine.
///
///     BayesianSampler sampler(space, {.goal = Goal::kMinimize, .seed = 7});
///     for (int round = 0; round < 10; ++round) {
///       const Configurations batch = sampler.ask(64);
///       for (int64_t i = 0; i < 64; ++i) sampler.tell({batch.row(batch.first_trial() + i), 2}, f(batch, i));
///     }
class BayesianSampler {
 public:
  /// Throws InputError for an empty space and for options that mean nothing.
  BayesianSampler(SearchSpace space, const BayesianOptions& options);
  ~BayesianSampler();
  BayesianSampler(BayesianSampler&&) noexcept;
  BayesianSampler& operator=(BayesianSampler&&) noexcept;

  /// The next `q` configurations, numbered from where the last call ended. They differ from each other, and from what was
  /// asked or told before, as long as the space has others.
  Configurations ask(int64_t q);
  /// An observation: of a configuration that was asked for, or of any other (an earlier sweep's, say). A value that is not
  /// finite stands for one that failed: it counts as worse than all others.
  /// @param draws [n_params] as in Configurations
  void tell(std::span<const double> draws, double value);

  int64_t n_told() const;
  /// Configurations that were asked for and not told yet.
  int64_t n_pending() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lockstep
