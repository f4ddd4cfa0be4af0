#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <lockstep/backend.h>
#include <lockstep/configurations.h>
#include <lockstep/executor.h>

#include "core/arena_allocator.h"
#include "core/device_buffer.h"
#include "core/host_judge.h"

namespace lockstep {

/// What population based training must know of the executor's trials; empty for other policies.
struct Population {
  std::vector<uint8_t> changeable;  ///< [n_params] 0: structural
  std::vector<int32_t> cohort;      ///< [n_trials]
};

/// What a decision was taken over, and what came of it. Trials are rows. Valid until the next decision.
struct DecisionLog {
  std::span<const double> metrics;  ///< [n_slots] as the trial in each slot reported
  /// By ascending slot: of trials that end or change, of slots that get a new one, and, while trials wait, of empty ones.
  /// A trial that is not there goes on as it is.
  std::span<const Event> events;
};

/// What a trial had reported, and what became of it, before the decisions began. Trials of earlier sweeps, which decisions
/// compare with and nothing else, have the rows below 0.
struct KnownTrial {
  int64_t row = 0;
  std::span<const double> reports;
  TrialState state = TrialState::kFinished;
};

/// A sweep's history, slots and queue in device memory, and the decisions taken over them there, once an interval. Trials
/// are named by row: 0 is the sweep's first. Context, backend, policy and
/// configurations must outlive it.
class Decisions {
 public:
  /// Allocates for every trial and interval at once; every trial waits. Throws DeviceError without the memory.
  /// @param n_intervals [n_trials] that each trial trains
  /// @param n_slots trials at once, at most n_trials
  /// @param n_earlier rows below 0 to have room for; none for policies that start trials in brackets or explore
  /// @param brackets of a policy that starts trials in brackets
  Decisions(const Backend& backend, const Context& context, Goal goal, const EarlyTermination& policy,
            const Configurations& configurations, const std::vector<int32_t>& n_intervals, int64_t n_slots,
            const std::optional<BracketPlan>& brackets, const Population& population = {}, int64_t n_earlier = 0);

  /// Before the first filling: puts what these trials reported into the history. Reports beyond the longest trial's
  /// intervals, which no decision looks at, are left out. Synchronises the stream.
  void recall(std::span<const KnownTrial> trials);

  /// [n_slots] in device memory: where the trials report to.
  double* metrics() const { return metrics_.data(); }
  int64_t n_slots() const { return view_.n_slots; }
  /// Reports [n_slots] metrics that are in host memory.
  void report(std::span<const double> metrics);
  /// Changes how many intervals trials that wait will train: [n_trials], none more than the longest of all at first.
  void set_n_intervals(const std::vector<int32_t>& n_intervals);
  /// Gives the slots to the first trials. Like `decide`.
  DecisionLog fill() { return decide(0); }
  /// Decides the interval that `metrics` was reported for, and returns its log. Synchronises the stream. Throws
  /// DeviceError when the policy's settings are wrong. What a policy of a program's own throws passes through.
  /// @param abort_below rows below this that would go on are ended
  DecisionLog decide(int64_t abort_below);

  // Where trials report when they please, instead of `decide`. A trial may report more often than `n_intervals` says of
  // any, which then must be the largest number of all.
  /// Instead of the first filling, after `recall`: the first rows have started before, and of these some go on in slots
  /// of theirs.
  void go_on(int64_t n_started, std::span<const Placement> running);
  /// Decides what the trials in some slots have just reported, as [n_slots] metrics in host memory, and fills empty slots.
  /// @param slots ascending
  DecisionLog decide_some(std::span<const int64_t> slots, std::span<const double> metrics);
  /// Frees the slot of a trial that ended by itself.
  void end(int64_t slot, int64_t row, TrialState state);

  /// The configuration of the trial in each slot, [n_slots, n_params]. Synchronises the stream.
  std::vector<double> slot_draws() const;

 private:
  DecisionLog read_log();
  void make_room(int64_t n_intervals);
  void look_ahead(std::span<const Event> events);
  void ask_host(std::span<const int64_t> slots, std::span<const double> metrics);
  void leave_out_empty_slots();

  const Backend& backend_;
  const Context& context_;
  const int64_t n_earlier_;
  const bool is_open_ended_;  ///< nobody knows how often trials report
  ArenaAllocator arena_;
  Context pass_context_;  ///< with the arena's memory
  DecideOptions options_;
  SweepView view_;
  const std::optional<BracketPlan> brackets_;
  std::unique_ptr<HostJudge> host_judge_;       ///< of a policy on the host
  std::vector<int32_t> trial_n_intervals_;      ///< likewise: [n_trials]
  // [n_intervals, n_trials], or empty when the policy does not read it.
  DeviceBuffer<double> score_;
  DeviceBuffer<double> best_score_;
  DeviceBuffer<double> mean_score_;
  // [n_trials]
  DeviceBuffer<double> last_best_;
  DeviceBuffer<double> last_mean_;
  DeviceBuffer<int32_t> n_reported_;
  DeviceBuffer<TrialState> state_;
  DeviceBuffer<int32_t> n_intervals_;
  DeviceBuffer<double> draws_;
  // [n_slots]
  DeviceBuffer<int64_t> slot_trial_;
  DeviceBuffer<double> metrics_;
  DeviceBuffer<double> slot_draws_;
  DeviceBuffer<double> reported_;
  DeviceBuffer<Event> events_;
  DeviceBuffer<int64_t> n_events_;
  DeviceBuffer<int64_t> next_trial_;
  DeviceBuffer<int64_t> occupied_slots_;  ///< [n_slots]
  // Of population based training, or empty.
  DeviceBuffer<DistributionSpec> specs_;
  DeviceBuffer<uint8_t> changeable_;
  DeviceBuffer<int32_t> cohort_;
  int64_t n_waiting_;
  std::vector<int64_t> occupied_;  ///< slots that may hold a trial; those not listed are empty for good
  std::vector<uint8_t> is_empty_;  ///< by slot
  int64_t n_empty_;                ///< of those in `occupied_`
  std::vector<double> log_metrics_;  ///< a device's log, copied
  std::vector<Event> log_events_;
  std::vector<int64_t> n_at_age_;  ///< trials in slots by the interval that they report next
  std::vector<int64_t> ages_;
  std::vector<int64_t> n_reported_in_slot_;  ///< [n_slots] by the trial there, where trials report when they please
};

}  // namespace lockstep
