#pragma once

#include <span>
#include <unordered_map>
#include <vector>

#include <lockstep/configurations.h>
#include <lockstep/sweep.h>

namespace lockstep {

/// The configurations that trials have now, where population based training has changed them.
class ChangedConfigurations {
 public:
  void apply(const TrialExploit& exploit) {
    Change& change = changes_[exploit.trial];
    change.draws = exploit.draws;
    ++change.n_exploits;
  }
  /// [n_params] what `trial` has, which is what `configurations` say unless it has changed.
  std::vector<double> draws(const Configurations& configurations, int64_t trial) const {
    const auto found = changes_.find(trial);
    if (found != changes_.end()) return found->second.draws;
    const double* row = configurations.row(trial);
    return {row, row + configurations.space().n_params()};
  }
  /// How often `trial` has taken over weights.
  int64_t n_exploits(int64_t trial) const {
    const auto found = changes_.find(trial);
    return found == changes_.end() ? 0 : found->second.n_exploits;
  }

 private:
  struct Change {
    std::vector<double> draws;
    int64_t n_exploits = 0;
  };
  std::unordered_map<int64_t, Change> changes_;
};

}  // namespace lockstep
