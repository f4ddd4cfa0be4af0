// What a program starts ends with it, whatever it does to get away.

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <iostream>

#include "command/running_children.h"

namespace lockstep::testing {
namespace {

using ChildTrees = RunningChildren;

/// A daemon in a session of its own, whose parent has ended; it ignores SIGTERM.
constexpr const char* kDaemon =
    "( setsid sh -c 'trap \"\" TERM; while :; do sleep 1000; done' </dev/null >/dev/null 2>&1 & ) & ";

TEST_F(ChildTrees, TerminateLetsAProgramSaveItsWork) {
  ChildProcesses children(callbacks());
  children.start(0, options("trap 'echo saving; sleep 0.3; echo saved; exit 3' TERM; touch ready; while :; do sleep 0.05; done"));
  ASSERT_TRUE(appears("ready"));
  children.terminate(0, 20);
  children.wait(0);
  EXPECT_EQ(told(0).ends.at(0).exit_code, 3);
  EXPECT_EQ(told(0).ends.at(0).signal, 0);
  EXPECT_TRUE(told(0).ends.at(0).was_terminated);
  EXPECT_NE(read_text(folder_ / "output").find("saving\nsaved\n"), std::string::npos);
}

TEST_F(ChildTrees, TerminateReachesWhatTheProgramStarted) {
  ChildProcesses children(callbacks());
  // The worker has a session of its own, and a parent that lives.
  children.start(0, options("trap : TERM; sh -c 'trap : TERM; "
                            "setsid sh -c \"trap \\\"echo worker saved; exit\\\" TERM; touch ready; while :; do sleep 0.05; done\"; :' & "
                            "wait; wait; exit 9"));
  ASSERT_TRUE(appears("ready"));
  children.terminate(0, 20);
  children.wait(0);
  EXPECT_EQ(told(0).ends.at(0).exit_code, 9);
  EXPECT_NE(read_text(folder_ / "output").find("worker saved\n"), std::string::npos);
}

TEST_F(ChildTrees, TheGraceEndsWithSigkill) {
  ChildProcesses children(callbacks());
  children.start(0, options("trap '' TERM; touch ready; while :; do sleep 1000; done"));
  ASSERT_TRUE(appears("ready"));
  const auto begin = std::chrono::steady_clock::now();
  children.terminate(0, 0.5);
  children.terminate(0, 30);  // does not put it off
  EXPECT_LT(seconds_since(begin), 0.4);
  children.wait(0);
  EXPECT_GE(seconds_since(begin), 0.45);
  EXPECT_LT(seconds_since(begin), 5);
  EXPECT_EQ(told(0).ends.at(0).signal, SIGKILL);
  EXPECT_TRUE(told(0).ends.at(0).was_terminated);
}

TEST_F(ChildTrees, KillCutsAGraceShort) {
  ChildProcesses children(callbacks());
  children.start(0, options("trap '' TERM; touch ready; while :; do sleep 1000; done"));
  ASSERT_TRUE(appears("ready"));
  const auto begin = std::chrono::steady_clock::now();
  children.terminate(0, 30);
  children.kill(0);
  children.wait(0);
  EXPECT_LT(seconds_since(begin), 5);
}

TEST_F(ChildTrees, EndsWhatIsStopped) {
  ChildProcesses children(callbacks());
  children.start(0, options("echo $$; kill -STOP $$; sleep 1000"));
  ASSERT_TRUE(wait_until([&] {
    return !told(0).lines.empty() && stat_fields(std::stoi(told(0).lines[0])).at(0) == "T";
  }));
  const auto begin = std::chrono::steady_clock::now();
  children.terminate(0, 30);
  children.wait(0);
  EXPECT_LT(seconds_since(begin), 10);
  EXPECT_EQ(told(0).ends.at(0).signal, SIGTERM);
}

TEST_F(ChildTrees, EndsDaemonsWithTheProgram) {
  ChildProcesses children(callbacks());
  children.start(0, options(std::string(kDaemon) + kDaemon + "touch ready; sleep 1000"));
  children.start(1, options(std::string(kDaemon) + kDaemon + "touch ready2; sleep 1000", "output2"));
  ASSERT_TRUE(appears("ready") && appears("ready2"));
  // Two daemons and their sleeps each, and the program.
  ASSERT_TRUE(wait_until([&] { return processes_with(token()).size() >= 10; }));
  children.kill(0);
  children.wait(0);
  EXPECT_LE(processes_with(token()).size(), 6u);
  children.terminate(1, 0.2);
  children.wait(1);
  EXPECT_EQ(processes_with(token()), std::vector<pid_t>());
}

TEST_F(ChildTrees, EndsWhatAProgramLeavesBehind) {
  const auto begin = std::chrono::steady_clock::now();
  // The daemon ignores SIGTERM; the sleep holds the output open.
  const Told told = run(std::string(kDaemon) + "sleep 1000 & exit 6");
  EXPECT_LT(seconds_since(begin), 10);
  EXPECT_EQ(told.ends.at(0).exit_code, 6);
  EXPECT_FALSE(told.ends.at(0).was_terminated);
  EXPECT_EQ(processes_with(token()), std::vector<pid_t>());
}

TEST_F(ChildTrees, WhatIsLeftBehindMayEndInOrder) {
  const Told told = run("sh -c 'trap \"sleep 0.3; echo worker ends; exit\" TERM; touch ready; while :; do sleep 0.05; done' & "
                        "while [ ! -e ready ]; do sleep 0.01; done; exit 2");
  EXPECT_EQ(told.ends.at(0).exit_code, 2);
  ASSERT_FALSE(told.lines.empty());
  EXPECT_EQ(told.lines.back(), "worker ends");
}

TEST_F(ChildTrees, EndsAProgramThatStartsOthersWithoutEnd) {
  ChildProcesses children(callbacks());
  children.start(0, options("i=0; while [ $i -lt 10 ]; do "
                            "setsid sh -c 'while :; do setsid sleep 1000 & sleep 0.01; done' & i=$((i+1)); done; "
                            "touch ready; wait"));
  ASSERT_TRUE(appears("ready"));
  ASSERT_TRUE(wait_until([&] { return processes_with(token()).size() >= 100; }));
  children.kill(0);
  children.wait(0);
  EXPECT_EQ(processes_with(token()), std::vector<pid_t>());
}

TEST_F(ChildTrees, AProgramThatEndsFirstIsNotTerminated) {
  ChildProcesses children(callbacks());
  children.start(0, options("sh -c 'trap \"\" TERM; touch ready; sleep 1000' & while [ ! -e ready ]; do sleep 0.01; done; echo $$; exit 4"));
  ASSERT_TRUE(wait_until([&] { return !told(0).lines.empty(); }));
  ASSERT_TRUE(wait_until([&] { return stat_fields(std::stoi(told(0).lines[0])).empty(); }));
  children.kill(0);
  children.wait(0);
  EXPECT_EQ(told(0).ends.at(0).exit_code, 4);
  EXPECT_FALSE(told(0).ends.at(0).was_terminated);
}

TEST_F(ChildTrees, SparesOthers) {
  ChildProcesses children(callbacks());
  children.start(0, options("touch ready; sleep 1000"));
  children.start(1, options("sleep 0.5; exit 8", "output1"));
  ASSERT_TRUE(appears("ready"));
  children.kill(0);
  children.wait(1);
  EXPECT_EQ(told(1).ends.at(0).exit_code, 8);
}

TEST_F(ChildTrees, LeavesAloneWhatBelongsToAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to make a program that is";
  // As with sudo: what runs is root's, and we are not. Perl sets its real user too, which a plain set-user-ID program does not.
  const std::string perl = folder_ / "perl";
  std::filesystem::copy_file("/usr/bin/perl", perl);
  ASSERT_EQ(chmod(perl.c_str(), 04755), 0);
  ASSERT_EQ(chmod(folder_.path().c_str(), 0777), 0);
  const pid_t runner = fork();
  if (runner == 0) {
    if (setgid(12345) != 0 || setuid(12345) != 0) _exit(98);
    Told told;
    const auto begin = std::chrono::steady_clock::now();
    {
      ChildProcesses children(callbacks());
      children.start(0, options("./perl -e '$ENV{PATH} = \"/bin\"; $< = 0; $> = 0; open F, \">ready\"; close F; exec \"sleep\", \"30\"' & "
                                "while [ ! -e ready ]; do sleep 0.01; done; exit 5"));
      children.wait(0);
      told = this->told(0);
    }
    const bool is_right = told.ends.at(0).exit_code == 5 && told.warnings.size() == 1 && seconds_since(begin) < 20 &&
                          told.warnings[0] == "1 of its processes belong to another user and go on; end them by hand";
    if (!is_right) {
      for (const std::string& text : told.warnings) std::cerr << text << "\n";
      for (const std::string& text : told.lines) std::cerr << text << "\n";
    }
    _exit(is_right ? 0 : 1);
  }
  int status = -1;
  waitpid(runner, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(processes_with(token()).size(), 1u);
  for (const pid_t pid : processes_with(token())) kill(pid, SIGKILL);
}

}  // namespace
}  // namespace lockstep::testing
