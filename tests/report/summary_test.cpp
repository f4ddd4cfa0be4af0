#include "report/summary.h"

#include <gtest/gtest.h>

namespace lockstep {
namespace {

class Summary : public ::testing::Test {
 protected:
  Summary()
      : configurations(SearchSpace().add("lr", uniform(0, 1)).add("hidden", choice({Value(int64_t{32}), Value(int64_t{64})})), 0, 3,
                       {0.125, 1, 0.5, 0, 0.75, 1}) {
    spec.objective = {Goal::kMaximize, "accuracy", {}};
    spec.early_termination.kind = PolicyKind::kMedianStopping;
    result.progress.n_trials = 3;
    result.progress.n_stopped = 1;
    result.progress.n_finished = 2;
    result.progress.trial_intervals = 25;
    result.progress.trial_intervals_full = 30;
    result.progress.elapsed_s = 5;
    result.progress.training_s = 4.9;
    result.best = {1, 7, 0.9875};
    result.best_draws = {0.5, 0};
    result.test_metric = 0.96;
  }
  SweepSummary summary() const { return {spec, configurations, result, {{{1, 7, 0.9875}, {{0.5, 0}, 0}}, {{0, 2, 0.5}, {{0.125, 1}, 0}}}, 42, "cpu", "out/dir"}; }

  SweepSpec spec;
  Configurations configurations;
  SweepResult result;
};

TEST_F(Summary, TextShowsBestSavingsAndPlace) {
  const auto text = summary_text(summary());
  EXPECT_NE(text.find("1      0.9875    7         0.5    32"), std::string::npos) << text;
  EXPECT_NE(text.find("Best trial 1: validation accuracy 0.9875 at interval 7, test accuracy 0.96"), std::string::npos) << text;
  EXPECT_NE(text.find("best of 3 on validation data is an optimistic figure"), std::string::npos) << text;
  EXPECT_NE(text.find("Stopping saved 16.7 % of the training: 25 of 30 trial-epochs"), std::string::npos) << text;
  EXPECT_NE(text.find("Results: out/dir"), std::string::npos) << text;
}

TEST_F(Summary, SaysWhatPopulationBasedTrainingDid) {
  EXPECT_FALSE(summary_json(summary()).contains("exploits"));
  spec.early_termination.kind = PolicyKind::kPbt;
  result.progress.n_exploits = 1234;
  result.best_draws = {0.25, 1};
  result.best_n_exploits = 2;
  const auto text = summary_text(summary());
  EXPECT_NE(text.find("Weights were taken over 1,234 times."), std::string::npos) << text;
  EXPECT_NE(text.find("had taken over another trial's weights 2 times before"), std::string::npos) << text;
  EXPECT_EQ(text.find("Stopping saved"), std::string::npos) << text;
  const auto json = summary_json(summary());
  EXPECT_EQ(json["exploits"], 1234);
  EXPECT_EQ(json["best"]["exploits"], 2);
  EXPECT_EQ(json["best"]["hyperparameters"]["lr"], 0.25);
  EXPECT_EQ(json["best"]["hyperparameters"]["hidden"], 64);
}

TEST_F(Summary, TextSaysWhatEndedTheSweepEarly) {
  result.end = SweepEnd::kTimeout;
  EXPECT_NE(summary_text(summary()).find("reached its timeout"), std::string::npos);
  result.end = SweepEnd::kInterrupted;
  EXPECT_NE(summary_text(summary()).find("was interrupted"), std::string::npos);
}

TEST_F(Summary, TextWithoutAFiniteMetricSaysSo) {
  result.best = {};
  const SweepSummary empty{spec, configurations, result, {}, 42, "cpu", ""};
  EXPECT_NE(summary_text(empty).find("No trial reported a finite accuracy"), std::string::npos);
  EXPECT_TRUE(summary_json(empty)["best"].is_null());
}

TEST_F(Summary, JsonHasTypedHyperparameters) {
  const auto json = summary_json(summary());
  EXPECT_EQ(json["best"]["trial"], 1);
  EXPECT_EQ(json["best"]["test"], 0.96);
  EXPECT_TRUE(json["best"]["hyperparameters"]["hidden"].is_number_integer());
  EXPECT_EQ(json["best"]["hyperparameters"]["lr"], 0.5);
  EXPECT_EQ(json["top"].size(), 2u);
  EXPECT_EQ(json["trials"]["stopped"], 1);
  EXPECT_NEAR(json["savings"].get<double>(), 1.0 / 6, 1e-12);
  EXPECT_EQ(json["seed"], 42);
}

TEST_F(Summary, SaysWhatOfEarlierSweepsItBeganWith) {
  EXPECT_EQ(summary_text(summary()).find("Warm start"), std::string::npos);
  EXPECT_FALSE(summary_json(summary()).contains("earlier_trials"));
  const std::vector<EarlierTrial> earlier = {{{0.5, 0}, {0.1}, 0.1}, {{0.5, 1}, {}, 0.2}, {{}, {0.1}, 0.1}, {{}, {0.3}, 0.3}};
  SweepSummary with = summary();
  with.earlier = earlier;
  EXPECT_NE(summary_text(with).find("\nWarm start: 2 observations and 3 curves of earlier trials.\n"), std::string::npos)
      << summary_text(with);
  EXPECT_EQ(summary_json(with)["earlier_trials"]["observations"], 2);
  spec.early_termination.kind = PolicyKind::kNone;  // nobody compares
  EXPECT_EQ(summary_json(with)["earlier_trials"]["curves"], 0);
}

TEST_F(Summary, SaysHowMuchOfTheTimeWasTraining) {
  EXPECT_NE(summary_text(summary()).find("Time: 5.0 s, 98.0 % of it training, 5 trial-epochs/s on cpu"), std::string::npos)
      << summary_text(summary());
  EXPECT_EQ(summary_json(summary())["training_s"], 4.9);
}

}  // namespace
}  // namespace lockstep
