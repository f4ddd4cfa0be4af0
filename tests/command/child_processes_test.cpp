#include "command/child_processes.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <random>

#include <lockstep/error.h>

#include "command/running_children.h"

namespace lockstep::testing {
namespace {

using ChildProcessesTest = RunningChildren;

TEST_F(ChildProcessesTest, RunsACommandInItsFolder) {
  const Told told = run("pwd; echo error >&2; printf '%s' \"$TOKEN\"; exit 7");
  ASSERT_EQ(told.ends.size(), 1u);
  EXPECT_EQ(told.ends[0].exit_code, 7);
  EXPECT_EQ(told.ends[0].signal, 0);
  EXPECT_FALSE(told.ends[0].was_terminated);
  const std::string folder = std::filesystem::canonical(folder_.path());
  EXPECT_EQ(told.lines, (std::vector<std::string>{folder, "error", token()}));
  EXPECT_EQ(read_text(folder_ / "output"), folder + "\nerror\n" + token());
}

TEST_F(ChildProcessesTest, KeepsOutputAndErrorsInTheirOrder) {
  std::string expected;
  for (int i = 0; i < 200; ++i) expected += std::to_string(i) + "\n" + std::to_string(i) + " error\n";
  run("i=0; while [ $i -lt 200 ]; do echo $i; echo $i error >&2; i=$((i+1)); done");
  EXPECT_EQ(read_text(folder_ / "output"), expected);
}

TEST_F(ChildProcessesTest, ReportsHowAProgramEnded) {
  EXPECT_EQ(run("exit 0").ends.at(0).exit_code, 0);
  told_.clear();
  EXPECT_EQ(run("exit 255").ends.at(0).exit_code, 255);
  told_.clear();
  const Told missing = run("no-such-program --lr 0.1");
  EXPECT_EQ(missing.ends.at(0).exit_code, 127);
  ASSERT_EQ(missing.lines.size(), 1u);
  EXPECT_NE(missing.lines[0].find("no-such-program"), std::string::npos);
  told_.clear();
  const ChildEnd killed = run("kill -SEGV $$").ends.at(0);
  EXPECT_EQ(killed.exit_code, -1);
  EXPECT_EQ(killed.signal, SIGSEGV);
  EXPECT_FALSE(killed.was_terminated);
}

TEST_F(ChildProcessesTest, LeaksNoDescriptorOfOurs) {
  const int leaky = open(folder_.path().c_str(), O_RDONLY | O_DIRECTORY);  // without O_CLOEXEC
  const int high = fcntl(leaky, F_DUPFD, 500);
  ASSERT_GE(high, 500);
  const Told told = run("ls /proc/$$/fd; readlink /proc/$$/fd/0; :");
  close(leaky);
  close(high);
  EXPECT_EQ(told.lines, (std::vector<std::string>{"0", "1", "2", "/dev/null"}));
}

TEST_F(ChildProcessesTest, StartsWhereWeHaveNoStandardDescriptors) {
  const int input = dup(0), output = dup(1), error = dup(2);
  close(0), close(1), close(2);
  const Told told = run("cat; echo out; echo error >&2; ls /proc/$$/fd; :");
  dup2(input, 0), dup2(output, 1), dup2(error, 2);
  close(input), close(output), close(error);
  EXPECT_EQ(told.lines, (std::vector<std::string>{"out", "error", "0", "1", "2"}));
}

TEST_F(ChildProcessesTest, GivesAProgramDefaultSignalsAndAGroupOfItsOwn) {
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigaddset(&blocked, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGUSR2, SIG_IGN);
  const Told told = run("grep -E 'Sig(Blk|Ign)' /proc/self/status; cut -d' ' -f5 /proc/$$/stat; echo $$; :");
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  signal(SIGPIPE, SIG_DFL);
  signal(SIGUSR2, SIG_DFL);
  ASSERT_EQ(told.lines.size(), 4u);
  EXPECT_EQ(told.lines[0], "SigBlk:\t0000000000000000");
  EXPECT_EQ(told.lines[1], "SigIgn:\t0000000000000000");
  EXPECT_EQ(told.lines[2], told.lines[3]);
}

TEST_F(ChildProcessesTest, GivesAProgramItsEnvironmentAlone) {
  setenv("OF_OURS", "1", 1);
  const Told told = run("env | sort");
  unsetenv("OF_OURS");
  for (const std::string& line : told.lines) EXPECT_EQ(line.find("OF_OURS"), std::string::npos);
  EXPECT_NE(std::find(told.lines.begin(), told.lines.end(), "TOKEN=" + token()), told.lines.end());
}

TEST_F(ChildProcessesTest, TakesAHundredMegabytesAtFullSpeed) {
  const auto peak_kilobytes = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  const std::string line = "loss 0.123456789 accuracy 0.987654321";
  ChildCallbacks counting = callbacks();
  int64_t n_lines = 0, n_bytes = 0;
  counting.on_line = [&](int64_t, std::string_view line) {
    ++n_lines;
    n_bytes += static_cast<int64_t>(line.size()) + 1;
  };
  [[maybe_unused]] const long before = peak_kilobytes();
  {
    ChildProcesses children(counting);
    children.start(0, options("yes '" + line + "' | head -c 104857600"));
    children.wait(0);
  }
  EXPECT_EQ(told(0).ends.at(0).exit_code, 0);
  EXPECT_EQ(std::filesystem::file_size(folder_ / "output"), 104857600u);
  EXPECT_EQ(n_lines, 104857600 / static_cast<int64_t>(line.size() + 1) + 1);
  EXPECT_EQ(n_bytes, 104857600 + 1);  // the last line is cut and has no newline
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(peak_kilobytes() - before, 16 * 1024);
#endif
}

TEST_F(ChildProcessesTest, ReadsWhatIsInThePipeWhenAProgramEnds) {
  // A program may have a larger pipe than one read takes.
  ChildCallbacks slow = callbacks();
  const auto keep = slow.on_line;
  slow.on_line = [&](int64_t id, std::string_view line) {
    if (line == "first") wait_until([&] { return std::filesystem::exists(folder_ / "ending"); });
    if (line == "first") std::this_thread::sleep_for(std::chrono::milliseconds(200));
    keep(id, line);
  };
  ChildProcesses children(slow);
  children.start(0, options("perl -e '$| = 1; fcntl(STDOUT, 1031, 1 << 20) or die; print \"first\\n\"; print \"x\\n\" x 200000; "
                            "print \"last\"'; touch ending"));
  children.wait(0);
  ASSERT_EQ(told(0).lines.size(), 200002u);
  EXPECT_EQ(told(0).lines.back(), "last");
  EXPECT_EQ(std::filesystem::file_size(folder_ / "output"), 400010u);
}

TEST_F(ChildProcessesTest, CutsOutputAtItsLimitAndStillReadsLines) {
  ChildOptions limited = options("yes | head -n 100000; echo the end");
  limited.max_output_bytes = 1000;
  ChildProcesses children(callbacks());
  children.start(0, limited);
  children.wait(0);
  EXPECT_EQ(told(0).lines.size(), 100001u);
  EXPECT_EQ(told(0).lines.back(), "the end");
  const std::string text = read_text(folder_ / "output");
  EXPECT_EQ(text.substr(0, 1000), [] {
    std::string yes;
    for (int i = 0; i < 500; ++i) yes += "y\n";
    return yes;
  }());
  EXPECT_EQ(text.substr(1000), "\n[lockstep: the output goes on; what is beyond 1000 bytes is not kept]\n");
}

TEST_F(ChildProcessesTest, TakesBinaryOutputWithoutLines) {
  const Told told = run("head -c 3000000 /dev/zero; head -c 1000000 /dev/urandom; exit 3");
  EXPECT_EQ(told.ends.at(0).exit_code, 3);
  ASSERT_FALSE(told.lines.empty());
  EXPECT_EQ(told.lines[0], std::string(64 << 10, '\0'));
  EXPECT_EQ(std::filesystem::file_size(folder_ / "output"), 4000000u);
}

TEST_F(ChildProcessesTest, GoesOnWhenTheDiskIsFull) {
  ChildOptions full = options("echo 1; sleep 0.2; echo 2; exit 5");
  full.output_file = "/dev/full";
  ChildProcesses children(callbacks());
  children.start(0, full);
  children.wait(0);
  EXPECT_EQ(told(0).ends.at(0).exit_code, 5);
  EXPECT_EQ(told(0).lines, (std::vector<std::string>{"1", "2"}));
  ASSERT_EQ(told(0).warnings.size(), 1u);
  EXPECT_NE(told(0).warnings[0].find("No space left on device"), std::string::npos) << told(0).warnings[0];
}

TEST_F(ChildProcessesTest, DoesNotSpinWhenAProgramClosesItsOutput) {
  const std::clock_t before = std::clock();
  const Told told = run("echo last; exec >&- 2>&-; sleep 1");
  EXPECT_EQ(told.lines, std::vector<std::string>{"last"});
  EXPECT_LT(static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC, 0.1);
}

std::string failure_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const OutputError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST_F(ChildProcessesTest, SaysWhyAProgramCannotBeStarted) {
  ChildProcesses children(callbacks());
  ChildOptions no_folder = options("true");
  no_folder.directory = folder_ / "missing";
  EXPECT_NE(failure_of([&] { children.start(0, no_folder); }).find("missing cannot be entered: No such file or directory; "),
            std::string::npos);
  ChildOptions no_file = options("true", "missing/output");
  EXPECT_NE(failure_of([&] { children.start(0, no_file); }).find("missing/output cannot be written: "), std::string::npos);
  ChildOptions too_long = options("true " + std::string(200'000, 'x'));
  EXPECT_NE(failure_of([&] { children.start(0, too_long); }).find("Argument list too long; a command may have 128 KiB"), std::string::npos);
  EXPECT_TRUE(told(0).ends.empty());

  children.wait(0);  // none runs
  children.start(0, options("exit 4"));
  children.wait(0);
  EXPECT_EQ(told(0).ends.at(0).exit_code, 4);
  EXPECT_TRUE(children_of(getpid()).empty());
}

TEST_F(ChildProcessesTest, RefusesANumberThatRuns) {
  ChildProcesses children(callbacks());
  children.start(3, options("sleep 1000"));
  EXPECT_THROW(children.start(3, options("true", "other")), std::logic_error);
  EXPECT_THROW(children.start(-1, options("true", "other")), std::invalid_argument);
}

/// Runs `body` in a fork, whose exit code it returns; 99 after a failed expectation.
int in_fork(const std::function<void()>& body) {
  const pid_t pid = fork();
  if (pid == 0) {
    body();
    _exit(::testing::Test::HasFailure() ? 99 : 0);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

TEST_F(ChildProcessesTest, NamesTheLimitOfProcesses) {
  chmod(folder_.path().c_str(), 0777);
  // This process and its thread count; with one more there is a guard, which cannot start the program.
  for (const rlim_t limit : {2, 3}) {
    EXPECT_EQ(in_fork([&] {
                if (geteuid() == 0) {
                  // Root has no limit; a user whom nobody else is has one of its own.
                  const auto user = static_cast<uid_t>(1'000'000 + getpid());
                  if (setgroups(0, nullptr) != 0 || setgid(user) != 0 || setuid(user) != 0) _exit(98);
                }
                ChildProcesses children(callbacks());
                const rlimit processes{limit, limit};
                setrlimit(RLIMIT_NPROC, &processes);
                EXPECT_EQ(failure_of([&] { children.start(0, options("true", "output" + std::to_string(limit))); }),
                          "no process can be started for a trial: Resource temporarily unavailable; raise the limit of processes "
                          "(`ulimit -u`, or the container's), or let fewer trials run at once");
              }),
              0);
  }
}

TEST_F(ChildProcessesTest, NamesTheLimitOfDescriptors) {
  ChildProcesses children(callbacks());
  const ChildOptions program = options("true");
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const int next = dup(0);
  close(next);
  // The file, both ends of the socket and both of the pipe fail in turn.
  for (rlim_t n = 0; n < 5; ++n) {
    const rlimit few{static_cast<rlim_t>(next) + n, before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &few);
    const std::string failure = failure_of([&] { children.start(0, program); });
    setrlimit(RLIMIT_NOFILE, &before);
    EXPECT_NE(failure.find("Too many open files; raise the limit of open files (`ulimit -n`)"), std::string::npos) << n << failure;
  }
  children.start(0, options("true"));
}

TEST_F(ChildProcessesTest, LeavesNoZombiesAndNoDescriptors) {
  const auto n_descriptors = [] {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
  };
  const auto before = n_descriptors();
  {
    ChildProcesses children(callbacks());
    for (int64_t i = 0; i < 300; ++i) {
      children.start(i, options(i % 3 == 0 ? "sleep 1000" : "echo $$; exit 1"));
      if (i % 3 == 0) children.kill(i);
      children.wait(i);
    }
    EXPECT_TRUE(children_of(getpid()).empty());
    EXPECT_LE(n_descriptors(), before + 2);
  }
  EXPECT_EQ(n_descriptors(), before);
  for (int64_t i = 0; i < 300; ++i) EXPECT_EQ(told(i).ends.size(), 1u);
}

TEST_F(ChildProcessesTest, RunsManyAtOnceFromManyThreads) {
  constexpr int kThreads = 4, kEach = 25;
  {
    ChildProcesses children(callbacks());
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        std::mt19937 random(static_cast<unsigned>(t));
        for (int i = 0; i < kEach; ++i) {
          const int64_t id = t * kEach + i;
          children.start(id, options("echo $$; sleep 0.0" + std::to_string(random() % 10), "output-" + std::to_string(id)));
          if (random() % 4 == 0) children.terminate(id - static_cast<int64_t>(random() % 3), 0.01);
          if (random() % 4 == 0) children.kill(id - static_cast<int64_t>(random() % 3));
          if (random() % 2 == 0) children.wait(id);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (int64_t id = 0; id < kThreads * kEach; ++id) children.wait(id);
    EXPECT_TRUE(children_of(getpid()).empty());
  }
  for (int64_t id = 0; id < kThreads * kEach; ++id) {
    EXPECT_EQ(told(id).ends.size(), 1u) << id;
    EXPECT_FALSE(told(id).has_line_after_end) << id;
    EXPECT_TRUE(told(id).ends[0].was_terminated || told(id).lines.size() == 1) << id;
  }
}

TEST_F(ChildProcessesTest, StartsTheNextFromACallback) {
  ChildCallbacks chained = callbacks();
  ChildProcesses* started = nullptr;
  std::atomic<int> n_ended = 0;
  chained.on_end = [&](int64_t id, const ChildEnd&) {
    if (++n_ended < 5) started->start(id, options("true"));
  };
  ChildProcesses children(chained);
  started = &children;
  children.start(0, options("true"));
  EXPECT_TRUE(wait_until([&] { return n_ended == 5; }));
  children.wait(0);
}

TEST_F(ChildProcessesTest, RefusesToWaitInACallback) {
  ChildCallbacks waiting = callbacks();
  ChildProcesses* started = nullptr;
  std::atomic<int> n_refused = 0;
  waiting.on_line = [&](int64_t id, std::string_view) {
    try {
      started->wait(id);
    } catch (const std::logic_error&) {
      ++n_refused;
    }
  };
  ChildProcesses children(waiting);
  started = &children;
  children.start(0, options("sleep 0.1; echo line"));
  children.wait(0);
  EXPECT_EQ(n_refused, 1);
}

TEST_F(ChildProcessesTest, KillsWhatRunsWhenItIsDestroyed) {
  const auto begin = std::chrono::steady_clock::now();
  {
    ChildProcesses children(callbacks());
    for (int64_t i = 0; i < 5; ++i) children.start(i, options("trap '' TERM; sleep 1000 & sleep 1000", "output" + std::to_string(i)));
  }
  EXPECT_LT(seconds_since(begin), 10);
  for (int64_t i = 0; i < 5; ++i) {
    ASSERT_EQ(told(i).ends.size(), 1u);
    EXPECT_EQ(told(i).ends[0].signal, SIGKILL);
    EXPECT_TRUE(told(i).ends[0].was_terminated);
  }
  EXPECT_TRUE(processes_with(token()).empty());
}

}  // namespace
}  // namespace lockstep::testing
