#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include <lockstep/search_space.h>
#include <lockstep/sweep.h>

namespace lockstep {

/// Functions that are called as a sweep goes on; those that are empty are not. In each interval `on_trial_start`, `on_report`,
/// `on_exploit` and `on_trial_end` are called for what happened in it, in this order and each by ascending trial, then
/// `on_interval`. Of a sweep that goes on from its past, what happened before is told again, with
/// `IntervalReport::played_back`. Called on the loop's thread, between intervals: what they throw ends the sweep.
struct Callbacks {
  std::function<void(const SweepSpec&, const Configurations&)> on_start = {};
  std::function<void(int64_t trial, const Configuration&)> on_trial_start = {};
  std::function<void(const MetricReport&)> on_report = {};
  std::function<void(const TrialExploit&)> on_exploit = {};
  std::function<void(const TrialEnd&)> on_trial_end = {};
  std::function<void(const IntervalReport&)> on_interval = {};
  std::function<void(const SweepResult&)> on_end = {};
};

/// An observer made of functions:
///
///     std::atomic<bool> stop = false;
///     lockstep::SweepCallbacks watch({.on_report = [&](const lockstep::MetricReport& report) {
///       if (report.metric > 0.99) stop = true;  // the sweep ends after the interval that comes next
///     }});
///     lockstep::SweepObserver* const observers[] = {&watch};
///     lockstep::run_sweep(spec, configurations, executor, backend, context, observers, &stop);
class SweepCallbacks final : public SweepObserver {
 public:
  explicit SweepCallbacks(Callbacks callbacks) : callbacks_(std::move(callbacks)) {}

  void on_start(const SweepSpec& spec, const Configurations& configurations) override {
    configurations_ = &configurations;
    if (callbacks_.on_start) callbacks_.on_start(spec, configurations);
  }
  void on_interval(const IntervalReport& report) override {
    if (callbacks_.on_trial_start) {
      for (const int64_t trial : report.started) callbacks_.on_trial_start(trial, configurations_->configuration(trial));
    }
    call(callbacks_.on_report, report.metrics);
    call(callbacks_.on_exploit, report.exploits);
    call(callbacks_.on_trial_end, report.ends);
    if (callbacks_.on_interval) callbacks_.on_interval(report);
  }
  void on_end(const SweepResult& result) override {
    if (callbacks_.on_end) callbacks_.on_end(result);
  }

 private:
  template <class Function, class Events>
  static void call(const Function& function, const Events& events) {
    if (!function) return;
    for (const auto& event : events) function(event);
  }

  Callbacks callbacks_;
  const Configurations* configurations_ = nullptr;  ///< the loop's
};

}  // namespace lockstep
