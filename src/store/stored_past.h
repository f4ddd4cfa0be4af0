#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <lockstep/sweep.h>

#include "store/checkpoint.h"
#include "store/results.h"

namespace lockstep {

/// The past of a sweep that goes on, from its folder: the last checkpoint, and what the database has until then. As an
/// observer it sees to it that the decisions which the loop takes again are those that the database has.
class StoredPast final : public SweepObserver {
 public:
  /// Throws OutputError when the folder's sweep cannot go on, with the cure. `record` must outlive it.
  explicit StoredPast(const SweepRecord& record);

  const SweepPast& past() const { return past_; }
  int64_t n_ticks() const { return static_cast<int64_t>(past_.times.size()); }

  /// Throws OutputError where a decision differs from the record.
  void on_interval(const IntervalReport& report) override;

 private:
  [[noreturn]] void refuse(const MetricReport& metric, TrialState now, const std::string& then) const;

  const SweepRecord& record_;
  std::map<int64_t, std::vector<double>> reports_;
  std::map<int64_t, const TrialRecord*> trials_;
  std::unique_ptr<Checkpoint> checkpoint_;
  SweepPast past_;
};

/// The past of a sweep whose trials report when they please: what every trial that had started had come to, by the
/// database alone. Trials that the sweep's own end cut off go on.
/// @param keeps_reports whether these have reported what they had; else they begin anew
SweepPast asynchronous_past(const SweepRecord& record, bool keeps_reports);

}  // namespace lockstep
