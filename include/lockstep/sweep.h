#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <lockstep/backend.h>
#include <lockstep/configurations.h>
#include <lockstep/executor.h>
#include <lockstep/sweep_spec.h>

namespace lockstep {

/// One report of the primary metric.
struct MetricReport {
  int64_t trial = 0;
  int64_t interval = 0;  ///< counts from 1
  double metric = 0;
};

/// The end of a trial. `reason` says it in words: policy, interval, the trial's value, the threshold.
struct TrialEnd {
  int64_t trial = 0;
  int64_t interval = 0;  ///< intervals it was trained
  TrialState state = TrialState::kFinished;
  double metric = 0;     ///< its last report
  double threshold = 0;  ///< kStopped only
  std::string reason;
};

/// A trial that took over the weights and the optimiser state of another, and changed that one's configuration: population
/// based training. `reason` says it in words: interval, the trial's value, whom it took over from.
struct TrialExploit {
  int64_t trial = 0;
  int64_t interval = 0;       ///< after which; its next interval trains with the new configuration
  int64_t source = 0;
  std::vector<double> draws;  ///< [n_params] the new configuration
  double metric = 0;          ///< its report at the interval
  double threshold = 0;       ///< that of the last that kept their weights
  std::string reason;
};

/// The best report of a sweep: best primary metric of any interval over all trials; ties: lowest id.
struct BestTrial {
  int64_t trial = -1;  ///< -1: no finite metric yet
  int64_t interval = 0;
  double metric = 0;
};

/// One of the best trials of a sweep, with the weights that its executor kept of it (`Executor::n_kept`).
struct Leader {
  BestTrial best;             ///< its best report
  std::vector<double> draws;  ///< [n_params] the configuration that it had then
  int64_t n_exploits = 0;     ///< how often it had taken over weights before
};

/// How far a sweep is.
struct Progress {
  int64_t n_trials = 0;
  int64_t n_waiting = 0;
  int64_t n_running = 0;
  int64_t n_stopped = 0;
  int64_t n_finished = 0;
  int64_t n_diverged = 0;
  int64_t n_aborted = 0;
  int64_t n_failed = 0;
  int64_t n_exploits = 0;           ///< times that a trial took over another's weights
  int64_t trial_intervals = 0;      ///< trained so far
  /// What the started trials train without a policy: all of a trial's intervals, but only those trained of one that
  /// diverged, failed or was aborted, as no policy ended it. Of trials that report when they please nobody knows how often
  /// the stopped ones would have reported: as often as the one that finished with the most reports is taken.
  int64_t trial_intervals_full = 0;
  /// At most still to train, of running and waiting trials; 0 where trials report when they please.
  int64_t trial_intervals_left = 0;
  double elapsed_s = 0;
  double training_s = 0;            ///< of these in the executor: building, training and evaluating trials
  BestTrial best;
};

/// When an interval of the loop began, and when its trials had trained: seconds since the sweep began, without the time
/// between the end of a process and the resume by another.
struct TickTime {
  double started_s = 0;
  double trained_s = 0;
};

/// What happened in one interval of the loop, in order: reports, exploits, ends.
struct IntervalReport {
  int64_t tick = 0;  ///< counts from 1
  TickTime time;
  bool played_back = false;  ///< it happened before the resume, and is only told again
  std::vector<int64_t> started;
  std::vector<TrialConfiguration> proposals;  ///< those of `started`, where a proposer chose them
  std::vector<MetricReport> metrics;
  /// [metrics.size(), n] row-major: the executor's n `other_metrics` of the same trials; nothing where it was played back.
  std::vector<double> other_metrics;
  std::vector<TrialExploit> exploits;
  std::vector<TrialEnd> ends;
  Progress progress;
};

enum class SweepEnd { kCompleted, kTimeout, kInterrupted };

struct SweepResult {
  SweepEnd end = SweepEnd::kCompleted;
  Progress progress;
  BestTrial best;
  /// [n_params] the configuration that the best trial had at its best interval, and how often it had taken over weights
  /// before; without a best trial nothing.
  std::vector<double> best_draws;
  int64_t best_n_exploits = 0;
  /// The best trials, as many as the executor keeps weights of, the best first.
  std::vector<Leader> leaders;
  /// Metric of the best trial's weights, as they were at its best interval, on the test part: computed once.
  std::optional<double> test_metric;
  /// 1 - trained / without a policy, over the trials that were started (what the policy saved); 0 when none was.
  double savings() const;
};

/// Watches a sweep. Called on the loop's thread between intervals, so it must be quick: a journal hands over to its
/// own thread. An exception ends the sweep.
class SweepObserver {
 public:
  virtual ~SweepObserver() = default;
  // Once before the first interval; once an interval; once at the end, however it ended, unless by an exception. Of a
  // sweep that goes on from its past, the intervals of the past are reported first, again.
  virtual void on_start(const SweepSpec&, const Configurations&) {}
  virtual void on_interval(const IntervalReport&) {}
  /// A timeout or a stop request ends the sweep after this interval, whose decisions are taken: the trials that were to
  /// go on are about to be aborted, and `on_interval` is about to be called. Still there, they can be saved.
  virtual void on_cut(const IntervalReport&) {}
  virtual void on_end(const SweepResult&) {}
};

/// Chooses configurations while a sweep runs. It learns what became of them as an observer of that sweep.
class Proposer : public SweepObserver {
 public:
  /// Draws [n, n_params], row-major, of the next `n` trials: they start in the coming interval. A sweep that goes on may
  /// start them with others, which it had chosen before (on another machine, say): `on_interval` says which.
  virtual std::vector<double> propose(int64_t n) = 0;
};

/// A trial of an earlier sweep that a new one learns from.
struct EarlierTrial {
  std::vector<double> draws;    ///< [n_params] its configuration in this sweep's space; empty: it is outside of it, and only its curve counts
  std::vector<double> reports;  ///< of intervals 1, 2, ...; empty: only its value is known
  std::optional<double> value;  ///< its best, finite
  TrialState state = TrialState::kFinished;
};

/// What a trial had come to when its sweep was cut off.
struct PastTrial {
  int64_t trial = 0;
  std::vector<double> draws;    ///< [n_params] the configuration that it was started with
  std::vector<double> reports;  ///< of intervals 1, 2, ...
  std::optional<TrialEnd> end;  ///< none: it goes on
};

/// What a sweep that goes on has behind it. Its decisions are taken again from what was reported, which takes little time
/// and gives the state that they led to; only the training is not repeated.
struct SweepPast {
  int64_t n_slots = 0;          ///< that it had
  std::vector<TickTime> times;  ///< of its intervals, the ticks 1, 2, ...
  /// What `trial` reported at `interval`. Throws OutputError when that is not known.
  std::function<double(int64_t trial, int64_t interval)> metric;
  /// The configuration [n_params] that `trial` was started with; asked for where a proposer chooses. Throws as `metric`.
  std::function<std::vector<double>(int64_t trial)> draws;
  ByteSource saved;  ///< what `Executor::save` wrote after the last of these ticks; not read when there is none
  /// Where trials report when they please, instead of times, metrics, draws and what was saved: the trials that had
  /// started, by id, and how long it had run. Decisions that hung on who came first are not taken again.
  std::vector<PastTrial> trials;
  double elapsed_s = 0;
};

/// Runs the interval loop: [start -> train -> decide -> retire] until the limits. Trials start by ascending id, as many at
/// once as `limits.max_concurrent_trials` and the executor's capacity allow. What the executor and the observers throw
/// passes through. Throws InputError when the policy's settings are wrong, and where a bandit's slack_factor meets a best
/// metric that is not above 0. The result depends on time only where a timeout or `stop_requested` ended a trial, and where
/// trials report when they please (`Executor::is_asynchronous`): then an interval of the loop is what came together, a
/// trial is judged at each of its reports beside all that have come as far, and policies that need trials side by side
/// (successive halving, Hyperband, population based training) are refused.
/// @param context device memory for the history and decisions, of `backend`'s kind; synchronised every interval
/// @param stop_requested set (by a signal handler, say) to end after the running interval; may be null
/// @param past null: the sweep is new
/// @param earlier trials whose curves median stopping, bandit, truncation selection and ASHA compare with as well
SweepResult run_sweep(const SweepSpec& spec, const Configurations& configurations, Executor& executor,
                      const Backend& backend, const Context& context, std::span<SweepObserver* const> observers = {},
                      const std::atomic<bool>* stop_requested = nullptr, const SweepPast* past = nullptr,
                      std::span<const EarlierTrial> earlier = {});

/// The same with configurations that `proposer` chooses, trial by trial as slots fall free. What it chooses is written to
/// `configurations`, in which the trials that have not started are provisional; the proposer is told like an observer,
/// before the others. Throws InputError for population based training, which changes configurations on their way.
SweepResult run_sweep(const SweepSpec& spec, Configurations& configurations, Proposer& proposer, Executor& executor,
                      const Backend& backend, const Context& context, std::span<SweepObserver* const> observers = {},
                      const std::atomic<bool>* stop_requested = nullptr, const SweepPast* past = nullptr,
                      std::span<const EarlierTrial> earlier = {});

}  // namespace lockstep
