// Every refusal names the place, the dotted key and the cure.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include <lockstep/sweep_spec.h>

#include "core/message.h"
#include "core/sweep_text.h"

namespace lockstep {
namespace {

std::string refusal(const std::string& text) {
  return message_of<InputError>([&] { parse_sweep(text, "s.yml"); });
}

/// A distribution in the place of line 6's, in flow form, and how the message starts after "s.yml:6: ".
struct BadDistribution {
  std::string distribution;
  std::string message;
};

TEST(SweepFile, RefusesBadDistributions) {
  const std::vector<BadDistribution> cases = {
      {"{type: uniform, min_value: 2, max_value: 1}",
       "search_space.lr.min_value: 2.0 is above max_value 1.0; swap them"},
      {"{type: uniform, min_value: .nan, max_value: 1}", "search_space.lr.min_value: is not a number; write a finite"},
      {"{type: uniform, min_value: 0, max_value: .inf}", "search_space.lr.max_value: is infinite; write a finite"},
      {"{type: uniform, min_value: 0, max_value: 1e999}", "search_space.lr.max_value: is infinite; write a finite"},
      {"{type: uniform, min_value: 0}", "search_space.lr.max_value: is missing; add 'max_value: 1'"},
      {"{type: uniform, min_value: 0, max_value: }", "search_space.lr.max_value: has no value; add 'max_value: 1'"},
      {"{type: uniform, min_value: low, max_value: 1}",
       "search_space.lr.min_value: found text \"low\" where a number belongs; write a number such as 0.1"},
      {"{type: uniform, min_value: '0', max_value: 1}",
       "search_space.lr.min_value: found text \"0\" where a number belongs; remove the quotes"},
      {"{type: uniform, min_value: true, max_value: 1}",
       "search_space.lr.min_value: found boolean true where a number belongs; write a number"},
      {"{type: uniform, min_value: [0], max_value: 1}",
       "search_space.lr.min_value: found a list where a number belongs; write a number"},
      {"{type: uniform, min: 0, max_value: 1}",
       "search_space.lr.min: unknown field of a uniform distribution: 'min'; did you mean 'min_value'? known are "
       "min_value, max_value, type"},
      {"{type: uniform, min_value: 0, max_value: 1, q: 2}",
       "search_space.lr.q: unknown field of a uniform distribution: 'q'; known are min_value, max_value, type"},
      {"{type: uniform, min_value: 0, max_value: 1, when: {a: 1}}",
       "search_space.lr.when: conditional hyperparameters are not there yet; remove it; for a program"},
      {"{type: quniform, min_value: 0, max_value: 1, q: 0}", "search_space.lr.q: 0.0 is not positive; write"},
      {"{type: quniform, min_value: 0, max_value: 1}", "search_space.lr.q: is missing; add 'q: 1'"},
      {"{type: loguniform, min_value: 1, max_value: 1000}",
       "search_space.lr.max_value: exp(1000.0) is infinite; bounds are in log space: write the logarithm"},
      {"{type: qloguniform, min_value: 1, max_value: 2, q: -1}", "search_space.lr.q: -1.0 is not positive; write"},
      {"{type: normal, mu: 0, sigma: 0}", "search_space.lr.sigma: 0.0 is not positive; write a standard deviation"},
      {"{type: normal, sigma: 1}", "search_space.lr.mu: is missing; add 'mu: 0'"},
      {"{type: qnormal, mu: 0, sigma: 1, q: 0}", "search_space.lr.q: 0.0 is not positive; write"},
      {"{type: lognormal, mu: 0, sigma: -1}", "search_space.lr.sigma: -1.0 is not positive; write"},
      {"{type: qlognormal, mu: 0, sigma: 1, q: 0}", "search_space.lr.q: 0.0 is not positive; write"},
      {"{type: randint, upper: 0}", "search_space.lr.upper: 0 leaves no value; write at least 1"},
      {"{type: randint, upper: 1.5}", "search_space.lr.upper: found number 1.5 where an integer belongs; write an"},
      {"{type: int, min_value: 5, max_value: 1}", "search_space.lr.min_value: 5 is above max_value 1; swap them"},
      {"{type: int, min_value: 1, max_value: 5, step: 0}", "search_space.lr.step: 0 is not positive; write"},
      {"{type: int, min_value: 1, max_value: 5, step: 2, log: true}",
       "search_space.lr.step: does not go with 'log: true'; remove one of the two"},
      {"{type: int, min_value: 0, max_value: 5, log: true}", "search_space.lr.min_value: 0 has no logarithm; write"},
      {"{type: int, min_value: 1, max_value: 5, log: yes}",
       "search_space.lr.log: found text \"yes\" where a boolean belongs; write a boolean such as true"},
      {"{type: log_uniform_values, min_value: 0, max_value: 1}",
       "search_space.lr.min_value: 0.0 has no logarithm; write a bound above 0"},
      {"{type: choice, values: []}", "search_space.lr.values: is empty; list at least one value"},
      {"{type: choice}", "search_space.lr.values: is missing; add 'values: [1, 2, 3]'"},
      {"{type: choice, values: 5}", "search_space.lr.values: is a single value; write a list such as [5]"},
      {"{type: choice, values: [1, null]}", "search_space.lr.values[1]: is null; write a number"},
      {"{type: choice, values: [1, [2, {a: 1}]]}",
       "search_space.lr.values[1][1]: is a map in a list; write a number"},
      {"{type: choice, values: [1, {a: 1}]}",
       "search_space.lr.values[1]: is a map, which a built-in task can make nothing of; write a number"},
      {"{type: choice, values: ['${{search_space.lr}}']}",
       "search_space.lr.values[0]: holds an expression, which is filled in in a program's command alone; write it there"},
      {"{type: choice, values: {start: 1, stop: 9, step: 0}}", "search_space.lr.values.step: 0 never reaches stop;"},
      {"{type: choice, values: {start: 9, stop: 1}}",
       "search_space.lr.values: holds no value from 9 before 1; start must be below stop"},
      {"{type: choice, values: {start: 0, stop: 2000000}}",
       "search_space.lr.values: holds more than 1000000 values; use type int"},
      {"{type: choice, values: {begin: 1, stop: 9}}",
       "search_space.lr.values.begin: unknown field of a range of values: 'begin'; known are start, stop, step"},
      {"{type: choice, values: {start: 0.5, stop: 9}}",
       "search_space.lr.values.start: found number 0.5 where an integer belongs; write an integer"},
      {"{type: unifrom, min_value: 0, max_value: 1}",
       "search_space.lr.type: unknown distribution: 'unifrom'; did you mean 'uniform'? known are choice, randint"},
      {"{type: 3}", "search_space.lr.type: found integer 3 where text belongs; write text such as \"abc\""},
      {"{min_value: 0, max_value: 1}", "search_space.lr.type: is missing; add 'type: uniform' or another"},
      {"0.1", "search_space.lr: found number 0.1 where a map belongs; write names and values, such as '{type:"},
      {"{type: uniform, type: uniform}", "search_space.lr.type: stands twice in the same map; remove or rename"},
      {"!special {type: uniform}", "search_space.lr: has the tag '!special', which means nothing here; remove the tag"},
  };
  for (const BadDistribution& bad : cases) {
    const std::string good = "  lr:\n    type: loguniform\n    min_value: -7\n    max_value: -1\n";
    const std::string text = replaced(good, "  lr: " + bad.distribution + "\n");
    expect_start(refusal(text), "s.yml:6: " + bad.message);
  }
}

/// A replacement in the good sweep, and how the message starts.
struct BadFile {
  std::string from;
  std::string to;
  std::string message;
};

TEST(SweepFile, RefusesBadSections) {
  const std::vector<BadFile> cases = {
      // the document
      {"type: sweep\n", "", "s.yml:1: type: is missing; add 'type: sweep'"},
      {"type: sweep", "type: command", "s.yml:1: type: 'command' is not a sweep; write 'type: sweep'"},
      {"limits:", "limit:",
       "s.yml:13: limit: unknown field of a sweep file: 'limit'; did you mean 'limits'? known are"},
      {"limits:", "bananas: 1\nlimits:", "s.yml:13: bananas: unknown field of a sweep file: 'bananas'; known are"},
      {"limits:", "inputs: {}\nlimits:", "s.yml:13: inputs: belongs to programs as trials; remove it, and name the data"},
      {"limits:", "outputs: {}\nlimits:", "s.yml:13: outputs: belongs to programs as trials; remove it, and choose"},
      {"limits:", "display_name: [a]\nlimits:", "s.yml:13: display_name: is no name; write one line of text"},
      {"limits:", "? [a]\n: 1\nlimits:", "s.yml:13: a key is not text; write 'name: value'"},
      {"limits:", "<<: {a: 1}\nlimits:", "s.yml:13: <<: merge keys are not part of YAML 1.2; write the merged"},
      {"trial:\n", "trial:\n  a: 1\ntrial:\n", "s.yml:23: trial: stands twice in the same map; remove or rename"},
      {"  model: mlp\n", "  model: mlp\n  model: cnn\n", "s.yml:23: trial.model: stands twice in the same map;"},
      // sampling_algorithm
      {"  type: random", "  type: grid",
       "s.yml:6: search_space.lr: is loguniform, and a grid takes choice alone; list its values as a choice, or"},
      {"  type: random\n  seed: 7", "  type: grid\n  rule: sobol",
       "s.yml:4: sampling_algorithm.rule: belongs to random sampling, and this is a grid; remove it, or write"},
      {"  type: random", "  type: sobol",
       "s.yml:3: sampling_algorithm.type: 'sobol' is a rule of random sampling; write '{type: random, rule: sobol}'"},
      {"  type: random\n  seed: 7", "  type: bayesian\n  rule: sobol",
       "s.yml:4: sampling_algorithm.rule: belongs to random sampling, and this is bayesian; remove it, or write"},
      {"  seed: 7", "  startup: 7", "s.yml:4: sampling_algorithm.startup: belongs to Bayesian sampling; remove it, or write"},
      {"  type: random\n  seed: 7", "  type: bayesian\n  startup: 0",
       "s.yml:4: sampling_algorithm.startup: 0 is too small; write 1 to"},
      {"  type: random\n  seed: 7", "  type: bayesian\n  model_size: 1",
       "s.yml:4: sampling_algorithm.model_size: 1 is too small; write 2 to"},
      {"  type: random\n  seed: 7", "  type: bayesian\n  acquisition: ei",
       "s.yml:4: sampling_algorithm.acquisition: unknown acquisition: 'ei'; known are auto, thompson, log_ei"},
      {"  type: random", "  type: randm",
       "s.yml:3: sampling_algorithm.type: unknown sampling algorithm: 'randm'; did you mean 'random'? known are"},
      {"  seed: 7", "  rule: sobel",
       "s.yml:4: sampling_algorithm.rule: unknown rule: 'sobel'; did you mean 'sobol'? known are random, sobol"},
      {"  seed: 7", "  rule: foo", "s.yml:4: sampling_algorithm.rule: unknown rule: 'foo'; known are random, sobol"},
      {"  seed: 7", "  logbase: 1", "s.yml:4: sampling_algorithm.logbase: 1 is no base; write a number above 1, such as 10, or e"},
      {"  seed: 7", "  logbase: ten", "s.yml:4: sampling_algorithm.logbase: found text \"ten\" where a number belongs"},
      {"  seed: 7", "  seed: -1", "s.yml:4: sampling_algorithm.seed: -1 is too small; write at least 0"},
      {"  seed: 7", "  seed: lucky",
       "s.yml:4: sampling_algorithm.seed: found text \"lucky\" where an integer belongs;"},
      {"  seed: 7", "  sead: 7",
       "s.yml:4: sampling_algorithm.sead: unknown field of sampling_algorithm: 'sead'; did you mean 'seed'?"},
      {"\n  type: random\n  seed: 7", " [random]",
       "s.yml:2: sampling_algorithm: found a list where a map belongs; write"},
      // objective
      {"objective:\n  goal: maximize\n  primary_metric: accuracy\n", "",
       "s.yml:1: objective: is missing; add 'objective: {goal: maximize, primary_metric: accuracy}'"},
      {"  goal: maximize\n", "", "s.yml:10: objective.goal: is missing; add 'goal: maximize' or 'goal: minimize'"},
      {"goal: maximize", "goal: maximise",
       "s.yml:11: objective.goal: unknown goal: 'maximise'; did you mean 'maximize'? known are maximize, minimize"},
      {"  primary_metric: accuracy\n", "", "s.yml:10: objective.primary_metric: is missing; add the metric"},
      {"primary_metric: accuracy", "primary_metric: ''",
       "s.yml:12: objective.primary_metric: is empty; write the metric"},
      {"primary_metric: accuracy", "primary_metric: 5",
       "s.yml:12: objective.primary_metric: found integer 5 where text belongs; write text"},
      {"primary_metric: accuracy", "primary_metrics: accuracy",
       "s.yml:12: objective.primary_metrics: unknown field of objective: 'primary_metrics'; did you mean "
       "'primary_metric'?"},
      // limits
      {"max_total_trials: 100", "max_total_trials: 0",
       "s.yml:14: limits.max_total_trials: 0 is too small; write 1 to 1000000"},
      {"max_total_trials: 100", "max_total_trials: 1000001",
       "s.yml:14: limits.max_total_trials: 1000001 is too large; write 1 to 1000000"},
      {"max_total_trials: 100", "max_total_trials: many",
       "s.yml:14: limits.max_total_trials: found text \"many\" where an integer belongs; write an integer such as 10"},
      {"max_concurrent_trials: 20", "max_concurrent_trials: 0",
       "s.yml:15: limits.max_concurrent_trials: 0 is too small; write 1 to 1000000"},
      {"timeout: 60", "timeout: 0", "s.yml:16: limits.timeout: 0 is no duration; write seconds above 0"},
      {"timeout: 60", "timeout: .nan", "s.yml:16: limits.timeout: .nan is no duration; write seconds above 0"},
      {"timeout: 60", "timeout: 1h", "s.yml:16: limits.timeout: found text \"1h\" where a number belongs; write"},
      {"timeout: 60", "trial_timeout: 0",
       "s.yml:16: limits.trial_timeout: 0 is no duration; write seconds above 0, or remove it for no limit"},
      {"timeout: 60", "trial_timeout: .inf", "s.yml:16: limits.trial_timeout: .inf is no duration; write seconds"},
      {"timeout: 60", "trial_timeout: long", "s.yml:16: limits.trial_timeout: "},
      {"timeout: 60", "time_out: 60",
       "s.yml:16: limits.time_out: unknown field of limits: 'time_out'; did you mean 'timeout'?"},
      // early_termination
      {"type: median_stopping", "type: median",
       "s.yml:18: early_termination.type: unknown early-termination policy: 'median'; did you mean 'median_stopping'?"},
      {"  type: median_stopping\n", "", "s.yml:17: early_termination.type: is missing; add 'type: median_stopping'"},
      {"evaluation_interval: 2", "evaluation_interval: 0",
       "s.yml:19: early_termination.evaluation_interval: 0 is too small; write at least 1"},
      {"delay_evaluation: 5", "delay_evaluation: -1",
       "s.yml:20: early_termination.delay_evaluation: -1 is too small; write at least 0"},
      {"delay_evaluation: 5", "slack_factor: 0.1",
       "s.yml:20: early_termination.slack_factor: belongs to bandit, and this is median_stopping; remove it, or write"},
      {"delay_evaluation: 5", "slack: 0.1",
       "s.yml:20: early_termination.slack: unknown field of early_termination: 'slack'; did you mean 'slack_"},
      {"type: median_stopping", "type: bandit",
       "s.yml:17: early_termination: a bandit has no slack; add 'slack_factor: 0.1', a ratio of the best, or"},
      {"type: median_stopping", "type: bandit\n  slack_amount: 0\n  slack_factor: 0.1",
       "s.yml:19: early_termination.slack_amount: stands beside slack_factor; keep one of the two"},
      {"type: median_stopping", "type: bandit\n  slack_factor: -0.1",
       "s.yml:19: early_termination.slack_factor: is below 0; write a number, at least 0"},
      {"type: median_stopping", "type: bandit\n  slack_amount: .inf",
       "s.yml:19: early_termination.slack_amount: is not finite; write a number, at least 0"},
      {"type: median_stopping", "type: bandit\n  slack_factor: 10%",
       "s.yml:19: early_termination.slack_factor: found text \"10%\" where a number belongs; write a number"},
      {"type: median_stopping", "type: bandit\n  reference: all",
       "s.yml:19: early_termination.reference: belongs to median_stopping, and this is bandit; remove it, or write"},
      {"type: median_stopping", "type: truncation_selection",
       "s.yml:17: early_termination.truncation_percentage: is missing; add 'truncation_percentage: 20'"},
      {"type: median_stopping", "type: truncation_selection\n  truncation_percentage: 0",
       "s.yml:19: early_termination.truncation_percentage: 0 is too small; write 1 to 99"},
      {"type: median_stopping", "type: truncation_selection\n  truncation_percentage: 100",
       "s.yml:19: early_termination.truncation_percentage: 100 is too large; write 1 to 99"},
      {"type: median_stopping", "type: truncation_selection\n  truncation_percentage: 12.5",
       "s.yml:19: early_termination.truncation_percentage: found number 12.5 where an integer belongs; write an integer"},
      {"type: median_stopping", "type: truncation_selection\n  truncation_percentage: 9\n  exclude_finished_jobs: 1",
       "s.yml:20: early_termination.exclude_finished_jobs: found integer 1 where a boolean belongs; write a boolean"},
      {"type: median_stopping", "type: truncation_selection\n  truncation_percentage: 9\n  slack_amount: 1",
       "s.yml:20: early_termination.slack_amount: belongs to bandit, and this is truncation_selection; remove it, or"},
      {"delay_evaluation: 5", "reference: everyone",
       "s.yml:20: early_termination.reference: unknown reference: 'everyone'; known are all, reached, completed"},
      // trial
      {"trial:\n  model: mlp\n  epochs: 10\n", "", "s.yml:1: trial: is missing; add what to train, such as 'trial: {"},
      {"trial:\n  model: mlp\n  epochs: 10\n", "trial:\n", "s.yml:21: trial: has no value; add what to train"},
      {"\n  model: mlp\n  epochs: 10\n", " file:./job.yml\n",
       "s.yml:21: trial: /"},  // and where the sweep file's folder is
      {"\n  model: mlp\n  epochs: 10\n", " mlp\n", "s.yml:21: trial: 'mlp' is no file; name a built-in task, as '{model:"},
      {"\n  model: mlp\n  epochs: 10\n", " azureml:train@latest\n",
       "s.yml:21: trial: 'azureml:train@latest' is kept by Azure ML; download it, and write the path of a file"},
      {"\n  model: mlp\n  epochs: 10\n", " [mlp]\n", "s.yml:21: trial: found a list where a map belongs; write"},
      {"  model: mlp\n", "  command: python train.py\n",
       "s.yml:23: trial.epochs: unknown field of a program as trial: 'epochs'; known are command, code"},
      {"  model: mlp\n", "  a:\n    b: [\"--lr ${{search_space.lr}}\"]\n",
       "s.yml:23: trial.a.b[0]: holds a ${{...}} expression, which fills in a program's command line; write"},
      {"  model: mlp\n", "  lr: 0.1\n",
       "s.yml:22: trial.lr: is searched as well (search_space.lr, s.yml:6); remove one of the two"},
  };
  for (const BadFile& bad : cases) expect_start(refusal(replaced(bad.from, bad.to)), bad.message);
}

TEST(SweepFile, RefusesAnEmptySearchSpace) {
  const std::string lr = "\n  lr:\n    type: loguniform\n    min_value: -7\n    max_value: -1\n";
  expect_start(refusal(replaced(lr, " {}\n")), "s.yml:5: search_space: names no hyperparameter; add one, such as");
  expect_start(refusal(replaced(lr, "\n")), "s.yml:5: search_space: has no value; add the hyperparameters");
  expect_start(refusal(replaced("search_space:" + lr, "")), "s.yml:1: search_space: is missing; add the hyper");
}

TEST(SweepFile, RefusesRangesThatTogetherFillTheMemory) {
  const std::string range = "{type: choice, values: {start: 0, stop: 600000}}";
  expect_start(refusal(replaced("search_space:\n", "search_space:\n  a: " + range + "\n  b: " + range + "\n")),
               "s.yml:7: search_space.b: is one choice too many: together they hold more than 1000000 values; use type int");
}

TEST(SweepFile, NamesTheLineOfTheFieldInABlock) {
  expect_start(refusal(replaced("max_value: -1", "max_value: -9")),
               "s.yml:8: search_space.lr.min_value: -7.0 is above max_value -9.0; swap them");
  expect_start(refusal(replaced("    max_value: -1\n", "")), "s.yml:6: search_space.lr.max_value: is missing;");
}

TEST(SweepFile, RefusesWhatIsNoDocument) {
  const std::string cure = "; write a sweep: type, trial, search_space, objective, limits";
  EXPECT_EQ(refusal(""), "s.yml: is empty" + cure);
  EXPECT_EQ(refusal("# only a comment\n"), "s.yml: is empty" + cure);
  EXPECT_EQ(refusal("---\n...\n"), "s.yml: is empty" + cure);
  EXPECT_EQ(refusal("- a\n- b\n"), "s.yml:1: the document is a list" + cure);
  EXPECT_EQ(refusal("just text\n"), "s.yml:1: the document is a single value" + cure);
  expect_start(refusal(kGoodSweep + "---\n" + kGoodSweep), "s.yml: holds 2 YAML documents; keep one and remove");
}

TEST(SweepFile, RefusesMalformedYamlAtItsLine) {
  const std::vector<BadFile> cases = {
      {"    min_value: -7", "\tmin_value: -7", "s.yml:8: is not YAML: "},
      {"goal: maximize", "goal: {maximize", "s.yml:11: is not YAML: "},
      {"goal: maximize", "goal: a: b", "s.yml:11: is not YAML: "},
      {"goal: maximize", "goal: *unknown", "s.yml:11: is not YAML: "},
  };
  for (const BadFile& bad : cases) {
    const std::string message = refusal(replaced(bad.from, bad.to));
    expect_start(message, bad.message);
    EXPECT_TRUE(message.ends_with("; look at the indentation, colons, quotes and brackets there")) << message;
  }
}

TEST(SweepFile, RefusesDocumentsWithoutEnd) {
  // yaml-cpp finds an empty document in front of the comma, and then another, ...
  expect_start(refusal(",a: 1\n"), "s.yml:1: is not YAML: there is no value; look at");
  expect_start(refusal("a: &a [*a]\n"), "s.yml:1: a[0]");
  std::ostringstream laughs;
  laughs << "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    laughs << "a" << i << ": &a" << i << " [";
    for (int j = 0; j < 10; ++j) laughs << (j ? ", " : "") << "*a" << i - 1;
    laughs << "]\n";
  }
  const std::string limit = std::to_string(laughs.str().size() + 10'000);
  EXPECT_NE(refusal(laughs.str()).find("has more than " + limit + " values; write fewer aliases"), std::string::npos);
  EXPECT_NE(refusal("a: " + std::string(100, '[') + std::string(100, ']')).find("is nested more than 64 deep; flatten"),
            std::string::npos);
}

TEST(SweepFile, SaysLineWhereThereIsNoFile) {
  const std::string message = message_of<InputError>([] { parse_sweep(replaced("type: sweep", "type: 3"), ""); });
  expect_start(message, "line 1: type: found integer 3 where text belongs");
}

std::string load_failure(const std::string& path) {
  return message_of<InputError>([&] { load_sweep_file(path); });
}

TEST(SweepFile, RefusesFilesThatCannotBeRead) {
  const std::string folder = testing::TempDir() + "lockstep_sweep_file";
  std::filesystem::create_directories(folder);
  EXPECT_EQ(load_failure(folder + "/none.yml"),
            folder + "/none.yml: cannot be opened: No such file or directory; check the path");
  EXPECT_EQ(load_failure(folder), folder + ": is a directory; name the sweep file in it");
  const std::string file = folder + "/s.yml";
  std::ofstream(file) << kGoodSweep;
  EXPECT_EQ(load_failure(file + "/s.yml"),
            file + "/s.yml: cannot be opened: Not a directory; check the path and its permissions");
  std::ofstream(file) << std::string(17 << 20, '#');
  EXPECT_EQ(load_failure(file), file + ": has more than 16 MiB; name a sweep file: it is a page of text");
  std::filesystem::remove_all(folder);
}

TEST(SweepFile, RefusesAFileWithoutPermission) {
  const std::string file = testing::TempDir() + "lockstep_unreadable.yml";
  std::ofstream(file) << kGoodSweep;
  std::filesystem::permissions(file, std::filesystem::perms::none);
  // Root reads everything, so for a moment the test is somebody else.
  constexpr uid_t kNobody = 65534;
  const bool is_root = geteuid() == 0;
  if (is_root) {
    ASSERT_EQ(seteuid(kNobody), 0);
  }
  const std::string message = load_failure(file);
  if (is_root) {
    ASSERT_EQ(seteuid(0), 0);
  }
  std::filesystem::remove(file);
  EXPECT_EQ(message, file + ": cannot be opened: Permission denied; check the path and its permissions");
}

TEST(SweepFile, ReportsAFailingRead) {
  // Linux: address 0 of this process is not mapped, so the first read fails after a good open.
  if (!std::filesystem::exists("/proc/self/mem")) GTEST_SKIP() << "no /proc";
  EXPECT_EQ(load_failure("/proc/self/mem"), "/proc/self/mem: cannot be read: Input/output error; check the file");
}

}  // namespace
}  // namespace lockstep
