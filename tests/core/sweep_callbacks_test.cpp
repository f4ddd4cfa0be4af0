// Functions as observers, and a sweep that is cut short by one of them or by another thread.
#include <atomic>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include <lockstep/sweep_callbacks.h>

#include "core/fake_executor.h"
#include "core/message.h"

namespace lockstep {
namespace {

TEST(SweepCallbacks, TellWhatHappensInOrder) {
  std::string told;
  const auto note = [&told](const std::string& what) { told += what + " "; };
  SweepCallbacks callbacks({.on_start = [&](const SweepSpec&, const Configurations& all) { note("start" + std::to_string(all.n_trials())); },
                            .on_trial_start = [&](int64_t trial, const Configuration& of) { note("x" + std::to_string(trial) + "=" + of.value("x").to_string()); },
                            .on_report = [&](const MetricReport& report) { note(std::to_string(report.trial) + ":" + Value(report.metric).to_string()); },
                            .on_trial_end = [&](const TrialEnd& end) { note("end" + std::to_string(end.trial)); },
                            .on_interval = [&](const IntervalReport& report) { note("tick" + std::to_string(report.tick)); },
                            .on_end = [&](const SweepResult& result) { note("best" + std::to_string(result.best.trial)); }});
  FakeExecutor executor({{1, 2}, {3}, {4}});
  run_loop(loop_spec(Goal::kMaximize, 2), executor, 3, {&callbacks});
  EXPECT_EQ(told, "start3 x0=0.0 x1=0.0 0:1.0 1:3.0 end1 tick1 x2=0.0 0:2.0 2:4.0 end0 end2 tick2 best2 ");
}

TEST(SweepCallbacks, TellOfExploits) {
  SweepSpec spec = loop_spec();
  spec.early_termination.kind = PolicyKind::kPbt;
  int64_t n_exploits = 0;
  SweepCallbacks callbacks({.on_exploit = [&](const TrialExploit& exploit) {
    EXPECT_EQ(exploit.draws.size(), 1u);
    ++n_exploits;
  }});
  FakeExecutor executor({{1, 1, 1}, {2, 2, 2}, {3, 3, 3}, {4, 4, 4}});
  const SweepResult result = run_loop(spec, executor, 4, {&callbacks});
  EXPECT_GT(n_exploits, 0);
  EXPECT_EQ(n_exploits, result.progress.n_exploits);
}

TEST(SweepCallbacks, MayAllBeEmptyOrThrow) {
  SweepCallbacks nothing{Callbacks()};
  FakeExecutor executor({{1, 2}, {3}});
  EXPECT_EQ(run_loop(loop_spec(), executor, 2, {&nothing}).best.trial, 1);
  SweepCallbacks thrower({.on_report = [](const MetricReport&) { throw std::runtime_error("no more"); }});
  FakeExecutor again({{1, 2}, {3}});
  EXPECT_EQ(message_of<std::runtime_error>([&] { run_loop(loop_spec(), again, 2, {&thrower}); }), "no more");
}

TEST(SweepCallbacks, MayEndTheSweepAfterTheInterval) {
  std::atomic<bool> stop = false;
  std::vector<TrialEnd> ends;
  SweepCallbacks callbacks({.on_report = [&](const MetricReport& report) { stop = stop || report.metric >= 3; },
                            .on_trial_end = [&](const TrialEnd& end) { ends.push_back(end); }});
  FakeExecutor executor({{1, 2, 3, 4, 5, 6}, {1, 1, 1, 1, 1, 1}, {1}}, 0);
  const SweepResult result = run_loop(loop_spec(Goal::kMaximize, 2), executor, 3, {&callbacks}, &stop);
  EXPECT_EQ(result.end, SweepEnd::kInterrupted);
  // It was asked for while interval 3 was told, and looked at after the next.
  EXPECT_EQ(executor.n_ticks, 4);
  ASSERT_EQ(ends.size(), 2u);
  EXPECT_EQ(ends[0].reason, "aborted: the sweep was interrupted after interval 4");
}

TEST(SweepCallbacks, AnotherThreadMayEndTheSweep) {
  std::atomic<bool> stop = false;
  std::atomic<bool> has_begun = false;
  FakeExecutor executor(Curves(2, Curve(1'000'000, 1.0)));
  executor.before_interval = [&](int64_t) {
    has_begun = true;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  };
  std::thread other([&] {
    while (!has_begun) std::this_thread::yield();
    stop = true;
  });
  const SweepResult result = run_loop(loop_spec(), executor, 2, {}, &stop);
  other.join();
  EXPECT_EQ(result.end, SweepEnd::kInterrupted);
  EXPECT_EQ(result.progress.n_aborted, 2);
  EXPECT_LT(executor.n_ticks, 1'000'000);
}

}  // namespace
}  // namespace lockstep
