#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/journal.h"
#include "store/results.h"

namespace lockstep {

/// A trial of a sweep that is over, trained on by hand from where it had ended.
struct ResumedTrial {
  int64_t number = 0;
  std::vector<double> reports;  ///< all it has now, [interval - 1]
  TrialState state = TrialState::kFinished;
  std::string reason;
};

/// What training them came to.
struct ResumedTrials {
  std::vector<ResumedTrial> trials;
  double elapsed_s = 0;
  int64_t trial_intervals = 0;       ///< that the sweep has trained more than before
  int64_t trial_intervals_full = 0;  ///< and would have trained more without a policy
  bool is_new_best = false;          ///< one of them is the sweep's best trial now, or another interval of it is
  std::optional<double> test_value;  ///< of that
};

/// Puts them into the sweep's database, in one transaction: later reports, and the new ends in the places of the old, which
/// `lockstep_trial_resumes` keeps. `record` is what the database has. The caller has the folder's lock. Throws OutputError,
/// and then nothing has changed.
void write_resumed_trials(const SweepRecord& record, const RunInfo& info, const ResumedTrials& resumed, UtcTime time);

}  // namespace lockstep
