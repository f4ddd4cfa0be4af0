// Our batching rule for batched products, and attention that is made of them, against a loop over the trials.

#include <gtest/gtest.h>

#include <lockstep/torch/trial_scope.h>
#include <torch/torch.h>

#include "torch/equals_loop.h"

namespace lockstep {
namespace bmm_test {

using namespace lockstep::testing;

struct Sizes {
  int64_t n, n_rows, n_inner, n_columns;
};

class BmmRule : public ::testing::TestWithParam<Sizes> {
 protected:
  void SetUp() override { torch::manual_seed(3); }
};

TEST_P(BmmRule, EqualsLoop) {
  const auto [n, n_rows, n_inner, n_columns] = GetParam();
  for (const auto& [a, b] : {std::pair(true, true), std::pair(true, false), std::pair(false, true)}) {
    expect_equals_loop({Operand(a, {n, n_rows, n_inner}), Operand(b, {n, n_inner, n_columns})},
                       [](const auto& x) { return torch::bmm(x[0], x[1]); });
  }
}

TEST_P(BmmRule, OperandsMayLieInAnyOrder) {
  const auto [n, n_rows, n_inner, n_columns] = GetParam();
  // Transposed, as heads lie side by side, as every other column, and one for all matrices.
  expect_equals_loop({Operand(true, {n, n_inner, n_rows}), Operand(true, {n, n_columns, n_inner})},
                     [](const auto& x) { return torch::bmm(x[0].transpose(1, 2), x[1].transpose(1, 2)); });
  expect_equals_loop({Operand(true, {n_rows, n, n_inner}), Operand(true, {n_inner, n, n_columns})},
                     [](const auto& x) { return torch::bmm(x[0].transpose(0, 1), x[1].transpose(0, 1)); });
  expect_equals_loop({Operand(true, {n, n_rows, n_inner, 2}), Operand(true, {1, n_inner, n_columns})},
                     [n = n](const auto& x) { return torch::bmm(x[0].select(3, 1), x[1].expand({n, -1, -1})); });
}

/// As LibTorch's multi-head attention has it: [length, n, size] of queries, keys and values.
Tensor attention(const std::vector<Tensor>& x, const Tensor& mask, bool with_weights = false) {
  Tensor weights = torch::bmm(x[0].transpose(0, 1), x[1].transpose(0, 1).transpose(1, 2));
  if (mask.defined()) weights += mask.unsqueeze(0);
  weights = torch::softmax(weights, -1);
  const Tensor out = torch::bmm(weights, x[2].transpose(0, 1)).transpose(0, 1).contiguous();
  return with_weights ? out + weights.square().sum() : out;
}

std::vector<Operand> heads(const Sizes& sizes) {
  return {Operand(true, {sizes.n_rows, sizes.n, sizes.n_inner}), Operand(true, {sizes.n_columns, sizes.n, sizes.n_inner}),
          Operand(true, {sizes.n_columns, sizes.n, sizes.n_inner})};
}

TEST_P(BmmRule, AttentionEqualsLoop) {
  const Sizes& sizes = GetParam();
  const Tensor mask = torch::randn({sizes.n_rows, sizes.n_columns});
  for (const bool with_weights : {false, true}) {
    for (const Tensor& each : {mask, Tensor()}) {
      expect_equals_loop(heads(sizes), [&](const auto& x) { return attention(x, each, with_weights); });
    }
  }
}

TEST_P(BmmRule, AttentionWithAMaskThatIsTrainedEqualsLoop) {
  const Sizes& sizes = GetParam();
  auto operands = heads(sizes);
  operands.emplace_back(true, std::vector<int64_t>{sizes.n_rows, sizes.n_columns});
  expect_equals_loop(operands, [](const auto& x) { return attention(x, x[3]); });
}

TEST_P(BmmRule, SoftmaxOfAnotherDimensionEqualsLoop) {
  expect_equals_loop(heads(GetParam()), [](const auto& x) {
    const Tensor scores = torch::bmm(x[0].transpose(0, 1), x[1].transpose(0, 1).transpose(1, 2));
    return torch::bmm(torch::softmax(scores, 1), x[2].transpose(0, 1));
  });
}

TEST_P(BmmRule, GradientOfAttentionsGradientEqualsLoop) {
  const Sizes& sizes = GetParam();
  const Tensor mask = torch::randn({sizes.n_rows, sizes.n_columns});
  const auto penalty = [](const Tensor& out, const std::vector<Tensor>& leaves) {
    Tensor sum = torch::zeros({});
    for (const auto& each : torch::autograd::grad({out.pow(3).sum()}, leaves, {}, true, true)) {
      sum = sum + each.square().sum();
    }
    return sum;
  };
  const auto operands = heads(sizes);
  Tensor out;
  std::vector<Tensor> leaves;
  {
    TrialScope scope(kTrials);
    std::vector<Tensor> inside;
    for (const auto& each : operands) {
      inside.push_back(each.in(scope));
      leaves.push_back(each.value);
    }
    out = physical(attention(inside, mask));
  }
  const auto got = torch::autograd::grad({penalty(out, leaves)}, leaves);
  for (int64_t t = 0; t < kTrials; ++t) {
    std::vector<Tensor> alone;
    for (const auto& each : operands) alone.push_back(each.alone(t));
    const auto want = torch::autograd::grad({penalty(attention(alone, mask), alone)}, alone);
    for (size_t i = 0; i < want.size(); ++i) {
      const double largest = want[i].abs().max().template item<double>();
      EXPECT_LT((got[i][t] - want[i]).abs().max().template item<double>(), 1e-4 * (largest + 1e-3)) << i << " of trial " << t;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, BmmRule,
                         ::testing::Values(Sizes{1, 1, 1, 1}, Sizes{2, 8, 16, 24}, Sizes{3, 7, 3, 9}, Sizes{1, 5, 33, 2}),
                         [](const auto& info) {
                           const Sizes& s = info.param;
                           return std::to_string(s.n) + "of" + std::to_string(s.n_rows) + "x" + std::to_string(s.n_inner) +
                                  "x" + std::to_string(s.n_columns);
                         });

TEST(BmmCalls, TrialsBitsDoNotDependOnCompany) {
  torch::manual_seed(5);
  const auto queries = torch::randn({4, 7, 6, 5}), keys = torch::randn({4, 9, 6, 5}), values = torch::randn({4, 9, 6, 5});
  const auto run = [&](int64_t first, int64_t n) {
    std::vector<Tensor> leaves, inside;
    for (const auto& each : {queries, keys, values}) {
      leaves.push_back(each.narrow(0, first, n).clone().requires_grad_());
    }
    Tensor out;
    {
      TrialScope scope(n);
      for (const auto& each : leaves) inside.push_back(scope.batched(each));
      out = physical(attention(inside, {}));
    }
    auto found = torch::autograd::grad({out.square().sum()}, leaves);
    found.push_back(out.detach());
    return found;
  };
  const auto together = run(0, 4), alone = run(2, 1);
  for (size_t i = 0; i < alone.size(); ++i) EXPECT_TRUE(torch::equal(together[i][2], alone[i][0])) << i;
}

TEST(BmmCalls, DoublesAreLibTorchs) {
  const auto a = torch::randn({2, 3, 4, 5}, torch::kDouble), b = torch::randn({2, 3, 5, 6}, torch::kDouble);
  TrialScope scope(2);
  const auto out = physical(torch::bmm(scope.batched(a), scope.batched(b)));
  EXPECT_TRUE(torch::allclose(out, torch::matmul(a, b)));
}

TEST(BmmCalls, RefusesMatricesThatHaveNoProduct) {
  const auto values = torch::randn({2, 3, 4, 5});
  TrialScope scope(2);
  const auto a = scope.batched(values);
  EXPECT_THROW(torch::bmm(a, a), c10::Error);
}

}  // namespace bmm_test
}  // namespace lockstep
