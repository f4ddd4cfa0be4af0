#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "cuda/backend_test.h"

namespace lockstep::test {

constexpr double kInf = std::numeric_limits<double>::infinity();

inline double score_of_metric(Goal goal, double metric) {
  return !std::isfinite(metric) ? -kInf : goal == Goal::kMaximize ? metric + 0.0 : 0.0 - metric;
}

/// A history in host memory, and the reports that made it.
struct History {
  History(int64_t n_trials, int64_t n_intervals)
      : n_trials(n_trials),
        n_intervals(n_intervals),
        metrics(n_trials),
        score(n_trials * n_intervals),
        best_score(n_trials * n_intervals),
        mean_score(n_trials * n_intervals),
        last_best(n_trials),
        last_mean(n_trials),
        n_reported(n_trials),
        state(n_trials, TrialState::kRunning) {}

  /// Where the interval `n`, from 1, of a trial stands in a matrix.
  int64_t at(int64_t trial, int64_t n) const { return (n - 1) * n_trials + trial; }

  int64_t n_trials;
  int64_t n_intervals;
  std::vector<std::vector<double>> metrics;  ///< by trial
  std::vector<double> score, best_score, mean_score;
  std::vector<double> last_best, last_mean;
  std::vector<int32_t> n_reported;
  std::vector<TrialState> state;
};

/// Appends a report as the decision pass documents it.
inline void report(History& history, int64_t trial, Goal goal, double metric) {
  const double score = score_of_metric(goal, metric);
  const int64_t n = ++history.n_reported[trial];
  double best = score, mean = score;
  if (n > 1) {
    const double before = history.last_mean[trial], count = static_cast<double>(n);
    best = std::max(history.last_best[trial], score);
    mean = std::isinf(before) || std::isinf(score) ? -kInf : std::min(best, before + (score / count - before / count));
  }
  history.metrics[trial].push_back(metric);
  history.score[history.at(trial, n)] = score;
  history.best_score[history.at(trial, n)] = history.last_best[trial] = best;
  history.mean_score[history.at(trial, n)] = history.last_mean[trial] = mean;
  if (!std::isfinite(metric)) history.state[trial] = TrialState::kDiverged;
}

/// Takes a running trial's last report back and returns it; what it had written is no number any more.
inline double take_back(History& history, int64_t trial) {
  const int64_t n = history.n_reported[trial]--;
  const double metric = history.metrics[trial].back();
  history.metrics[trial].pop_back();
  for (auto* matrix : {&history.score, &history.best_score, &history.mean_score}) {
    (*matrix)[history.at(trial, n)] = std::nan("");
  }
  history.last_best[trial] = n > 1 ? history.best_score[history.at(trial, n - 1)] : std::nan("");
  history.last_mean[trial] = n > 1 ? history.mean_score[history.at(trial, n - 1)] : std::nan("");
  history.state[trial] = TrialState::kRunning;
  return metric;
}

/// A sweep in host memory.
struct Sweep {
  /// Every trial of the history trains beyond it, nobody waits, and `slot_trial` are in the slots.
  Sweep(History of, std::vector<int64_t> in_slots, int64_t n_params = 0)
      : history(std::move(of)),
        n_intervals(history.n_trials, 1 << 20),
        slot_trial(std::move(in_slots)),
        metrics(slot_trial.size(), std::nan("")),
        next_trial{history.n_trials},
        n_params(n_params),
        draws(history.n_trials * n_params),
        slot_draws(slot_trial.size() * n_params),
        events(slot_trial.size(), {7, 7, 7, 7, 7, {9, 9, 9, 9, 9}, Decision::kExploit}),
        reported(slot_trial.size(), 9) {}

  History history;
  std::vector<int32_t> n_intervals;
  std::vector<int64_t> slot_trial;
  std::vector<double> metrics;
  std::vector<int64_t> next_trial;
  int64_t n_params;
  std::vector<double> draws, slot_draws;
  /// By slot; of one that the log does not have, as of an empty one.
  std::vector<Event> events;
  std::vector<double> reported;
  // Of policies that explore; what is empty is null in the view.
  int64_t first_trial = 0;
  std::vector<DistributionSpec> specs;
  std::vector<uint8_t> changeable;
  std::vector<int32_t> cohort;
};

/// A copy of one in a backend's memory.
class DeviceSweep {
 public:
  DeviceSweep(const Backend& backend, const Context& context, const Sweep& sweep)
      : sweep_(sweep),
        score_(backend, context, sweep.history.score),
        best_score_(backend, context, sweep.history.best_score),
        mean_score_(backend, context, sweep.history.mean_score),
        last_best_(backend, context, sweep.history.last_best),
        last_mean_(backend, context, sweep.history.last_mean),
        n_reported_(backend, context, sweep.history.n_reported),
        state_(backend, context, sweep.history.state),
        n_intervals_(backend, context, sweep.n_intervals),
        slot_trial_(backend, context, sweep.slot_trial),
        metrics_(backend, context, sweep.metrics),
        next_trial_(backend, context, sweep.next_trial),
        draws_(backend, context, sweep.draws),
        slot_draws_(backend, context, sweep.slot_draws),
        events_(backend, context, sweep.events),
        n_events_(backend, context, {9}),
        reported_(backend, context, sweep.reported),
        specs_(backend, context, sweep.specs),
        changeable_(backend, context, sweep.changeable),
        cohort_(backend, context, sweep.cohort) {}

  SweepView view() const {
    SweepView view;
    view.history = {sweep_.history.n_trials, sweep_.history.n_intervals, score_.data(),     best_score_.data(),
                    mean_score_.data(),      last_best_.data(),          last_mean_.data(), n_reported_.data(),
                    state_.data()};
    view.n_intervals = n_intervals_.data();
    view.n_slots = static_cast<int64_t>(sweep_.slot_trial.size());
    view.slot_trial = slot_trial_.data();
    view.metrics = metrics_.data();
    view.next_trial = next_trial_.data();
    view.n_params = sweep_.n_params;
    view.draws = draws_.data();
    view.slot_draws = slot_draws_.data();
    view.events = events_.data();
    view.n_events = n_events_.data();
    view.reported = reported_.data();
    view.first_trial = sweep_.first_trial;
    if (!sweep_.specs.empty()) view.specs = specs_.data();
    if (!sweep_.changeable.empty()) view.changeable = changeable_.data();
    if (!sweep_.cohort.empty()) view.cohort = cohort_.data();
    return view;
  }
  /// The history's `metrics`, which no device holds, stay as they were.
  Sweep to_host() const {
    Sweep sweep = sweep_;
    sweep.history.score = score_.to_host();
    sweep.history.best_score = best_score_.to_host();
    sweep.history.mean_score = mean_score_.to_host();
    sweep.history.last_best = last_best_.to_host();
    sweep.history.last_mean = last_mean_.to_host();
    sweep.history.n_reported = n_reported_.to_host();
    sweep.history.state = state_.to_host();
    sweep.slot_trial = slot_trial_.to_host();
    sweep.metrics = metrics_.to_host();
    sweep.next_trial = next_trial_.to_host();
    sweep.draws = draws_.to_host();
    sweep.slot_draws = slot_draws_.to_host();
    sweep.reported = reported_.to_host();
    sweep.events.assign(sweep.slot_trial.size(), Event());
    for (const Event& event : log()) sweep.events[event.slot] = event;
    return sweep;
  }
  /// The events of the last decision.
  std::vector<Event> log() const {
    std::vector<Event> events = events_.to_host();
    events.resize(n_events_.to_host()[0]);
    return events;
  }

 private:
  Sweep sweep_;
  DeviceArray<double> score_, best_score_, mean_score_, last_best_, last_mean_;
  DeviceArray<int32_t> n_reported_;
  DeviceArray<TrialState> state_;
  DeviceArray<int32_t> n_intervals_;
  DeviceArray<int64_t> slot_trial_;
  DeviceArray<double> metrics_;
  DeviceArray<int64_t> next_trial_;
  DeviceArray<double> draws_, slot_draws_;
  DeviceArray<Event> events_;
  DeviceArray<int64_t> n_events_;
  DeviceArray<double> reported_;
  DeviceArray<DistributionSpec> specs_;
  DeviceArray<uint8_t> changeable_;
  DeviceArray<int32_t> cohort_;
};

/// Decides the interval that the sweep's metrics report, on a copy in the backend's memory, and logs everyone.
inline Sweep decide_on(const Backend& backend, const Context& context, Goal goal, const EarlyTermination& policy,
                       const Sweep& sweep, int64_t abort_below = 0, const BracketPlan* brackets = nullptr) {
  const DeviceSweep device(backend, context, sweep);
  std::set<int64_t> reached;
  for (const int64_t trial : sweep.slot_trial) {
    if (trial >= 0) reached.insert(sweep.history.n_reported[trial] + 1);
  }
  const std::vector<int64_t> ages(reached.begin(), reached.end());
  DecideOptions options;
  options.goal = goal;
  options.policy = &policy;
  options.brackets = brackets;
  options.ages = ages.data();
  options.n_ages = static_cast<int64_t>(ages.size());
  options.abort_below = abort_below;
  options.log_everyone = true;
  backend.decide(context, device.view(), options);
  return device.to_host();
}

}  // namespace lockstep::test
