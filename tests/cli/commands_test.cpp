// Programs as trials: whatever they do, the sweep ends, says of each what became of it, and leaves no process behind.

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <set>
#include <thread>

#include <nlohmann/json.hpp>

#include "cli/program.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class CliCommands : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    fs::create_directory(dir_ / "code");
  }
  void TearDown() override {
    for (const std::string& left : processes_of_test()) ADD_FAILURE() << "still runs: " << left;
    CliTest::TearDown();
  }

  /// A sweep of `program`, which is run as `sh program.sh ARGUMENTS`; every trial gets another x, 0 to n - 1.
  void write_sweep(int n, const std::string& program, const std::string& arguments = "${{search_space.x}}",
                   const std::string& more = "", const std::string& trial = "") const {
    write("code/program.sh", program);
    std::string values;
    for (int x = 0; x < n; ++x) values += (x ? ", " : "") + std::to_string(x);
    write("sweep.yml", "type: sweep\ntrial:\n  command: sh program.sh " + arguments + "\n  code: code\n" + trial +
                           "sampling_algorithm: grid\nsearch_space:\n  x: {type: choice, values: [" + values +
                           "]}\nobjective: {goal: maximize, primary_metric: accuracy}\n" + more);
  }

  /// The trials of a sweep, by x.
  std::map<int, json> trials(const std::string& directory = "out") const {
    std::map<int, json> out;
    for (const json& trial : json::parse(run("trials " + directory + " --format json").out)) {
      out[trial["hyperparameters"]["x"].get<int>()] = trial;
    }
    return out;
  }

  /// Command lines of the processes, but this one's own, that work below the test's folder.
  std::vector<std::string> processes_of_test() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      std::error_code error;
      const fs::path folder = fs::read_symlink(entry.path() / "cwd", error);
      if (error || folder.string().rfind(dir_.string() + "/out", 0) != 0) continue;
      out.push_back(entry.path().filename().string() + " " + read_file(entry.path() / "cmdline"));
    }
    return out;
  }

  pid_t start(const std::vector<std::string>& arguments) {
    const pid_t pid = fork();
    if (pid != 0) return pid;
    if (chdir(dir_.c_str()) != 0) _exit(99);
    dup2(open("stdout.txt", O_CREAT | O_WRONLY | O_TRUNC, 0644), STDOUT_FILENO);
    dup2(open("stderr.txt", O_CREAT | O_WRONLY | O_TRUNC, 0644), STDERR_FILENO);
    std::vector<char*> words{const_cast<char*>("lockstep")};
    for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);
    execv(LOCKSTEP_PROGRAM, words.data());
    _exit(99);
  }

  template <class Condition>
  void wait_until(const Condition& condition, const std::string& what) const {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), until) << what << "\n" << read("stderr.txt");
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  static int wait_for(pid_t pid) {
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
};

TEST_F(CliCommands, RunAProgramForEachTrial) {
  write_sweep(6,
              "for epoch in 1 2 3; do echo \"epoch $epoch\"; echo \"{\\\"accuracy\\\": 0.$1$epoch, \\\"loss\\\": 1}\"; done\n"
              "echo $AZUREML_SWEEP_x $COLOUR $(pwd) > outputs/seen.txt\necho more > beside.txt\n",
              "'${{search_space.x}}'", "limits: {max_concurrent_trials: 3}\n",
              "  environment_variables: {COLOUR: green}\n");
  const Ran ran = run("run sweep.yml --output out --format json");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const json summary = json::parse(ran.out);
  EXPECT_EQ(summary["trials"]["finished"], 6);
  EXPECT_EQ(summary["best"]["validation"], 0.53);
  EXPECT_EQ(summary["best"]["hyperparameters"]["x"], 5);
  for (const auto& [x, trial] : trials()) {
    EXPECT_EQ(trial["state"], "COMPLETE");
    EXPECT_EQ(trial["intervals"], 3);
    EXPECT_EQ(trial["reason"], "finished: its program ended after 3 reports");
    const std::string folder = "out/trials/" + std::to_string(trial["number"].get<int>());
    const std::string seen = read(folder + "/outputs/seen.txt");
    EXPECT_EQ(seen.substr(0, 8), std::to_string(x) + " green ") << seen;
    EXPECT_EQ(read_file(dir_ / folder / "work" / "beside.txt"), "more\n");
    EXPECT_FALSE(fs::exists(dir_ / folder / "work/program.sh")) << "what did not change is there once, in code";
    EXPECT_NE(read(folder + "/output.txt").find("epoch 2\n"), std::string::npos);
    EXPECT_NE(read(folder + "/metrics.jsonl").find("\"loss\", \"value\": 1.0"), std::string::npos);
  }
}

TEST_F(CliCommands, StopATrialAtTheReportThatThePolicyJudges) {
  // Each holds until it is decided, so a poor one never gets to its second line.
  write_sweep(4,
              "for epoch in 1 2 3 4; do\n  lockstep report accuracy=$1.$epoch step=$epoch || exit 9\n"
              "  echo \"after $epoch\" >> outputs/log.txt\ndone\n",
              "${{search_space.x}}",
              "limits: {max_concurrent_trials: 1}\nearly_termination: {type: truncation_selection, truncation_percentage: 60, "
              "delay_evaluation: 2}\n");
  // One after another, the best first: by the grid's order, so values fall.
  std::string text = read("sweep.yml");
  text.replace(text.find("[0, 1, 2, 3]"), 12, "[3, 2, 1, 0]");
  write("sweep.yml", text);
  const Ran ran = run("run sweep.yml --output out --format json");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  for (const auto& [x, trial] : trials()) {
    const std::string log = read("out/trials/" + std::to_string(3 - x) + "/outputs/log.txt");
    if (x == 3) {
      EXPECT_EQ(trial["state"], "COMPLETE");
      EXPECT_EQ(trial["intervals"], 4);
      continue;
    }
    EXPECT_EQ(trial["state"], "PRUNED") << trial;
    EXPECT_EQ(trial["intervals"], 2);
    EXPECT_EQ(log, "after 1\n");
  }
}

TEST_F(CliCommands, SurviveWhatProgramsDo) {
  write_sweep(9,
              "good() { echo '{\"accuracy\": 0.5}'; }\n"
              "case $1 in\n"
              "0) good ;;\n"
              "1) echo 'ValueError: no such layer' >&2; exit 3 ;;\n"
              "2) good; sleep 1000 ;;\n"
              "3) good; (sleep 1000 & sleep 1000 & setsid sleep 1000 & wait) & setsid sh -c 'sleep 1000 & exec sleep 1000' & ;;\n"
              "4) yes 'a line of output that says nothing at all' | head -c 100000000; echo; good ;;\n"
              "5) good; echo '{\"accuracy\": NaN}'; sleep 1000 ;;\n"
              "6) echo '{\"acc\": 0.9, \"loss\": 0.1}' ;;\n"
              "7) good; kill -9 $$ ;;\n"
              "8) good; (sleep 0.3; echo '{\"accuracy\": 99}') & ;;\n"
              "esac\n",
              "${{search_space.x}}", "limits: {max_concurrent_trials: 4, trial_timeout: 3}\n");
  const Ran ran = run("run sweep.yml --output out --format json");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  auto all = trials();
  const auto reason = [&](int x) { return all[x]["reason"].get<std::string>(); };
  ASSERT_EQ(all.size(), 9u);
  EXPECT_EQ(all[0]["state"], "COMPLETE");
  EXPECT_EQ(reason(1), "failed: exit code 3; it printed last: ValueError: no such layer");
  EXPECT_EQ(reason(2), "aborted: limits.trial_timeout after interval 1");
  EXPECT_EQ(all[3]["state"], "COMPLETE");
  EXPECT_EQ(all[4]["state"], "COMPLETE");
  EXPECT_EQ(fs::file_size(dir_ / "out/trials/4/output.txt"), 100000001u + read("out/trials/0/output.txt").size());
  EXPECT_EQ(reason(5), "diverged at interval 2: the metric is nan");
  EXPECT_EQ(reason(6), "failed: it ended without a report of accuracy; it logged acc, loss");
  EXPECT_EQ(reason(7), "failed: exit code 137 (Killed); it printed last: Killed");
  EXPECT_EQ(all[8]["state"], "COMPLETE");
  EXPECT_TRUE(processes_of_test().empty());
}

TEST_F(CliCommands, SayWhereTheProgramIsMissing) {
  write("sweep.yml",
        "type: sweep\ntrial: {command: 'sh program.sh ${{search_space.x}}'}\nsearch_space: {x: {type: choice, values: [1]}}\n"
        "objective: {goal: maximize, primary_metric: accuracy}\nlimits: {max_total_trials: 1}\n");
  const Ran ran = run("run sweep.yml --output out --format json");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(trials()[1]["reason"].get<std::string>().find("trial.code"), std::string::npos) << trials()[1];
  EXPECT_NE(ran.err.find("warning: trial 0 has failed: exit code"), std::string::npos) << ran.err;
}

TEST_F(CliCommands, LeaveNoProcessWhenTheyAreKilled) {
  write_sweep(6,
              "echo '{\"accuracy\": 0.1}'\n[ -e \"$LOCKSTEP_OUTPUTS/../../../../go\" ] && exit 0\n"
              "setsid sleep 1000 & sleep 1000 & sleep 1000\n",
              "${{search_space.x}}", "limits: {max_concurrent_trials: 3}\n");
  const pid_t pid = start({"run", "sweep.yml", "--output", "out"});
  wait_until([&] { return processes_of_test().size() >= 9; }, "three programs and what they started");
  kill(pid, SIGKILL);
  EXPECT_EQ(wait_for(pid), -SIGKILL);
  wait_until([&] { return processes_of_test().empty(); }, "no process left");

  write("go", "");
  const Ran resumed = run("resume out --format json");
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(json::parse(resumed.out)["trials"]["finished"], 6);
  for (const auto& [x, trial] : trials()) EXPECT_EQ(trial["intervals"], 1);
  EXPECT_TRUE(fs::exists(dir_ / "out/trials/0.cut1/output.txt")) << "what the killed trials left is kept";
}

TEST_F(CliCommands, GoOnFromTheirOutputsAfterAnInterrupt) {
  // Counts on in its outputs; SIGTERM ends it, after it has said so.
  write_sweep(2,
              "n=0; [ -n \"$LOCKSTEP_RESUME_FROM\" ] && n=$(cat \"$LOCKSTEP_RESUME_FROM/n\")\n"
              "echo \"from $n $2 $3\" >> outputs/starts\n"
              "trap 'echo saved >> outputs/starts; exit 0' TERM\n"
              "while [ $n -lt 6 ]; do\n  n=$((n + 1)); echo $n > outputs/n; echo \"{\\\"accuracy\\\": 0.$n, \\\"step\\\": $n}\"\n"
              "  [ $n = 3 ] && [ ! -e ../../../../go ] && { sleep 1000 & wait; }\ndone\nexit 0\n",
              "${{search_space.x}}", "", "  resume: argument\n");
  const pid_t pid = start({"run", "sweep.yml", "--output", "out"});
  wait_until([&] { return read("out/trials/0/outputs/n") == "3\n" && read("out/trials/1/outputs/n") == "3\n"; }, "three reports each");
  wait_until([&] {
    const auto all = trials();
    return all.size() == 2 && all.at(0)["intervals"] == 3 && all.at(1)["intervals"] == 3;
  }, "the reports in the journal");
  kill(pid, SIGINT);
  EXPECT_EQ(wait_for(pid), 130);
  EXPECT_EQ(trials()[0]["reason"], "aborted: the sweep was interrupted after interval 3");
  EXPECT_EQ(read("out/trials/0/outputs/starts"), "from 0  \nsaved\n");

  write("go", "");
  const Ran resumed = run("resume out --format json");
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  for (const auto& [x, trial] : trials()) {
    EXPECT_EQ(trial["state"], "COMPLETE");
    EXPECT_EQ(trial["intervals"], 6) << "steps 4 to 6 follow the three of before";
    EXPECT_EQ(trial["reason"], "finished: its program ended after 6 reports");
    const std::string starts = read("out/trials/" + std::to_string(x) + "/outputs/starts");
    EXPECT_NE(starts.find("from 3 --resume-from " + (fs::canonical(dir_) / "out/trials").string()), std::string::npos) << starts;
  }
}

TEST_F(CliCommands, GoOnByHandAfterAPolicyHasStoppedThem) {
  write_sweep(3,
              "n=0; [ -n \"$LOCKSTEP_RESUME_FROM\" ] && n=$(cat outputs/n)\n"
              "while [ $n -lt 5 ]; do n=$((n + 1)); echo $n > outputs/n; lockstep report accuracy=$1.$n step=$n || exit 9; done\nexit 0\n",
              "${{search_space.x}}",
              "limits: {max_concurrent_trials: 1}\nearly_termination: {type: bandit, slack_amount: 0.5, delay_evaluation: 2}\n");
  std::string text = read("sweep.yml");
  text.replace(text.find("[0, 1, 2]"), 9, "[2, 1, 0]");
  write("sweep.yml", text);
  ASSERT_EQ(run("run sweep.yml --output out").exit_code, 0);
  const std::string then = trials()[1]["reason"];
  ASSERT_EQ(trials()[1]["state"], "PRUNED");
  const Ran ran = run("resume out --trial 1");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  auto all = trials();
  EXPECT_EQ(all[1]["state"], "COMPLETE");
  EXPECT_EQ(all[1]["intervals"], 5);
  EXPECT_EQ(all[1]["value"], 1.5);
  EXPECT_EQ(all[1]["reason"], "resumed by hand after interval 2 (" + then + "): finished: its program ended after 5 reports");
  EXPECT_EQ(all[0]["state"], "PRUNED");
  EXPECT_EQ(run("resume out --trial 0 --trial 7").exit_code, 3);
}

TEST_F(CliCommands, EndByTheStopFileWhileNobodyReports) {
  write_sweep(2, "echo '{\"accuracy\": 1}'; sleep 1000\n");
  const pid_t pid = start({"run", "sweep.yml", "--output", "out"});
  wait_until([&] { return processes_of_test().size() >= 4; }, "two programs");
  wait_until([&] { return read("stderr.txt").find("2 report") != std::string::npos || trials().size() == 2; }, "their reports");
  write("out/stop", "");
  EXPECT_EQ(wait_for(pid), 130);
  EXPECT_FALSE(fs::exists(dir_ / "out/stop"));
}

TEST_F(CliCommands, AreRefusedWhereAModelIsNeeded) {
  write_sweep(1, "echo '{\"accuracy\": 1}'\n");
  ASSERT_EQ(run("run sweep.yml --output out").exit_code, 0);
  for (const char* command : {"replay out --best", "export-model out -o model.pt"}) {
    const Ran ran = run(command);
    EXPECT_EQ(ran.exit_code, 3) << command;
    EXPECT_NE(ran.err.find("best out --command"), std::string::npos) << ran.err;
  }
}

TEST_F(CliCommands, RefusePoliciesThatWaitForABracket) {
  write_sweep(4, "echo '{\"accuracy\": 1}'\n", "${{search_space.x}}", "early_termination: {type: hyperband}\n");
  const Ran ran = run("run sweep.yml --output out");
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_NE(ran.err.find("asha"), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("sweep.yml:"), std::string::npos) << ran.err;
}

TEST_F(CliCommands, ShareOutGpus) {
  write_sweep(4, "echo '{\"accuracy\": 1}'\necho $CUDA_VISIBLE_DEVICES > outputs/gpu\nsleep 0.2\n", "${{search_space.x}}",
              "limits: {max_concurrent_trials: 2}\n");
  const Ran ran = shell("CUDA_VISIBLE_DEVICES=5,GPU-7 " + program() + " run sweep.yml --output out >stdout.txt 2>stderr.txt");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  std::multiset<std::string> seen;
  for (int trial = 0; trial < 4; ++trial) seen.insert(read("out/trials/" + std::to_string(trial) + "/outputs/gpu"));
  EXPECT_EQ(seen.count("5\n"), 2u);
  EXPECT_EQ(seen.count("GPU-7\n"), 2u);
}

}  // namespace
}  // namespace lockstep::testing
