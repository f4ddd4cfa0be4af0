// When our process is killed, or one of its guards, no program stays behind.

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <atomic>
#include <cstring>
#include <random>

#include <lockstep/error.h>

#include "command/running_children.h"

namespace lockstep::testing {
namespace {

class Orphans : public RunningChildren {
 protected:
  /// A process of its own that runs `command` as several children and waits to be killed.
  pid_t fork_runner(const std::string& command, int n_children = 1) {
    const pid_t runner = fork();
    if (runner != 0) return runner;
    setpgid(0, 0);
    ChildProcesses children(callbacks());
    for (int64_t i = 0; i < n_children; ++i) children.start(i, options(command, "output" + std::to_string(i)));
    std::ofstream(folder_ / "started").flush();
    for (;;) pause();
  }

  bool all_gone(double limit_s = 5) const {
    return wait_until([&] { return processes_with(token()).empty(); }, limit_s);
  }

  static pid_t guard_of(pid_t parent) {
    for (const pid_t pid : children_of(parent)) {
      if (read_proc(pid, "comm") == "trial-guard\n") return pid;
    }
    return 0;
  }

  /// A program with a worker and a daemon, all of which ignore SIGTERM.
  const std::string tree_ =
      "trap '' TERM; ( setsid sleep 1000 </dev/null >/dev/null 2>&1 & ) & sleep 1000 & touch ready; while :; do sleep 1000; done";
};

TEST_F(Orphans, NobodySurvivesUs) {
  const pid_t runner = fork_runner(tree_, 3);
  ASSERT_TRUE(appears("started"));
  ASSERT_TRUE(wait_until([&] { return processes_with(token()).size() >= 12; }));
  kill(runner, SIGKILL);
  waitpid(runner, nullptr, 0);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(all_gone());
  EXPECT_LT(seconds_since(begin), 2);
}

TEST_F(Orphans, NobodySurvivesOurGroup) {
  // As `timeout --signal=KILL` and the shell's `kill -9 %1` do it.
  const pid_t runner = fork_runner(tree_);
  ASSERT_TRUE(appears("ready"));
  kill(-runner, SIGKILL);
  waitpid(runner, nullptr, 0);
  EXPECT_TRUE(all_gone());
}

TEST_F(Orphans, NobodySurvivesUsWhenAForkOfOursDoes) {
  const pid_t runner = fork();
  if (runner == 0) {
    ChildProcesses children(callbacks());
    children.start(0, options(tree_));
    // It inherits what the guard is reached by.
    const pid_t helper = fork();
    if (helper == 0) {
      for (;;) pause();
    }
    std::ofstream(folder_ / "helper") << helper << std::flush;
    for (;;) pause();
  }
  ASSERT_TRUE(appears("ready"));
  ASSERT_TRUE(wait_until([&] { return appears("helper") && !read_text(folder_ / "helper").empty(); }));
  kill(runner, SIGKILL);
  waitpid(runner, nullptr, 0);
  EXPECT_TRUE(all_gone());
  kill(std::stoi(read_text(folder_ / "helper")), SIGKILL);
}

TEST_F(Orphans, NobodySurvivesUsAtAnyMoment) {
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    const pid_t runner = fork();
    if (runner == 0) {
      ChildProcesses children(callbacks());
      for (int64_t i = 0;; ++i) {
        children.start(i, options(i % 2 == 0 ? tree_ : "sleep 0.01", "output" + std::to_string(i % 8)));
        if (i % 4 == 3) children.kill(i - 3);
      }
    }
    std::this_thread::sleep_for(std::chrono::microseconds(1000 + random() % 60'000));
    kill(runner, SIGKILL);
    waitpid(runner, nullptr, 0);
    ASSERT_TRUE(all_gone()) << "round " << round;
  }
}

TEST_F(Orphans, AChildWhoseGuardIsKilledCountsAsKilled) {
  ChildProcesses children(callbacks());
  children.start(0, options("sleep 1000 & echo running; touch ready; sleep 1000"));
  ASSERT_TRUE(appears("ready"));
  const pid_t guard = guard_of(getpid());
  ASSERT_GT(guard, 0);
  kill(guard, SIGKILL);
  children.wait(0);
  EXPECT_EQ(told(0).lines, std::vector<std::string>{"running"});
  EXPECT_EQ(told(0).ends.at(0).exit_code, -1);
  EXPECT_EQ(told(0).ends.at(0).signal, SIGKILL);
  EXPECT_FALSE(told(0).ends.at(0).was_terminated);
  EXPECT_TRUE(all_gone());
  EXPECT_TRUE(children_of(getpid()).empty());
}

TEST_F(Orphans, GuardsMayBeKilledWhileTheyStart) {
  std::atomic<bool> is_over = false;
  ChildProcesses children(callbacks());
  std::thread killer([&] {
    std::mt19937 random(3);
    while (!is_over) {
      for (const pid_t guard : children_of(getpid())) kill(guard, SIGKILL);
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 10'000));
    }
  });
  int n_started = 0, n_killed_early = 0;
  for (int64_t i = 0; i < 60 || (n_killed_early == 0 && i < 1000); ++i) {
    try {
      children.start(i, options("sleep 1000 & sleep 1000", "output" + std::to_string(i % 8)));
      ++n_started;
    } catch (const OutputError& error) {
      EXPECT_NE(std::string(error.what()).find("was killed"), std::string::npos) << error.what();
      ++n_killed_early;
    }
    children.wait(i);
  }
  is_over = true;
  killer.join();
  EXPECT_GT(n_started, 0);
  EXPECT_GT(n_killed_early, 0);
  EXPECT_TRUE(all_gone());
  EXPECT_TRUE(children_of(getpid()).empty());
}

TEST_F(Orphans, AProgramDoesNotOutliveItsGuard) {
  const pid_t runner = fork_runner("exec sleep 1000");
  ASSERT_TRUE(appears("started"));
  ASSERT_EQ(processes_with(token()).size(), 1u);
  kill(runner, SIGSTOP);  // so that it is not the one who ends it
  kill(guard_of(runner), SIGKILL);
  EXPECT_TRUE(all_gone());
  kill(runner, SIGKILL);
  waitpid(runner, nullptr, 0);
}

TEST_F(Orphans, AGuardThatIsStoppedObeys) {
  ChildProcesses children(callbacks());
  children.start(0, options("touch ready; sleep 1000"));
  ASSERT_TRUE(appears("ready"));
  kill(guard_of(getpid()), SIGSTOP);
  children.kill(0);
  children.wait(0);
  EXPECT_TRUE(told(0).ends.at(0).was_terminated);
}

TEST_F(Orphans, AGuardIgnoresWhatEndsPrograms) {
  ChildProcesses children(callbacks());
  children.start(0, options("touch ready; while [ ! -e go ]; do sleep 0.01; done; exit 3"));
  ASSERT_TRUE(appears("ready"));
  const pid_t guard = guard_of(getpid());
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGCHLD}) kill(guard, signal);
  write_text(folder_ / "go", "");
  children.wait(0);
  EXPECT_EQ(told(0).ends.at(0).exit_code, 3);
}

TEST_F(Orphans, AGuardIsSmallAndShowsItsName) {
  constexpr size_t kOurs = size_t{256} << 20;
  void* const memory = mmap(nullptr, kOurs, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  std::memset(memory, 1, kOurs);
  ChildProcesses children(callbacks());
  children.start(0, options("touch ready; sleep 1000"));
  const pid_t guard = guard_of(getpid());
  ASSERT_GT(guard, 0);
  EXPECT_TRUE(wait_until([&] { return read_proc(guard, "cmdline").substr(0, 12) == std::string("trial-guard\0", 12); }));
  EXPECT_EQ(read_proc(guard, "cmdline").find("command_tests"), std::string::npos);
  const std::string status = read_proc(guard, "status");
  const size_t at = status.find("RssAnon:");
  ASSERT_NE(at, std::string::npos);
  EXPECT_LT(std::atoi(status.c_str() + at + 8), 64 * 1024) << "kB";
  // Ours is as it was.
  EXPECT_EQ(static_cast<char*>(memory)[kOurs - 1], 1);
  munmap(memory, kOurs);
}

}  // namespace
}  // namespace lockstep::testing
