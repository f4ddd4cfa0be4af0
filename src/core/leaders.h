#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <lockstep/sweep.h>

namespace lockstep {

/// The best trials so far by their best metric; ties: lowest id. A trial is there once, with its earliest best report.
class Leaders {
 public:
  Leaders(Goal goal, int64_t n_most) : sign_(goal == Goal::kMaximize ? 1 : -1), n_most_(static_cast<size_t>(n_most)) {}

  /// Takes a report. Whether it is now a trial's best among the leaders.
  bool note(const MetricReport& report) {
    if (!std::isfinite(report.metric)) return false;
    const Leader candidate{{report.trial, report.interval, report.metric}, {}, 0};
    // Who is not before the last improves on nothing, be it there or not.
    if (all_.size() == n_most_ && !is_before(candidate, all_.back())) return false;
    const auto same = std::find_if(all_.begin(), all_.end(), [&](const Leader& each) { return each.best.trial == report.trial; });
    if (same != all_.end()) {
      if (sign_ * report.metric <= sign_ * same->best.metric) return false;
      all_.erase(same);
    }
    all_.insert(std::upper_bound(all_.begin(), all_.end(), candidate,
                                 [this](const Leader& a, const Leader& b) { return is_before(a, b); }),
                candidate);
    if (all_.size() > n_most_) all_.pop_back();
    return true;
  }

  /// The best first.
  std::vector<Leader>& all() { return all_; }
  bool contains(int64_t trial) const {
    return std::any_of(all_.begin(), all_.end(), [&](const Leader& each) { return each.best.trial == trial; });
  }

 private:
  bool is_before(const Leader& a, const Leader& b) const {
    return a.best.metric == b.best.metric ? a.best.trial < b.best.trial : sign_ * a.best.metric > sign_ * b.best.metric;
  }

  double sign_;
  size_t n_most_;
  std::vector<Leader> all_;
};

}  // namespace lockstep
