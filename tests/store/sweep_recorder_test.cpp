// A sweep that a program runs itself, recorded in a folder for the commands to read.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include <lockstep/error.h>
#include <lockstep/study.h>
#include <lockstep/sweep_recorder.h>

#include "core/message.h"
#include "store/earlier_trials.h"
#include "store/recorded_sweep.h"
#include "store/results.h"
#include "store/temporary_folder.h"

namespace lockstep {
namespace {

SweepSpec study_spec() {
  SweepSpec spec = loop_spec(Goal::kMinimize);
  spec.search_space.add("x", uniform(0, 1)).add("kind", choice({"a", "b"}));
  spec.limits.max_total_trials = 30;
  spec.early_termination.kind = PolicyKind::kMedianStopping;
  spec.text = "of a file that the program read";
  return spec;
}

void run_study(const SweepSpec& spec, SweepObserver& observer, std::vector<EarlierTrial> earlier = {}) {
  Study study(spec, {.seed = 7, .observers = {&observer}, .earlier = std::move(earlier)});
  while (const auto trial = study.ask()) {
    for (int step = 0; step < 4; ++step) {
      if (study.report(trial->id(), trial->number("x") + 0.01 * step)) break;
    }
    study.finish(trial->id());
  }
  study.end();
}

TEST(SweepRecorder, LeavesWhatTheCommandsRead) {
  const TemporaryFolder folder;
  const std::string directory = folder.path() + "/results";
  {
    SweepRecorder recorder(directory, {.seed = 7, .notes = {"a simulator"}});
    run_study(study_spec(), recorder);
    // All is there before the recorder is gone.
    EXPECT_TRUE(std::filesystem::exists(directory + "/best.json"));
  }
  const SweepRecord record = load_results(directory);
  EXPECT_EQ(record.end, RecordedEnd::kCompleted);
  EXPECT_EQ(record.seed, 7u);
  EXPECT_EQ(record.n_trials, 30);
  ASSERT_EQ(record.trials.size(), 30u);
  EXPECT_TRUE(record.is_imported());  // nothing trains it here
  EXPECT_EQ(record.notes, (std::vector<std::string>{"recorded by the program that ran it", "a simulator"}));
  EXPECT_GT(record.count(TrialState::kStopped), 3);
  const TrialRecord* const best = record.best();
  ASSERT_TRUE(best);
  EXPECT_EQ(best->value, best->hyperparameters[0].as_real());
  EXPECT_EQ(best->reason, "finished: after 4 reports");
  std::ifstream trials(directory + "/trials.csv");
  std::string header;
  std::getline(trials, header);
  EXPECT_NE(header.find("params_x"), std::string::npos);

  EXPECT_THROW(SweepRecorder(directory, {}), OutputError);
  SweepRecorder again(directory, {.overwrite = true, .seed = 7});
  run_study(study_spec(), again);
  EXPECT_EQ(load_results(directory).best()->number, best->number);
}

TEST(SweepRecorder, IsAFolderToBeginWith) {
  const TemporaryFolder folder;
  {
    SweepRecorder recorder(folder.path() + "/first");
    run_study(study_spec(), recorder);
  }
  const WarmStart known = match_earlier_trials(load_earlier_sweeps({folder.path() + "/first"}, study_spec()), study_spec(), std::nullopt);
  EXPECT_EQ(known.trials.size(), 30u);
  SweepRecorder recorder(folder.path() + "/second", {.earlier = known.trials});
  run_study(study_spec(), recorder, known.trials);
  EXPECT_EQ(load_earlier_trials(folder.path() + "/second").size(), 30u);
}

TEST(SweepRecorder, RecordsThatASweepFailed) {
  const TemporaryFolder folder;
  struct Thrower : SweepObserver {
    void on_interval(const IntervalReport& report) override {
      if (report.tick > 20) throw std::runtime_error("no more");
    }
  } thrower;
  {
    SweepRecorder recorder(folder.path());
    Study study(study_spec(), {.observers = {&recorder, &thrower}});
    EXPECT_THROW(
        while (const auto trial = study.ask()) study.tell(trial->id(), 1), std::runtime_error);
  }
  const SweepRecord record = load_results(folder.path());
  EXPECT_EQ(record.end, RecordedEnd::kFailed);
  EXPECT_EQ(record.failure, "the program left the sweep before its end");
  EXPECT_GE(record.trials.size(), 6u);
}

}  // namespace
}  // namespace lockstep
