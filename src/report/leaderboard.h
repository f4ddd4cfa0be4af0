#pragma once

#include <unordered_map>
#include <vector>

#include <lockstep/sweep.h>

#include "core/changed_configurations.h"

namespace lockstep {

/// A trial's best report, and the configuration that made it.
struct RankedTrial {
  BestTrial best;
  ChangedConfiguration configuration;
};

/// Each trial's best report, kept while a sweep runs, so that the best few can be shown at its end.
class Leaderboard : public SweepObserver {
 public:
  void on_start(const SweepSpec& spec, const Configurations& configurations) override;
  void on_interval(const IntervalReport& report) override;

  /// The best `n` trials, best first; ties by id. Trials without a finite metric are left out. Each has the
  /// configuration of its best interval.
  std::vector<RankedTrial> top(size_t n, const Configurations& configurations) const;

 private:
  double sign_ = 1;
  int64_t first_trial_ = 0;
  std::vector<BestTrial> best_;  ///< by trial; trial = -1: no finite metric yet
  ChangedConfigurations changed_;
  std::unordered_map<int64_t, ChangedConfiguration> best_configuration_;  ///< by trial, where it had changed before
};

}  // namespace lockstep
