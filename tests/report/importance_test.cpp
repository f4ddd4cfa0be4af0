#include "report/importance.h"

#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "report/forest.h"

namespace lockstep {
namespace {

using Function = std::function<double(const std::vector<double>&)>;

double uniform01(std::mt19937_64& random) { return static_cast<double>(random() >> 11) * 0x1p-53; }

/// Trials of `n_params` hyperparameters uniform in [0, 1], with what the function makes of them.
SweepRecord uniform_sweep(int64_t n_trials, int64_t n_params, const Function& function, uint64_t seed = 1) {
  SweepRecord record;
  record.primary_metric = "loss";
  for (int64_t p = 0; p < n_params; ++p) record.search_space.add("x" + std::to_string(p), uniform(0, 1));
  std::mt19937_64 random(seed);
  for (int64_t t = 0; t < n_trials; ++t) {
    TrialRecord trial;
    trial.number = t;
    std::vector<double> x;
    for (int64_t p = 0; p < n_params; ++p) x.push_back(uniform01(random));
    for (const double each : x) trial.hyperparameters.emplace_back(each);
    trial.value = function(x);
    record.trials.push_back(trial);
  }
  return record;
}

double share(const Importance& importance, const std::string& name) {
  for (const auto& each : importance.shares) {
    if (each.name == name) return each.share;
  }
  ADD_FAILURE() << name << " has no share";
  return -1;
}

TEST(Importance, ALoneHyperparameterExplainsAll) {
  const auto importance = hyperparameter_importance(uniform_sweep(1000, 4, [](const auto& x) { return x[2]; }));
  ASSERT_EQ(importance.shares.size(), 4u);
  EXPECT_EQ(importance.shares[0].name, "x2");
  EXPECT_GT(importance.shares[0].share, 0.99);
  EXPECT_GT(importance.held_out_r2, 0.99);
  EXPECT_LT(importance.together, 0.01);
  EXPECT_EQ(importance.n_trials, 1000);
}

// Var(a x) of a sum of independent ones is a² / 12 each. The ranks of the sum are near to linear in it.
TEST(Importance, SharesOfASumAreItsVariances) {
  const auto importance =
      hyperparameter_importance(uniform_sweep(4000, 4, [](const auto& x) { return 3 * x[0] + 2 * x[1] + x[3]; }));
  EXPECT_NEAR(share(importance, "x0"), 9.0 / 14, 0.05);
  EXPECT_NEAR(share(importance, "x1"), 4.0 / 14, 0.04);
  EXPECT_NEAR(share(importance, "x3"), 1.0 / 14, 0.03);
  EXPECT_LT(share(importance, "x2"), 0.01);
}

// Ranks of U V (U, V uniform on ±1): no hyperparameter says anything by itself.
TEST(Importance, WhatTwoDoTogetherIsNobodysShare) {
  const auto importance = hyperparameter_importance(
      uniform_sweep(4000, 3, [](const auto& x) { return (2 * x[0] - 1) * (2 * x[1] - 1); }));
  for (const auto& each : importance.shares) EXPECT_LT(each.share, 0.03) << each.name;
  EXPECT_GT(importance.together, 0.9);
  EXPECT_GT(importance.held_out_r2, 0.9);
}

TEST(Importance, IsTheSameForTheLogarithmOfTheMetricAndOfAHyperparameter) {
  const auto plain = uniform_sweep(500, 2, [](const auto& x) { return x[0] + 0.3 * x[1]; });
  auto logarithmic = plain;
  for (auto& trial : logarithmic.trials) {
    trial.value = std::exp(20 * *trial.value);  // few huge ones hold nearly all of the variance
    trial.hyperparameters[0] = std::exp(10 * trial.hyperparameters[0].as_real());
  }
  EXPECT_EQ(share(hyperparameter_importance(plain), "x0"), share(hyperparameter_importance(logarithmic), "x0"));
}

TEST(Importance, NoiseIsSaidToBeNoise) {
  std::mt19937_64 random(3);
  const auto importance = hyperparameter_importance(uniform_sweep(500, 5, [&](const auto&) { return uniform01(random); }));
  EXPECT_LT(importance.held_out_r2, 0.1);
}

TEST(Importance, KnowsCategoriesThatHaveNoOrder) {
  SweepRecord record;
  record.primary_metric = "loss";
  Value::List names;
  for (int i = 0; i < 9; ++i) names.emplace_back("choice " + std::to_string(i));
  record.search_space.add("kind", choice(names)).add("x", uniform(0, 1)).add("lists", choice({Value::List{1, 2}, true, "1"}));
  std::mt19937_64 random(5);
  for (int64_t t = 0; t < 600; ++t) {
    TrialRecord trial;
    const size_t kind = random() % names.size();
    const double x = uniform01(random);
    trial.hyperparameters = {names[kind], x, record.search_space[2].distribution.values[random() % 3]};
    trial.value = (kind % 3 == 1 ? 5 : 0) + 0.5 * x;
    record.trials.push_back(trial);
  }
  const auto importance = hyperparameter_importance(record);
  EXPECT_EQ(importance.shares[0].name, "kind");
  EXPECT_GT(share(importance, "kind"), 0.6);
  EXPECT_GT(share(importance, "x"), 0.1);
  EXPECT_LT(share(importance, "lists"), 0.02);
}

TEST(Importance, TakesMoreCategoriesThanItHasBins) {
  SweepRecord record;
  Value::List names, numbers;
  for (int i = 0; i < 300; ++i) {
    names.emplace_back("c" + std::to_string(i));
    numbers.emplace_back(i);
  }
  record.search_space.add("name", choice(names)).add("number", choice(numbers));
  std::mt19937_64 random(6);
  for (int64_t t = 0; t < 2000; ++t) {
    TrialRecord trial;
    const size_t number = random() % 300;
    trial.hyperparameters = {names[random() % 300], numbers[number]};
    trial.value = static_cast<double>(number);
    record.trials.push_back(trial);
  }
  const auto importance = hyperparameter_importance(record);
  EXPECT_GT(share(importance, "number"), 0.95);
}

TEST(Importance, LeavesOutTrialsWithoutAFiniteMetricAndSaysSo) {
  auto record = uniform_sweep(200, 2, [](const auto& x) { return x[0]; });
  const auto all = hyperparameter_importance(record);
  for (int i = 0; i < 7; ++i) record.trials.push_back(TrialRecord{});
  const auto importance = hyperparameter_importance(record);
  EXPECT_EQ(importance.n_trials, 200);
  EXPECT_EQ(importance.n_left_out, 7);
  EXPECT_EQ(share(importance, "x0"), share(all, "x0"));
}

TEST(Importance, SaysWhyThereIsNone) {
  EXPECT_NE(hyperparameter_importance(SweepRecord{}).reason, "");
  const auto few = hyperparameter_importance(uniform_sweep(kImportanceMinTrials - 1, 2, [](const auto& x) { return x[0]; }));
  EXPECT_EQ(few.reason, "it takes 10 trials with a finite loss, and there are 9");
  EXPECT_TRUE(few.shares.empty());
  const auto flat = hyperparameter_importance(uniform_sweep(100, 2, [](const auto&) { return 0.5; }));
  EXPECT_EQ(flat.reason, "no hyperparameter changed the loss");
  EXPECT_NE(hyperparameter_importance(uniform_sweep(100, 0, [](const auto&) { return 0.5; })).reason, "");
}

TEST(Importance, SharesAddUpToOneAtMost) {
  for (const int64_t n : {10, 11, 40, 333}) {
    const auto importance = hyperparameter_importance(
        uniform_sweep(n, 3, [](const auto& x) { return std::sin(9 * x[0]) + x[1] * x[2]; }, static_cast<uint64_t>(n)));
    double sum = importance.together;
    for (const auto& each : importance.shares) {
      EXPECT_GE(each.share, 0);
      sum += each.share;
    }
    EXPECT_NEAR(sum, 1, 1e-9) << n;
  }
}

TEST(ForestColumn, CutsWhereValuesDiffer) {
  EXPECT_EQ(ordered_column({3, 1, 1, 2}).bins, (std::vector<uint8_t>{2, 0, 0, 1}));
  EXPECT_EQ(ordered_column({3, 1, 1, 2}).weights, (std::vector<double>{0.5, 0.25, 0.25}));
  std::vector<double> many;
  for (int i = 0; i < 1000; ++i) many.push_back(i < 500 ? 0 : i);  // half of the rows are one number
  const ForestColumn column = ordered_column(many);
  EXPECT_LE(column.weights.size(), kMaxForestBins);
  EXPECT_GT(column.weights.size(), kMaxForestBins / 2);
  EXPECT_NEAR(column.weights[0], 0.5, 1e-12);
  for (size_t i = 501; i < 1000; ++i) EXPECT_GE(column.bins[i], column.bins[i - 1]);
}

}  // namespace
}  // namespace lockstep
