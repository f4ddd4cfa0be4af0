#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <lockstep/sweep.h>

#include "store/imported_sweep.h"
#include "store/journal.h"
#include "store/optuna_tables.h"
#include "store/sqlite.h"
#include "store/utc_time.h"

namespace lockstep {

/// Puts a sweep into the tables. Works on the thread that calls it; between `begin` and `commit` everything is one
/// transaction, and after a failure it can only be destroyed. Throws OutputError.
class JournalWriter {
 public:
  /// Creates the database, which must not exist, and its tables; or opens one that a killed sweep left.
  JournalWriter(const std::string& path, RunInfo info, bool is_resumed);

  void begin();
  void commit();
  /// Waits until what was committed has reached the disk.
  void sync();
  void write_start(UtcTime time, const SweepSpec& spec, const Configurations& configurations);
  /// A sweep that was recorded elsewhere: all of its trials, each over. `write_end` follows.
  void write_imported(UtcTime start, const ImportedSweep& sweep);
  /// Takes back what the database has beyond `past`, and notes the resume.
  void write_resume(UtcTime time, const RecordedPast& past);
  void write_interval(UtcTime time, const IntervalReport& report);
  void write_end(UtcTime time, const SweepResult& result);
  void write_failure(UtcTime time, const std::string& failure);
  /// Makes the database a single file again, which can be copied as it is.
  void finish();

 private:
  void insert_sweep(UtcTime time, const SweepSpec& spec, const SearchSpace& space, int64_t n_trials);
  void insert_earlier(const SearchSpace& space);
  void insert_trial(int64_t trial);
  void insert_event(UtcTime time, const TrialEnd& end);
  void insert_exploit(UtcTime time, const TrialExploit& exploit);
  void end_trial(UtcTime time, const TrialEnd& end);
  void update_progress(const Progress& progress);
  void write_end_state(UtcTime time, const std::string& state, const std::string* failure);

  const RunInfo info_;
  const bool is_resumed_;
  Database database_;
  OptunaTables tables_;
  Configurations configurations_;
  std::vector<std::string> distributions_;  ///< Optuna's JSON, a column each
  UtcTime last_report_;                     ///< when the trials that the next report calls started were started

  /// Prepared once: a sweep runs each of them thousands of times.
  Statement insert_event_;
  Statement insert_exploit_;
  Statement complete_trial_;
  Statement insert_value_;
  Statement update_progress_;
};

}  // namespace lockstep
