// Medians, quantiles and maxima of many trials, where a host selects by samples: against sorted scores.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

#include "cuda/sweep_data.h"

namespace lockstep::test {
namespace {

using Draw = std::function<double(int64_t i, int64_t n, std::mt19937_64& random)>;

struct Shape {
  const char* name;
  Draw draw;
};

double uniform_draw(std::mt19937_64& random) { return std::uniform_real_distribution<double>(0.25, 1)(random); }

const std::vector<Shape> kShapes = {
    {"all different", [](int64_t, int64_t, auto& random) { return uniform_draw(random); }},
    {"ascending", [](int64_t i, int64_t, auto&) { return 1 + static_cast<double>(i); }},
    {"descending", [](int64_t i, int64_t, auto&) { return 1e6 - static_cast<double>(i); }},
    {"all equal", [](int64_t, int64_t, auto&) { return 0.5; }},
    {"two values", [](int64_t, int64_t, auto& random) { return random() % 2 ? 0.5 : 0.75; }},
    {"few values", [](int64_t, int64_t, auto& random) { return 1 + static_cast<double>(random() % 7); }},
    {"one value and others", [](int64_t, int64_t, auto& random) { return random() % 3 ? 0.5 : uniform_draw(random); }},
    {"far apart", [](int64_t, int64_t, auto& random) { return std::pow(10.0, static_cast<double>(random() % 600) - 300); }},
    {"diverged in part", [](int64_t, int64_t, auto& random) { return random() % 4 ? uniform_draw(random) : NAN; }},
    // What a sample of 1,024 sees is not what there is.
    {"adverse to the sample",
     [](int64_t i, int64_t n, auto& random) {
       const int64_t k = (i * 1024 + n - 1) / n;
       return k * n / 1024 == i ? 100 + static_cast<double>(i) : uniform_draw(random);
     }},
};

class OrderStatistics : public BackendTest {
 protected:
  /// The threshold of a policy at the first interval of trials that all run, of those judged.
  double threshold(const EarlyTermination& policy, const std::vector<double>& metrics, double* best = nullptr) {
    const auto n = static_cast<int64_t>(metrics.size());
    std::vector<int64_t> trials(metrics.size());
    for (int64_t i = 0; i < n; ++i) trials[i] = i;
    Sweep sweep(History(n, 1), trials);
    sweep.metrics = metrics;
    double found = NAN;
    for (const Event& event : decide_on(*backend_, context_, Goal::kMaximize, policy, sweep).events) {
      if (event.decision == Decision::kDiverge) continue;
      EXPECT_TRUE(event.verdict.judged);
      if (!std::isnan(found)) {
        EXPECT_EQ(event.verdict.threshold, found);
      }
      found = event.verdict.threshold;
      if (best) *best = event.verdict.best;
    }
    return found;
  }
};
LOCKSTEP_EVERY_BACKEND(OrderStatistics);

TEST_P(OrderStatistics, AreThoseOfTheSortedScores) {
  std::mt19937_64 random(17);
  const std::vector<int64_t> sizes = {4095, 4096, 4097, pick(20'000, 4098), pick(99'991, 4099)};
  for (const Shape& shape : kShapes) {
    for (const int64_t n : sizes) {
      std::vector<double> metrics, sorted;
      for (int64_t i = 0; i < n; ++i) metrics.push_back(shape.draw(i, n, random));
      for (const double metric : metrics) sorted.push_back(score_of_metric(Goal::kMaximize, metric));
      std::sort(sorted.begin(), sorted.end());
      const std::string what = std::string(shape.name) + ", " + std::to_string(n);

      EarlyTermination policy;
      policy.kind = PolicyKind::kMedianStopping;
      const double lower = sorted[(n - 1) / 2], upper = sorted[n / 2];
      EXPECT_EQ(threshold(policy, metrics), lower == upper ? lower : 0.5 * lower + 0.5 * upper) << what;

      policy.kind = PolicyKind::kTruncationSelection;
      for (const int64_t percentage : {1, 3, 50, 77, 99}) {
        policy.truncation_percentage = percentage;
        EXPECT_EQ(threshold(policy, metrics), sorted[n * percentage / 100]) << what << ", " << percentage;
        if (GetParam() != DeviceKind::kCpu) break;
      }

      policy.kind = PolicyKind::kBandit;
      policy.slack_amount = 0;
      double best = 0;
      threshold(policy, metrics, &best);
      EXPECT_EQ(best, sorted.back()) << what;
    }
    if (GetParam() != DeviceKind::kCpu && shape.name == std::string("two values")) break;
  }
}

}  // namespace
}  // namespace lockstep::test
