#pragma once

#include <string>
#include <vector>

#include "cli/sweep_run.h"

namespace lockstep::cli {

/// `lockstep resume DIR --trial N`: trains trials on by hand that a policy or a time limit ended, in a sweep that is over.
/// A trial's training is the same whenever it is done, so it is trained again from its start, without a policy.
void resume_trials(const std::string& directory, const std::vector<std::string>& trials, const SweepRunOptions& options);

}  // namespace lockstep::cli
