// Programs under the sweep's loop: reports, ends and policies as they come, also when the sweep is cut off. (What users see
// of it is in tests/cli/commands_test.cpp.)
#include "command/command_executor.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include <lockstep/backend.h>
#include <lockstep/sweep.h>

#include "command/working_copy.h"
#include "core/trial_folders.h"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

class CommandExecutorTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "lockstep-command-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  SweepSpec spec_of(const std::string& command, int64_t n_at_once) const {
    SweepSpec spec;
    spec.objective.primary_metric = "accuracy";
    spec.limits.max_concurrent_trials = n_at_once;
    spec.command.emplace();
    spec.command->command = command;
    spec.command->grace_s = 1;
    return spec;
  }
  CommandOptions options_of(const SweepSpec& spec) const {
    CommandOptions options;
    options.directory = folder_;
    options.n_at_once = spec.limits.max_concurrent_trials;
    return options;
  }
  /// Trial k has x = k.
  static Configurations configurations_of(int64_t n) {
    SearchSpace space;
    space.add("x", int_range(0, 1000));
    std::vector<double> draws;
    for (int64_t trial = 0; trial < n; ++trial) draws.push_back(static_cast<double>(trial));
    return Configurations(space, 0, n, draws);
  }

  std::string folder_;
};

class Ends : public SweepObserver {
 public:
  void on_interval(const IntervalReport& report) override {
    for (const TrialEnd& end : report.ends) ends[end.trial] = end;
    if (after_interval) after_interval(report);
  }
  std::map<int64_t, TrialEnd> ends;
  std::function<void(const IntervalReport&)> after_interval;
};

TEST_F(CommandExecutorTest, RunsManyProgramsAFewAtATime) {
  SweepSpec spec = spec_of("for i in 1 2 3 4; do echo \"{\\\"accuracy\\\": $AZUREML_SWEEP_x.$i}\"; done", 8);
  spec.early_termination.kind = PolicyKind::kTruncationSelection;
  spec.early_termination.truncation_percentage = 30;
  spec.early_termination.delay_evaluation = 3;
  const Configurations configurations = configurations_of(60);
  Ends ends;
  SweepObserver* const observers[] = {&ends};
  CommandExecutor executor(spec, configurations, options_of(spec));
  const SweepResult result = run_sweep(spec, configurations, executor, host_backend(), Context(), observers);
  EXPECT_EQ(result.progress.n_finished + result.progress.n_stopped, 60);
  EXPECT_EQ(result.progress.n_failed, 0);
  EXPECT_EQ(result.best.trial, 59);
  EXPECT_DOUBLE_EQ(result.best.metric, 59.4);
  for (const auto& [trial, end] : ends.ends) {
    EXPECT_EQ(end.interval, end.state == TrialState::kFinished ? 4 : end.interval) << trial;
    EXPECT_GE(end.interval, 3) << trial;
  }
}

TEST_F(CommandExecutorTest, EndsThoseThatRunWhenTheSweepIsCutOff) {
  const SweepSpec spec = spec_of("echo '{\"accuracy\": 1}'; sleep 1000", 6);
  const Configurations configurations = configurations_of(20);
  std::atomic<bool> stop = false;
  Ends ends;
  ends.after_interval = [&](const IntervalReport& report) { stop = report.progress.trial_intervals >= 6; };
  SweepObserver* const observers[] = {&ends};
  CommandExecutor executor(spec, configurations, options_of(spec));
  const SweepResult result = run_sweep(spec, configurations, executor, host_backend(), Context(), observers, &stop);
  EXPECT_EQ(result.end, SweepEnd::kInterrupted);
  EXPECT_EQ(result.progress.n_aborted, 6);
  EXPECT_EQ(result.progress.n_waiting, 14);
}

TEST_F(CommandExecutorTest, GivesAPlaceToTheNextWhenTheOneBeforeIsGone) {
  // Each takes a lock that it holds until it has ended, which it takes its time for.
  SweepSpec spec = spec_of(
      "mkdir ../../../taken || exit 7; trap 'sleep 0.2; rmdir ../../../taken; exit 0' TERM\n"
      "echo '{\"accuracy\": NaN}'; sleep 1000 & wait", 1);
  const Configurations configurations = configurations_of(4);
  Ends ends;
  SweepObserver* const observers[] = {&ends};
  {
    CommandExecutor executor(spec, configurations, options_of(spec));
    const SweepResult result = run_sweep(spec, configurations, executor, host_backend(), Context(), observers);
    EXPECT_EQ(result.progress.n_diverged, 4);
  }
  EXPECT_FALSE(fs::exists(folder_ + "/taken")) << "the last one had its time to end, too";
}

TEST(WorkingCopy, HoldsTheCodeWithoutWhatIsIgnored) {
  std::string pattern = (fs::temp_directory_path() / "lockstep-copy-XXXXXX").string();
  ASSERT_NE(mkdtemp(pattern.data()), nullptr);
  const fs::path folder = pattern;
  const auto write = [&](const std::string& name, const std::string& text) {
    fs::create_directories((folder / name).parent_path());
    std::ofstream(folder / name) << text;
  };
  write("code/train.py", "print()");
  write("code/pkg/model.py", "x");
  write("code/.git/HEAD", "x");
  write("code/pkg/__pycache__/model.pyc", "x");
  write("code/results/sweep.db", "x");
  write("code/data.bin", "x");
  write("code/notes/a.md", "x");
  write("code/.amlignore", "# what is large\n*.bin\nnotes/\n");
  write("elsewhere/big.csv", "x");
  fs::create_symlink("../elsewhere/big.csv", folder / "code/big.csv");
  take_snapshot(folder / "code", folder / "code/out/snapshot");
  const auto has = [&](const std::string& name) { return fs::exists(folder / name); };
  EXPECT_TRUE(has("code/out/snapshot/train.py"));
  EXPECT_TRUE(has("code/out/snapshot/pkg/model.py"));
  EXPECT_TRUE(has("code/out/snapshot/big.csv")) << "a link leads where it led";
  for (const char* left : {".git", "pkg/__pycache__", "results", "data.bin", "notes", "out/snapshot"}) {
    EXPECT_FALSE(has("code/out/snapshot/" + std::string(left))) << left;
  }

  make_working_copy(folder / "code/out/snapshot", folder / "work");
  write("work/model.pt", "weights");
  write("work/pkg/model.py", "changed");
  prune_working_copy(folder / "code/out/snapshot", folder / "work");
  EXPECT_TRUE(has("work/model.pt"));
  EXPECT_TRUE(has("work/pkg/model.py"));
  EXPECT_FALSE(has("work/train.py"));
  EXPECT_FALSE(has("work/big.csv"));
  fs::remove_all(folder);
}

}  // namespace
}  // namespace lockstep
