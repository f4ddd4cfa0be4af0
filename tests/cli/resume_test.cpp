// `lockstep resume`: whatever ended a sweep, it goes on to the end that it would have had.

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <random>
#include <thread>

#include "cli/program.h"
#include "cli/recorded_rows.h"

namespace lockstep::testing {
namespace {

/// Refills, a policy and cohorts of two widths, in about a second.
constexpr const char* kArguments = "sweep.yml --set limits.max_concurrent_trials=5 --set trial.epochs=5 -q";

class CliResume : public CliTest {
 protected:
  std::string whole() {
    EXPECT_EQ(run(std::string("run ") + kArguments + " -o whole").exit_code, 0) << read("stderr.txt");
    return results_of(dir_ / "whole");
  }

  /// Starts the program; its output goes to files.
  pid_t start(const std::string& arguments) const {
    const pid_t pid = fork();
    if (pid != 0) return pid;
    const std::string command = "cd '" + dir_.string() + "' && exec " + program() + " " + arguments +
                                " >stdout.txt 2>stderr.txt";
    execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    _exit(99);
  }

  /// Whether it ended by itself within `time`; if not, it is killed.
  static bool ends_within(pid_t pid, std::chrono::duration<double> time, int& exit_code) {
    const auto until = std::chrono::steady_clock::now() + time;
    int status = 0;
    while (waitpid(pid, &status, WNOHANG) == 0) {
      if (std::chrono::steady_clock::now() > until) {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        return false;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return true;
  }

  /// Whether a killed process had recorded that there is a sweep.
  bool has_begun() const {
    try {
      return rows(dir_ / "out", "SELECT count(*) FROM lockstep_sweep") == "1|\n";
    } catch (const std::exception&) {
      return false;
    }
  }

  /// Runs the sweep in `out`, killed again and again at random moments until `n_kills` in all, and resumed each time.
  void run_with_kills(int n_kills) {
    const auto begin = std::chrono::steady_clock::now();
    const std::string expected = whole();
    const std::chrono::duration<double> whole_time = std::chrono::steady_clock::now() - begin;
    std::mt19937 random(20261124);
    int n_killed = 0, n_ends = 0;
    while (n_killed < n_kills) {
      std::filesystem::remove_all(dir_ / "out");
      bool begun = false;
      for (;;) {
        const std::string every = " --checkpoint-intervals " + std::to_string(1 + random() % 3);
        const pid_t pid = start(begun ? "resume out -q" + every
                                      : std::string("run ") + kArguments + " -o out --overwrite" + every);
        const double share = std::uniform_real_distribution<double>(0, 1.1)(random);
        int exit_code = -1;
        if (ends_within(pid, share * whole_time, exit_code)) {
          ASSERT_EQ(exit_code, 0) << read("stderr.txt");
          break;
        }
        ++n_killed;
        begun = has_begun();
        if (begun) {
          ASSERT_EQ(rows(dir_ / "out", "PRAGMA integrity_check"), "ok|\n");
        }
      }
      ++n_ends;
      ASSERT_EQ(rows(dir_ / "out", "PRAGMA integrity_check"), "ok|\n");
      ASSERT_EQ(results_of(dir_ / "out"), expected) << "after " << n_killed << " kills";
    }
    std::printf("%d kills, %d sweeps that came to their end\n", n_killed, n_ends);
  }
};

TEST_F(CliResume, KilledAtRandomMomentsItEndsTheSame) { run_with_kills(20); }

/// Behind the label `long`.
TEST_F(CliResume, DISABLED_KilledAtManyRandomMomentsItEndsTheSame) { run_with_kills(200); }

TEST_F(CliResume, GoesOnAfterCtrlC) {
  const std::string expected = whole();
  const pid_t pid = start("run sweep.yml --set limits.max_concurrent_trials=5 --set trial.epochs=5 -o out");
  while (read("stderr.txt").find("interval 1 ") == std::string::npos) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ASSERT_EQ(waitpid(pid, nullptr, WNOHANG), 0) << read("stderr.txt");
  }
  kill(pid, SIGINT);
  int exit_code = -1;
  ASSERT_TRUE(ends_within(pid, std::chrono::seconds(60), exit_code));
  if (exit_code == 0) GTEST_SKIP() << "the sweep ended before the signal came";
  ASSERT_EQ(exit_code, 130);
  const Ran ran = run("resume out");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.err.find("From the checkpoint after interval "), std::string::npos) << ran.err;
  EXPECT_EQ(results_of(dir_ / "out"), expected);
}

TEST_F(CliResume, GoesOnAfterAFullDisk) {
  const std::string expected = whole();
  const std::string arguments = " " + std::string(kArguments) + " -o out --checkpoint-intervals 1";
  // In blocks of 512 bytes: room for the tables, and then for no more than some intervals.
  bool was_full = false;
  for (int blocks = 240; blocks < 2000 && !was_full; blocks += 20) {
    std::filesystem::remove_all(dir_ / "out");
    const Ran full = shell("ulimit -f " + std::to_string(blocks) + " && " + program() + " run" + arguments +
                           " >stdout.txt 2>stderr.txt");
    ASSERT_TRUE(full.exit_code == 0 || full.exit_code == 5) << full.err;
    was_full = full.exit_code == 5 && has_begun();
  }
  ASSERT_TRUE(was_full);
  const Ran ran = run("resume out -q");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(results_of(dir_ / "out"), expected);
}

TEST_F(CliResume, SaysThatACompleteSweepIsComplete) {
  whole();
  const Ran ran = run("resume whole");
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.err, "whole: the sweep is complete, there is nothing to go on with; see `lockstep best whole`\n");
}

TEST_F(CliResume, GoesOnAfterATimeoutWithALongerOne) {
  const std::string expected = whole();
  ASSERT_EQ(run(std::string("run ") + kArguments + " -o out --set limits.timeout=0.001").exit_code, 0);
  const Ran refused = run("resume out");
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_NE(refused.err.find("give a longer one, for all of the sweep: --timeout SECONDS"), std::string::npos);
  const Ran ran = run("resume out -q --timeout 1000");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(results_of(dir_ / "out"), expected);
}

TEST_F(CliResume, SaysWhatDiffersAndGoesOnWithWhatWasRun) {
  const std::string expected = whole();
  ASSERT_EQ(run(std::string("run ") + kArguments + " -o out --set limits.timeout=0.001").exit_code, 0);
  write("sweep.yml", std::string(kSweep) + "description: changed\n");
  const Ran ran = run("resume out --timeout 1000");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.err.find("Note: sweep.yml is not what was run, options of that run counted: "), std::string::npos)
      << ran.err;
  EXPECT_EQ(results_of(dir_ / "out"), expected);
}

TEST_F(CliResume, RefusesOtherData) {
  std::string table = "a,b,y\n";
  for (int i = 0; i < 200; ++i) {
    table += std::to_string(i % 17) + "," + std::to_string(i % 5) + "," + std::to_string(i % 2) + "\n";
  }
  write("data.csv", table);
  const std::string arguments = std::string("run ") + kArguments +
                                " --set 'trial.dataset={csv: data.csv, target: y, task: classification}' "
                                "--set limits.timeout=0.001 -o out";
  ASSERT_EQ(run(arguments).exit_code, 0) << read("stderr.txt");
  table[table.size() - 4] = '9';
  write("data.csv", table);
  const Ran ran = run("resume out --timeout 1000");
  EXPECT_EQ(ran.exit_code, 4) << ran.err;
  EXPECT_NE(ran.err.find("the data is not what the sweep was started with"), std::string::npos) << ran.err;
}

TEST_F(CliResume, RefusesAFolderThatIsBeingWrittenTo) {
  const pid_t pid = start("run sweep.yml --set trial.epochs=100000 --set early_termination.type=none -o out");
  while (read("stderr.txt").find("interval 1 ") == std::string::npos) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const Ran ran = shell(program() + " resume out >stdout2.txt 2>stderr2.txt");
  EXPECT_EQ(ran.exit_code, 5);
  EXPECT_NE(read("stderr2.txt").find("another process is writing to it"), std::string::npos) << read("stderr2.txt");
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
}

TEST_F(CliResume, TellsANewRunThatItCouldGoOn) {
  whole();
  const Ran ran = run("run sweep.yml -o whole");
  EXPECT_EQ(ran.exit_code, 5);
  EXPECT_NE(ran.err.find("let it go on with `lockstep resume`"), std::string::npos) << ran.err;
}

TEST_F(CliResume, TakesOverHowTrialsWereGrouped) {
  ASSERT_EQ(run(std::string("run ") + kArguments + " --tile 3 --set limits.timeout=0.01 -o out").exit_code, 0);
  const char* const plan = "SELECT value_json FROM study_user_attributes WHERE \"key\" = 'lockstep:plan'";
  EXPECT_NE(rows(dir_ / "out", plan).find("\"tiles\":[3,3]"), std::string::npos) << rows(dir_ / "out", plan);
  const std::string before = rows(dir_ / "out", plan);
  const Ran resumed = run("resume out --timeout 1000 -v");
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_NE(resumed.err.find("tiles of 3 (as before)"), std::string::npos) << resumed.err;
  EXPECT_EQ(rows(dir_ / "out", plan), before);
}

}  // namespace
}  // namespace lockstep::testing
