#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <lockstep/backend.h>

#include "core/device_buffer.h"

namespace lockstep {

/// The metric history of a sweep in device memory, and the decisions taken over it. Trials are named by row here:
/// 0 is the sweep's first trial. Context and backend must outlive it.
class History {
 public:
  /// Allocates for every trial and interval at once; every trial is waiting. Throws DeviceError without the memory.
  History(const Backend& backend, const Context& context, Goal goal, int64_t n_trials, int64_t n_intervals);

  /// Makes the device's states equal to `states` [n_trials].
  void set_states(const std::vector<TrialState>& states);
  /// Appends one report for each of `rows`.
  void record(std::span<const int64_t> rows, std::span<const double> metrics);
  /// The policy's verdicts on `rows` at the interval that each has just reported. Synchronises the stream.
  std::vector<Verdict> judge(const EarlyTermination& policy, std::span<const int64_t> rows);

 private:
  const Backend& backend_;
  const Context& context_;
  Goal goal_;
  DeviceBuffer<double> metric_;
  DeviceBuffer<double> best_score_;
  DeviceBuffer<double> mean_score_;
  DeviceBuffer<int32_t> n_reported_;
  DeviceBuffer<TrialState> state_;
  // One interval's traffic.
  DeviceBuffer<int64_t> rows_;
  DeviceBuffer<double> reports_;
  DeviceBuffer<Verdict> verdicts_;
  HistoryView view_;
};

}  // namespace lockstep
