#pragma once

#include <string>
#include <vector>

#include <lockstep/configurations.h>
#include <lockstep/sweep_spec.h>

#include "cli/sweep_run.h"
#include "cli/training.h"
#include "store/journal.h"
#include "store/results.h"

namespace lockstep::cli {

/// The sweep of a record, as it was started. `replay` and `resume` train by it, not by the file, which may have changed.
struct RecordedSweep {
  SweepSpec spec;
  Configurations configurations;

  /// Samples the configurations again; of a Bayesian sweep the provisional ones. Throws OutputError when they are not
  /// those that the record has.
  explicit RecordedSweep(const SweepRecord& record, const std::vector<Override>& overrides = {});
};

/// Whether the record's trials are runs of a program.
bool runs_commands(const SweepRecord& record);

/// A record's sweep, ready to be trained on the device that the options name, or else on the recorded one.
struct RecordedTraining {
  RecordedSweep sweep;
  Device device;
  Training training;
  RunInfo info;  ///< of now
  /// What is not as it was recorded, a sentence each: the sweep file, versions, the device; and the data, which is "" here
  /// when it is the same, as far as the record says.
  std::vector<std::string> differences;
  std::string data_difference;

  RecordedTraining(const SweepRecord& record, const SweepRunOptions& options,
                   const std::vector<Override>& overrides = {});

  /// Gives a Bayesian sweep's trials the configurations that they were started with. Not for a resume, which has them
  /// chosen again.
  void take_recorded_configurations(const SweepRecord& record);
};

}  // namespace lockstep::cli
