#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core/fake_executor.h"

namespace lockstep {

/// Plays curves, a few of the running trials at a time, chosen by a seed; a trial ends when its curve has.
class ProgramExecutor : public Executor {
 public:
  explicit ProgramExecutor(Curves curves, unsigned seed = 1) : curves_(std::move(curves)), random_(seed) {}

  bool is_asynchronous() const override { return true; }
  int64_t n_intervals(int64_t) const override { throw std::logic_error("asked how often a program reports"); }
  void train_interval(double*) override { throw std::logic_error("programs do not train in intervals"); }
  int64_t capacity() const override { return max_trials; }
  void configure(std::span<const TrialConfiguration> chosen) override {
    for (const auto& each : chosen) configured[each.trial] = each.draws;
  }
  void start(std::span<const Placement> placements) override {
    for (const auto& [slot, trial] : placements) {
      if (!slots_.insert(slot).second) throw std::runtime_error("a slot is given away that is taken");
      running[trial] = {slot, reported_before[trial]};
      most_at_once = std::max(most_at_once, running.size());
    }
  }
  Arrivals await(double) override {
    Arrivals arrivals;
    ++n_awaits;
    if (before_await) before_await(n_awaits);
    if (n_awaits % 3 == 0) return arrivals;  // nobody has anything to say for a while
    for (auto it = running.begin(); it != running.end();) {
      auto& [trial, place] = *it;
      if (std::uniform_int_distribution<int>(0, 2)(random_) > 0) {
        ++it;
        continue;
      }
      const Curve& curve = curves_[static_cast<size_t>(trial)];
      if (place.second < curve.size()) {
        arrivals.reports.push_back({trial, curve[place.second++]});
        ++it;
        continue;
      }
      const bool fails = failing.contains(trial);
      arrivals.exits.push_back({trial, fails ? TrialState::kFailed : TrialState::kFinished, fails ? "failed: exit code 3" : "finished"});
      slots_.erase(place.first);
      it = running.erase(it);
    }
    order.push_back(arrivals);
    return arrivals;
  }
  void retire(std::span<const int64_t> trials) override {
    for (const int64_t trial : trials) {
      slots_.erase(running.at(trial).first);
      running.erase(trial);
    }
  }
  void keep(int64_t) override {}
  std::optional<double> test_kept(int64_t) override { return std::nullopt; }

  int64_t max_trials = 5;
  std::map<int64_t, std::pair<int64_t, size_t>> running;  ///< trial -> slot, reports given
  std::map<int64_t, size_t> reported_before;
  std::set<int64_t> failing;
  std::map<int64_t, std::vector<double>> configured;
  std::vector<Arrivals> order;
  std::function<void(int64_t)> before_await;
  int64_t n_awaits = 0;
  size_t most_at_once = 0;

 private:
  Curves curves_;
  std::mt19937 random_;
  std::set<int64_t> slots_;
};

inline Curves random_curves(size_t n, size_t longest, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> step(-0.5, 1);
  Curves curves(n);
  for (Curve& curve : curves) {
    double value = 5 + 3 * step(random);
    curve.resize(1 + std::uniform_int_distribution<size_t>(0, longest - 1)(random));
    for (double& each : curve) each = value += 0.3 * step(random);
  }
  return curves;
}

}  // namespace lockstep
