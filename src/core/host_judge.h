#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <lockstep/backend.h>
#include <lockstep/policy.h>

namespace lockstep {

/// Shows a host policy the trials of a sweep. Trials are rows here, as in `Decisions`, which calls it: those of earlier
/// sweeps are below 0.
class HostJudge {
 public:
  /// All must outlive it.
  HostJudge(HostPolicy& policy, const EarlyTermination& settings, const Backend& backend, Goal goal,
            const Configurations& configurations, int64_t n_slots, int64_t n_earlier);

  /// A trial of the past, the next row that is not there yet.
  void recall(int64_t row, std::span<const double> reports, TrialState state);
  /// A trial gets a slot. One that is not there yet is the next row.
  void place(int64_t slot, int64_t row);
  /// A trial that ended by itself.
  void end(int64_t slot, TrialState state);
  /// Notes what trials in slots have just reported, and asks the policy about those that have reached an interval to act
  /// at: what it says is what its `judge` will say.
  /// @param slots that have reported, ascending, each with a trial
  /// @param metrics [n_slots]
  /// @param n_intervals [n_trials] that each trains
  void judge(std::span<const int64_t> slots, std::span<const double> metrics, std::span<const int32_t> n_intervals);
  /// The slots that have a trial, ascending.
  std::vector<int64_t> slots() const;
  /// What was decided. Events name trials by row.
  void take(std::span<const Event> events);

 private:
  TrialCurve& curve(int64_t row);

  HostPolicy& policy_;
  const EarlyTermination& settings_;
  const int64_t n_earlier_;
  const int64_t first_trial_;  ///< id of row 0
  TrialHistory history_;
  std::vector<int64_t> rows_;  ///< [n_slots] -1: none
};

}  // namespace lockstep
