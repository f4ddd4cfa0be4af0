// Sweep files whose trials are programs: what validate, sample, convert and best --command make of them.

#include <filesystem>

#include "cli/program.h"
#include "cli/recorded_rows.h"

namespace lockstep::testing {
namespace {

constexpr const char* kJob =
    "type: sweep\n"
    "trial:\n"
    "  code: src\n"
    "  command: >-\n"
    "    python train.py --lr ${{search_space.lr}} --kernel \"${{search_space.kernel}}\" --data ${{inputs.data}}\n"
    "  environment: azureml:train@latest\n"
    "inputs: {data: {type: uri_file, path: 'my data.csv'}}\n"
    "compute: azureml:gpu\n"
    "sampling_algorithm: {type: random, seed: 3}\n"
    "search_space:\n"
    "  lr: {type: choice, values: [0.00001]}\n"
    "  kernel: {type: choice, values: [\"it's\"]}\n"
    "objective: {goal: maximize, primary_metric: accuracy}\n"
    "limits: {max_total_trials: 2}\n";

class CliCommandFiles : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    std::filesystem::create_directory(dir_ / "src");
    write("my data.csv", "1\n");
    write("job.yml", kJob);
  }
};

TEST_F(CliCommandFiles, ValidateShowsTheFirstCommandAndWhatDoesNotApply) {
  const Ran ran = run("validate job.yml");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.out,
            "job.yml: valid. 2 hyperparameters, 2 trials, accuracy to maximize.\n"
            "  job.yml:8: compute: is ignored: trials run on this machine\n"
            "  job.yml:6: trial.environment: is ignored: trials run with what is installed on this machine\n"
            "  Trial 0 runs: python train.py --lr 1e-05 --kernel \"it's\" --data '" +
                std::filesystem::canonical(dir_).string() + "/my data.csv'\n");
}

TEST_F(CliCommandFiles, WhatIsWrongIsRefused) {
  std::filesystem::remove(dir_ / "my data.csv");
  const Ran ran = run("validate job.yml");
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_NE(ran.err.find("job.yml:7: inputs.data.path: "), std::string::npos) << ran.err;
}

TEST_F(CliCommandFiles, SampleDrawsThem) {
  const Ran ran = run("sample job.yml -n 1");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.out, "trial,lr,kernel\n0,1e-05,it's\n");
}

TEST_F(CliCommandFiles, ConvertedAHyperDriveConfigurationIsValid) {
  write("hd.json",
        "{\"generator_config\": {\"name\": \"RANDOM\", \"parameter_space\": {\"--lr\": [\"loguniform\", [-6, -1]]}},\n"
        " \"policy_config\": {\"name\": \"Bandit\", \"properties\": {\"slack_factor\": 0.15}},\n"
        " \"primary_metric_config\": {\"name\": \"acc\", \"goal\": \"maximize\"}, \"max_total_jobs\": 4, \"max_duration_minutes\": 2,\n"
        " \"resume_from\": [{\"run_id\": \"r\"}], \"script\": \"train.py\", \"arguments\": [\"--n\", 3], \"source_directory\": \"src\"}\n");
  const Ran converted = run("convert hd.json");
  ASSERT_EQ(converted.exit_code, 0) << converted.err;
  EXPECT_EQ(converted.err, "");
  EXPECT_EQ(converted.out,
            "# Converted from a run configuration of HyperDrive (Azure ML SDK v1).\n"
            "# resume_from has no place in a sweep file: earlier sweeps are named with --warm-start\n"
            "type: sweep\n"
            "trial:\n"
            "  command: python train.py --n 3 --lr ${{search_space.lr}}\n"
            "  code: \"src\"\n"
            "sampling_algorithm:\n"
            "  type: random\n"
            "search_space:\n"
            "  lr:\n"
            "    type: loguniform\n"
            "    min_value: -6\n"
            "    max_value: -1\n"
            "objective:\n"
            "  goal: maximize\n"
            "  primary_metric: \"acc\"\n"
            "limits:\n"
            "  max_total_trials: 4\n"
            "  timeout: 120\n"
            "early_termination:\n"
            "  type: bandit\n"
            "  slack_factor: 0.15\n");
  write("converted.yml", converted.out);
  for (const char* file : {"converted.yml", "hd.json"}) {
    const Ran ran = run(std::string("validate ") + file + " --seed 1");
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_NE(ran.out.find("Trial 0 runs: python train.py --n 3 --lr 0."), std::string::npos) << ran.out;
  }
  EXPECT_EQ(run("convert job.yml").exit_code, 3);
}

TEST_F(CliCommandFiles, BestPrintsTheCommandAlone) {
  ASSERT_EQ(run("run sweep.yml -q -o out").exit_code, 0);
  const Ran built_in = run("best out --command");
  EXPECT_EQ(built_in.exit_code, 3);
  EXPECT_EQ(built_in.out, "");
  EXPECT_NE(built_in.err.find("`lockstep export-model out --trial best -o FILE` writes its model"), std::string::npos) << built_in.err;

  // As if programs had come to the same.
  const std::string hidden = rows(dir_ / "out",
                                  "SELECT CASE param_value WHEN 0 THEN 8 ELSE 16 END FROM trial_params JOIN trial_values USING "
                                  "(trial_id) WHERE param_name = 'hidden' ORDER BY value DESC, trial_id LIMIT 1");
  change(dir_ / "out",
         "UPDATE lockstep_sweep SET spec_file = 'job.yml', spec_text = 'type: sweep\ntrial: {code: src, command: \"train --hidden "
         "${{search_space.hidden}} --out ${{outputs.model}}\"}\noutputs: {model: {type: uri_folder}}\nsearch_space:\n  lr: {type: "
         "loguniform, min_value: -7, max_value: -1}\n  hidden: {type: choice, values: [8, 16]}\nobjective: {goal: maximize, "
         "primary_metric: accuracy}\n'");
  const Ran ran = run("best out --command");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.out, "train --hidden " + hidden.substr(0, hidden.find('|')) + " --out outputs/model\n");
  EXPECT_NE(ran.err.find("; to be run in " + std::filesystem::canonical(dir_).string() + "/src\n"), std::string::npos) << ran.err;
}

}  // namespace
}  // namespace lockstep::testing
