#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include <gtest/gtest.h>

#include <lockstep/sweep_spec.h>

#include "core/sweep_text.h"

namespace lockstep {
namespace {

SweepSpec parse(const std::string& text) { return parse_sweep(text, "s.yml"); }

/// The good sweep with this hyperparameter instead of its own.
Distribution parse_distribution(const std::string& distribution) {
  const SweepSpec spec = parse(replaced("  lr:\n    type: loguniform\n    min_value: -7\n    max_value: -1\n",
                                        "  lr: " + distribution + "\n"));
  return spec.search_space[0].distribution;
}

void expect_spec(const std::string& distribution, const Distribution& expected) {
  const DistributionSpec spec = parse_distribution(distribution).spec;
  EXPECT_EQ(spec.kind, expected.spec.kind) << distribution;
  EXPECT_EQ(spec.a, expected.spec.a) << distribution;
  EXPECT_EQ(spec.b, expected.spec.b) << distribution;
  EXPECT_EQ(spec.q, expected.spec.q) << distribution;
  EXPECT_EQ(spec.count, expected.spec.count) << distribution;
}

std::string choices(const std::string& values) {
  return Value(parse_distribution("{type: choice, values: " + values + "}").values).to_json();
}

TEST(SweepFile, ReadsEverySection) {
  const SweepSpec spec = parse("$schema: x\nname: n\nexperiment_name: e\ndescription: d\ntags: {a: b}\n" + kGoodSweep);
  EXPECT_EQ(spec.file, "s.yml");
  EXPECT_EQ(spec.display_name, "n");
  EXPECT_EQ(spec.sampling.algorithm, SamplingAlgorithm::kRandom);
  EXPECT_EQ(spec.sampling.seed, 7u);
  ASSERT_EQ(spec.search_space.n_params(), 1);
  EXPECT_EQ(spec.search_space[0].name, "lr");
  EXPECT_EQ(spec.search_space[0].where.to_string(), "s.yml:11");
  EXPECT_EQ(spec.objective.goal, Goal::kMaximize);
  EXPECT_EQ(spec.objective.primary_metric, "accuracy");
  EXPECT_EQ(spec.objective.where.to_string(), "s.yml:17");
  EXPECT_EQ(spec.limits.max_total_trials, 100);
  EXPECT_EQ(spec.limits.max_concurrent_trials, 20);
  EXPECT_EQ(spec.limits.timeout_s, 60);
  EXPECT_EQ(spec.early_termination.kind, PolicyKind::kMedianStopping);
  EXPECT_EQ(spec.early_termination.evaluation_interval, 2);
  EXPECT_EQ(spec.early_termination.delay_evaluation, 5);
  EXPECT_EQ(spec.early_termination.reference, MedianReference::kAll);
  ASSERT_EQ(spec.trial.size(), 2u);
  EXPECT_EQ(spec.trial.at("model").value, Value("mlp"));
  EXPECT_EQ(spec.trial.at("epochs").value, Value(10));
  EXPECT_EQ(spec.trial.at("epochs").where.to_string(), "s.yml:28");
}

TEST(SweepFile, ReadsATrialTimeout) {
  const SweepSpec spec = parse_sweep(replaced("timeout: 60", "trial_timeout: 1.5"), "s.yml");
  EXPECT_EQ(spec.limits.trial_timeout_s, 1.5);
  EXPECT_EQ(spec.limits.timeout_s, 0);
}

TEST(SweepFile, HasDefaults) {
  const SweepSpec spec = parse(R"(
type: sweep
trial: {model: mlp}
objective: {goal: Minimize, primary_metric: loss}
search_space: {lr: {type: uniform, min_value: 0, max_value: 1}}
)");
  EXPECT_EQ(spec.sampling.seed, std::nullopt);
  EXPECT_EQ(spec.objective.goal, Goal::kMinimize);
  EXPECT_EQ(spec.limits.max_total_trials, 1000);
  EXPECT_EQ(spec.limits.max_concurrent_trials, 0);
  EXPECT_EQ(spec.limits.timeout_s, 0);
  EXPECT_EQ(spec.early_termination.kind, PolicyKind::kNone);
  EXPECT_EQ(spec.early_termination.evaluation_interval, 1);
  EXPECT_EQ(spec.early_termination.delay_evaluation, 0);
  EXPECT_EQ(spec.display_name, "");
}

TEST(SweepFile, PrefersTheDisplayName) {
  EXPECT_EQ(parse("name: n\ndisplay_name: A name\n" + kGoodSweep).display_name, "A name");
}

TEST(SweepFile, ReadsEveryDistribution) {
  expect_spec("{type: randint, upper: 9}", randint(9));
  expect_spec("{type: uniform, min_value: .5, max_value: 1e1}", uniform(0.5, 10));
  expect_spec("{type: quniform, min_value: 1, max_value: 10, q: 0.5}", quniform(1, 10, 0.5));
  expect_spec("{type: loguniform, min_value: -6, max_value: -1}", loguniform(-6, -1));
  expect_spec("{type: qloguniform, min_value: 0, max_value: 5, q: 2}", qloguniform(0, 5, 2));
  expect_spec("{type: normal, mu: 3, sigma: 0.5}", normal(3, 0.5));
  expect_spec("{type: qnormal, mu: 3, sigma: 0.5, q: 1}", qnormal(3, 0.5, 1));
  expect_spec("{type: lognormal, mu: -3, sigma: 0.5}", lognormal(-3, 0.5));
  expect_spec("{type: qlognormal, mu: 3, sigma: 0.5, q: 1}", qlognormal(3, 0.5, 1));
  expect_spec("{type: int, min_value: 1, max_value: 1e3}", int_range(1, 1000));
  expect_spec("{type: int, min_value: 1, max_value: 8, step: 3, log: false}", int_range(1, 8, 3));
  expect_spec("{type: int, min_value: 1, max_value: 64, log: true}", log_int_range(1, 64));
  expect_spec("{type: log_uniform_values, min_value: 1e-4, max_value: 0.1}", log_uniform_values(1e-4, 0.1));
  expect_spec("{type: choice, values: [1, 2, 3]}", choice({1, 2, 3}));
}

TEST(SweepFile, KeepsTheKindsOfChoices) {
  EXPECT_EQ(choices("[1, 2.5, relu, true, '3', [64, [32]]]"), "[1, 2.5, \"relu\", true, \"3\", [64, [32]]]");
  EXPECT_TRUE(parse_distribution("{type: choice, values: [16, 32]}").decode(1).is_integer());
}

TEST(SweepFile, ExpandsRangesOfChoices) {
  EXPECT_EQ(choices("{start: 1, stop: 5}"), "[1, 2, 3, 4]");
  EXPECT_EQ(choices("{start: 0, stop: 10, step: 4}"), "[0, 4, 8]");
  EXPECT_EQ(choices("{start: 3, stop: 0, step: -1}"), "[3, 2, 1]");
  EXPECT_EQ(choices("{start: 9223372036854775800, stop: 9223372036854775807, step: 5}"),
            "[9223372036854775800, 9223372036854775805]");
}

TEST(SweepFile, KeepsHyperparametersInOrder) {
  const std::string more = "  z: {type: randint, upper: 2}\n  a: {type: randint, upper: 3}\n";
  const SweepSpec spec = parse(replaced("  lr:", more + "  lr:"));
  ASSERT_EQ(spec.search_space.n_params(), 3);
  EXPECT_EQ(spec.search_space[0].name, "z");
  EXPECT_EQ(spec.search_space[1].name, "a");
  EXPECT_EQ(spec.search_space[2].name, "lr");
}

TEST(SweepFile, AcceptsShortForms) {
  const std::string policy =
      "early_termination:\n  type: median_stopping\n  evaluation_interval: 2\n  delay_evaluation: 5\n";
  EXPECT_EQ(parse(replaced(policy, "early_termination: none\n")).early_termination.kind, PolicyKind::kNone);
  EXPECT_EQ(parse(replaced(policy, "early_termination:\n")).early_termination.kind, PolicyKind::kNone);
  EXPECT_EQ(parse(replaced("median_stopping", "none")).early_termination.kind, PolicyKind::kNone);
  const SweepSpec spec = parse(replaced("\n  type: random\n  seed: 7\n", " random\n"));
  EXPECT_EQ(spec.sampling.seed, std::nullopt);
}

TEST(SweepFile, ReadsWhomMedianStoppingComparesWith) {
  const auto reference = [](const std::string& name) {
    return parse(replaced("delay_evaluation: 5", "reference: " + name)).early_termination.reference;
  };
  EXPECT_EQ(reference("all"), MedianReference::kAll);
  EXPECT_EQ(reference("reached"), MedianReference::kReached);
  EXPECT_EQ(reference("completed"), MedianReference::kCompleted);
}

TEST(SweepFile, ReadsBanditAndTruncationSelection) {
  const auto policy = [](const std::string& text) {
    return parse(replaced("type: median_stopping", text)).early_termination;
  };
  const EarlyTermination factor = policy("type: bandit\n  slack_factor: 0");
  EXPECT_EQ(factor.kind, PolicyKind::kBandit);
  EXPECT_EQ(factor.slack_factor, 0.0);
  EXPECT_EQ(factor.slack_amount, std::nullopt);
  EXPECT_EQ(factor.evaluation_interval, 2);
  EXPECT_EQ(factor.delay_evaluation, 5);
  const EarlyTermination amount = policy("type: bandit\n  slack_amount: 2");
  EXPECT_EQ(amount.slack_factor, std::nullopt);
  EXPECT_EQ(amount.slack_amount, 2.0);
  const EarlyTermination truncation = policy("type: truncation_selection\n  truncation_percentage: 99");
  EXPECT_EQ(truncation.kind, PolicyKind::kTruncationSelection);
  EXPECT_EQ(truncation.truncation_percentage, 99);
  EXPECT_FALSE(truncation.exclude_finished_jobs);
  EXPECT_TRUE(policy("type: truncation_selection\n  truncation_percentage: 1\n  exclude_finished_jobs: true")
                  .exclude_finished_jobs);
  // Turned off by its type alone.
  EXPECT_EQ(policy("type: none\n  slack_factor: 0.1").kind, PolicyKind::kNone);
}

/// YAML 1.2, core schema.
TEST(SweepFile, TypesScalars) {
  const std::vector<std::pair<std::string, Value>> cases = {
      {"null", Value()}, {"~", Value()}, {"", Value()}, {"Null", Value()}, {"'null'", "null"},
      {"true", true}, {"False", false}, {"yes", "yes"}, {"on", "on"}, {"'true'", "true"}, {"tRue", "tRue"},
      {"12", 12}, {"-3", -3}, {"+4", 4}, {"007", 7}, {"0x1F", 31}, {"0o17", 15}, {"0x-1", "0x-1"}, {"\"12\"", "12"},
      {"9223372036854775807", std::numeric_limits<int64_t>::max()}, {"9223372036854775808", 0x1p63},
      {"1e-3", 1e-3}, {".5", 0.5}, {"5.", 5.0}, {"-1.5E+2", -150.0}, {"+.5e1", 5.0}, {"1e", "1e"}, {".", "."},
      {"1.2.3", "1.2.3"}, {"1_000", "1_000"}, {"1e-999", 0.0}, {"12:30:45", "12:30:45"},
      {".inf", std::numeric_limits<double>::infinity()}, {"-.INF", -std::numeric_limits<double>::infinity()},
      {"inf", "inf"}, {"nan", "nan"}, {"!!str 12", "12"}, {"2024-01-01", "2024-01-01"}, {"a b", "a b"},
      {"[1, a]", Value(Value::List{1, "a"})}, {"{x: 1.0}", Value(Value::Map{{"x", 1.0}})},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(parse(replaced("epochs: 10", "epochs: " + text)).trial.at("epochs").value, expected) << text;
  }
  EXPECT_TRUE(std::isnan(parse(replaced("epochs: 10", "epochs: .nan")).trial.at("epochs").value.as_real()));
  EXPECT_TRUE(std::isinf(parse(replaced("epochs: 10", "epochs: -1e999")).trial.at("epochs").value.as_real()));
}

TEST(SweepFile, ResolvesAliases) {
  const SweepSpec spec = parse(replaced("  model: mlp\n", "  a: &x [1, 2]\n  b: *x\n"));
  EXPECT_EQ(spec.trial.at("b").value.to_json(), "[1, 2]");
}

TEST(SweepFile, ReadsWindowsLineEnds) {
  std::string text;
  for (const char c : kGoodSweep) text += c == '\n' ? std::string("\r\n") : std::string(1, c);
  EXPECT_EQ(parse(text).objective.primary_metric, "accuracy");
}

TEST(SweepFile, KeepsItsText) { EXPECT_EQ(parse(kGoodSweep + "# note\n").text, kGoodSweep + "# note\n"); }

TEST(SweepFile, LoadsFromDisk) {
  const std::string path = testing::TempDir() + "lockstep_good.yml";
  std::ofstream(path) << kGoodSweep;
  const SweepSpec spec = load_sweep_file(path, {parse_override("limits.max_total_trials=3")});
  std::filesystem::remove(path);
  EXPECT_EQ(spec.file, path);
  EXPECT_EQ(spec.limits.max_total_trials, 3);
}

}  // namespace
}  // namespace lockstep
