#pragma once

#include <string>
#include <vector>

#include <lockstep/configurations.h>
#include <lockstep/sweep_spec.h>

#include "store/journal.h"
#include "store/results.h"

namespace lockstep::cli {

/// The sweep of a record, as it was started. `replay` and `resume` train by it, not by the file, which may have changed.
struct RecordedSweep {
  SweepSpec spec;
  Configurations configurations;

  /// Samples the configurations again. Throws OutputError when they are not those that the record has.
  explicit RecordedSweep(const SweepRecord& record, const std::vector<Override>& overrides = {});
};

/// What is not as it was recorded, a sentence each: the sweep file, versions, the device. Data is not among them.
std::vector<std::string> differences(const SweepRecord& record, const RunInfo& now);
/// Whether this is the data that the record was trained on, as far as the record says.
bool is_same_data(const SweepRecord& record, const RunInfo& now);

}  // namespace lockstep::cli
