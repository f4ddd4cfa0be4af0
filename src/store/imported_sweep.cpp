#include "store/imported_sweep.h"

#include <algorithm>
#include <filesystem>

#include <lockstep/error.h>

#include "core/atomic_file.h"
#include "store/export.h"
#include "store/journal_writer.h"
#include "store/output_directory.h"
#include "store/results.h"

namespace lockstep {

namespace {

/// Without a policy a stopped trial is taken to have trained as long as the longest.
int64_t intervals_without_policy(const ImportedSweep& sweep) {
  size_t longest = 0;
  for (const ImportedTrial& trial : sweep.trials) longest = std::max(longest, trial.reports.size());
  int64_t n = 0;
  for (const ImportedTrial& trial : sweep.trials) {
    n += static_cast<int64_t>(trial.state == TrialState::kStopped ? longest : trial.reports.size());
  }
  return n;
}

/// From the first start to the last end.
double wall_seconds(const ImportedSweep& sweep, UtcTime start) {
  UtcTime end = start;
  for (const ImportedTrial& trial : sweep.trials) {
    if (trial.complete) end = std::max(end, *trial.complete);
  }
  return std::chrono::duration<double>(end - start).count();
}

SweepResult result_of(const ImportedSweep& sweep, UtcTime start) {
  SweepResult result;
  Progress& progress = result.progress;
  progress.n_trials = static_cast<int64_t>(sweep.trials.size());
  for (const ImportedTrial& trial : sweep.trials) {
    progress.trial_intervals += static_cast<int64_t>(trial.reports.size());
  }
  progress.trial_intervals_full = sweep.trial_intervals_full.value_or(intervals_without_policy(sweep));
  progress.elapsed_s = sweep.elapsed_s.value_or(wall_seconds(sweep, start));
  result.test_metric = sweep.test_value;
  return result;
}

RunInfo info_of(const ImportedSweep& sweep, const std::string& lockstep_version) {
  RunInfo info;
  info.lockstep_version = lockstep_version;
  info.device = sweep.device;
  info.seed = sweep.seed;
  info.notes.push_back("imported from " + sweep.source);
  info.notes.insert(info.notes.end(), sweep.notes.begin(), sweep.notes.end());
  for (const std::string& line : sweep.left_out.lines("left out")) info.notes.push_back(line);
  return info;
}

}  // namespace

int64_t LeftOut::n() const {
  size_t n = 0;
  for (const auto& [why, labels] : labels_) n += labels.size();
  return static_cast<int64_t>(n);
}

std::vector<std::string> LeftOut::lines(const std::string& what) const {
  constexpr size_t kMaxLabels = 10;
  std::vector<std::string> lines;
  for (const auto& [why, labels] : labels_) {
    std::string line = what + ": ";
    for (size_t i = 0; i < std::min(labels.size(), kMaxLabels); ++i) line += (i == 0 ? "" : ", ") + labels[i];
    if (labels.size() > kMaxLabels) line += " and " + std::to_string(labels.size() - kMaxLabels) + " more";
    lines.push_back(line + ": " + why);
  }
  return lines;
}

void write_imported_sweep(const ImportedSweep& sweep, const std::string& directory, bool overwrite,
                          const std::string& lockstep_version) {
  const DirectoryLock lock = prepare_output_directory(directory, overwrite);
  const std::string path = directory + "/" + kDatabaseFile;
  const std::string temporary = path + ".tmp";
  std::error_code ignored;
  std::filesystem::remove(temporary, ignored);
  UtcTime start = sweep.trials.empty() ? std::chrono::system_clock::now() : sweep.trials.front().start;
  for (const ImportedTrial& trial : sweep.trials) start = std::min(start, trial.start);
  const SweepResult result = result_of(sweep, start);
  try {
    JournalWriter writer(temporary, info_of(sweep, lockstep_version), false);
    writer.begin();
    writer.write_imported(start, sweep);
    writer.write_end(start + std::chrono::duration_cast<UtcTime::duration>(
                                 std::chrono::duration<double>(result.progress.elapsed_s)),
                     result);
    writer.commit();
    writer.finish();
  } catch (...) {
    for (const char* suffix : {"", "-wal", "-shm", "-journal"}) std::filesystem::remove(temporary + suffix, ignored);
    throw;
  }
  // A half-written sweep must not look like a small one.
  put_in_place(temporary, path);
  export_results(load_results(directory));
}

}  // namespace lockstep
