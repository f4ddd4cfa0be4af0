#pragma once

#include <cstdint>
#include <string>

#include "store/results.h"

namespace lockstep {

/// Writes the best `n` trials for TensorBoard into `folder`: a run each, `trial_0042/`, with the metric of all its
/// intervals as a scalar curve and its hyperparameters and state for the HParams plugin; the root run says which
/// hyperparameters there are. When intervals ended is not recorded: their times lie evenly between the trial's start and
/// end. Event files of an earlier export are removed. Returns how many trials were written, less than `n` where fewer
/// reported a finite metric. Throws OutputError.
int64_t export_tensorboard(const SweepRecord& record, const Reports& reports, const std::string& folder, int64_t n);

/// Whether `folder` holds what `export_tensorboard` wrote.
bool holds_tensorboard_export(const std::string& folder);

}  // namespace lockstep
