#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <lockstep/configurations.h>
#include <lockstep/search_space.h>
#include <lockstep/sweep.h>
#include <lockstep/sweep_spec.h>

namespace lockstep {

struct BayesianOptions {
  Goal goal = Goal::kMaximize;
  uint64_t seed = 0;
  BayesianSettings settings = {};
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
  /// @return the observation's number, for `revise`
  int64_t tell(std::span<const double> draws, double value);
  /// What a trial of an earlier sweep came to: its value, or that it failed. Its configuration may be proposed again, once:
  /// whoever looks at this sweep's best alone is not to miss it.
  /// @return the observation's number; nothing where the trial says nothing of a configuration: it lies outside of the
  ///         space, or ended without a value and without having failed
  std::optional<int64_t> tell(const EarlierTrial& trial);
  /// Another value for an observation that was told: a better estimate of what a trial would have come to that was
  /// stopped, say.
  void revise(int64_t observation, double value);
  /// A configuration that was asked for and will not be evaluated: it does not count as being evaluated any more.
  void withdraw(std::span<const double> draws);

  int64_t n_told() const;
  /// Configurations that were asked for and not told yet.
  int64_t n_pending() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// What chooses the configurations of a sweep by Bayesian sampling; nullptr where `spec.sampling` is another. A trial's
/// value is its best metric. One that a policy stopped counts as if it had gained afterwards what trials gain on average
/// after that age, so that it compares with the others as it did at equal age. The same calls give the same proposals.
/// @param earlier what is known from earlier sweeps: they are observations from the start, the first configurations
///                included (`BayesianSettings::startup`). One whose state is not kFinished had not trained as long as this
///                sweep's trials will, and counts like one that a policy stopped after its reports
std::unique_ptr<Proposer> make_proposer(const SweepSpec& spec, uint64_t seed, std::span<const EarlierTrial> earlier = {});

}  // namespace lockstep
