// Our batching rule for layer norm against LibTorch's of each trial: values and gradients.

#include <gtest/gtest.h>

#include <lockstep/torch/trial_scope.h>
#include <torch/torch.h>

namespace lockstep {
namespace layer_norm_test {

using torch::Tensor;

constexpr int64_t kTrials = 3;
constexpr double kEps = 1e-5;

struct Case {
  std::string name;
  std::vector<int64_t> input;  ///< of one trial
  std::vector<int64_t> row;
  bool affine = true;
  bool shared_input = false;
  bool shared_weight = false;
  torch::Dtype dtype = torch::kFloat;
};

std::vector<Case> cases() {
  return {
      {"Rows", {8, 19}, {19}},
      {"Sequences", {5, 4, 32}, {32}},
      {"OneRow", {7}, {7}},
      {"Images", {4, 3, 5, 6}, {3, 5, 6}},
      {"NotAffine", {5, 4, 32}, {32}, false},
      {"SharedInput", {8, 19}, {19}, true, true},
      {"SharedWeight", {8, 19}, {19}, true, false, true},
      {"Double", {4, 3, 6}, {3, 6}, true, false, false, torch::kDouble},
  };
}

struct Operands {
  Tensor input, weight, bias;
  std::vector<int64_t> row;

  Tensor output() const { return torch::layer_norm(input, row, weight, bias, kEps, false); }
  std::vector<Tensor> leaves() const {
    return weight.defined() ? std::vector<Tensor>{input, weight, bias} : std::vector<Tensor>{input};
  }
};

Operands made(const Case& c) {
  torch::manual_seed(8);
  const auto random = [&](std::vector<int64_t> sizes, bool is_shared) {
    if (!is_shared) sizes.insert(sizes.begin(), kTrials);
    return torch::randn(sizes, c.dtype);
  };
  Operands out{(random(c.input, c.shared_input) * 3 + 2).requires_grad_(), {}, {}, c.row};
  if (c.affine) {
    out.weight = random(c.row, c.shared_weight).requires_grad_();
    out.bias = random(c.row, c.shared_weight).requires_grad_();
  }
  return out;
}

Operands of_trial(const Operands& operands, const Case& c, int64_t trial) {
  const auto one = [&](const Tensor& x, bool is_shared) {
    return x.defined() ? (is_shared ? x : x[trial]).detach().clone().requires_grad_() : x;
  };
  return {one(operands.input, c.shared_input), one(operands.weight, c.shared_weight),
          one(operands.bias, c.shared_weight), c.row};
}

Tensor output_in_a_batch(const Operands& operands, const Case& c) {
  TrialScope scope(kTrials);
  const auto batched = [&](const Tensor& x, bool is_shared) { return x.defined() && !is_shared ? scope.batched(x) : x; };
  return physical(Operands{batched(operands.input, c.shared_input), batched(operands.weight, c.shared_weight),
                           batched(operands.bias, c.shared_weight), c.row}
                      .output());
}

/// The largest, relative to the largest value.
double difference(const Tensor& got, const Tensor& want) {
  return ((got - want).abs().max() / want.abs().max()).item<double>();
}

class LayerNormRule : public ::testing::TestWithParam<Case> {
 protected:
  /// Compares the gradients of `score(output, weights, operands)` with those of every trial alone.
  template <class Score>
  void expect_gradients(const Score& score) {
    const Case& c = GetParam();
    const Operands operands = made(c);
    const Tensor out = output_in_a_batch(operands, c);
    const Tensor weights = torch::randn(out.sizes(), c.dtype);
    const auto got = torch::autograd::grad({score(out, weights, operands)}, operands.leaves());
    std::vector<Tensor> sums;
    for (int64_t t = 0; t < kTrials; ++t) {
      const Operands one = of_trial(operands, c, t);
      const Tensor expected = one.output();
      EXPECT_LT(difference(out[t], expected), 1e-5);
      const auto want = torch::autograd::grad({score(expected, weights[t], one)}, one.leaves());
      for (size_t i = 0; i < want.size(); ++i) {
        const bool is_shared = i == 0 ? c.shared_input : c.shared_weight;
        if (!is_shared) {
          EXPECT_LT(difference(got[i][t], want[i]), 2e-5) << i << " of trial " << t;
        } else if (t == 0) {
          sums.resize(want.size());
          sums[i] = want[i];
        } else {
          sums[i] = sums[i] + want[i];
        }
      }
    }
    for (size_t i = 0; i < sums.size(); ++i) {
      if (sums[i].defined()) {
        EXPECT_LT(difference(got[i], sums[i]), 2e-5) << i;
      }
    }
  }
};

TEST_P(LayerNormRule, EqualsLoopOverTrials) {
  expect_gradients([](const Tensor& out, const Tensor& weights, const Operands&) { return (out * weights).sum(); });
}

TEST_P(LayerNormRule, GradientOfGradientEqualsLoop) {
  const Case& c = GetParam();
  if (c.shared_input || c.shared_weight) GTEST_SKIP() << "what is shared has one gradient, squared";
  expect_gradients([](const Tensor& out, const Tensor& weights, const Operands& operands) {
    Tensor sum = torch::zeros({}, out.options());
    for (const auto& each : torch::autograd::grad({(out.pow(3) * weights).sum()}, operands.leaves(), {}, true, true)) {
      sum = sum + each.square().sum();
    }
    // Bias has no part in it but by the output.
    return sum + out.square().sum();
  });
}

INSTANTIATE_TEST_SUITE_P(Kinds, LayerNormRule, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

TEST(LayerNormCalls, RefusesAShapeThatIsNotTheInputs) {
  const auto values = torch::randn({2, 4, 3}), weight = torch::ones({4});
  TrialScope scope(2);
  const auto rows = scope.batched(values);
  EXPECT_THROW(torch::layer_norm(rows, {4}), c10::Error);
  EXPECT_THROW(torch::layer_norm(rows, {3}, weight), c10::Error);
}

TEST(LayerNormCalls, SaysThatItsGraphIsGone) {
  const auto values = torch::randn({2, 4, 3}).requires_grad_();
  Tensor out;
  {
    TrialScope scope(2);
    out = physical(torch::layer_norm(scope.batched(values), {3}));
  }
  out.square().sum().backward();
  EXPECT_THROW(out.square().sum().backward(), c10::Error);
}

}  // namespace layer_norm_test
}  // namespace lockstep
