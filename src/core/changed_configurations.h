#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include <lockstep/configurations.h>
#include <lockstep/sweep.h>

namespace lockstep {

/// A configuration that a trial has now, after it took over weights so many times.
struct ChangedConfiguration {
  std::vector<double> draws;  ///< [n_params]
  int64_t n_exploits = 0;
};

/// The configurations that trials have now, where population based training has changed them.
class ChangedConfigurations {
 public:
  void apply(const TrialExploit& exploit) {
    ChangedConfiguration& changed = by_trial_[exploit.trial];
    changed.draws = exploit.draws;
    ++changed.n_exploits;
  }
  /// That of `trial`, or nullptr when it still has the one that it began with.
  const ChangedConfiguration* find(int64_t trial) const {
    const auto found = by_trial_.find(trial);
    return found == by_trial_.end() ? nullptr : &found->second;
  }

 private:
  std::unordered_map<int64_t, ChangedConfiguration> by_trial_;
};

/// What `changed` says, or else the configuration that `trial` began with.
inline ChangedConfiguration configuration_of(const Configurations& configurations, int64_t trial,
                                             const ChangedConfiguration* changed) {
  if (changed) return *changed;
  const double* row = configurations.row(trial);
  return {{row, row + configurations.space().n_params()}, 0};
}

}  // namespace lockstep
