#include "report/comparison.h"

#include <gtest/gtest.h>

namespace lockstep {
namespace {

/// A sweep of two trials, the second of which has `value` and was stopped.
SweepRecord sweep(const std::string& directory, double value, Goal goal = Goal::kMinimize) {
  SweepRecord record;
  record.directory = directory;
  record.display_name = "name of " + directory;
  record.primary_metric = "loss";
  record.goal = goal;
  record.start = parse_utc("2026-11-24 02:54:50.000000");
  record.n_trials = 3;
  record.trial_intervals = 6;
  record.trial_intervals_full = 8;
  record.elapsed_s = 200;
  record.end = RecordedEnd::kTimeout;
  record.search_space.add("lr", uniform(0, 1));
  for (int64_t number = 0; number < 2; ++number) {
    TrialRecord trial;
    trial.number = number;
    trial.start = record.start;
    trial.state = number == 0 ? TrialState::kDiverged : TrialState::kStopped;
    trial.complete = parse_utc("2026-11-24 02:56:50.500000");
    trial.hyperparameters = {0.25};
    record.trials.push_back(trial);
  }
  record.trials[1].value = value;
  record.trials[1].best_interval = 4;
  return record;
}

TEST(CompareSweeps, FindsTheBest) {
  EXPECT_EQ(compare_sweeps({sweep("a", 0.5), sweep("b", 0.25), sweep("c", 0.25)}).best, 1u) << "ties to the first";
  EXPECT_EQ(compare_sweeps({sweep("a", 0.5, Goal::kMaximize), sweep("b", 0.25, Goal::kMaximize)}).best, 0u);
  SweepRecord without = sweep("a", 1);
  without.trials[1].value.reset();
  EXPECT_EQ(compare_sweeps({without, sweep("b", 2)}).best, 1u);
  EXPECT_EQ(compare_sweeps({without, without}).best, std::nullopt);
}

TEST(CompareSweeps, OtherMetricsAndGoalsAreSaidAndNotCompared) {
  SweepRecord other = sweep("b", 0.25);
  other.primary_metric = "accuracy";
  SweepComparison comparison = compare_sweeps({sweep("a", 0.5), other});
  EXPECT_EQ(comparison.why_not, "the metric is loss in a and accuracy in b");
  EXPECT_EQ(comparison.best, std::nullopt);
  EXPECT_NE(comparison_text(comparison).find("Not compared: the metric is loss in a"), std::string::npos);
  comparison = compare_sweeps({sweep("a", 0.5), sweep("b", 0.25, Goal::kMaximize)});
  EXPECT_EQ(comparison.why_not, "loss is to minimize in a and to maximize in b");
  EXPECT_EQ(comparison_json(comparison)["comparable"], false);
  EXPECT_TRUE(comparison_json(comparison)["best"].is_null());
}

/// Columns one blank apart, whatever their widths.
std::string squeezed(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c != ' ' || !out.ends_with(' ')) out += c;
  }
  return out;
}

TEST(CompareSweeps, TextHasARowAFact) {
  const std::string text = squeezed(comparison_text(compare_sweeps({sweep("a", 0.5), sweep("b\x1b[1m", 0.25)})));
  for (const char* row :
       {" a b\\x1b[1m\n", "\nsweep name of a name of b\\x1b[1m\n", "\nmetric loss, minimize loss, minimize\n",
        "\nbest value 0.5 0.25\n", "\nbest trial 1 1\n", "\nat interval 4 4\n", "\ntrials 2 of 3 2 of 3\n",
        "\nstopped 1 1\n", "\ndiverged 1 1\n", "\nintervals 6 6\n", "\nsaved by stopping 25.0 % 25.0 %\n",
        "\ntime 3 min 20 s 3 min 20 s\n", "\nbest trial's end after 2 min 01 s 2 min 01 s\n", "\nend timeout timeout\n",
        "\n lr 0.25 0.25\n", "\nBest: b\\x1b[1m, loss 0.25; 0.25 better than a.\n"}) {
    EXPECT_NE(text.find(row), std::string::npos) << row << "\nin:\n" << text;
  }
  EXPECT_EQ(text.find("finished"), std::string::npos) << "a row that says nothing";
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST(CompareSweeps, Json) {
  SweepRecord first = sweep("a", 0.5);
  first.test_value = 0.75;
  const auto json = comparison_json(compare_sweeps({first, sweep("b", 0.25)}));
  EXPECT_EQ(json["comparable"], true);
  EXPECT_EQ(json["best"], "b");
  ASSERT_EQ(json["sweeps"].size(), 2u);
  const auto& a = json["sweeps"][0];
  EXPECT_EQ(a["value"], 0.5);
  EXPECT_EQ(a["test_metric"], 0.75);
  EXPECT_EQ(a["trial"], 1);
  EXPECT_EQ(a["interval"], 4);
  EXPECT_EQ(a["hyperparameters"]["lr"], 0.25);
  EXPECT_EQ(a["trials"]["total"], 3);
  EXPECT_EQ(a["trials"]["started"], 2);
  EXPECT_EQ(a["trials"]["stopped"], 1);
  EXPECT_EQ(a["savings"], 0.25);
  EXPECT_EQ(a["end"], "timeout");
  EXPECT_EQ(a["best_trial_ended_after_s"], 120.5);
}

TEST(SecondsToBest, NeedsAnEnd) {
  SweepRecord record = sweep("a", 0.5);
  EXPECT_EQ(seconds_to_best(record), 120.5);
  record.trials[1].complete.reset();
  EXPECT_EQ(seconds_to_best(record), std::nullopt);
}

}  // namespace
}  // namespace lockstep
