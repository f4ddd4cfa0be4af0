#include "report/progress.h"

#include <algorithm>
#include <cstdio>

#include <gtest/gtest.h>

namespace lockstep {
namespace {

IntervalReport report(int64_t tick) {
  IntervalReport out;
  out.tick = tick;
  out.progress.n_trials = 1000;
  out.progress.n_running = 640;
  out.progress.n_stopped = 350;
  out.progress.n_diverged = 10;
  out.progress.trial_intervals = 6000;
  out.progress.trial_intervals_left = 3000;
  out.progress.elapsed_s = 10;
  out.progress.best = {7, 3, 0.98765432};
  return out;
}

/// What is written to a display's stream by `use`.
template <class Use>
std::string written(bool live, double seconds_between, const Use& use) {
  std::FILE* file = std::tmpfile();
  {
    ProgressDisplay display(file, live, seconds_between);
    SweepSpec spec;
    spec.objective.primary_metric = "accuracy";
    display.on_start(spec, Configurations());
    use(display);
  }
  std::string out(static_cast<size_t>(std::ftell(file)), '\0');
  std::rewind(file);
  EXPECT_EQ(std::fread(out.data(), 1, out.size(), file), out.size());
  std::fclose(file);
  return out;
}

TEST(ProgressLine, SaysDoneRunningStoppedBestRateAndTimeLeft) {
  EXPECT_EQ(progress_line(report(12), "accuracy"),
            "interval 12 | 360/1,000 done | 640 running | 350 stopped | 10 diverged | best accuracy 0.98765 (trial 7) | "
            "600 trial-epochs/s | at most 5.0 s left");
}

TEST(ProgressLine, LeavesOutWhatIsNotKnownYet) {
  IntervalReport first;
  first.tick = 1;
  first.progress.n_trials = 3;
  EXPECT_EQ(progress_line(first, "loss"), "interval 1 | 0/3 done | 0 running | 0 stopped");
}

TEST(ProgressLine, FitsANarrowTerminalAndKeepsWhatMattersMost) {
  const auto line = [](size_t width) { return progress_line(report(12), "accuracy", width); };
  EXPECT_EQ(line(96), "interval 12 | 360/1,000 done | 640 running | 350 stopped | accuracy 0.98765 | 600/s | 5.0 s left");
  EXPECT_EQ(line(95), "360/1,000 done | 640 running | 350 stopped | accuracy 0.98765 | 600/s | 5.0 s left");
  EXPECT_EQ(line(79), "360/1,000 done | 350 stopped | accuracy 0.98765 | 600/s | 5.0 s left");
  EXPECT_EQ(line(60), "360/1,000 done | accuracy 0.98765 | 600/s | 5.0 s left");
  EXPECT_EQ(line(36), "360/1,000 done | accuracy 0.98765");
  EXPECT_EQ(line(20), "360/1,000 done | acc");
  EXPECT_EQ(line(1), "3");
}

TEST(ProgressLine, CountsAndCutsWholeCharacters) {
  EXPECT_EQ(progress_line(report(12), "précision", 35), "360/1,000 done | précision 0.98765");
  EXPECT_EQ(progress_line(report(12), "précision", 20), "360/1,000 done | pré");
}

TEST(ProgressDisplay, RewritesOneLineOnATerminal) {
  const auto text = written(true, 5, [](ProgressDisplay& display) {
    display.on_interval(report(1));
    display.on_interval(report(2));
    display.on_end({});
  });
  EXPECT_EQ(std::count(text.begin(), text.end(), '\r'), 2);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_EQ(text.back(), '\n');
  // No terminal behind this file, so 80 columns are assumed and one is left free.
  const std::string line = "\r\033[K" + progress_line(report(1), "accuracy", 79);
  EXPECT_EQ(text, line + line + "\n");
}

TEST(ProgressDisplay, PipedPrintsFirstLineAndLastButNotEveryOne) {
  const auto text = written(false, 1e9, [](ProgressDisplay& display) {
    for (int64_t tick = 1; tick <= 5; ++tick) display.on_interval(report(tick));
    display.on_end({});
  });
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_NE(text.find("interval 1 "), std::string::npos);
  EXPECT_NE(text.find("interval 5 "), std::string::npos);
  EXPECT_EQ(text.find('\r'), std::string::npos);
}

}  // namespace
}  // namespace lockstep
