#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <lockstep/backend.h>
#include <lockstep/search_space.h>
#include <lockstep/sweep.h>
#include <lockstep/sweep_spec.h>

namespace lockstep {

/// A trial of a study: its id, and its hyperparameters by name, as in `trial.number("lr")`.
class Trial : public Configuration {
 public:
  Trial(int64_t id, Configuration configuration) : Configuration(std::move(configuration)), id_(id) {}
  int64_t id() const { return id_; }

 private:
  int64_t id_;
};

struct StudyOptions {
  uint64_t seed = 0;  ///< where `spec.sampling.seed` has none
  /// What chooses configurations as the study goes on: `make_proposer` for Bayesian sampling, or one's own. Null: they are
  /// drawn by `spec.sampling` at the start.
  std::shared_ptr<Proposer> proposer = nullptr;
  std::vector<SweepObserver*> observers = {};  ///< must outlive the study; called inside of its functions
  std::vector<EarlierTrial> earlier = {};      ///< of other sweeps, for the policy to compare with
};

/// A sweep whose loop is the caller's: `ask` for a trial, work on it anywhere and in any order, `report` what it comes to.
/// Sampling, the early-termination policy, limits, observers and results are those of `run_sweep` with trials that report
/// when they please: each is judged at each of its reports, beside all that have come as far.
///
///     lockstep::Study study(spec, {.seed = 7});
///     while (const auto trial = study.ask()) {
///       Simulation simulation(trial->number("gain"), trial->integer("order"));
///       for (int step = 0; step < 20; ++step) {
///         if (study.report(trial->id(), simulation.run(1000))) break;  // the policy stopped it
///       }
///       study.finish(trial->id());
///     }
///     std::cout << study.best()->trial.number("gain");
///
/// For several threads: each function is one step of the study, taken as a whole. An observer, a proposer and a policy must
/// not call the study that calls them. What one of them throws passes through, and ends the study: all that is asked of it
/// afterwards throws std::logic_error.
class Study {
 public:
  static constexpr int64_t kMaxAtOnce = 1024;

  /// Of a study, what a program wants to know first.
  struct Best {
    Trial trial;
    double metric = 0;
    int64_t interval = 0;
  };

  /// Draws the configurations of `limits.max_total_trials` trials. Throws InputError for a spec that means nothing here:
  /// no trials, Bayesian sampling without a proposer, a policy that needs trials side by side (successive halving,
  /// Hyperband, population based training).
  /// @param backend where policies compute; the context is one of its device. Both must outlive the study
  explicit Study(SweepSpec spec, StudyOptions options = {}, const Backend& backend = host_backend(),
                 const Context& context = {});
  /// Ends the study if it has not ended, without a word where that fails.
  ~Study();
  Study(Study&&) noexcept;
  Study& operator=(Study&&) noexcept;

  /// The next trial; nothing when none is left, or the timeout has passed, or `stop` was called, or as many run already as
  /// `limits.max_concurrent_trials` allows (absent: kMaxAtOnce).
  std::optional<Trial> ask();
  /// Up to `n` at once: Bayesian sampling chooses them together, which costs one fit.
  std::vector<Trial> ask(int64_t n);

  /// The primary metric of a trial at its next interval. True: it has ended, and is to be worked on no more: stopped by the
  /// policy, diverged (the metric is not finite), or aborted by a limit, `stop` or `end`. Throws InputError for a trial that
  /// was not asked for, or has ended.
  bool report(int64_t trial, double metric);
  /// Reports that come together, each of another trial, judged over one snapshot: one entry each, as `report` returns.
  std::vector<bool> report(const std::vector<TrialReport>& reports);
  /// The trial has come to its end. Says nothing of one that has ended by a report, so that it can close any trial's work.
  /// Throws InputError for a trial that was not asked for, or was finished or failed before.
  void finish(int64_t trial);
  /// For trials of one value: `report` and `finish`.
  void tell(int64_t trial, double metric);
  /// The trial could not be brought to its end, and why: "the solver did not converge". As `finish`.
  void fail(int64_t trial, const std::string& reason);

  /// How a trial ended, with the reason in words; nothing while it runs. Throws InputError for one not asked for.
  std::optional<TrialEnd> end_of(int64_t trial) const;
  /// Trials that were asked for and have not ended.
  int64_t n_running() const;
  /// The best report so far: best metric, then lowest id. Nothing before a finite one.
  std::optional<Best> best() const;
  Progress progress() const;

  /// Ends it before its time: what runs is aborted, and `ask` gives nothing more. From any thread, as all of it.
  void stop();
  /// Ends the study and tells the observers, once; aborts what runs. The same result each time.
  SweepResult end();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lockstep
