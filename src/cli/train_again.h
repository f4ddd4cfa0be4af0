#pragma once

#include <cstdint>
#include <vector>

#include "cli/training.h"
#include "store/results.h"

namespace lockstep::cli {

/// The trial of a record that is meant by `text`, a number or "best". Throws InputError that says what there is.
const TrialRecord& find_trial(const SweepRecord& record, const std::string& text);

/// Trains a recorded trial again for its first `n_intervals`, alone; only those whose weights it took over (population
/// based training) train beside it, as long as it needs them. Returns its metric at each interval. The executor of
/// `training` must be fresh, and keeps the trial's weights as they are at the end.
std::vector<double> train_again(const SweepRecord& record, Training& training, const TrialRecord& trial,
                                int64_t n_intervals);

}  // namespace lockstep::cli
