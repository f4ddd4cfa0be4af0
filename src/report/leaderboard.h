#pragma once

#include <vector>

#include <lockstep/sweep.h>

namespace lockstep {

/// Each trial's best report, kept while a sweep runs, so that the best few can be shown at its end.
class Leaderboard : public SweepObserver {
 public:
  void on_start(const SweepSpec& spec, const Configurations& configurations) override;
  void on_interval(const IntervalReport& report) override;

  /// The best `n` trials, best first; ties by id. Trials without a finite metric are left out.
  std::vector<BestTrial> top(size_t n) const;

 private:
  double sign_ = 1;
  int64_t first_trial_ = 0;
  std::vector<BestTrial> best_;  // by trial; trial = -1: no finite metric yet
};

}  // namespace lockstep
