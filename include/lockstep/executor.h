#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <lockstep/decision.h>

namespace lockstep {

/// A trial, by id, and the slot that it has been given.
struct Placement {
  int64_t slot = 0;
  int64_t trial = 0;
};

/// A trial that goes on with another's weights and optimiser state, and a configuration of its own. Trials by id.
struct Exploit {
  int64_t trial = 0;
  int64_t source = 0;
  std::span<const double> draws;  ///< [n_params] the trial's new configuration, in host memory
};

/// The configuration that a trial is to train with.
struct TrialConfiguration {
  int64_t trial = 0;
  std::vector<double> draws;  ///< [n_params]
};

/// A trial's report of the primary metric.
struct TrialReport {
  int64_t trial = 0;
  double metric = 0;
};

/// The end of a trial that came by itself, as programs end.
struct TrialExit {
  int64_t trial = 0;
  TrialState state = TrialState::kFinished;  ///< kFinished, kFailed or kAborted
  std::string reason;                        ///< in words, with the state first: "failed: exit code 1"
};

/// What trials that report when they please have come to. No trial is there twice.
struct Arrivals {
  std::vector<TrialReport> reports;  ///< by ascending trial
  std::vector<TrialExit> exits;      ///< by ascending trial
};

/// Takes the next bytes of what is saved, and gives those of what is restored. Throws OutputError when it cannot.
using ByteSink = std::function<void(const void* data, size_t size_bytes)>;
using ByteSource = std::function<void(void* data, size_t size_bytes)>;

/// Trains trials; the sweep loop decides which. Implemented over LibTorch by `src/torch`, and by plain functions in
/// tests. All calls come from one thread. A trial's slot says where its metric is reported, and no more: where and with
/// whom it trains is the executor's business and must not change its result.
class Executor {
 public:
  virtual ~Executor() = default;

  /// The most trials that memory takes at once; at least 1.
  virtual int64_t capacity() const { return std::numeric_limits<int64_t>::max(); }
  /// Trials of one cohort can take over each other's weights.
  virtual int64_t cohort(int64_t /*trial*/) const { return 0; }
  /// Whether some trial reads this hyperparameter as a C++ value, so that it is fixed for a trial's life.
  virtual bool structural(int64_t /*param*/) const { return false; }
  /// Intervals that `trial` trains for if nothing stops it; at least 1. Not asked of trials that report when they please.
  virtual int64_t n_intervals(int64_t trial) const = 0;

  /// Whether trials report when they please, and end by themselves, as programs do: then `await` is called instead of
  /// `train_interval`, and trials are never saved or restored: one that goes on after a resume is started again.
  virtual bool is_asynchronous() const { return false; }
  /// Waits until a trial that was started and not retired has something to say, at most `wait_s` seconds, and gives what
  /// has come since the last call: of a trial its next report, or its end. A trial whose report it gives is not to go on
  /// before the next call, by which it was retired if it is to end. One that ended is gone; it is not retired.
  virtual Arrivals await(double wait_s);

  /// Gives trials that have not started other configurations than the executor was made with: they were chosen while the
  /// sweep runs. `cohort` and `n_intervals` of these trials may change. Throws TaskError when it cannot.
  virtual void configure(std::span<const TrialConfiguration> configurations);

  /// Gives places to trials that have not run yet, with fresh weights and optimiser state.
  virtual void start(std::span<const Placement> placements) = 0;
  /// Trains every trial that was started and not retired for one interval and evaluates it on the validation part.
  /// Writes its primary metric to `metrics[slot]`, in the memory of the sweep's device, in the order of its stream. A
  /// trial that diverges reports a value that is not finite.
  virtual void train_interval(double* metrics) = 0;
  /// Lets trials take over the weights and the optimiser state that others have now, all from one snapshot. Throws
  /// TaskError when it cannot.
  virtual void exploit(std::span<const Exploit> exploits);
  /// Frees the places of these trials; the others keep weights and optimiser state.
  virtual void retire(std::span<const int64_t> trials) = 0;
  /// How many trials' weights are wanted in the end: those of the best; at least 1.
  virtual int64_t n_kept() const { return 1; }
  /// Keeps a copy of the weights that `trial` has now, instead of any kept of it before.
  virtual void keep(int64_t trial) = 0;
  /// Frees what was kept of `trial`: it is not among the best any more.
  virtual void discard(int64_t /*trial*/) {}
  /// The primary metric of the weights that were kept of `trial` on the test part; nothing without them, or if the data has none.
  virtual std::optional<double> test_kept(int64_t trial) = 0;
  /// The metrics that trials report beside the primary one, by name.
  virtual std::vector<std::string> other_metrics() const { return {}; }
  /// What `trial`, which runs, reported of these in the last interval: in their order.
  virtual std::vector<double> others(int64_t /*trial*/) const { return {}; }
  /// Writes all that the trials which train now, and the kept weights, need to go on from here: weights, buffers,
  /// optimiser state, ages. To be called between intervals. Throws TaskError when this executor cannot.
  virtual void save(const ByteSink& sink) const;
  /// Instead of `start`, before the first interval: trials go on from what `save` wrote, in another process or under
  /// another grouping into batches. What was saved of trials that are not in `placements` is left out.
  /// @param changed configurations that exploits gave trials before; `source` is not read
  /// Throws OutputError when the saved bytes do not fit these trials.
  virtual void restore(const ByteSource& source, std::span<const Placement> placements, std::span<const Exploit> changed);
  /// What a user should know: how trials were grouped, what runs slowly. One line each, for `--verbose` and the journal.
  virtual std::vector<std::string> notes() const { return {}; }
};

}  // namespace lockstep
