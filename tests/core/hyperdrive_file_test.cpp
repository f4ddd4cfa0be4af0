// Run configurations of HyperDrive v1 as sweeps. In the shape of what azureml-train-core 1.62 sends, and of the hdconfig.yml of
// Azure's first command line; the files are our own.
#include <cmath>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include <lockstep/sweep_spec.h>

#include "core/hyperdrive_file.h"
#include "core/message.h"

namespace lockstep {
namespace {

const std::string kJson = R"({
  "name": "digits",
  "description": "a sweep",
  "user": "someone",
  "platform": "AML",
  "generator_config": {
    "name": "RANDOM",
    "parameter_space": {
      "--batch-size": ["choice", [[16, 32]]],
      "learning_rate": ["loguniform", [-6, -1]],
      "momentum": ["uniform", [0.5, 0.9]],
      "units": ["quniform", [10, 100, 5]],
      "k": ["randint", [7]],
      "act": ["choice", [["relu", "it's"]]]
    },
    "properties": {"seed": 9}
  },
  "policy_config": {"name": "Bandit", "properties": {"slack_factor": 0.15, "slack_amount": null, "evaluation_interval": 1, "delay_evaluation": 10}},
  "primary_metric_config": {"name": "val_acc", "goal": "maximize"},
  "max_total_jobs": 40,
  "max_concurrent_jobs": 4,
  "max_duration_minutes": 90,
  "resume_from": [{"experiment_name": "e", "run_id": "r"}],
  "platform_config": {
    "Definition": {
      "Overrides": {
        "script": "train.py",
        "arguments": ["--epochs", 3, "--data", "my data"],
        "environment": {"environmentVariables": {"A": "1"}}
      }
    }
  }
}
)";

const std::string kYaml = R"(sampling:
  type: bayesian
  parameter_space:
  - name: --penalty
    expression: choice
    values: [0.5, 1, 1.5]
  - name: --rate
    expression: normal
    values: [10, 3]
policy:
  type: MedianStoppingPolicy
  evaluation_interval: 2
  delay_evaluation: 5
primary_metric_name: Accuracy
primary_metric_goal: Maximize
max_total_runs: 8
max_concurrent_runs: 2
max_duration_minutes: 0.5
)";

TEST(HyperDrive, ItsJsonIsASweep) {
  const SweepSpec spec = parse_sweep(kJson, "config.json");
  EXPECT_EQ(spec.display_name, "digits");
  ASSERT_EQ(spec.search_space.n_params(), 6);
  EXPECT_EQ(spec.search_space[0].name, "batch_size");
  EXPECT_EQ(Value(spec.search_space[0].distribution.values).to_json(), "[16, 32]");
  EXPECT_EQ(spec.search_space[1].distribution.spec.kind, DistributionKind::kLogUniform);
  EXPECT_EQ(spec.search_space[1].distribution.spec.a, -6);
  EXPECT_EQ(spec.search_space[3].distribution.spec.q, 5);
  EXPECT_EQ(spec.search_space[4].distribution.spec.count, 7);
  EXPECT_EQ(spec.search_space[1].where.to_string(), "config.json:10");
  EXPECT_EQ(spec.sampling.algorithm, SamplingAlgorithm::kRandom);
  EXPECT_EQ(spec.sampling.seed, 9u);
  EXPECT_EQ(spec.early_termination.kind, PolicyKind::kBandit);
  EXPECT_EQ(spec.early_termination.slack_factor, 0.15);
  EXPECT_EQ(spec.early_termination.delay_evaluation, 10);
  EXPECT_EQ(spec.objective.primary_metric, "val_acc");
  EXPECT_EQ(spec.objective.goal, Goal::kMaximize);
  EXPECT_EQ(spec.limits.max_total_trials, 40);
  EXPECT_EQ(spec.limits.max_concurrent_trials, 4);
  EXPECT_EQ(spec.limits.timeout_s, 5400);
  ASSERT_TRUE(spec.command);
  EXPECT_EQ(spec.command->command,
            "python train.py --epochs 3 --data 'my data' --batch-size ${{search_space.batch_size}} --learning_rate "
            "${{search_space.learning_rate}} --momentum ${{search_space.momentum}} --units ${{search_space.units}} --k "
            "${{search_space.k}} --act ${{search_space.act}}");
  EXPECT_EQ(spec.command->code, std::filesystem::current_path().string());
  EXPECT_EQ(spec.command->environment, (std::map<std::string, std::string>{{"A", "1"}}));
  std::string all;
  for (const std::string& sentence : spec.ignored) all += sentence + "\n";
  for (const char* part : {"config.json: resume_from has no place in a sweep file: earlier sweeps are named with --warm-start",
                           "config.json: platform has no place", "config.json: user has no place",
                           "config.json: the file names no source_directory"}) {
    EXPECT_NE(all.find(part), std::string::npos) << part << "\n" << all;
  }
}

TEST(HyperDrive, WhatTheJournalKeepsIsTheSameSweep) {
  const SweepSpec spec = parse_sweep(kJson, "config.json");
  const SweepSpec again = parse_sweep(spec.text, "config.json");
  EXPECT_EQ(again.text, spec.text);
  EXPECT_EQ(again.command->command, spec.command->command);
  EXPECT_EQ(again.limits.timeout_s, 5400);
}

TEST(HyperDrive, OverridesNameTheKeysOfASweepFile) {
  const SweepSpec spec = parse_sweep(kJson, "config.json", {{"limits.max_total_trials", "3"}, {"search_space.momentum.max_value", "0.6"}});
  EXPECT_EQ(spec.limits.max_total_trials, 3);
  EXPECT_EQ(spec.search_space[2].distribution.spec.b, 0.6);
}

TEST(HyperDrive, TheCommandLinesYamlIsASweepOnceItHasAProgram) {
  EXPECT_EQ(message_of<InputError>([] { parse_sweep(kYaml, "hdconfig.yml"); }),
            "hdconfig.yml: names no script to run; name it, as with --set trial.command='python train.py --lr "
            "${{search_space.lr}}', or write the sweep with 'lockstep convert' and name it there");
  const SweepSpec spec = parse_sweep(kYaml, "hdconfig.yml", {{"trial.command", "train ${{search_space.penalty}}"}});
  EXPECT_EQ(spec.sampling.algorithm, SamplingAlgorithm::kBayesian);
  EXPECT_EQ(Value(spec.search_space[0].distribution.values).to_json(), "[0.5, 1, 1.5]");
  EXPECT_EQ(spec.search_space[1].distribution.spec.kind, DistributionKind::kNormal);
  EXPECT_EQ(spec.early_termination.kind, PolicyKind::kMedianStopping);
  EXPECT_EQ(spec.early_termination.evaluation_interval, 2);
  EXPECT_EQ(spec.objective.primary_metric, "Accuracy");
  EXPECT_EQ(spec.limits.timeout_s, 30);
}

TEST(HyperDrive, ConvertedItIsASweepFile) {
  for (const auto& [text, file] : {std::pair(kJson, "config.json"), std::pair(kYaml, "hdconfig.yml")}) {
    const std::string converted = convert_hyperdrive(text, file);
    EXPECT_TRUE(converted.starts_with("# Converted from a run configuration of HyperDrive")) << converted;
    const SweepSpec spec = parse_sweep(converted, "sweep.yml");
    ASSERT_TRUE(spec.command) << converted;
    EXPECT_EQ(spec.text, converted);
  }
  const std::string converted = convert_hyperdrive(kYaml, "hdconfig.yml");
  EXPECT_NE(converted.find("# the file names no script: put yours in the place of 'python train.py'"), std::string::npos) << converted;
  EXPECT_EQ(parse_sweep(converted, "s.yml").command->command,
            "python train.py --penalty ${{search_space.penalty}} --rate ${{search_space.rate}}");
}

TEST(HyperDrive, ExpressionsInAChoicesMapsAreHyperparameters) {
  std::string text = kJson;
  const std::string from = R"(["choice", [["relu", "it's"]]])";
  text.replace(text.find(from), from.size(), R"(["choice", [["relu", {"kind": "elu", "alpha": ["uniform", [0, 1]]}]]])");
  const SweepSpec spec = parse_sweep(text, "config.json");
  ASSERT_EQ(spec.search_space.n_params(), 7);
  EXPECT_EQ(spec.search_space[6].name, "act.alpha");
}

TEST(HyperDrive, RefusesWhatIsWrongAtItsPlace) {
  const auto refusal = [](const std::string& from, const std::string& to) {
    std::string text = kJson;
    EXPECT_NE(text.find(from), std::string::npos) << from;
    text.replace(text.find(from), from.size(), to);
    return message_of<InputError>([&] { parse_sweep(text, "c.json"); });
  };
  expect_start(refusal("\"RANDOM\"", "\"RANDM\""), "c.json:7: generator_config.name: unknown sampling: 'RANDM'; did you mean 'RANDOM'?");
  expect_start(refusal("[\"uniform\", [0.5, 0.9]]", "[\"unifrom\", [0.5, 0.9]]"),
               "c.json:11: generator_config.parameter_space.momentum[0]: unknown expression: 'unifrom'; did you mean 'uniform'?");
  expect_start(refusal("[\"uniform\", [0.5, 0.9]]", "[\"uniform\", [0.5]]"),
               "c.json:11: generator_config.parameter_space.momentum[1]: has 1 arguments, and uniform takes 2; write [min_value, max");
  expect_start(refusal("[\"uniform\", [0.5, 0.9]]", "0.5"), "c.json:11: generator_config.parameter_space.momentum: is no expression");
  expect_start(refusal("[\"uniform\", [0.5, 0.9]]", "[\"uniform\", [0.9, 0.5]]"),
               "c.json:11: search_space.momentum.min_value: 0.9 is above max_value 0.5; swap them");
  expect_start(refusal("\"momentum\"", "\"--learning_rate\""),
               "c.json:11: generator_config.parameter_space.--learning_rate: '--learning_rate' is searched twice");
  expect_start(refusal("\"Bandit\"", "\"Bandt\""), "c.json:18: policy_config.name: unknown policy: 'Bandt'; did you mean 'Bandit'?");
  expect_start(refusal("\"slack_amount\": null", "\"slack_amount\": 1"), "c.json:18: early_termination.slack_amount: stands beside");
  expect_start(refusal("\"goal\": \"maximize\"", "\"goal\": \"up\""), "c.json:19: objective.goal: unknown goal: 'up'");
  expect_start(refusal("40", "0"), "c.json:20: limits.max_total_trials: 0 is too small");
  expect_start(message_of<InputError>([] { convert_hyperdrive("a: 1\n", "x.yml"); }), "x.yml: is no run configuration of HyperDrive;");
  expect_start(message_of<InputError>([] { convert_hyperdrive("type: sweep\nsearch_space: {}\n", "x.yml"); }),
               "x.yml: is a sweep file already; run it as it is");
}

}  // namespace
}  // namespace lockstep
