#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <lockstep/search_space.h>
#include <lockstep/sweep.h>
#include <lockstep/sweep_spec.h>

namespace lockstep {

/// What a new sweep learns from earlier ones: for `make_proposer` and `run_sweep`, or `StudyOptions`.
struct WarmStart {
  std::vector<EarlierTrial> trials;
  std::vector<std::string> notes;  ///< a sentence a sweep: what is used, and what is left out and why
};

/// Remembers a sweep as it runs, for another one to begin with:
///
///     lockstep::SweepHistory history;                     // an observer of the first sweep
///     ...
///     const auto known = history.warm_start(next_spec);   // the spaces may differ: hyperparameters are matched by name
///     const auto proposer = lockstep::make_proposer(next_spec, seed, known.trials);
class SweepHistory final : public SweepObserver {
 public:
  struct Trial {
    int64_t id = 0;
    Configuration configuration = {};  ///< at its best interval; without a finite report the one that it began with
    std::vector<double> reports = {};  ///< of intervals 1, 2, ...
    std::optional<double> best = {};   ///< of the finite ones
    std::optional<TrialEnd> end = {};  ///< none: it runs
    int64_t n_exploits_before_best = 0;  ///< times that it had taken over weights
  };

  /// By ascending id, those that have started.
  const std::map<int64_t, Trial>& trials() const { return trials_; }

  /// What `spec`'s sampling and policy can take of these trials, by the hyperparameters' names and values. Trials become as
  /// old as those of the new sweep: of longer ones the later reports do not count, and shorter ones have not finished.
  /// Throws InputError when the metric or the goal is another, and when nothing can be taken.
  /// @param n_intervals that every trial of the new sweep trains; nothing where they differ, or nobody knows
  WarmStart warm_start(const SweepSpec& spec, std::optional<int64_t> n_intervals = std::nullopt) const;

  void on_start(const SweepSpec& spec, const Configurations& configurations) override;
  void on_interval(const IntervalReport& report) override;
  void on_end(const SweepResult& result) override;

 private:
  /// The configuration that a trial has now, after it took over weights so many times.
  struct Changed {
    std::vector<double> draws;
    int64_t n_exploits = 0;
  };

  std::string name_;
  Objective objective_;
  SearchSpace space_;
  std::map<std::string, Setting> settings_;
  const Configurations* configurations_ = nullptr;  ///< the loop's, while it runs
  bool has_ended_ = false;
  std::map<int64_t, Trial> trials_;
  std::map<int64_t, Changed> changed_;  ///< of those that took over weights
};

}  // namespace lockstep
