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
    if (best.trial >= 0 && sign_ * each.metric <= sign_ * best.metric) continue;
    best = {each.trial, each.interval, each.metric};
    if (const ChangedConfiguration* changed = changed_.find(each.trial)) best_configuration_[each.trial] = *changed;
  }
  for (const TrialExploit& exploit : report.exploits) changed_.apply(exploit);
}

std::vector<RankedTrial> Leaderboard::top(size_t n, const Configurations& configurations) const {
  std::vector<BestTrial> ranked;
  for (const auto& best : best_) {
    if (best.trial >= 0) ranked.push_back(best);
  }
  n = std::min(n, ranked.size());
  std::partial_sort(ranked.begin(), ranked.begin() + static_cast<int64_t>(n), ranked.end(),
                    [this](const BestTrial& a, const BestTrial& b) {
                      return a.metric != b.metric ? sign_ * a.metric > sign_ * b.metric : a.trial < b.trial;
                    });
  std::vector<RankedTrial> out;
  for (size_t i = 0; i < n; ++i) {
    const int64_t trial = ranked[i].trial;
    const auto changed = best_configuration_.find(trial);
    out.push_back({ranked[i], configuration_of(configurations, trial,
                                               changed == best_configuration_.end() ? nullptr : &changed->second)});
  }
  return out;
}

}  // namespace lockstep
