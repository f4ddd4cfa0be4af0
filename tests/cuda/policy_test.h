#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <random>

#include "cuda/history_data.h"

namespace lockstep::test {

constexpr double kInf = std::numeric_limits<double>::infinity();

inline double score_of_metric(Goal goal, double metric) {
  return !std::isfinite(metric) ? -kInf : goal == Goal::kMaximize ? metric + 0.0 : 0.0 - metric;
}

/// Appends a report as record_metrics documents it, with the average as the sum over the number.
inline void report(History& history, int64_t trial, Goal goal, double metric) {
  const int64_t row = trial * history.n_intervals;
  const int64_t n = history.n_reported[trial]++;
  history.metric[row + n] = metric;
  double best = -kInf, sum = 0;
  for (int64_t i = 0; i <= n; ++i) {
    const double score = score_of_metric(goal, history.metric[row + i]);
    best = std::max(best, score);
    sum += score;
  }
  history.best_score[row + n] = best;
  history.mean_score[row + n] = sum / static_cast<double>(n + 1);
  if (!std::isfinite(metric)) history.state[trial] = TrialState::kDiverged;
}

/// Trials that have each reported these metrics.
inline History history_of(const std::vector<std::vector<double>>& metrics, Goal goal = Goal::kMaximize) {
  History history(static_cast<int64_t>(metrics.size()), 8);
  for (size_t trial = 0; trial < metrics.size(); ++trial) {
    for (const double metric : metrics[trial]) report(history, static_cast<int64_t>(trial), goal, metric);
  }
  return history;
}

/// The best score of a trial that has reached `n`, over 1..n, from its reports.
inline double best_score_at(Goal goal, const History& history, int64_t trial, int64_t n) {
  double best = -kInf;
  for (int64_t i = 0; i < n; ++i) {
    best = std::max(best, score_of_metric(goal, history.metric[trial * history.n_intervals + i]));
  }
  return best;
}

/// Whom bandit and truncation selection compare at age `n`: the bests of all that reached it; of a diverged one the worst.
inline std::vector<double> scores_at_equal_age(Goal goal, const History& history, int64_t n,
                                               const std::function<bool(int64_t trial)>& is_compared) {
  std::vector<double> scores;
  for (int64_t trial = 0; trial < history.n_trials; ++trial) {
    if (history.state[trial] == TrialState::kWaiting || history.n_reported[trial] < n || !is_compared(trial)) continue;
    const bool diverged = history.state[trial] == TrialState::kDiverged;
    scores.push_back(diverged ? -kInf : best_score_at(goal, history, trial, n));
  }
  return scores;
}

inline bool acts_at(const EarlyTermination& policy, int64_t n) {
  return n > 0 && n % policy.evaluation_interval == 0 && n >= policy.delay_evaluation;
}

inline void expect_verdict(const Verdict& verdict, bool stop, double value, double threshold) {
  EXPECT_EQ(verdict.judged, 1);
  EXPECT_EQ(verdict.stop, stop ? 1 : 0);
  EXPECT_EQ(verdict.value, value);
  EXPECT_EQ(verdict.threshold, threshold);
}

/// Base of the tests of an early-termination policy, on every backend.
class PolicyTest : public BackendTest {
 protected:
  /// @param entry the policy's place in the backend's table
  PolicyTest(Backend::JudgeTrials Backend::*entry, const EarlyTermination& policy) : policy_(policy), entry_(entry) {}

  std::vector<Verdict> judge(Goal goal, const EarlyTermination& policy, const History& history,
                             const std::vector<int64_t>& trials) {
    return judge_on(*backend_, context_, goal, policy, history, trials);
  }
  Verdict judge(const History& history, int64_t trial, Goal goal = Goal::kMaximize) {
    return judge(goal, policy_, history, {trial})[0];
  }

  using Random = std::mt19937_64;
  static int64_t below(Random& random, int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); }

  /// Compares the verdicts on random histories with those of `reference`, the rule by its words; a device's with the
  /// host's bit for bit. `draw_policy` sets what belongs to the policy alone.
  void expect_plain_rule(
      const std::function<void(Random&, EarlyTermination&)>& draw_policy,
      const std::function<Verdict(Goal, const EarlyTermination&, const History&, int64_t trial)>& reference) {
    Random random(11);
    const int64_t n_histories = pick(6000, 60);
    int64_t n_stopped = 0, n_kept = 0, n_left_alone = 0;
    for (int64_t h = 0; h < n_histories; ++h) {
      const Goal goal = below(random, 2) ? Goal::kMaximize : Goal::kMinimize;
      EarlyTermination policy = policy_;
      policy.evaluation_interval = 1 + below(random, 3);
      policy.delay_evaluation = below(random, 4);
      draw_policy(random, policy);
      const History history = draw_history(random, goal);
      std::vector<int64_t> trials(history.n_trials);
      std::iota(trials.begin(), trials.end(), 0);
      std::shuffle(trials.begin(), trials.end(), random);
      trials.resize(below(random, history.n_trials + 1));
      const auto verdicts = judge(goal, policy, history, trials);
      const auto on_host = judge_on(host_backend(), host_context(0), goal, policy, history, trials);
      for (size_t i = 0; i < trials.size(); ++i) {
        const Verdict expected = reference(goal, policy, history, trials[i]);
        const auto where = [&] { return "history " + std::to_string(h) + ", trial " + std::to_string(trials[i]); };
        ASSERT_EQ(verdicts[i].judged, expected.judged) << where();
        ASSERT_EQ(verdicts[i].stop, expected.stop) << where();
        ASSERT_EQ(verdicts[i].value, expected.value) << where();
        ASSERT_EQ(verdicts[i].threshold, expected.threshold) << where();
        ASSERT_EQ(verdicts[i].best, expected.best) << where();
        // The sign of a zero included.
        ASSERT_TRUE(same_bits(numbers(verdicts[i]), numbers(on_host[i]))) << where();
        n_stopped += verdicts[i].stop;
        n_kept += verdicts[i].judged && !verdicts[i].stop;
        n_left_alone += !verdicts[i].judged;
      }
    }
    // The histories must have tried every outcome.
    for (const int64_t n : {n_stopped, n_kept, n_left_alone}) EXPECT_GT(n, n_histories / 8);
  }

  EarlyTermination policy_;

 private:
  std::vector<Verdict> judge_on(const Backend& backend, const Context& context, Goal goal,
                                const EarlyTermination& policy, const History& history,
                                const std::vector<int64_t>& trials) {
    const DeviceHistory device(backend, context, history);
    const DeviceArray<int64_t> ids(backend, context, trials);
    const DeviceArray<Verdict> verdicts(backend, context, std::vector<Verdict>(trials.size(), {9, 9, 9, 9, 9}));
    (backend.*entry_)(context, goal, policy, device.view(), ids.data(), static_cast<int64_t>(trials.size()),
                      verdicts.data());
    return verdicts.to_host();
  }

  static std::vector<double> numbers(const Verdict& verdict) {
    return {verdict.value, verdict.threshold, verdict.best};
  }

  static History draw_history(Random& random, Goal goal) {
    const int64_t n_trials = 1 + below(random, 40);
    History history(n_trials, 1 + below(random, 10));
    // A coarse grid makes ties, on average and of bests; now and then a fine one. On both sides of 0, or above it.
    const bool coarse = below(random, 4) != 0;
    const bool same_age = below(random, 3) == 0;
    const double shift = below(random, 2) ? 0 : 0.75;
    for (int64_t trial = 0; trial < history.n_trials; ++trial) {
      history.state[trial] = static_cast<TrialState>(below(random, 6));
      if (history.state[trial] == TrialState::kDiverged) history.state[trial] = TrialState::kRunning;
      const int64_t age = same_age ? history.n_intervals : below(random, history.n_intervals + 1);
      for (int64_t i = 0; i < age; ++i) {
        double metric = shift + (coarse ? static_cast<double>(below(random, 5) - 2) / 4
                                        : static_cast<double>(below(random, 1'000'000)) * 1e-6 - 0.5);
        if (below(random, 40) == 0) metric = std::vector<double>{std::nan(""), kInf, -kInf}[below(random, 3)];
        report(history, trial, goal, metric);
      }
    }
    return history;
  }

  Backend::JudgeTrials Backend::*entry_;
};

}  // namespace lockstep::test
