// Our batching rules for linear, bias and relu behind it, mm and addmm against a loop over the trials: value, gradients, shared operands, and sizes that fill
// no block of the kernels.

#include <gtest/gtest.h>

#include <lockstep/torch/trial_scope.h>
#include <torch/torch.h>

#include "torch/equals_loop.h"
#include "torch/transpose.h"

namespace lockstep {
namespace matmul_test {

using torch::Tensor;

using namespace lockstep::testing;

struct Sizes {
  int64_t n_batch, n_in, n_out;
};

class MatmulRule : public ::testing::TestWithParam<Sizes> {
 protected:
  void SetUp() override { torch::manual_seed(3); }
};

TEST_P(MatmulRule, LinearLayerEqualsLoop) {
  const auto [n_batch, n_in, n_out] = GetParam();
  for (const bool x_per_trial : {true, false}) {
    for (const bool bias_per_trial : {true, false}) {
      expect_equals_loop({Operand(x_per_trial, {n_batch, n_in}), Operand(true, {n_out, n_in}), Operand(bias_per_trial, {n_out})},
                         [](const auto& x) { return torch::nn::functional::linear(x[0], x[1], x[2]); });
    }
  }
}

TEST_P(MatmulRule, LinearLayerWithoutBiasOfSequencesEqualsLoop) {
  const auto [n_batch, n_in, n_out] = GetParam();
  for (const bool x_per_trial : {true, false}) {
    expect_equals_loop({Operand(x_per_trial, {n_batch, 2, n_in}), Operand(true, {n_out, n_in})},
                       [](const auto& x) { return torch::nn::functional::linear(x[0], x[1]); });
  }
}

TEST_P(MatmulRule, ReluBehindALinearLayerEqualsLoop) {
  const auto [n_batch, n_in, n_out] = GetParam();
  for (const bool x_per_trial : {true, false}) {
    expect_equals_loop({Operand(x_per_trial, {n_batch, n_in}), Operand(true, {n_out, n_in}), Operand(true, {n_out})},
                       [](const auto& x) { return torch::relu(torch::nn::functional::linear(x[0], x[1], x[2])); });
    // What the layer gave goes elsewhere too, and through a second relu.
    expect_equals_loop({Operand(x_per_trial, {n_batch, n_in}), Operand(true, {n_out, n_in}), Operand(true, {n_out})},
                       [](const auto& x) {
                         const Tensor y = torch::nn::functional::linear(x[0], x[1], x[2]);
                         return torch::relu(torch::relu(y)) + torch::relu(y) * y.sigmoid();
                       });
  }
}

TEST_P(MatmulRule, BiasAndReluBehindALayerOfSequencesEqualLoop) {
  const auto [n_batch, n_in, n_out] = GetParam();
  for (const bool x_per_trial : {true, false}) {
    for (const bool bias_per_trial : {true, false}) {
      const std::vector<Operand> operands{Operand(x_per_trial, {n_batch, 1, n_in}), Operand(true, {n_out, n_in}),
                                          Operand(bias_per_trial, {n_out})};
      expect_equals_loop(operands, [](const auto& x) {
        return torch::relu(torch::nn::functional::linear(x[0], x[1], x[2]));
      });
      // One more sum, which is none of a bias; and what was there before it.
      for (const auto& each : operands) each.value.mutable_grad().reset();
      expect_equals_loop(operands, [](const auto& x) {
        Tensor y = x[0].matmul(x[1].t());
        const Tensor before = y * 2;
        y += x[2];
        y.add_(x[2], 0.5);
        return y.sigmoid() + before;
      });
    }
  }
}

TEST_P(MatmulRule, ProductEqualsLoop) {
  const auto [n_batch, n_in, n_out] = GetParam();
  for (const auto& [a, b] : {std::pair(true, true), std::pair(true, false), std::pair(false, true)}) {
    expect_equals_loop({Operand(a, {n_batch, n_in}), Operand(b, {n_in, n_out})},
                       [](const auto& x) { return torch::mm(x[0], x[1]); });
  }
}

TEST_P(MatmulRule, ScaledSumWithProductEqualsLoop) {
  const auto [n_batch, n_in, n_out] = GetParam();
  for (const bool per_trial : {true, false}) {
    expect_equals_loop({Operand(per_trial, {n_batch, n_out}), Operand(true, {n_batch, n_in}), Operand(true, {n_in, n_out})},
                       [](const auto& x) { return torch::addmm(x[0], x[1], x[2], 0.5, 2); });
  }
}

TEST_P(MatmulRule, BiasAloneMayBePerTrial) {
  const auto [n_batch, n_in, n_out] = GetParam();
  expect_equals_loop({Operand(true, {n_out}), Operand(false, {n_batch, n_in}), Operand(false, {n_in, n_out})},
                     [](const auto& x) { return torch::addmm(x[0], x[1], x[2]); });
}

INSTANTIATE_TEST_SUITE_P(Sizes, MatmulRule,
                         ::testing::Values(Sizes{1, 1, 1}, Sizes{8, 16, 24}, Sizes{7, 9, 17}, Sizes{33, 5, 10}),
                         [](const auto& info) {
                           const Sizes& s = info.param;
                           return std::to_string(s.n_batch) + "x" + std::to_string(s.n_in) + "x" + std::to_string(s.n_out);
                         });

TEST(MatmulRule, GradientOfGradientEqualsLoop) {
  torch::manual_seed(4);
  const auto penalty = [](const Tensor& x, const Tensor& weight) {
    const auto y = torch::relu(torch::nn::functional::linear(x, weight)).tanh().sum();
    return torch::autograd::grad({y}, {x}, {}, true, true)[0].square().sum();
  };
  const Tensor x = torch::randn({kTrials, 5, 4}).requires_grad_(), weight = torch::randn({kTrials, 6, 4}).requires_grad_();
  Tensor y;
  {
    TrialScope scope(kTrials);
    y = physical(torch::relu(torch::nn::functional::linear(scope.batched(x), scope.batched(weight))).tanh().sum());
  }
  torch::autograd::grad({y.sum()}, {x}, {}, true, true)[0].square().sum().backward();
  for (int64_t t = 0; t < kTrials; ++t) {
    const auto x_alone = x[t].detach().clone().requires_grad_(), weight_alone = weight[t].detach().clone().requires_grad_();
    penalty(x_alone, weight_alone).backward();
    EXPECT_TRUE(torch::allclose(weight.grad()[t], weight_alone.grad(), 1e-4, 1e-4));
  }
}

TEST(MatmulRule, WeightThatNeedsNoGradientGetsNone) {
  const Tensor x = torch::randn({kTrials, 4, 3}).requires_grad_(), weight = torch::randn({kTrials, 2, 3});
  TrialScope scope(kTrials);
  const Tensor y = physical(torch::nn::functional::linear(scope.batched(x), scope.batched(weight)));
  y.sum().backward();
  EXPECT_TRUE(x.grad().defined());
  EXPECT_FALSE(weight.grad().defined());
}

TEST(MatmulRule, TrialsBitsDoNotDependOnCompany) {
  torch::manual_seed(6);
  const Tensor x = torch::randn({64, 48}), weights = torch::randn({9, 32, 48}), biases = torch::randn({9, 32});
  const auto run = [&](const Tensor& inputs, int64_t first, int64_t n) {
    TrialScope scope(n);
    return physical(torch::nn::functional::linear(inputs.dim() == 2 ? inputs : scope.batched(inputs),
                                                  scope.batched(weights.narrow(0, first, n)),
                                                  scope.batched(biases.narrow(0, first, n))));
  };
  const Tensor all = run(x, 0, 9);
  for (int64_t t = 0; t < 9; ++t) EXPECT_TRUE(torch::equal(all[t], run(x, t, 1)[0])) << t;
  // The same examples, but a copy a trial, as when trials of different ages are in one batch.
  EXPECT_TRUE(torch::equal(all, run(x.expand({9, 64, 48}).contiguous(), 0, 9)));
}

TEST(Transpose, EqualsPlainLoopAtEverySize) {
  for (const int64_t n_rows : {1, 7, 8, 9, 16, 37}) {
    for (const int64_t n_columns : {1, 7, 8, 9, 24, 61}) {
      const Tensor from = torch::randn({n_rows, n_columns}), bias = torch::randn({n_rows});
      Tensor to = torch::empty({n_columns, n_rows});
      transpose(n_rows, n_columns, from.const_data_ptr<float>(), to.mutable_data_ptr<float>());
      EXPECT_TRUE(torch::equal(to, from.t())) << n_rows << " x " << n_columns;
      transpose(n_rows, n_columns, from.const_data_ptr<float>(), to.mutable_data_ptr<float>(), bias.const_data_ptr<float>());
      EXPECT_TRUE(torch::equal(to, (from + bias.unsqueeze(1)).t())) << n_rows << " x " << n_columns;
    }
  }
}

}  // namespace matmul_test
}  // namespace lockstep
