// Journal, checkpoints and the loop together: a sweep that fails after any interval and goes on leaves the same database.
#include <filesystem>

#include <gtest/gtest.h>

#include <lockstep/error.h>

#include "core/message.h"
#include "store/checkpointer.h"
#include "store/recorded_sweep.h"
#include "store/sqlite.h"
#include "store/stored_past.h"
#include "store/temporary_folder.h"

namespace lockstep {
namespace {

/// Ends the sweep after an interval, as a crash would; the journal's queue is written all the same.
class Crash : public SweepObserver {
 public:
  explicit Crash(int64_t tick) : tick_(tick) {}
  void on_interval(const IntervalReport& report) override {
    n_ticks = report.tick;
    if (report.tick == tick_) throw std::runtime_error("crash");
  }

  int64_t n_ticks = 0;

 private:
  int64_t tick_;
};

/// Twelve trials in five slots under median stopping; one diverges.
Curves curves() {
  Curves out;
  for (int trial = 0; trial < 12; ++trial) {
    Curve curve;
    for (int n = 1; n <= 5; ++n) curve.push_back(0.1 * ((trial * 5) % 12) + 0.01 * n * ((trial * 7) % 5));
    if (trial == 6) curve[2] = kNan;
    out.push_back(curve);
  }
  return out;
}

class Resume : public ::testing::Test {
 protected:
  RunInfo info() const {
    RunInfo out = test_info();
    out.n_slots = 5;
    return out;
  }

  /// Trains into `directory`. Returns what ended it early, or "".
  std::string train(const std::string& directory, int64_t checkpoint_every, int64_t crash_after, bool resume) {
    SweepSpec spec = with_median(test_spec(), 1, 2);
    spec.limits.max_concurrent_trials = 5;
    FakeExecutor executor(curves());
    const Configurations configurations = mixed_configurations(12);
    std::unique_ptr<SweepRecord> record;
    std::unique_ptr<StoredPast> past;
    try {
      if (resume) {
        record = std::make_unique<SweepRecord>(load_results(directory));
        past = std::make_unique<StoredPast>(*record);
        n_past_ticks = past->n_ticks();
      }
      Journal journal(directory, info(), resume ? JournalMode::kResume : JournalMode::kNew);
      Checkpointer checkpointer(directory, executor, journal, {checkpoint_every, 0},
                                [](const std::string& warning) { ADD_FAILURE() << warning; });
      Crash crash(crash_after);
      std::vector<SweepObserver*> observers{&journal, &checkpointer, &crash};
      if (past) observers.insert(observers.begin(), past.get());
      try {
        run_sweep(spec, configurations, executor, host_backend(), Context{}, observers, nullptr,
                  past ? &past->past() : nullptr);
      } catch (const std::exception& error) {
        journal.abandon(error.what());
        throw;
      }
      journal.close();
      n_ticks = crash.n_ticks;
    } catch (const std::exception& error) {
      return error.what();
    }
    return "";
  }

  /// Everything that a sweep's end should say, times and resumes left out.
  static std::string dump(const std::string& directory) {
    Database database(directory + "/sweep.db", Database::Mode::kRead);
    std::string out;
    const auto add = [&](const char* sql, int n_columns) {
      Statement query(database, sql);
      while (query.step()) {
        for (int column = 0; column < n_columns; ++column) out += query.text(column) + "|";
        out += "\n";
      }
    };
    add("SELECT trial_id, number, state, datetime_complete IS NULL FROM trials ORDER BY trial_id", 4);
    add("SELECT trial_id, param_name, param_value FROM trial_params ORDER BY trial_id, param_name", 3);
    add("SELECT trial_id, step, intermediate_value, intermediate_value_type FROM trial_intermediate_values "
        "ORDER BY trial_id, step", 4);
    add("SELECT trial_id, value FROM trial_values ORDER BY trial_id", 2);
    add("SELECT trial_id, interval, decision, value, threshold, reason FROM lockstep_events ORDER BY trial_id", 6);
    add("SELECT end_state, failure, trial_intervals, trial_intervals_full FROM lockstep_sweep", 4);
    add("PRAGMA integrity_check", 1);
    return out;
  }

  const TemporaryFolder folder_;
  int64_t n_past_ticks = 0;  ///< that were played back
  int64_t n_ticks = 0;       ///< of the last sweep that came to its end
};

TEST_F(Resume, ADatabaseEndsTheSameAfterACrashAtAnyInterval) {
  ASSERT_EQ(train(folder_ / "whole", 0, 0, false), "");
  const std::string expected = dump(folder_ / "whole");
  const int64_t n_whole = n_ticks;
  ASSERT_GT(n_whole, 6);
  for (int64_t crash = 1; crash <= n_whole; ++crash) {
    const std::string directory = folder_ / ("crash" + std::to_string(crash));
    ASSERT_EQ(train(directory, 3, crash, false), "crash");
    EXPECT_EQ(train(directory, 2, crash + 1, true), crash < n_whole ? "crash" : "");  // and again
    EXPECT_EQ(n_past_ticks, (crash / 3) * 3) << "the last checkpoint was at another interval";
    if (crash < n_whole) {
      ASSERT_EQ(train(directory, 2, 0, true), "");
    }
    EXPECT_EQ(dump(directory), expected) << "after a crash at " << crash;
  }
}

TEST_F(Resume, WritesDownThatItHappened) {
  ASSERT_EQ(train(folder_ / "out", 2, 5, false), "crash");
  ASSERT_EQ(train(folder_ / "out", 2, 0, true), "");
  Database database(folder_ / "out/sweep.db", Database::Mode::kRead);
  EXPECT_EQ(database.query_text("SELECT tick || ' ' || device FROM lockstep_resumes"), "4 cpu");
}

TEST_F(Resume, KeepsWhatOthersWroteOfATrial) {
  ASSERT_EQ(train(folder_ / "out", 2, 5, false), "crash");
  Database(folder_ / "out/sweep.db", Database::Mode::kWrite)
      .execute("INSERT INTO trial_user_attributes (trial_id, \"key\", value_json) VALUES (2, 'note', '\"mine\"')");
  ASSERT_EQ(train(folder_ / "out", 2, 0, true), "");
  Database database(folder_ / "out/sweep.db", Database::Mode::kRead);
  EXPECT_EQ(database.query_text("SELECT value_json FROM trial_user_attributes"), "\"mine\"");
}

TEST_F(Resume, RefusesADatabaseThatSaysAnotherThing) {
  ASSERT_EQ(train(folder_ / "out", 4, 6, false), "crash");
  // A report that would have stopped the trial.
  Database(folder_ / "out/sweep.db", Database::Mode::kWrite)
      .execute("UPDATE trial_intermediate_values SET intermediate_value = -9 WHERE step <= 3");
  const std::string before = dump(folder_ / "out");
  EXPECT_NE(train(folder_ / "out", 4, 0, true).find("what was decided is not what would be decided now"),
            std::string::npos);
  EXPECT_EQ(dump(folder_ / "out"), before) << "a refusal must change nothing";
}

TEST_F(Resume, RefusesADatabaseThatIsBehindTheCheckpoint) {
  ASSERT_EQ(train(folder_ / "out", 4, 6, false), "crash");
  // As if the last reports of a trial that goes on had not reached the disk.
  Database(folder_ / "out/sweep.db", Database::Mode::kWrite)
      .execute("DELETE FROM trial_intermediate_values WHERE trial_id = 3 AND step > 3;"
               "DELETE FROM lockstep_events WHERE trial_id = 3;"
               "UPDATE trials SET state = 'RUNNING', datetime_complete = NULL WHERE trial_id = 3");
  const std::string message = train(folder_ / "out", 4, 0, true);
  EXPECT_NE(message.find("the checkpoint knows interval 4 of trial 2, and the database does not"), std::string::npos)
      << message;
}

TEST_F(Resume, RefusesAnEarlierVersionsResults) {
  ASSERT_EQ(train(folder_ / "out", 4, 6, false), "crash");
  Database(folder_ / "out/sweep.db", Database::Mode::kWrite)
      .execute("UPDATE lockstep_sweep SET layout_version = 2; DROP TABLE lockstep_resumes;"
               "ALTER TABLE lockstep_sweep DROP COLUMN n_slots");
  EXPECT_NE(train(folder_ / "out", 4, 0, true).find("run the sweep again: its seed is 7"), std::string::npos);
}

}  // namespace
}  // namespace lockstep
