// Bandit and truncation selection inside the loop, beside a plain reference of whole sweeps.
#include <cmath>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "core/fake_executor.h"
#include "core/message.h"

namespace lockstep {
namespace {

SweepSpec with_factor(SweepSpec spec, double slack) {
  spec.early_termination.kind = PolicyKind::kBandit;
  spec.early_termination.slack_factor = slack;
  return spec;
}
SweepSpec with_amount(SweepSpec spec, double slack) {
  spec.early_termination.kind = PolicyKind::kBandit;
  spec.early_termination.slack_amount = slack;
  return spec;
}
SweepSpec with_truncation(SweepSpec spec, int64_t percentage, bool exclude_finished = false) {
  spec.early_termination.kind = PolicyKind::kTruncationSelection;
  spec.early_termination.truncation_percentage = percentage;
  spec.early_termination.exclude_finished_jobs = exclude_finished;
  return spec;
}

struct End {
  int64_t interval = 0;
  TrialState state = TrialState::kWaiting;
  double threshold = 0;
};

/// A sweep in plain C++.
std::vector<End> simulate(const SweepSpec& spec, const Curves& curves) {
  const double sign = spec.objective.goal == Goal::kMaximize ? 1 : -1;
  const EarlyTermination& policy = spec.early_termination;
  const size_t n = curves.size();
  const size_t n_slots = spec.limits.max_concurrent_trials ? static_cast<size_t>(spec.limits.max_concurrent_trials) : n;
  std::vector<End> trials(n);
  for (size_t next = 0;;) {
    std::vector<size_t> running;
    for (size_t t = 0; t < n; ++t) {
      if (trials[t].state == TrialState::kRunning) running.push_back(t);
    }
    for (; next < n && running.size() < n_slots; ++next) {
      trials[next].state = TrialState::kRunning;
      running.push_back(next);
    }
    if (running.empty()) return trials;
    for (const size_t t : running) {
      const double metric = curves[t][static_cast<size_t>(trials[t].interval++)];
      if (!std::isfinite(metric)) trials[t].state = TrialState::kDiverged;
    }
    std::vector<End> after = trials;
    for (const size_t t : running) {
      const int64_t age = trials[t].interval;
      if (trials[t].state == TrialState::kDiverged) continue;
      if (age == static_cast<int64_t>(curves[t].size())) {
        after[t].state = TrialState::kFinished;
        continue;
      }
      if (age % policy.evaluation_interval != 0 || age < policy.delay_evaluation) continue;
      std::vector<double> scores;
      double own = 0;
      for (size_t other = 0; other < n; ++other) {
        if (trials[other].interval < age || trials[other].state == TrialState::kWaiting) continue;
        if (policy.exclude_finished_jobs && trials[other].state == TrialState::kFinished) continue;
        double best = -std::numeric_limits<double>::infinity();
        for (int64_t i = 0; i < age && trials[other].state != TrialState::kDiverged; ++i) {
          best = std::max(best, sign * curves[other][static_cast<size_t>(i)]);
        }
        scores.push_back(best);
        if (other == t) own = best;
      }
      if (scores.size() < 2) continue;
      std::sort(scores.begin(), scores.end());
      const double best = scores.back();
      const double least = policy.kind == PolicyKind::kTruncationSelection
                               ? scores[scores.size() * static_cast<size_t>(policy.truncation_percentage) / 100]
                           : policy.slack_amount ? best - *policy.slack_amount
                           : sign > 0            ? best / (1 + *policy.slack_factor)
                                                 : best * (1 + *policy.slack_factor);
      if (own < least) {
        after[t].state = TrialState::kStopped;
        after[t].threshold = sign * least;
      }
    }
    trials = after;
  }
}

/// Up to 6 intervals of small whole numbers above 0, many tied, some with a NaN.
Curves draw_curves(int64_t n, uint32_t seed) {
  std::mt19937 random(seed);
  Curves curves;
  for (int64_t i = 0; i < n; ++i) {
    Curve curve(1 + random() % 6);
    for (double& metric : curve) metric = static_cast<double>(1 + random() % 16);
    if (random() % 10 == 0) curve[random() % curve.size()] = std::nan("");
    curves.push_back(curve);
  }
  return curves;
}

void expect_same(const SweepSpec& spec, const Curves& curves, const std::string& what) {
  const std::vector<End> expected = simulate(spec, curves);
  FakeExecutor executor(curves);
  RecordingObserver observer;
  run_loop(spec, executor, static_cast<int64_t>(curves.size()), {&observer});
  ASSERT_EQ(observer.ends.size(), curves.size()) << what;
  for (size_t t = 0; t < curves.size(); ++t) {
    const TrialEnd& end = observer.ends.at(static_cast<int64_t>(t));
    ASSERT_EQ(end.state, expected[t].state) << what << ", trial " << t;
    ASSERT_EQ(end.interval, expected[t].interval) << what << ", trial " << t;
    ASSERT_EQ(end.threshold, expected[t].threshold) << what << ", trial " << t;
  }
}

TEST(SweepPolicy, BanditAndTruncationAgreeWithAPlainReferenceOnRandomSweeps) {
  uint32_t seed = 0;
  for (int which = 0; which < 4; ++which) {
    int64_t n_stopped = 0;
    for (const Goal goal : {Goal::kMaximize, Goal::kMinimize}) {
      for (const int64_t slots : {0, 1, 5, 33}) {
        for (const auto& [interval, delay] : {std::pair<int64_t, int64_t>{1, 0}, {1, 3}, {2, 0}, {2, 3}}) {
          SweepSpec spec = loop_spec(goal, slots);
          spec = which == 0   ? with_factor(spec, 0.75)
                 : which == 1 ? with_amount(spec, 4)
                              : with_truncation(spec, 40, which == 3);
          spec.early_termination.evaluation_interval = interval;
          spec.early_termination.delay_evaluation = delay;
          const Curves curves = draw_curves(101, ++seed);
          expect_same(spec, curves, "policy " + std::to_string(which) + ", slots " + std::to_string(slots) +
                                        ", every " + std::to_string(interval) + " after " + std::to_string(delay));
          for (const End& end : simulate(spec, curves)) n_stopped += end.state == TrialState::kStopped;
        }
      }
    }
    EXPECT_GT(n_stopped, 200) << which;  // it was about something
  }
}

/// The reason why trial 0 of `curves` is stopped.
std::string reason(const SweepSpec& spec, const Curves& curves) {
  FakeExecutor executor(curves);
  RecordingObserver observer;
  run_loop(spec, executor, static_cast<int64_t>(curves.size()), {&observer});
  return observer.ends.at(0).reason;
}

TEST(SweepPolicy, SaysWhyABanditStopped) {
  const Curves curves = {{0.61, 0.61}, {0.8, 0.8}};
  const SweepSpec maximize = loop_spec();
  const SweepSpec minimize = loop_spec(Goal::kMinimize);
  EXPECT_EQ(reason(with_factor(maximize, 0.2), curves),
            "bandit at interval 1: best 0.61 is below 0.666667, the best 0.8 / (1 + 0.2)");
  EXPECT_EQ(reason(with_amount(maximize, 0.1), curves),
            "bandit at interval 1: best 0.61 is below 0.7, the best 0.8 - 0.1");
  EXPECT_EQ(reason(with_factor(minimize, 0.25), {{0.8, 0.8}, {0.5, 0.5}}),
            "bandit at interval 1: best 0.8 is above 0.625, the best 0.5 * (1 + 0.25)");
  EXPECT_EQ(reason(with_amount(minimize, 0.25), {{0.8, 0.8}, {0.5, 0.5}}),
            "bandit at interval 1: best 0.8 is above 0.75, the best 0.5 + 0.25");
}

TEST(SweepPolicy, SaysWhyTruncationStopped) {
  EXPECT_EQ(reason(with_truncation(loop_spec(), 50), {{0.25, 0.25}, {0.5, 0.5}}),
            "truncation_selection at interval 1: best 0.25 is below 0.5, which the worst 50 % do not reach");
  EXPECT_EQ(reason(with_truncation(loop_spec(Goal::kMinimize), 50), {{0.75, 0.75}, {0.5, 0.5}}),
            "truncation_selection at interval 1: best 0.75 is above 0.5, which the worst 50 % do not reach");
}

std::string refusal(SweepSpec spec, const Curves& curves) {
  spec.file = "s.yml";
  return message_of<InputError>([&] {
    FakeExecutor executor(curves);
    run_loop(spec, executor, static_cast<int64_t>(curves.size()));
  });
}

TEST(SweepPolicy, RefusesARatioOfABestThatIsNotAboveZero) {
  const Curves curves = {{0.28125, 0.5, 0.5}, {0.25, -0.5, 0.5}};
  EXPECT_EQ(refusal(with_factor(loop_spec(Goal::kMinimize), 0.2), curves),
            "s.yml: early_termination.slack_factor: the best metric at interval 2 is -0.5, and a ratio means nothing for "
            "a best that is not above 0; write slack_amount instead, in the metric's unit");
  expect_start(refusal(with_factor(loop_spec(), 0.2), {{0, 0}, {-1, 0}}),
               "s.yml: early_termination.slack_factor: the best metric at interval 1 is 0, and");
  // Not before the policy acts, and not for an amount.
  SweepSpec later = with_factor(loop_spec(), 0.2);
  later.early_termination.delay_evaluation = 2;
  EXPECT_EQ(refusal(later, {{0, 1, 1}, {-1, 1, 1}}), "(did not throw)");
  EXPECT_EQ(refusal(with_amount(loop_spec(), 0.2), {{0, 0}, {-1, 0}}), "(did not throw)");
}

TEST(SweepPolicy, RefusesWrongSettingsBeforeTraining) {
  const Curves curves = {{0.5, 0.5}, {0.75, 0.75}};
  SweepSpec none = loop_spec();
  none.early_termination.kind = PolicyKind::kBandit;
  expect_start(refusal(none, curves), "s.yml: early_termination: a bandit has no slack; add 'slack_factor: 0.1'");
  expect_start(refusal(with_amount(with_factor(loop_spec(), 0.1), 0.1), curves),
               "s.yml: early_termination.slack_amount: stands beside slack_factor; keep one of the two");
  expect_start(refusal(with_factor(loop_spec(), -0.1), curves),
               "s.yml: early_termination.slack_factor: is below 0; write a number, at least 0");
  expect_start(refusal(with_amount(loop_spec(), std::nan("")), curves),
               "s.yml: early_termination.slack_amount: is not finite; write a number, at least 0");
  for (const int64_t percentage : {0, 100}) {
    expect_start(refusal(with_truncation(loop_spec(), percentage), curves),
                 "s.yml: early_termination.truncation_percentage: " + std::to_string(percentage) + " is out of range; ");
  }
  SweepSpec no_interval = with_median(loop_spec(), 0);
  expect_start(refusal(no_interval, curves), "s.yml: early_termination.evaluation_interval: 0 is too small; write");
}

}  // namespace
}  // namespace lockstep
