// Ctrl-C: the first finishes the interval, writes and reports; the second ends at once.

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include <nlohmann/json.hpp>

#include "cli/program.h"

namespace lockstep::testing {
namespace {

class CliInterrupt : public CliTest {
 protected:
  /// Starts a sweep that would take very long and waits until it has reported its first interval.
  /// @param long_intervals a larger data set in smaller batches: seconds rather than milliseconds
  pid_t start_long_sweep(bool long_intervals = false) {
    const char* dataset = long_intervals ? "trial.dataset=letter" : "trial.dataset=digits";
    const char* batch_size = long_intervals ? "trial.batch_size=4" : "trial.batch_size=64";
    const pid_t pid = fork();
    if (pid == 0) {
      if (chdir(dir_.c_str()) != 0) _exit(99);
      const int out = open("stdout.txt", O_CREAT | O_WRONLY | O_TRUNC, 0644);
      const int err = open("stderr.txt", O_CREAT | O_WRONLY | O_TRUNC, 0644);
      dup2(out, STDOUT_FILENO);
      dup2(err, STDERR_FILENO);
      execl(LOCKSTEP_PROGRAM, "lockstep", "run", "sweep.yml", "--set", "trial.epochs=100000", "--set", "early_termination.type=none", "--set",
            dataset, "--set", batch_size,
            "--format", "json", "--output", "out", nullptr);
      _exit(99);
    }
    wait_for_message(pid, "interval 1 ");
    return pid;
  }

  void wait_for_message(pid_t pid, const std::string& message) {
    while (read("stderr.txt").find(message) == std::string::npos) {
      if (waitpid(pid, nullptr, WNOHANG) != 0) ADD_FAILURE() << "ended by itself: " << read("stderr.txt");
      if (HasFailure()) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  /// For the journal's thread to have committed the first interval.
  void wait_for_trials(size_t n) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    // Not `run`, whose output goes to the same files as the sweep's.
    const std::string list = "cd " + dir_.string() + " && " LOCKSTEP_PROGRAM " trials out --format json > listed.json 2> /dev/null";
    while (std::chrono::steady_clock::now() < deadline) {
      if (std::system(list.c_str()) == 0 && nlohmann::json::parse(read("listed.json")).size() == n) return;
    }
    ADD_FAILURE() << "the journal has no trials";
  }

  static int wait_for(pid_t pid) {
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
};

TEST_F(CliInterrupt, FirstSignalWritesAndReports) {
  const pid_t pid = start_long_sweep();
  kill(pid, SIGINT);
  EXPECT_EQ(wait_for(pid), 130);
  EXPECT_NE(read("stderr.txt").find("finishing the interval"), std::string::npos);
  const auto summary = nlohmann::json::parse(read("stdout.txt"));
  EXPECT_EQ(summary["end"], "interrupted");
  EXPECT_EQ(summary["trials"]["aborted"], 12);
  EXPECT_TRUE(summary["best"]["test"].is_number());
  const auto trials = nlohmann::json::parse(run("trials out --format json").out);
  ASSERT_EQ(trials.size(), 12u);
  for (const auto& trial : trials) EXPECT_GE(trial["intervals"], 1);
  EXPECT_EQ(nlohmann::json::parse(run("best out --format json").out)["value"], summary["best"]["validation"]);
}

TEST_F(CliInterrupt, SecondSignalEndsAtOnce) {
  const pid_t pid = start_long_sweep(/*long_intervals=*/true);
  wait_for_trials(12);
  kill(pid, SIGINT);
  wait_for_message(pid, "finishing the interval");
  kill(pid, SIGINT);
  EXPECT_EQ(wait_for(pid), 130);
  EXPECT_EQ(read("stdout.txt"), "") << "a sweep that ends at once has no summary";
  EXPECT_FALSE(std::filesystem::exists(dir_ / "out/best.json"));
  const auto trials = nlohmann::json::parse(run("trials out --format json").out);
  ASSERT_EQ(trials.size(), 12u);
  EXPECT_EQ(trials[0]["state"], "RUNNING");
}

TEST_F(CliInterrupt, AFileNamedStopEndsItAsCtrlCDoes) {
  std::filesystem::create_directory(dir_ / "out");
  write("out/stop", "");  // one of before means nothing
  const pid_t pid = start_long_sweep();
  EXPECT_FALSE(std::filesystem::exists(dir_ / "out/stop"));
  write("out/stop", "");
  EXPECT_EQ(wait_for(pid), 130);
  EXPECT_EQ(nlohmann::json::parse(read("stdout.txt"))["end"], "interrupted");
  EXPECT_FALSE(std::filesystem::exists(dir_ / "out/stop"));
  EXPECT_TRUE(std::filesystem::exists(dir_ / "out/report.html"));
}

TEST_F(CliInterrupt, KilledSweepCanBeRead) {
  const pid_t pid = start_long_sweep();
  wait_for_trials(12);
  kill(pid, SIGKILL);
  EXPECT_EQ(wait_for(pid), -SIGKILL);
  const Ran ran = run("trials out --format json");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(nlohmann::json::parse(ran.out).size(), 12u);
  EXPECT_EQ(run("report out").exit_code, 0);
  EXPECT_NE(read("out/report.html").find("\"state\":\"running\""), std::string::npos);
}

}  // namespace
}  // namespace lockstep::testing
