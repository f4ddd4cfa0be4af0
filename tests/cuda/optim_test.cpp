// The per-row optimisers against torch::optim's formulas, as scalar code in double.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "cuda/backend_test.h"

namespace lockstep::test {
namespace {

constexpr int64_t kRows = 6;
constexpr int64_t kColumns = 70;
constexpr int64_t kStride = 75;  // rows are padded
constexpr int64_t kFirstSegment = 37;
constexpr int64_t kGap = 3;      // columns between the segments, which have no gradient
constexpr int kSteps = 5;

/// Everything a run of an optimiser starts from. Every row has hyperparameters and a step count of its own.
struct Problem {
  std::vector<float> parameters = std::vector<float>(kRows * kStride);
  std::vector<std::vector<float>> gradients;  ///< [steps][rows * columns]
  std::vector<float> state1 = std::vector<float>(kRows * kStride);
  std::vector<float> state2 = std::vector<float>(kRows * kStride);
  std::vector<int64_t> steps = {0, 0, 3, 0, 1000, 17};
  std::vector<double> learning_rate = {0.1, 0.01, 0.5, 1e-3, 0.05, 0.3};
  std::vector<double> weight_decay = {0, 0.01, 0.1, 0, 1e-4, 0.2};
  std::vector<double> momentum = {0, 0.9, 0.5, 0.99, 0.9, 0};
  std::vector<double> dampening = {0, 0.1, 0, 0.5, 0, 0.3};
  std::vector<uint8_t> nesterov = {0, 0, 1, 0, 1, 0};
  std::vector<double> beta1 = {0.9, 0.8, 0.95, 0.9, 0.99, 0};
  std::vector<double> beta2 = {0.999, 0.99, 0.9, 0.9999, 0.999, 0.5};
  std::vector<double> eps = {1e-8, 1e-3, 1e-8, 1e-6, 1e-8, 0.1};

  Problem() {
    std::mt19937_64 random(9);
    std::normal_distribution<float> normal(0, 1);
    for (float& x : parameters) x = normal(random);
    for (int step = 0; step < kSteps; ++step) {
      gradients.emplace_back(kRows * kColumns);
      for (float& x : gradients.back()) x = normal(random);
    }
    // Rows that have stepped before have state; new ones have rubbish, which a first step must not read.
    for (size_t i = 0; i < state1.size(); ++i) {
      const bool is_new = steps[i / kStride] == 0;
      state1[i] = normal(random);
      state2[i] = is_new ? 0 : std::abs(normal(random));
    }
  }
};

/// What a run leaves.
struct Outcome {
  std::vector<float> parameters, state1, state2;
  std::vector<int64_t> steps;
};

/// The gradient of row `row`, column `column` (of the columns that have one, gap left out) as the segments hold it.
int64_t gradient_index(int64_t row, int64_t column) {
  if (column < kFirstSegment) return row * kFirstSegment + column;
  const int64_t size = kColumns - kFirstSegment - kGap;
  return kRows * kFirstSegment + row * size + (column - kFirstSegment - kGap);
}
bool in_gap(int64_t column) { return column >= kFirstSegment && column < kFirstSegment + kGap; }

class RowOptimizers : public BackendTest {
 protected:
  enum class Kind { kSgd, kAdam, kAdamW };

  Outcome run(const Backend& backend, const Context& context, Kind kind, const Problem& problem) {
    const auto to_device = [&](const auto& values) {
      return DeviceArray<typename std::decay_t<decltype(values)>::value_type>(backend, context, values);
    };
    const auto parameters = to_device(problem.parameters);
    const auto state1 = to_device(problem.state1);
    const auto state2 = to_device(problem.state2);
    const auto steps = to_device(problem.steps);
    const auto learning_rate = to_device(problem.learning_rate);
    const auto weight_decay = to_device(problem.weight_decay);
    const auto momentum = to_device(problem.momentum);
    const auto dampening = to_device(problem.dampening);
    const auto nesterov = to_device(problem.nesterov);
    const auto beta1 = to_device(problem.beta1);
    const auto beta2 = to_device(problem.beta2);
    const auto eps = to_device(problem.eps);
    for (const auto& gradient : problem.gradients) {
      const auto gradients = to_device(gradient);
      const GradientSegment segments[] = {
          {gradients.data(), 0, kFirstSegment},
          {gradients.data() + kRows * kFirstSegment, kFirstSegment + kGap, kColumns - kFirstSegment - kGap}};
      const RowUpdate rows{kRows,        kStride,      parameters.data(),    segments,
                           2,            steps.data(), learning_rate.data(), weight_decay.data()};
      if (kind == Kind::kSgd) {
        backend.sgd_update(context, {rows, state1.data(), momentum.data(), dampening.data(), nesterov.data()});
      } else {
        backend.adam_update(context, {rows, state1.data(), state2.data(), beta1.data(), beta2.data(), eps.data(),
                                      kind == Kind::kAdamW});
      }
      backend.synchronize(context);
    }
    return {parameters.to_host(), state1.to_host(), state2.to_host(), steps.to_host()};
  }
  Outcome run(Kind kind, const Problem& problem) { return run(*backend_, context_, kind, problem); }

  /// torch::optim's update of one parameter, step after step.
  static double reference(Kind kind, const Problem& problem, int64_t row, int64_t column, double& state1,
                          double& state2) {
    const int64_t at = row * kStride + column;
    double p = problem.parameters[at];
    state1 = problem.state1[at];
    state2 = problem.state2[at];
    const double lr = problem.learning_rate[row], decay = problem.weight_decay[row];
    for (int step = 0; step < kSteps; ++step) {
      double g = problem.gradients[step][gradient_index(row, column)];
      const int64_t t = problem.steps[row] + step + 1;
      if (kind == Kind::kAdamW) {
        p *= 1 - lr * decay;
      } else {
        g += decay * p;
      }
      if (kind == Kind::kSgd) {
        const double momentum = problem.momentum[row];
        if (momentum != 0) {
          state1 = t == 1 ? g : momentum * state1 + (1 - problem.dampening[row]) * g;
          g = problem.nesterov[row] ? g + momentum * state1 : state1;
        }
        p -= lr * g;
      } else {
        const double beta1 = problem.beta1[row], beta2 = problem.beta2[row];
        state1 = beta1 * state1 + (1 - beta1) * g;
        state2 = beta2 * state2 + (1 - beta2) * g * g;
        const double corrected1 = 1 - std::pow(beta1, static_cast<double>(t));
        const double corrected2 = 1 - std::pow(beta2, static_cast<double>(t));
        p -= lr / corrected1 * state1 / (std::sqrt(state2) / std::sqrt(corrected2) + problem.eps[row]);
      }
    }
    return p;
  }

  void expect_reference(Kind kind) {
    Problem problem;
    if (kind != Kind::kSgd) {
      for (size_t i = 0; i < problem.state1.size(); ++i) {
        if (problem.steps[i / kStride] == 0) problem.state1[i] = 0;
      }
    }
    const Outcome outcome = run(kind, problem);
    for (int64_t row = 0; row < kRows; ++row) {
      EXPECT_EQ(outcome.steps[row], problem.steps[row] + kSteps);
      for (int64_t column = 0; column < kStride; ++column) {
        const int64_t at = row * kStride + column;
        double state1 = problem.state1[at], state2 = problem.state2[at], p = problem.parameters[at];
        double tolerance = 0;
        if (column < kColumns && !in_gap(column)) {
          p = reference(kind, problem, row, column, state1, state2);
          tolerance = 3e-6;
        }
        EXPECT_NEAR(outcome.parameters[at], p, tolerance) << "row " << row << ", column " << column;
        EXPECT_NEAR(outcome.state1[at], state1, tolerance) << "row " << row << ", column " << column;
        if (kind != Kind::kSgd) {
          EXPECT_NEAR(outcome.state2[at], state2, tolerance) << "row " << row << ", column " << column;
        }
      }
    }
  }

  void expect_rows_independent(Kind kind) {
    Problem problem;
    problem.state1.assign(problem.state1.size(), 0.0f);
    const Outcome clean = run(kind, problem);
    const int64_t bad = 2;
    problem.parameters[bad * kStride] = NAN;
    problem.parameters[bad * kStride + 1] = INFINITY;
    problem.learning_rate[bad] = NAN;
    problem.weight_decay[bad] = INFINITY;
    problem.gradients[0][gradient_index(bad, 2)] = -INFINITY;
    const Outcome poisoned = run(kind, problem);
    for (int64_t row = 0; row < kRows; ++row) {
      const auto of_row = [&](const std::vector<float>& values) {
        return std::vector<float>(values.begin() + row * kStride, values.begin() + (row + 1) * kStride);
      };
      const bool same = row != bad;
      EXPECT_EQ(same_bits(of_row(clean.parameters), of_row(poisoned.parameters)), same) << row;
      EXPECT_EQ(same_bits(of_row(clean.state1), of_row(poisoned.state1)), same) << row;
    }
  }

  void expect_host_bits(Kind kind) {
    const Problem problem;
    const Outcome here = run(kind, problem);
    const Outcome host = run(host_backend(), host_context(0), kind, problem);
    EXPECT_TRUE(same_bits(here.parameters, host.parameters));
    EXPECT_TRUE(same_bits(here.state1, host.state1));
    EXPECT_TRUE(same_bits(here.state2, host.state2));
  }
};
LOCKSTEP_EVERY_BACKEND(RowOptimizers);

TEST_P(RowOptimizers, SgdFollowsItsFormula) { expect_reference(Kind::kSgd); }
TEST_P(RowOptimizers, AdamFollowsItsFormula) { expect_reference(Kind::kAdam); }
TEST_P(RowOptimizers, AdamWFollowsItsFormula) { expect_reference(Kind::kAdamW); }

TEST_P(RowOptimizers, SgdRowIsUntouchedByItsNeighbours) { expect_rows_independent(Kind::kSgd); }
TEST_P(RowOptimizers, AdamRowIsUntouchedByItsNeighbours) { expect_rows_independent(Kind::kAdam); }
TEST_P(RowOptimizers, AdamWRowIsUntouchedByItsNeighbours) { expect_rows_independent(Kind::kAdamW); }

TEST_P(RowOptimizers, SgdGivesTheHostsBits) { expect_host_bits(Kind::kSgd); }
TEST_P(RowOptimizers, AdamGivesTheHostsBits) { expect_host_bits(Kind::kAdam); }
TEST_P(RowOptimizers, AdamWGivesTheHostsBits) { expect_host_bits(Kind::kAdamW); }

TEST_P(RowOptimizers, SgdWithoutMomentumLeavesTheBufferAlone) {
  Problem problem;
  problem.momentum.assign(kRows, 0);
  const Outcome expected = run(Kind::kSgd, problem);
  problem.state1.assign(problem.state1.size(), NAN);
  const Outcome outcome = run(Kind::kSgd, problem);
  EXPECT_TRUE(same_bits(outcome.parameters, expected.parameters));
  for (const float x : outcome.parameters) EXPECT_TRUE(std::isfinite(x));
  EXPECT_TRUE(same_bits(outcome.state1, problem.state1));
}

TEST_P(RowOptimizers, FirstSgdStepDoesNotReadTheBuffer) {
  Problem problem;
  problem.steps.assign(kRows, 0);
  const Outcome expected = run(Kind::kSgd, problem);
  problem.state1.assign(problem.state1.size(), NAN);
  EXPECT_TRUE(same_bits(run(Kind::kSgd, problem).parameters, expected.parameters));
}

TEST_P(RowOptimizers, ZeroWeightDecayDoesNotMultiplyAnInfiniteParameter) {
  Problem problem;
  problem.weight_decay.assign(kRows, 0);
  problem.parameters.assign(problem.parameters.size(), INFINITY);
  for (const Kind kind : {Kind::kSgd, Kind::kAdam}) {
    for (const float x : run(kind, problem).state1) EXPECT_FALSE(std::isnan(x));
  }
}

// 1 - float(0.999) is off by 1.3e-5 of itself; the first step's size shows it.
TEST_P(RowOptimizers, AdamCorrectsItsBiasInDouble) {
  Problem problem;
  problem.gradients.resize(1);
  problem.gradients[0].assign(kRows * kColumns, 1.0f);
  problem.steps.assign(kRows, 0);
  problem.beta2.assign(kRows, 0.999);
  problem.eps.assign(kRows, 0);
  problem.weight_decay.assign(kRows, 0);
  problem.learning_rate.assign(kRows, 1.0);
  for (auto* zero : {&problem.parameters, &problem.state1, &problem.state2}) zero->assign(zero->size(), 0.0f);
  const Outcome outcome = run(Kind::kAdam, problem);
  for (int64_t row = 0; row < kRows; ++row) EXPECT_NEAR(outcome.parameters[row * kStride], -1, 5e-7);
}

}  // namespace
}  // namespace lockstep::test
