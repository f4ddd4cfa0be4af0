#include "report/leaderboard.h"

#include <algorithm>
#include <cmath>

namespace lockstep {

void Leaderboard::on_start(const SweepSpec& spec, const Configurations& configurations) {
  sign_ = spec.objective.goal == Goal::kMaximize ? 1 : -1;
  first_trial_ = configurations.first_trial();
  best_.assign(static_cast<size_t>(configurations.n_trials()), BestTrial{});
}

void Leaderboard::on_interval(const IntervalReport& report) {
  for (const auto& each : report.metrics) {
    if (!std::isfinite(each.metric)) continue;
    BestTrial& best = best_[static_cast<size_t>(each.trial - first_trial_)];
    if (best.trial < 0 || sign_ * each.metric > sign_ * best.metric) best = {each.trial, each.interval, each.metric};
  }
}

std::vector<BestTrial> Leaderboard::top(size_t n) const {
  std::vector<BestTrial> out;
  for (const auto& best : best_) {
    if (best.trial >= 0) out.push_back(best);
  }
  n = std::min(n, out.size());
  std::partial_sort(out.begin(), out.begin() + static_cast<int64_t>(n), out.end(),
                    [this](const BestTrial& a, const BestTrial& b) {
                      return a.metric != b.metric ? sign_ * a.metric > sign_ * b.metric : a.trial < b.trial;
                    });
  out.resize(n);
  return out;
}

}  // namespace lockstep
