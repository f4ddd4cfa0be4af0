// A sweep whose configurations are chosen as it runs: it goes on after a kill, its trials can be replayed, and what cannot
// be done with it says so.

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "cli/program.h"
#include "cli/recorded_rows.h"

namespace lockstep::testing {
namespace {

class CliBayesian : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    write_changed("{type: random, seed: 5}", "{type: bayesian, seed: 5, startup: 8}");
  }
  /// 30 trials, 6 at a time, of two widths.
  Ran run_sweep(const std::string& more) const {
    return run("run bad.yml --max-total-trials 30 --set limits.max_concurrent_trials=6 " + more);
  }
};

TEST_F(CliBayesian, GoesOnAfterAKillAtAnyInterval) {
  const Ran whole = run_sweep("-o whole");
  ASSERT_EQ(whole.exit_code, 0) << whole.err;
  EXPECT_NE(whole.err.find("Bayesian: 30 configurations are chosen as the sweep runs, 6 trials at once at most "
                           "(limits.max_concurrent_trials). Warning: 2 hyperparameters want 40 trials or more"),
            std::string::npos)
      << whole.err;
  const std::string expected = results_of(dir_ / "whole");
  const std::string command = "exec " + program() + " run bad.yml --max-total-trials 30 --set limits.max_concurrent_trials=6 "
                              "-q -o out --checkpoint-intervals 1 >stdout.txt 2>stderr.txt";
  for (const int64_t n_reports : {20, 60, 100}) {
    std::filesystem::remove_all(dir_ / "out");
    const pid_t pid = fork();
    if (pid == 0) {
      execl("/bin/sh", "sh", "-c", ("cd '" + dir_.string() + "' && " + command).c_str(), nullptr);
      _exit(99);
    }
    // Until it has got so far.
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
    const Ran resumed = run("resume out -q");
    EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
    EXPECT_EQ(results_of(dir_ / "out"), expected) << "killed after " << n_reports << " reports";
  }
}

TEST_F(CliBayesian, ItsTrialsAreReplayedWithWhatWasChosenForThem) {
  ASSERT_EQ(run_sweep("-q -o out").exit_code, 0) << read("stderr.txt");
  for (const std::string trial : {"0", "1", "29"}) {
    const Ran replayed = run("replay out --trial " + trial);
    EXPECT_EQ(replayed.exit_code, 0) << replayed.err;
    EXPECT_NE(replayed.out.find("is the same at every interval, bit for bit"), std::string::npos) << replayed.out;
  }
  EXPECT_EQ(run("export-model out -o best.pt -q").exit_code, 0) << read("stderr.txt");
  EXPECT_EQ(run("export-model out --trial 3 -o third.pt -q").exit_code, 0) << read("stderr.txt");
}

TEST_F(CliBayesian, SaysWhatItCannotDo) {
  Ran ran = run("sample bad.yml -n 3");
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_NE(ran.err.find("bad.yml: sampling_algorithm: is bayesian, whose configurations depend on what earlier ones"),
            std::string::npos)
      << ran.err;
  ran = run("validate bad.yml --set early_termination.type=pbt");
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_NE(ran.err.find("early_termination.type: pbt changes configurations on their way"), std::string::npos)
      << ran.err;
}

}  // namespace
}  // namespace lockstep::testing
