#pragma once

#include <cstdint>
#include <string>

#include <lockstep/backend.h>
#include <lockstep/sweep_spec.h>

namespace lockstep {

/// Why a trial ended, in words: what the journal and the report print.

/// "median_stopping at interval 6: best 0.8123 is below the median 0.8731 of running averages";
/// "bandit at interval 6: best 0.61 is below 0.666667, the best 0.8 / (1 + 0.2)";
/// "truncation_selection at interval 6: best 0.61 is below 0.7, which the worst 20 % do not reach";
/// "asha at interval 9: 0.61 is not among the best 27 of 81, down to 0.7" (equal ones by lower id).
/// "patience at interval 9: no better for 5 intervals", by a program's own policy in its words.
std::string stop_reason(Goal goal, const EarlyTermination& policy, int64_t trial, int64_t interval,
                        const Verdict& verdict);
/// "pbt at interval 4: 0.61 is not among the best 6 of 8, down to 0.7; takes over from trial 3".
std::string exploit_reason(Goal goal, const EarlyTermination& policy, int64_t interval, const Verdict& verdict,
                           int64_t source);
/// "diverged at interval 3: the metric is nan".
std::string divergence_reason(int64_t interval, double metric);
/// "finished: trained all 10 intervals".
std::string finish_reason(int64_t n_intervals);
/// "finished: its program ended after 10 reports".
std::string program_finish_reason(int64_t n_reports);
/// "finished: after 10 reports", where whoever asked for the trial says so.
std::string told_finish_reason(int64_t n_reports);

/// What ended a trial that was to go on.
enum class AbortCause { kTimeout, kInterrupt, kTrialTimeout };
/// "aborted: the sweep reached limits.timeout after interval 3".
std::string abort_reason(AbortCause cause, int64_t interval);
/// Whether the reason is that the sweep itself was cut short, so that the trial goes on when the sweep does.
bool is_cut_off(const std::string& reason);

}  // namespace lockstep
