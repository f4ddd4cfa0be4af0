#pragma once

#include <vector>

#include "cuda/backend_test.h"

namespace lockstep::test {

/// A history in host memory.
struct History {
  History(int64_t n_trials, int64_t n_intervals)
      : n_trials(n_trials),
        n_intervals(n_intervals),
        metric(n_trials * n_intervals),
        best_score(n_trials * n_intervals),
        mean_score(n_trials * n_intervals),
        n_reported(n_trials),
        state(n_trials, TrialState::kRunning) {}

  int64_t n_trials;
  int64_t n_intervals;
  std::vector<double> metric;
  std::vector<double> best_score;
  std::vector<double> mean_score;
  std::vector<int32_t> n_reported;
  std::vector<TrialState> state;
};

/// A copy of one in a backend's memory.
class DeviceHistory {
 public:
  DeviceHistory(const Backend& backend, const Context& context, const History& history)
      : n_trials_(history.n_trials),
        n_intervals_(history.n_intervals),
        metric_(backend, context, history.metric),
        best_score_(backend, context, history.best_score),
        mean_score_(backend, context, history.mean_score),
        n_reported_(backend, context, history.n_reported),
        state_(backend, context, history.state) {}

  HistoryView view() const {
    return {n_trials_,           n_intervals_,        metric_.data(), best_score_.data(),
            mean_score_.data(), n_reported_.data(), state_.data()};
  }
  History to_host() const {
    History history(n_trials_, n_intervals_);
    history.metric = metric_.to_host();
    history.best_score = best_score_.to_host();
    history.mean_score = mean_score_.to_host();
    history.n_reported = n_reported_.to_host();
    history.state = state_.to_host();
    return history;
  }

 private:
  int64_t n_trials_;
  int64_t n_intervals_;
  DeviceArray<double> metric_;
  DeviceArray<double> best_score_;
  DeviceArray<double> mean_score_;
  DeviceArray<int32_t> n_reported_;
  DeviceArray<TrialState> state_;
};

}  // namespace lockstep::test
