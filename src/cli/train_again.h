#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "cli/training.h"
#include "store/results.h"

namespace lockstep::cli {

/// The trial of a record that is meant by `text`, a number or "best". Throws InputError that says what there is.
const TrialRecord& find_trial(const SweepRecord& record, const std::string& text);

/// Called after every interval with what the wanted trials reported that trained in it, whose weights are those of then: the
/// executor can keep one's. Returns those that are to train no further. What it throws ends the training.
using AfterInterval = std::function<std::vector<int64_t>(int64_t interval, const std::map<int64_t, double>& reports)>;

/// Trains recorded trials again from their start, the wanted ones for so many intervals; beside them only those train whose
/// weights they took over (population based training), as long as they are needed. The executor of `training` must be fresh.
void train_again(const SweepRecord& record, Training& training, const std::map<int64_t, int64_t>& n_intervals,
                 const AfterInterval& after_interval);

/// Trains a recorded trial again for its first `n_intervals`, alone; only those whose weights it took over (population
/// based training) train beside it, as long as it needs them. Returns its metric at each interval. The executor of
/// `training` must be fresh, and keeps the trial's weights as they are at the end.
std::vector<double> train_again(const SweepRecord& record, Training& training, const TrialRecord& trial,
                                int64_t n_intervals);

}  // namespace lockstep::cli
