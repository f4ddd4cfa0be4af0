// `lockstep run --warm-start`: what is taken, what is said of it, what is refused, and a resume after a kill.

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "cli/recorded_rows.h"

namespace lockstep::testing {
namespace {

class CliWarmStart : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    write_changed("{type: random, seed: 5}", "{type: bayesian, seed: 5, startup: 8}");
    ASSERT_EQ(run("run bad.yml --max-total-trials 24 -q -o parent").exit_code, 0) << read("stderr.txt");
  }

  /// The learning rates of a sweep's first trials.
  std::string first_rates(const std::string& folder) const {
    return rows(dir_ / folder, "SELECT printf('%!.17g', param_value) FROM trial_params WHERE param_name = 'lr' ORDER BY trial_id LIMIT 4");
  }

  static constexpr const char* kMore = "run bad.yml --max-total-trials 20 --set limits.max_concurrent_trials=4 --seed 6 ";
};

TEST_F(CliWarmStart, BeginsWithTheTrialsOfTheSweepsThatAreNamed) {
  ASSERT_EQ(run(std::string(kMore) + "-q -o cold").exit_code, 0) << read("stderr.txt");
  // The sweep file after the folders, too.
  const Ran warm = run("run --max-total-trials 20 --set limits.max_concurrent_trials=4 --seed 6 -o warm --format json "
                       "--warm-start parent cold bad.yml");
  ASSERT_EQ(warm.exit_code, 0) << warm.err;
  EXPECT_NE(warm.err.find("Warm start from parent: 24 trials, 24 of them as observations, 24 curves for median_stopping\n"),
            std::string::npos)
      << warm.err;
  EXPECT_NE(warm.err.find("Warm start from cold: 20 trials, 20 of them"), std::string::npos) << warm.err;
  const auto summary = nlohmann::json::parse(warm.out);
  EXPECT_EQ(summary["earlier_trials"]["observations"], 44);
  EXPECT_EQ(summary["earlier_trials"]["curves"], 44);
  EXPECT_EQ(rows(dir_ / "warm", "SELECT count(*) FROM lockstep_earlier_trials"), "44|\n");
  EXPECT_NE(rows(dir_ / "warm", "SELECT notes_json FROM lockstep_sweep").find("Warm start from parent: 24 trials"),
            std::string::npos);
  // Its first trials are no Sobol points any more.
  EXPECT_NE(first_rates("warm"), first_rates("cold"));
}

TEST_F(CliWarmStart, SaysWhatOfAnotherSpaceIsLeftOut) {
  const Ran ran = run(std::string(kMore) + "-o out --set search_space.hidden.values='[16, 24]' --warm-start parent");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const std::string n = rows(dir_ / "parent", "SELECT count(*) FROM trial_params WHERE param_name = 'hidden' AND param_value = 0");
  EXPECT_NE(ran.err.find("left out of the observations: " + n.substr(0, n.find('|')) +
                         " trials with hidden 8, which is not in the new space: "),
            std::string::npos)
      << ran.err;
  // Shorter trials: the earlier ones count as of their age then.
  const Ran shorter = run(std::string(kMore) + "-o shorter --set trial.epochs=3 --warm-start parent");
  EXPECT_NE(shorter.err.find(" trained longer, and count as after interval 3; its trials were trained with epochs 6 (now 3)"),
            std::string::npos)
      << shorter.err;
}

TEST_F(CliWarmStart, TakesTrialsThatWereImported) {
  write("old.csv", "lr,hidden,score\n0.1,16,0.9\n0.05,16,0.93\n0.2,8,0.8\n0.01,8,0.5\n0.02,16,0.7\n0.3,16,0.7\n0.08,8,0.85\n0.15,8,0.8\n");
  ASSERT_EQ(run("import old.csv --metric score --goal maximize -o unnamed").exit_code, 0) << read("stderr.txt");
  EXPECT_EQ(run(std::string(kMore) + "-o out --warm-start unnamed").exit_code, 3);
  EXPECT_NE(read("stderr.txt").find("unnamed: --warm-start: its primary metric is score, and this sweep's is accuracy"), std::string::npos)
      << read("stderr.txt");
  write("old.csv", "lr,hidden,accuracy\n0.1,16,0.9\n0.05,16,0.93\n0.2,8,0.8\n0.01,8,0.5\n0.02,16,0.7\n0.3,16,0.7\n0.08,8,0.85\n0.15,8,0.8\n");
  ASSERT_EQ(run("import old.csv --metric accuracy --goal maximize -o old").exit_code, 0) << read("stderr.txt");
  const Ran ran = run(std::string(kMore) + "-o out --warm-start old");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.err.find("Warm start from old: 8 trials, 8 of them as observations, 0 curves for median_stopping\n"), std::string::npos)
      << ran.err;
}

TEST_F(CliWarmStart, SaysWhatItCannotDo) {
  Ran ran = run(std::string(kMore) + "-o out --warm-start missing");
  EXPECT_EQ(ran.exit_code, 5);
  EXPECT_NE(ran.err.find("missing: no such folder"), std::string::npos) << ran.err;
  ran = run(std::string(kMore) + "-o out --warm-start bad.yml --warm-start parent");
  EXPECT_EQ(ran.exit_code, 5);
  EXPECT_NE(ran.err.find("bad.yml: it is a file; read a study"), std::string::npos) << ran.err;
  ran = run(std::string(kMore) + "-o out --warm-start parent --warm-start parent/");
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_NE(ran.err.find("parent/: --warm-start: is named twice"), std::string::npos) << ran.err;
  EXPECT_FALSE(std::filesystem::exists(dir_ / "out"));
  ran = run("run sweep.yml --set early_termination=none -o out --warm-start parent");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.err.find("Warning: --warm-start changes nothing here: this sampling does not learn"), std::string::npos) << ran.err;
}

TEST_F(CliWarmStart, GoesOnAfterAKillWithoutTheSweepItLearntFrom) {
  const std::string command = std::string(kMore) + "-q --warm-start parent --checkpoint-intervals 1 -o ";
  ASSERT_EQ(run(command + "whole").exit_code, 0) << read("stderr.txt");
  const std::string expected = results_of(dir_ / "whole");
  std::filesystem::copy(dir_ / "parent", dir_ / "kept", std::filesystem::copy_options::recursive);
  for (const int64_t n_reports : {10, 40}) {
    std::filesystem::remove_all(dir_ / "out");
    if (!std::filesystem::exists(dir_ / "parent")) {
      std::filesystem::copy(dir_ / "kept", dir_ / "parent", std::filesystem::copy_options::recursive);
    }
    const pid_t pid = fork();
    if (pid == 0) {
      execl("/bin/sh", "sh", "-c", ("cd '" + dir_.string() + "' && exec " + program() + " " + command + "out >stdout.txt 2>stderr.txt").c_str(),
            nullptr);
      _exit(99);
    }
    for (bool ended = false; !ended;) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      ended = waitpid(pid, nullptr, WNOHANG) != 0;
      try {
        if (!ended && std::stoll(rows(dir_ / "out", "SELECT count(*) FROM trial_intermediate_values")) >= n_reports) {
          kill(pid, SIGKILL);
          waitpid(pid, nullptr, 0);
          ended = true;
        }
      } catch (const std::exception&) {  // the database is not there yet
      }
    }
    std::filesystem::remove_all(dir_ / "parent");
    const Ran resumed = run("resume out --format json");
    EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
    if (resumed.exit_code == 0 && resumed.err.find("complete") == std::string::npos) {
      EXPECT_EQ(nlohmann::json::parse(resumed.out)["earlier_trials"]["observations"], 24);
    }
    EXPECT_EQ(results_of(dir_ / "out"), expected) << "killed after " << n_reports << " reports";
  }
}

}  // namespace
}  // namespace lockstep::testing
