#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <lockstep/backend.h>
#include <lockstep/search_space.h>
#include <lockstep/sweep.h>
#include <lockstep/sweep_spec.h>

#include "store/utc_time.h"

namespace lockstep {

/// A time that a trial took over another's weights and got a configuration near that one's.
struct ExploitRecord {
  int64_t interval = 0;  ///< after which
  int64_t source = 0;    ///< number
  std::vector<Value> hyperparameters;  ///< from then on
  std::vector<double> draws;           ///< the same, as the sampler and the executor know them
};

/// One trial, as the journal has it.
struct TrialRecord {
  int64_t number = 0;
  TrialState state = TrialState::kRunning;
  UtcTime start;
  std::optional<UtcTime> complete;
  int64_t n_intervals = 0;             ///< reported
  /// Best metric of any interval; none when every report was not finite. Of an imported trial what its record calls its
  /// value, where it has one.
  std::optional<double> value;
  int64_t best_interval = 0;           ///< the first that reported `value`; where none did, the last
  std::string reason;                  ///< why it ended; "" while it has not
  /// In the search space's order. Where the trial has taken over weights, those of `best_interval`; without a value those
  /// that it began with.
  std::vector<Value> hyperparameters;
  std::vector<double> draws;            ///< the configuration that it began with, as the sampler and the executor know it
  std::vector<ExploitRecord> exploits;  ///< by interval

  /// Times that it had taken over weights before its best interval.
  int64_t n_exploits_before_best() const;
};

enum class RecordedEnd {
  kNone,  ///< still running, or killed
  kCompleted,
  kTimeout,
  kInterrupted,
  kFailed,
};

/// "completed", "timeout", "interrupted" or "failed"; "running" where the results do not say how the sweep ended.
const char* end_word(RecordedEnd end);

/// A sweep's results, read from its folder.
struct SweepRecord {
  std::string directory;
  std::string display_name;
  std::string spec_file;
  std::string spec_text;
  Goal goal = Goal::kMaximize;
  std::string primary_metric;
  SearchSpace search_space;
  int64_t n_trials = 0;  ///< asked for; `trials` are those that were started
  uint64_t seed = 0;
  std::string device;
  std::string lockstep_version;
  std::string torch_version;
  // "" and 0 where an earlier version, which recorded none of them, wrote the results.
  std::string processor;
  std::string data_fingerprint;
  int64_t n_slots = 0;  ///< trials that could train at once
  std::string plan;     ///< how they were grouped, as JSON (`TaskExecutor::plan`); "" before Lockstep recorded it
  std::vector<std::string> notes;
  UtcTime start;
  RecordedEnd end = RecordedEnd::kNone;
  std::string failure;  ///< kFailed only
  double elapsed_s = 0;
  int64_t trial_intervals = 0;
  int64_t trial_intervals_full = 0;  ///< without a policy (`Progress::trial_intervals_full`)
  std::optional<double> test_value;  ///< of the best trial
  std::vector<TrialRecord> trials;   ///< by number

  /// Whether another program recorded it, so that nothing of it can be trained here.
  bool is_imported() const { return spec_text.empty(); }
  /// Trials with a value, the best first; ties by number. At most `n`.
  std::vector<const TrialRecord*> ranking(size_t n) const;
  /// The first of the ranking, or nullptr.
  const TrialRecord* best() const;
  int64_t count(TrialState state) const;
  /// Times that a trial took over weights.
  int64_t n_exploits() const;
  /// 1 - trained / without a policy.
  double savings() const;
};

/// Reads the results of a finished, running or killed sweep. Throws OutputError, with the cure, when there is no such
/// folder, no sweep.db in it, or it is not Lockstep's.
SweepRecord load_results(const std::string& directory);

/// Reports of the primary metric as they were made, finite or not: [interval - 1] by the trial's number.
using Reports = std::map<int64_t, std::vector<double>>;

/// Every report of every trial that was started. Throws as `load_results` does.
Reports load_reports(const std::string& directory);

/// The trials of earlier sweeps that this one was given to learn from, in its order. Throws as `load_results` does.
std::vector<EarlierTrial> load_earlier_trials(const std::string& directory);

}  // namespace lockstep
