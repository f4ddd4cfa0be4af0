// Programs as trials: what Azure ML's job files say, and what of it is refused, taken or left out.
#include <cmath>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include <lockstep/sampling.h>
#include <lockstep/sweep_spec.h>

#include "core/argument_text.h"
#include "core/message.h"
#include "core/nested_choice.h"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

/// A folder of the test's own, with code and data in it.
class JobFile : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("lockstep_job_file_" + std::to_string(getpid()));
    fs::remove_all(folder_);
    write("src/train.py", "print(1)\n");
    write("data/iris.csv", "1\n");
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  SweepSpec parse(const std::string& text, const std::vector<Override>& overrides = {}) const {
    return parse_sweep(text, path("s.yml"), overrides);
  }
  /// The message, without the folder.
  std::string refusal(const std::string& text) const {
    std::string message = message_of<InputError>([&] { parse(text); });
    for (size_t at; (at = message.find(folder_.string() + "/")) != std::string::npos;) {
      message.erase(at, folder_.string().size() + 1);
    }
    return message;
  }
  static bool mentions(const SweepSpec& spec, const std::string& sentence) {
    for (const std::string& each : spec.ignored) {
      if (each.find(sentence) != std::string::npos) return true;
    }
    return false;
  }

  fs::path folder_;
};

const std::string kHead = "type: sweep\n";
const std::string kTail =
    "search_space:\n"
    "  lr: {type: uniform, min_value: 0.001, max_value: 0.1}\n"
    "  kernel: {type: choice, values: [rbf, linear]}\n"
    "objective: {goal: Maximize, primary_metric: accuracy}\n"
    "limits: {max_total_trials: 4, max_concurrent_trials: 2}\n";
/// With a command alone, on line 2.
std::string job(const std::string& command, const std::string& more = "") {
  return kHead + "trial: {command: \"" + command + "\"}\n" + more + kTail;
}

TEST_F(JobFile, ReadsWhatAzureMlRuns) {
  const SweepSpec spec = parse(
      "$schema: https://azuremlschemas.azureedge.net/latest/sweepJob.schema.json\n"
      "type: sweep\n"
      "trial:\n"
      "  code: src\n"
      "  command: >-\n"
      "    python train.py\n"
      "    --data ${{inputs.iris}} --epochs ${{ inputs.epochs }}\n"
      "    --lr ${{search_space.lr}} --kernel ${{search_space.kernel}}\n"
      "    --model ${{outputs.model}} --file ${{outputs.scores}} --logs ${{outputs.default}}\n"
      "  environment: azureml:AzureML-sklearn-1.5@latest\n"
      "  environment_variables: {OMP_NUM_THREADS: 2, QUICK: true, NAME: 'a b'}\n"
      "  resources: {instance_count: 4}\n"
      "  distribution: {type: pytorch, process_count_per_instance: 2}\n"
      "inputs:\n"
      "  iris: {type: uri_file, path: ./data/iris.csv, mode: ro_mount}\n"
      "  all: {type: uri_folder, path: file:data}\n"
      "  epochs: 10\n"
      "  rate: 1e-5\n"
      "  flag: true\n"
      "  typed: {type: integer, value: '3'}\n"
      "outputs:\n"
      "  model: {type: uri_folder, mode: upload}\n"
      "  scores: {type: uri_file, path: azureml://datastores/blob/paths/scores}\n"
      "compute: azureml:cpu-cluster\n"
      "experiment_name: iris\n"
      "sampling_algorithm: Random\n" + kTail);
  ASSERT_TRUE(spec.command);
  const CommandSpec& command = *spec.command;
  EXPECT_EQ(command.command,
            "python train.py --data ${{inputs.iris}} --epochs ${{inputs.epochs}} --lr ${{search_space.lr}} --kernel "
            "${{search_space.kernel}} --model ${{outputs.model}} --file ${{outputs.scores}}/scores --logs ${{outputs.default}}");
  EXPECT_EQ(command.code, path("src"));
  EXPECT_EQ(command.environment, (std::map<std::string, std::string>{
                                     {"OMP_NUM_THREADS", "2"}, {"QUICK", "True"}, {"NAME", "a b"}}));
  EXPECT_EQ(command.inputs, (std::map<std::string, std::string>{{"iris", path("data/iris.csv")},
                                                                 {"all", path("data")},
                                                                 {"epochs", "10"},
                                                                 {"rate", "1e-05"},
                                                                 {"flag", "True"},
                                                                 {"typed", "3"}}));
  EXPECT_EQ(command.outputs, (std::vector<std::string>{"model", "scores"}));
  EXPECT_EQ(command.where.to_string(), path("s.yml") + ":5");
  EXPECT_EQ(command.resume, ResumeBy::kRestart);
  EXPECT_EQ(command.grace_s, 10);
  EXPECT_TRUE(spec.trial.empty());
  EXPECT_EQ(spec.objective.goal, Goal::kMaximize);
  for (const char* sentence :
       {"s.yml:24: compute: is ignored: trials run on this machine", "s.yml:25: experiment_name: is ignored",
        "s.yml:10: trial.environment: is ignored: trials run with what is installed", "s.yml:12: trial.resources: is ignored",
        "s.yml:13: trial.distribution: is ignored: a trial is one process", "outputs.scores.path: is ignored"}) {
    EXPECT_TRUE(mentions(spec, sentence)) << sentence;
  }
  EXPECT_EQ(spec.ignored.size(), 6u);
}

TEST_F(JobFile, ReadsHowATrialGoesOnAndEnds) {
  const SweepSpec spec = parse(kHead + "trial: {command: train, resume: argument, grace_period: 2.5}\n" + kTail);
  EXPECT_EQ(spec.command->resume, ResumeBy::kArgument);
  EXPECT_EQ(spec.command->grace_s, 2.5);
  EXPECT_EQ(spec.command->code, "");
}

TEST_F(JobFile, TakesExpressionsInAllTheirForms) {
  const auto command = [&](const std::string& text) { return parse(job(text, "inputs: {n: 1}\n")).command->command; };
  EXPECT_EQ(command("a ${{search_space.lr}}"), "a ${{search_space.lr}}");
  EXPECT_EQ(command("a ${{  search_space.lr  }}"), "a ${{search_space.lr}}");
  EXPECT_EQ(command("a {search_space.lr} ${search_space.kernel}{inputs.n}"),
            "a ${{search_space.lr}} ${{search_space.kernel}}${{inputs.n}}");
  EXPECT_EQ(command("a ${{inputs.lr}}"), "a ${{search_space.lr}}");  // a component's input that is searched
  EXPECT_EQ(command("a ${HOME} $HOME ${x:-1} {a,b} {} {{inputs.n}} $(pwd)"), "a ${HOME} $HOME ${x:-1} {a,b} {} {{inputs.n}} $(pwd)");
  EXPECT_EQ(command("a $[[--n ${{inputs.n}}]] $[[--m ${{inputs.m}}]] b"), "a --n ${{inputs.n}}  b");
  EXPECT_TRUE(mentions(parse(job("a $[[--m ${{inputs.m}}]]")), "leaves out '--m ${{inputs.m}}': there is no input m"));
}

TEST_F(JobFile, SaysWhichHyperparametersTheCommandDoesNotUse) {
  const SweepSpec spec = parse(job("python train.py --lr ${{search_space.lr}}"));
  ASSERT_EQ(spec.ignored.size(), 1u);
  EXPECT_EQ(spec.ignored[0], path("s.yml") + ":5: search_space.kernel: the command does not use it; the program finds it in its "
                                             "environment as AZUREML_SWEEP_kernel");
}

TEST_F(JobFile, RefusesWhatIsNotThere) {
  struct Bad {
    std::string text;
    std::string message;
  };
  const std::vector<Bad> cases = {
      {job("x ${{search_space.learning}}"),
       "s.yml:2: trial.command: uses ${{search_space.learning}}, and there is no hyperparameter of that name; there are lr, kernel"},
      {job("x ${{search_space.kernal}}"),
       "s.yml:2: trial.command: uses ${{search_space.kernal}}, and there is no hyperparameter of that name; did you mean 'kernel'?"},
      {job("x ${{inputs.n}}"), "s.yml:2: trial.command: uses ${{inputs.n}}, and there is no input of that name; there is none at"},
      {job("x ${{outputs.model}}"),
       "s.yml:2: trial.command: uses ${{outputs.model}}, and there is no output of that name; there are default"},
      {job("x ${{parent.inputs.n}}"), "s.yml:2: trial.command: holds the expression '${{parent.inputs.n}}', which means nothing"},
      {job("x ${{inputs.n"), "s.yml:2: trial.command: holds '${{inputs.n', which is not closed; write '}}'"},
      {job("x $[[--n 1"), "s.yml:2: trial.command: holds '$[[--n 1', which is not closed; write ']]'"},
      {job(" "), "s.yml:2: trial.command: is empty; write what to run"},
      {kHead + "trial: {command: [a]}\n" + kTail, "s.yml:2: trial.command: found a list where text belongs"},
      {kHead + "trial: {code: src}\n" + kTail, "s.yml:2: trial.command: is missing; add what to run"},
      {kHead + "trial: {command: x, comand: y}\n" + kTail,
       "s.yml:2: trial.comand: unknown field of a program as trial: 'comand'; did you mean 'command'?"},
      {kHead + "trial: {command: x, code: nothere}\n" + kTail,
       "s.yml:2: trial.code: nothere is not there; write the path of a folder, relative to the file that names it"},
      {kHead + "trial: {command: x, code: src/train.py}\n" + kTail, "s.yml:2: trial.code: src/train.py is a file; write"},
      {kHead + "trial: {command: x, code: 'git+https://h/r'}\n" + kTail,
       "s.yml:2: trial.code: 'git+https://h/r' is not on this machine; download it, and write the path of a folder here"},
      {kHead + "trial: {command: x, resume: again}\n" + kTail, "s.yml:2: trial.resume: unknown way to resume: 'again'; known"},
      {kHead + "trial: {command: x, grace_period: -1}\n" + kTail, "s.yml:2: trial.grace_period: -1 is no duration; write"},
      {kHead + "trial: {command: x, environment_variables: {A: '${{inputs.n}}'}}\n" + kTail,
       "s.yml:2: trial.environment_variables.A: holds an expression, which is filled in in the command alone; write it there"},
      {kHead + "trial: {command: x, environment_variables: {'A=B': 1}}\n" + kTail,
       "s.yml:2: trial.environment_variables.A=B: 'A=B' is no name of a variable"},
      {kHead + "trial: {command: x, additional_includes: [../lib]}\n" + kTail,
       "s.yml:2: trial.additional_includes: files beside the code are not copied; put them"},
      {job("x", "inputs: {d: {type: uri_file, path: 'azureml:iris:1'}}\n"),
       "s.yml:3: inputs.d.path: 'azureml:iris:1' is kept by Azure ML; download it, and write the path of a file on this"},
      {job("x", "inputs: {d: {type: uri_file, path: 'https://h/iris.csv'}}\n"),
       "s.yml:3: inputs.d.path: 'https://h/iris.csv' is not on this machine; download it, and write the path of a file here"},
      {job("x", "inputs: {d: {type: uri_folder, path: 'wasbs://d@h/'}}\n"),
       "s.yml:3: inputs.d.path: 'wasbs://d@h/' is not on this machine; download it, and write the path of a folder here"},
      {job("x", "inputs: {d: {path: data/nothere.csv}}\n"), "s.yml:3: inputs.d.path: data/nothere.csv is not there; write the"},
      {job("x", "inputs: {d: {type: uri_file, path: data}}\n"), "s.yml:3: inputs.d.path: data is a folder; write the path of a"},
      {job("x", "inputs: {d: {type: mltable, path: data/iris.csv}}\n"), "s.yml:3: inputs.d.path: data/iris.csv is a file; write"},
      {job("x", "inputs: {d: {type: uri_file}}\n"), "s.yml:3: inputs.d: has no path; add 'path: ...'"},
      {job("x", "inputs: {d: {type: uri_flie, path: data}}\n"),
       "s.yml:3: inputs.d.type: unknown type: 'uri_flie'; did you mean 'uri_file'?"},
      {job("x", "inputs: {n: {type: integer, default: 1.5}}\n"), "s.yml:3: inputs.n.default: found number 1.5 where an integer"},
      {job("x", "inputs: {n: {type: number, default: many}}\n"), "s.yml:3: inputs.n.default: 'many' is no number; write a number"},
      {job("x", "inputs: {n: {type: boolean, default: 1}}\n"), "s.yml:3: inputs.n.default: '1' is no boolean; write true or"},
      {job("x", "inputs: {n: {type: number}}\n"), "s.yml:3: inputs.n: has no value; add 'value: ...'"},
      {job("x", "inputs: {n: }\n"), "s.yml:3: inputs.n: has no value; write a text, a number or a boolean"},
      {job("x", "inputs: {n: [1]}\n"), "s.yml:3: inputs.n: is no single value; write a text"},
      {job("x", "inputs: {n: '${{parent.inputs.n}}'}\n"), "s.yml:3: inputs.n: holds an expression, which is filled in in the"},
      {job("x", "inputs: {a-b: 1}\n"), "s.yml:3: inputs.a-b: 'a-b' is no name; write letters, digits and _"},
      {job("x", "inputs: {lr: 1}\n"), "s.yml:3: inputs.lr: is searched as well (search_space.lr, s.yml:5); remove one"},
      {job("x", "outputs: {../m: {type: uri_folder}}\n"), "s.yml:3: outputs.../m: '../m' is no name; write"},
      {job("x", "outputs: {m: {kind: uri_folder}}\n"), "s.yml:3: outputs.m.kind: unknown field of an output: 'kind'; known"},
  };
  for (const Bad& bad : cases) expect_start(refusal(bad.text), bad.message);
}

const std::string kComponent =
    "type: command\n"
    "name: train\n"
    "version: 1\n"
    "code: ./src\n"
    "command: python train.py --data ${{inputs.data}} --epochs ${{inputs.epochs}} --lr ${{inputs.lr}} $[[--seed ${{inputs.seed}}]] "
    "--out ${{outputs.model}}\n"
    "inputs:\n"
    "  data: {type: uri_folder}\n"
    "  epochs: {type: integer, default: 5}\n"
    "  lr: {type: number, default: 0.1}\n"
    "  seed: {type: integer, optional: true}\n"
    "outputs:\n"
    "  model: {type: uri_folder}\n"
    "environment: azureml:train:1\n";

TEST_F(JobFile, ReadsAComponentFromItsFile) {
  write("parts/train.yml", kComponent);
  write("parts/src/train.py", "");
  for (const char* trial : {"file:./parts/train.yml", "./parts/train.yml", "parts/train.yml"}) {
    const SweepSpec spec = parse(kHead + "trial: " + trial + "\ninputs: {data: data}\n" + kTail);
    ASSERT_TRUE(spec.command);
    EXPECT_EQ(spec.command->code, path("parts/src"));
    EXPECT_EQ(spec.command->command,
              "python train.py --data ${{inputs.data}} --epochs ${{inputs.epochs}} --lr ${{search_space.lr}}  --out "
              "${{outputs.model}}");
    EXPECT_EQ(spec.command->inputs, (std::map<std::string, std::string>{{"data", path("data")}, {"epochs", "5"}}));
    EXPECT_EQ(spec.command->outputs, std::vector<std::string>{"model"});
    EXPECT_EQ(spec.command->where.to_string(), path("parts/train.yml") + ":5");
  }
}

TEST_F(JobFile, KeepsAComponentInWhatTheJournalKeeps) {
  write("parts/train.yml", kComponent);
  write("parts/src/train.py", "");
  const SweepSpec spec = parse(kHead + "trial: ./parts/train.yml\ninputs: {data: data, epochs: 7}\n" + kTail);
  fs::remove(path("parts/train.yml"));
  const SweepSpec again = parse(spec.text);
  EXPECT_EQ(again.text, spec.text);
  EXPECT_EQ(again.command->command, spec.command->command);
  EXPECT_EQ(again.command->code, spec.command->code);
  EXPECT_EQ(again.command->inputs, spec.command->inputs);
  EXPECT_EQ(again.command->outputs, spec.command->outputs);
  EXPECT_EQ(again.command->inputs.at("epochs"), "7");
}

TEST_F(JobFile, RefusesComponentsThatDoNotFit) {
  write("src/x", "");
  write("train.yml", kComponent);
  const auto sweep = [](const std::string& trial, const std::string& inputs) {
    return kHead + "trial: " + trial + "\ninputs: " + inputs + "\n" + kTail;
  };
  expect_start(refusal(sweep("train.yml", "{}")),
               "train.yml:7: inputs.data: has no default, and the sweep gives it no value; add 'inputs: {data: ...}' to the sweep");
  expect_start(refusal(sweep("train.yml", "{data: data, epoch: 3}")),
               "s.yml:3: inputs.epoch: unknown input of the component: 'epoch'; did you mean 'epochs'? known are data, epochs");
  expect_start(refusal(sweep("train.yml", "{data: nothere}")), "s.yml:3: inputs.data.path: nothere is not there;");
  expect_start(refusal(sweep("nothere.yml", "{}")), "s.yml:2: trial: nothere.yml is not there; write the path of a file");
  expect_start(refusal(sweep("azureml:train@latest", "{}")), "s.yml:2: trial: 'azureml:train@latest' is kept by Azure ML;");
  expect_start(refusal(sweep("src", "{}")), "s.yml:2: trial: src is a folder; write the path of a file");
  expect_start(refusal(sweep("/dev/null", "{}")), "s.yml:2: trial: /dev/null is no file; name the YAML file of a command");
  write("train.yml", "type: pipeline\njobs: {}\n");
  expect_start(refusal(sweep("train.yml", "{}")), "train.yml:1: type: 'pipeline' is not a command; name a component");
  write("train.yml", "- a\n");
  expect_start(refusal(sweep("train.yml", "{}")), "train.yml: is no component; write type, command");
}

TEST_F(JobFile, GivesABuiltInTaskTheSameLeniency) {
  const SweepSpec spec = parse(kHead + "trial: {model: mlp}\ncompute: azureml:gpu\nresources: {instance_count: 2}\n" + kTail);
  EXPECT_FALSE(spec.command);
  ASSERT_EQ(spec.ignored.size(), 2u);
  EXPECT_EQ(spec.ignored[0], path("s.yml") + ":3: compute: is ignored: trials run on this machine");
}

std::string with_space(const std::string& parameter, const std::string& sampling = "random") {
  return kHead + "trial: {command: 'x ${{search_space.p}}'}\nsampling_algorithm: " + sampling + "\nsearch_space:\n  p: " + parameter +
         "\nobjective: {goal: minimize, primary_metric: loss}\n";
}

TEST_F(JobFile, LogbaseIsWhatBoundsArePowersOf) {
  const auto spec_of = [&](const std::string& parameter, const std::string& base) {
    return parse(with_space(parameter, "{type: random, logbase: " + base + "}")).search_space[0].distribution.spec;
  };
  const DistributionSpec ten = spec_of("{type: loguniform, min_value: -5, max_value: -1}", "10");
  EXPECT_NEAR(std::exp(ten.a), 1e-5, 1e-18);
  EXPECT_NEAR(std::exp(ten.b), 0.1, 1e-15);
  EXPECT_EQ(spec_of("{type: loguniform, min_value: -5, max_value: -1}", "e").a, -5);
  EXPECT_DOUBLE_EQ(std::exp(spec_of("{type: qloguniform, min_value: 1, max_value: 3, q: 1}", "2").b), 8);
  const DistributionSpec lognormal = spec_of("{type: lognormal, mu: 2, sigma: 1}", "10");
  EXPECT_DOUBLE_EQ(std::exp(lognormal.a), 100);
  EXPECT_DOUBLE_EQ(std::exp(lognormal.b), 10);
  EXPECT_EQ(spec_of("{type: uniform, min_value: 1, max_value: 3}", "10").b, 3);
}

TEST_F(JobFile, SaysWhereBoundsMayBeMeantOtherwise) {
  EXPECT_TRUE(mentions(parse(with_space("{type: loguniform, min_value: 1e-5, max_value: 0.1}")),
                       "s.yml:5: search_space.p: draws from 1 to 1.11, as its bounds are exponents of e; for 1e-05 to 0.1 write"));
  EXPECT_TRUE(mentions(parse(with_space("{type: loguniform, min_value: -7, max_value: -1}")),
                       "draws from 0.000912 to 0.368, as its bounds are exponents of e; for powers of 10 write"));
  EXPECT_TRUE(parse(with_space("{type: loguniform, min_value: -7, max_value: -1}", "{logbase: e}")).ignored.empty());
  EXPECT_TRUE(parse(with_space("{type: loguniform, min_value: -7.5, max_value: 1.5}")).ignored.empty());
}

const std::string kNested =
    "\n    type: choice\n    values:\n"
    "      - {layers: 2, lr: {type: uniform, min_value: 0, max_value: 1}}\n"
    "      - {layers: 3, lr: {type: uniform, min_value: 10, max_value: 11}, act: {type: choice, values: [relu, {name: elu, alpha: {type: randint, upper: 3}}]}}\n"
    "      - plain";

TEST_F(JobFile, DistributionsInAChoiceAreHyperparametersOfTheirOwn) {
  const SweepSpec spec = parse(with_space(kNested, "{type: random, seed: 3}"));
  EXPECT_TRUE(spec.ignored.empty());
  std::vector<std::string> names;
  for (const Parameter& parameter : spec.search_space.parameters()) names.push_back(parameter.name);
  EXPECT_EQ(names, (std::vector<std::string>{"p", "p[0].lr", "p[1].lr", "p.act", "p.act.alpha"}));
  Context context;
  context.seed = 3;
  const Configurations drawn = sample_random(host_backend(), context, spec.search_space, 0, 200);
  std::set<std::string> shapes;
  for (int64_t trial = 0; trial < 200; ++trial) {
    const Value value = composed_value(drawn, trial, 0);
    EXPECT_EQ(value.to_json().find("${{"), std::string::npos) << value.to_json();
    if (value.is_text()) {
      shapes.insert("plain");
    } else if (value.find("layers")->as_integer() == 2) {
      EXPECT_EQ(*value.find("lr"), drawn.value(trial, 1));
      shapes.insert("2");
    } else {
      EXPECT_EQ(*value.find("lr"), drawn.value(trial, 2));
      const Value& act = *value.find("act");
      if (act.is_map()) {
        EXPECT_EQ(*act.find("alpha"), drawn.value(trial, 4));
      }
      shapes.insert(act.is_map() ? "3 elu" : "3 relu");
    }
  }
  EXPECT_EQ(shapes.size(), 4u);
}

TEST_F(JobFile, RefusesNestedChoicesThatMeanNothing) {
  expect_start(refusal(with_space(kNested, "grid")), "s.yml:8: search_space.p.values[0].lr: is a distribution in a choice, of which");
  expect_start(refusal(with_space("{type: choice, values: [{a: {layers: 2}}]}")), "s.yml:5: search_space.p.values[0].a.type: is missing");
  expect_start(refusal(with_space("{type: choice, values: [{a: [{b: 1}]}]}")), "s.yml:5: search_space.p.values[0].a[0]: is a map in a list");
  expect_start(refusal(with_space("{type: choice, values: [{a: null}]}")), "s.yml:5: search_space.p.values[0].a: is null");
  expect_start(refusal(with_space("{type: choice, values: [{a: '${{search_space.p}}'}]}")),
               "s.yml:5: search_space.p.values[0].a: holds an expression");
  EXPECT_EQ(parse(with_space("{type: choice, values: [{a: 1}, {a: 2}]}", "grid")).search_space.n_params(), 1);
}

TEST(ArgumentText, IsWhatPythonsStrWrites) {
  // The right sides are what CPython 3.11's str() prints.
  const std::vector<std::pair<Value, std::string>> cases = {
      {0.1, "0.1"},          {1e-5, "1e-05"},   {0.0001, "0.0001"},       {1.5e-7, "1.5e-07"},
      {3.0, "3.0"},          {-0.0, "-0.0"},    {1e15, "1000000000000000.0"}, {1e16, "1e+16"},
      {1e100, "1e+100"},     {5e-324, "5e-324"}, {123456.789, "123456.789"},  {0.1 + 0.2, "0.30000000000000004"},
      {INFINITY, "inf"},     {-INFINITY, "-inf"}, {NAN, "nan"},           {9007199254740993.0, "9007199254740992.0"},
      {true, "True"},        {false, "False"},  {7, "7"},                 {"a b", "a b"},
      {Value::List{64, 32}, "[64, 32]"},        {Value::Map{{"a", 0.5}, {"b", "c"}}, "{\"a\": 0.5, \"b\": \"c\"}"}};
  for (const auto& [value, text] : cases) EXPECT_EQ(argument_text(value), text);
}

}  // namespace
}  // namespace lockstep
