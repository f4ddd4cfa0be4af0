#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <lockstep/backend.h>
#include <lockstep/search_space.h>
#include <lockstep/sweep_spec.h>

#include "store/utc_time.h"

namespace lockstep {

/// A trial's number is at most this.
inline constexpr int64_t kMaxTrialNumber = 1'000'000'000;

/// A trial that another program trained, and that is over.
struct ImportedTrial {
  int64_t number = 0;
  TrialState state = TrialState::kFinished;
  UtcTime start;
  std::optional<UtcTime> complete;
  std::vector<double> draws;     ///< [n_params]
  std::vector<double> reports;   ///< of intervals 1, 2, ...
  std::optional<double> value;   ///< finite; what the record calls the trial's value, whatever its reports are
  std::string reason;            ///< why it ended
};

/// What a record said that a sweep cannot hold: kinds of it, each with the trials or lines that it is true of.
class LeftOut {
 public:
  /// @param why as in "LABEL, LABEL: they ..."
  void add(const std::string& why, const std::string& label) { labels_[why].push_back(label); }
  int64_t n() const;
  /// A line a kind: "3 trials that were waiting: 12, 13, 14"; the first ten labels of each.
  std::vector<std::string> lines(const std::string& what) const;

 private:
  std::map<std::string, std::vector<std::string>> labels_;
};

/// A sweep that was recorded elsewhere.
struct ImportedSweep {
  std::string source;  ///< in words: the file, and the study in it
  std::string name;
  std::string metric;
  Goal goal = Goal::kMinimize;
  SearchSpace space;
  std::vector<ImportedTrial> trials;  ///< by number
  LeftOut left_out;
  std::vector<std::string> notes;  ///< what was read otherwise than it stands there
  // Where the record is an export of ours.
  std::string device = "unknown";
  uint64_t seed = 0;
  std::optional<double> test_value;
  std::optional<double> elapsed_s;
  std::optional<int64_t> trial_intervals_full;
};

/// Writes `sweep` into `directory` as a finished sweep: sweep.db, trials.csv and best.json. Throws OutputError, as a run
/// that finds a sweep there does unless `overwrite`.
void write_imported_sweep(const ImportedSweep& sweep, const std::string& directory, bool overwrite,
                          const std::string& lockstep_version);

}  // namespace lockstep
