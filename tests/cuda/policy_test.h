#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

#include "cuda/sweep_data.h"

namespace lockstep::test {

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
  for (int64_t i = 0; i < n; ++i) best = std::max(best, score_of_metric(goal, history.metrics[trial][i]));
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

/// Sorts (score, trial) as rungs rank: the best first, ties by lower id.
inline void sort_by_rank(std::vector<std::pair<double, int64_t>>& ranked) {
  std::sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
}

/// Base of the tests of an early-termination policy, on every backend.
class PolicyTest : public BackendTest {
 protected:
  explicit PolicyTest(const EarlyTermination& policy) : policy_(policy) {}

  /// What was decided of trials that run and have just made their last reports.
  std::vector<Event> judge(Goal goal, const EarlyTermination& policy, const History& history,
                           const std::vector<int64_t>& trials) {
    return judge_on(*backend_, context_, goal, policy, history, trials);
  }
  Verdict judge(const History& history, int64_t trial, Goal goal = Goal::kMaximize) {
    return judge(goal, policy_, history, {trial})[0].verdict;
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
      std::vector<int64_t> trials;
      for (int64_t trial = 0; trial < history.n_trials; ++trial) {
        const bool runs = history.state[trial] == TrialState::kRunning || history.state[trial] == TrialState::kDiverged;
        if (runs && history.n_reported[trial] > 0) trials.push_back(trial);
      }
      std::shuffle(trials.begin(), trials.end(), random);
      trials.resize(below(random, static_cast<int64_t>(trials.size()) + 1));
      const auto events = judge(goal, policy, history, trials);
      const auto on_host = judge_on(host_backend(), host_context(0), goal, policy, history, trials);
      for (size_t i = 0; i < trials.size(); ++i) {
        const auto where = [&] { return "history " + std::to_string(h) + ", trial " + std::to_string(trials[i]); };
        ASSERT_EQ(events[i].trial, trials[i]) << where();
        // The sign of a zero included.
        ASSERT_TRUE(same_bits(numbers(events[i]), numbers(on_host[i]))) << where();
        ASSERT_EQ(events[i].decision, on_host[i].decision) << where();
        if (history.state[trials[i]] == TrialState::kDiverged) {
          ASSERT_EQ(events[i].decision, Decision::kDiverge) << where();
          continue;
        }
        const Verdict& verdict = events[i].verdict;
        const Verdict expected = reference(goal, policy, history, trials[i]);
        ASSERT_EQ(verdict.judged, expected.judged) << where();
        ASSERT_EQ(verdict.stop, expected.stop) << where();
        ASSERT_EQ(verdict.value, expected.value) << where();
        ASSERT_EQ(verdict.threshold, expected.threshold) << where();
        ASSERT_EQ(verdict.best, expected.best) << where();
        ASSERT_EQ(verdict.n_compared, expected.n_compared) << where();
        ASSERT_EQ(verdict.n_kept, expected.n_kept) << where();
        ASSERT_EQ(events[i].decision, expected.stop ? Decision::kStop : Decision::kContinue) << where();
        n_stopped += verdict.stop;
        n_kept += verdict.judged && !verdict.stop;
        n_left_alone += !verdict.judged;
      }
    }
    // The histories must have tried every outcome.
    for (const int64_t n : {n_stopped, n_kept, n_left_alone}) EXPECT_GT(n, n_histories / 16);
  }

  EarlyTermination policy_;

 private:
  std::vector<Event> judge_on(const Backend& backend, const Context& context, Goal goal, const EarlyTermination& policy,
                              const History& history, const std::vector<int64_t>& trials) {
    Sweep sweep(history, trials);
    for (size_t slot = 0; slot < trials.size(); ++slot) sweep.metrics[slot] = take_back(sweep.history, trials[slot]);
    const Sweep after = decide_on(backend, context, goal, policy, sweep);
    // Everything that the reports write, bit for bit.
    EXPECT_TRUE(same_bits(after.history.score, history.score));
    EXPECT_TRUE(same_bits(after.history.best_score, history.best_score));
    EXPECT_TRUE(same_bits(after.history.mean_score, history.mean_score));
    EXPECT_TRUE(same_bits(after.history.last_best, history.last_best));
    EXPECT_TRUE(same_bits(after.history.last_mean, history.last_mean));
    EXPECT_EQ(after.history.n_reported, history.n_reported);
    return after.events;
  }

  static std::vector<double> numbers(const Event& event) {
    return {event.metric, event.verdict.value, event.verdict.threshold, event.verdict.best,
            static_cast<double>(event.verdict.n_compared), static_cast<double>(event.verdict.n_kept)};
  }

  static History draw_history(Random& random, Goal goal) {
    const int64_t n_trials = 1 + below(random, 40);
    History history(n_trials, 1 + below(random, 10));
    // A coarse grid makes ties, on average and of bests; now and then a fine one. On both sides of 0, or above it.
    const bool coarse = below(random, 4) != 0;
    const bool same_age = below(random, 3) == 0;
    const double shift = below(random, 2) ? 0 : 0.75;
    for (int64_t trial = 0; trial < history.n_trials; ++trial) {
      history.state[trial] = TrialState::kRunning;
      if (below(random, 2)) history.state[trial] = static_cast<TrialState>(below(random, 6));
      if (history.state[trial] == TrialState::kDiverged) history.state[trial] = TrialState::kRunning;
      const int64_t age = same_age ? history.n_intervals : below(random, history.n_intervals + 1);
      for (int64_t i = 0; i < age; ++i) {
        double metric = shift + (coarse ? static_cast<double>(below(random, 5) - 2) / 4
                                        : static_cast<double>(below(random, 1'000'000)) * 1e-6 - 0.5);
        const bool diverges = below(random, 40) == 0;
        if (diverges) metric = std::vector<double>{std::nan(""), kInf, -kInf}[below(random, 3)];
        report(history, trial, goal, metric);
        if (diverges) break;
      }
    }
    return history;
  }
};

}  // namespace lockstep::test
