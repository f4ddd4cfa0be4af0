#pragma once

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <lockstep/backend.h>
#include <lockstep/configurations.h>
#include <lockstep/sweep.h>

namespace lockstep {

using Curve = std::vector<double>;
using Curves = std::vector<Curve>;

/// Plays recorded curves on the host: trial `first_trial + i` reports `curves[i]`, one value an interval. Throws when the
/// loop breaks the executor's contract, so a test that gets to its end has checked that too.
class FakeExecutor : public Executor {
 public:
  explicit FakeExecutor(Curves curves, int64_t first_trial = 0)
      : curves_(std::move(curves)), first_trial_(first_trial) {}

  void start(std::span<const Placement> placements) override {
    require(!placements.empty(), "start of nothing");
    for (const auto& [slot, trial] : placements) {
      require(started.insert(trial).second, "a trial is started twice");
      require(trials_in_slots.emplace(slot, trial).second, "a slot is given away that is taken");
      running[trial] = 0;
    }
    max_running = std::max(max_running, running.size());
  }
  int64_t n_intervals(int64_t trial) const override { return static_cast<int64_t>(curve(trial).size()); }
  int64_t capacity() const override { return max_trials; }
  void train_interval(double* metrics) override {
    require(!running.empty(), "an interval without trials");
    ++n_ticks;
    if (before_interval) before_interval(n_ticks);
    for (const auto& [slot, trial] : trials_in_slots) {
      int64_t& age = running.at(trial);
      require(age < n_intervals(trial), "a trial trains beyond its end");
      metrics[slot] = curve(trial)[static_cast<size_t>(age++)];
    }
  }
  /// Notes them down; curves are played on as they are.
  void exploit(std::span<const Exploit> exploits) override {
    require(!exploits.empty(), "an exploit of nothing");
    std::set<int64_t> sources;
    for (const Exploit& each : exploits) {
      require(running.contains(each.trial) && running.contains(each.source), "weights are taken over that are gone");
      sources.insert(each.source);
    }
    for (const Exploit& each : exploits) require(!sources.contains(each.trial), "a source takes over weights itself");
    for (const Exploit& each : exploits) {
      exploited.push_back({each.trial, running.at(each.trial), each.source, {each.draws.begin(), each.draws.end()}, 0, 0, ""});
    }
  }
  void retire(std::span<const int64_t> trials) override {
    for (const int64_t trial : trials) require(running.erase(trial) == 1, "a trial is retired that does not run");
    std::erase_if(trials_in_slots, [this](const auto& pair) { return !running.contains(pair.second); });
  }
  void keep(int64_t trial) override {
    require(running.contains(trial), "weights are kept that are gone");
    kept.push_back({trial, running[trial], curve(trial)[static_cast<size_t>(running[trial] - 1)]});
  }
  /// Ages are all the state that there is; one who restores goes on with the curves.
  void save(const ByteSink& sink) const override {
    const auto n = static_cast<int64_t>(running.size());
    sink(&n, sizeof n);
    for (const auto& [trial, age] : running) {
      const int64_t row[2] = {trial, age};
      sink(row, sizeof row);
    }
  }
  void restore(const ByteSource& source, std::span<const Placement> placements, std::span<const Exploit>) override {
    int64_t n = 0;
    source(&n, sizeof n);
    std::map<int64_t, int64_t> ages;
    for (int64_t i = 0; i < n; ++i) {
      int64_t row[2];
      source(row, sizeof row);
      ages[row[0]] = row[1];
    }
    for (const auto& [slot, trial] : placements) {
      running[trial] = ages.at(trial);
      trials_in_slots[slot] = trial;
    }
  }
  std::optional<double> test_kept(int64_t) override {
    ++n_tests;
    if (kept.empty()) return std::nullopt;  // kept before it was restored
    return kept.back().metric + 1000;
  }

  std::function<void(int64_t tick)> before_interval;
  std::set<int64_t> started;
  std::map<int64_t, int64_t> running;          ///< trial -> age
  std::map<int64_t, int64_t> trials_in_slots;  ///< slot -> trial
  int64_t max_trials = std::numeric_limits<int64_t>::max();
  std::vector<BestTrial> kept;
  std::vector<TrialExploit> exploited;
  size_t max_running = 0;
  int64_t n_ticks = 0;
  int64_t n_tests = 0;

 private:
  static void require(bool holds, const char* what) {
    if (!holds) throw std::runtime_error(what);
  }
  const Curve& curve(int64_t trial) const { return curves_.at(static_cast<size_t>(trial - first_trial_)); }

  Curves curves_;
  int64_t first_trial_;
};

/// Writes down what it sees.
class RecordingObserver : public SweepObserver {
 public:
  void on_start(const SweepSpec&, const Configurations& configurations) override {
    calls += "start" + std::to_string(configurations.n_trials()) + " ";
  }
  void on_interval(const IntervalReport& report) override {
    calls += "interval" + std::to_string(report.tick) + " ";
    reports.push_back(report);
    for (const TrialEnd& end : report.ends) {
      if (!ends.emplace(end.trial, end).second) throw std::runtime_error("a trial ends twice");
    }
  }
  void on_end(const SweepResult&) override { calls += "end "; }

  std::string calls;
  std::vector<IntervalReport> reports;
  std::map<int64_t, TrialEnd> ends;
};

inline SweepSpec loop_spec(Goal goal = Goal::kMaximize, int64_t slots = 0) {
  SweepSpec spec;
  spec.objective.goal = goal;
  spec.objective.primary_metric = "metric";
  spec.limits.max_concurrent_trials = slots;
  return spec;
}

inline SweepSpec with_median(SweepSpec spec, int64_t evaluation_interval = 1, int64_t delay = 0,
                             MedianReference reference = MedianReference::kAll) {
  spec.early_termination = {PolicyKind::kMedianStopping, evaluation_interval, delay, reference};
  return spec;
}

/// Runs the loop over the host backend.
inline SweepResult run_loop(const SweepSpec& spec, FakeExecutor& executor, int64_t n_trials,
                            std::vector<SweepObserver*> observers = {}, const std::atomic<bool>* stop = nullptr,
                            int64_t first_trial = 0) {
  SearchSpace space;
  space.add("x", uniform(0, 1));
  const Configurations configurations(space, first_trial, n_trials, std::vector<double>(static_cast<size_t>(n_trials)));
  Context context;
  context.allocator = &host_backend().allocator();
  return run_sweep(spec, configurations, executor, host_backend(), context, observers, stop);
}

}  // namespace lockstep
