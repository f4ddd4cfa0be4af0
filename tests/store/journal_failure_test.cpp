// What the journal does when the program is killed, the database is locked, or the disk is full.
#include <csignal>
#include <functional>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <lockstep/error.h>

#include "store/journal.h"
#include "store/recorded_sweep.h"
#include "store/results.h"
#include "store/sqlite.h"
#include "store/temporary_folder.h"

namespace lockstep {
namespace {

/// `n` trials report `metric` at interval `tick`.
IntervalReport report(int64_t tick, int64_t n, double metric) {
  IntervalReport result;
  result.tick = tick;
  for (int64_t trial = 0; trial < n; ++trial) {
    if (tick == 1) result.started.push_back(trial);
    result.metrics.push_back({trial, tick, metric});
  }
  return result;
}

/// The exit status of `act` run in a process of its own, or minus the signal that ended it.
int in_child(const std::function<int()>& act) {
  const pid_t child = fork();
  if (child == 0) {
    int status = 99;
    try {
      status = act();
    } catch (...) {
    }
    _exit(status);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/// Waits until a reader sees `n` reports; false when that never comes.
bool wait_for_reports(const std::string& directory, int64_t n) {
  for (int i = 0; i < 3000; ++i) {
    try {
      const SweepRecord record = load_results(directory);
      int64_t n_reports = 0;
      for (const TrialRecord& trial : record.trials) n_reports += trial.n_intervals;
      if (n_reports == n) return true;
    } catch (const OutputError&) {
      // Nothing is committed so far.
    }
    usleep(10'000);
  }
  return false;
}

TEST(Journal, ThatIsKilledKeepsEveryCommittedInterval) {
  const TemporaryFolder folder;
  const std::string out = folder / "out";
  const int status = in_child([&] {
    Journal journal(out, test_info());
    journal.on_start(test_spec(), mixed_configurations(8));
    for (int64_t tick = 1; tick <= 5; ++tick) journal.on_interval(report(tick, 8, 0.1 * static_cast<double>(tick)));
    if (!wait_for_reports(out, 40)) return 98;
    raise(SIGKILL);
    return 97;
  });
  ASSERT_EQ(status, -SIGKILL);
  const SweepRecord record = load_results(out);
  EXPECT_EQ(record.end, RecordedEnd::kNone);
  ASSERT_EQ(record.trials.size(), 8u);
  for (const TrialRecord& trial : record.trials) {
    EXPECT_EQ(trial.state, TrialState::kRunning);
    EXPECT_EQ(trial.n_intervals, 5);
    EXPECT_DOUBLE_EQ(trial.value.value(), 0.5);
    EXPECT_EQ(trial.hyperparameters[0], Value(0.001 * static_cast<double>(trial.number + 1)));
  }
}

TEST(Journal, ThatIsKilledWhileWritingHoldsWholeIntervals) {
  const TemporaryFolder folder;
  const std::string out = folder / "out";
  const int status = in_child([&]() -> int {
    Journal journal(out, test_info());
    journal.on_start(test_spec(), mixed_configurations(50));
    for (int64_t tick = 1; tick <= 2000; ++tick) journal.on_interval(report(tick, 50, 0.5));
    _exit(0);  // no destructor: what is in the queue is lost, as with a kill
  });
  ASSERT_EQ(status, 0);
  try {
    const SweepRecord record = load_results(out);
    for (const TrialRecord& trial : record.trials) EXPECT_EQ(trial.n_intervals, record.trials[0].n_intervals);
    EXPECT_TRUE(record.trials.empty() || record.trials.size() == 50u);
  } catch (const OutputError& failure) {
    // Killed before its first commit: readable, and it says so.
    EXPECT_NE(std::string(failure.what()).find("it holds no sweep"), std::string::npos) << failure.what();
  }
}

TEST(Journal, DoesNotHoldTheLoopUpWhileTheDatabaseIsLocked) {
  const TemporaryFolder folder;
  const std::string out = folder / "out";
  Journal journal(out, test_info());
  Database other(out + "/sweep.db", Database::Mode::kCreate);
  other.execute("BEGIN IMMEDIATE");  // the writer must wait for this one's end
  journal.on_start(test_spec(), mixed_configurations(4));
  for (int64_t tick = 1; tick <= 100; ++tick) journal.on_interval(report(tick, 4, 0.5));
  // Reached while nothing can be written; had a call waited for the writer, it would wait for us for ever.
  EXPECT_EQ(other.query_text("SELECT count(*) FROM trials").value(), "0");
  other.execute("COMMIT");
  journal.close();
  EXPECT_EQ(load_results(out).trials.at(3).n_intervals, 100);
}

TEST(Journal, WaitsRatherThanFillTheMemory) {
  const TemporaryFolder folder;
  const std::string out = folder / "out";
  {
    Journal journal(out, test_info(), JournalMode::kNew, /*max_queued=*/10);
    journal.on_start(test_spec(), mixed_configurations(4));
    for (int64_t tick = 1; tick <= 50; ++tick) journal.on_interval(report(tick, 4, 0.5));
    journal.close();
  }
  EXPECT_EQ(load_results(out).trials.at(0).n_intervals, 50);
}

TEST(Journal, TakesAReportAboveItsQueuesLimit) {
  const TemporaryFolder folder;
  Journal journal(folder / "out", test_info(), JournalMode::kNew, /*max_queued=*/10);
  journal.on_start(test_spec(), mixed_configurations(20));
  journal.on_interval(report(1, 20, 0.5));
  journal.on_interval(report(2, 20, 0.5));
  journal.close();
  EXPECT_EQ(load_results(folder / "out").trials.at(19).n_intervals, 2);
}

TEST(Journal, TellsTheLoopThatTheDiskIsFullAndKeepsWhatWasWritten) {
  const TemporaryFolder folder;
  const std::string out = folder / "out";
  const std::string message_file = folder / "message";
  const int status = in_child([&] {
    signal(SIGXFSZ, SIG_IGN);  // a write beyond the limit fails like one to a full disk
    Journal journal(out, test_info());
    journal.on_start(test_spec(), mixed_configurations(100));
    journal.on_interval(report(1, 100, 0.5));
    if (!wait_for_reports(out, 100)) return 98;
    const rlimit limit = {512 * 1024, 512 * 1024};
    setrlimit(RLIMIT_FSIZE, &limit);
    std::string thrown;
    try {
      for (int64_t tick = 2; tick <= 1'000'000; ++tick) journal.on_interval(report(tick, 100, 0.5));
    } catch (const OutputError& failure) {
      thrown = failure.what();
    }
    if (thrown.empty()) return 97;
    try {
      journal.close();
      return 96;
    } catch (const OutputError& failure) {
      if (failure.what() != thrown) return 95;
    }
    write_text(message_file, thrown);
    return 0;
  });
  ASSERT_EQ(status, 0);
  const std::string message = read_text(message_file);
  EXPECT_NE(message.find(out + "/sweep.db: "), std::string::npos) << message;
  EXPECT_NE(message.find("free space, or choose another folder with --output"), std::string::npos) << message;
  const SweepRecord record = load_results(out);
  ASSERT_EQ(record.trials.size(), 100u);
  for (const TrialRecord& trial : record.trials) EXPECT_GE(trial.n_intervals, 1);
}

}  // namespace
}  // namespace lockstep
