#pragma once

#include <cstdint>
#include <string>

#include <lockstep/backend.h>
#include <lockstep/sweep_spec.h>

namespace lockstep {

/// Why a trial ended, in words: what the journal and the report print.

/// "median_stopping at interval 6: best 0.8123 is below the median 0.8731 of running averages".
std::string stop_reason(Goal goal, int64_t interval, const Verdict& verdict);
/// "diverged at interval 3: the metric is nan".
std::string divergence_reason(int64_t interval, double metric);
/// "finished: trained all 10 intervals".
std::string finish_reason(int64_t n_intervals);

}  // namespace lockstep
