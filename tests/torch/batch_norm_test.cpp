// Our batching rule for batch norm against LibTorch's of each trial: values, gradients, running statistics.

#include <gtest/gtest.h>

#include <lockstep/torch/trial_scope.h>
#include <torch/torch.h>

namespace lockstep {
namespace batch_norm_test {

using torch::Tensor;

constexpr int64_t kTrials = 3, kChannels = 5;
constexpr double kMomentum = 0.3, kEps = 1e-5;

struct Case {
  std::string name;
  std::vector<int64_t> image;  ///< of one trial
  bool training = true;
  bool affine = true;
  bool has_statistics = true;
  bool shared_input = false;
  bool shared_weight = false;
};

std::vector<Case> cases() {
  return {
      {"Images", {4, kChannels, 6, 7}},
      {"Sequences", {4, kChannels, 9}},
      {"Volumes", {2, kChannels, 3, 4, 5}},
      {"SmallPlanes", {6, kChannels, 2, 2}},
      {"Rows", {8, kChannels}},
      {"OnePlace", {8, kChannels, 1, 1}},
      {"Evaluated", {4, kChannels, 6, 7}, false},
      {"EvaluatedNotAffine", {4, kChannels, 6, 7}, false, false},
      {"NotAffine", {4, kChannels, 6, 7}, true, false},
      {"NoStatistics", {4, kChannels, 6, 7}, true, true, false},
      {"SharedInput", {4, kChannels, 6, 7}, true, true, true, true},
      {"SharedWeight", {4, kChannels, 6, 7}, true, true, true, false, true},
      {"SharedInputEvaluated", {4, kChannels, 6, 7}, false, true, true, true},
  };
}

/// Of all trials, or [...] of each.
struct Operands {
  Tensor input, weight, bias, running_mean, running_var;

  Tensor output(bool training) const {
    return torch::batch_norm(input, weight, bias, running_mean, running_var, training, kMomentum, kEps, false);
  }
  /// As it is in `scope`, where trials do not share it.
  Operands in(TrialScope& scope, const Case& c) const {
    const auto batched = [&](const Tensor& x, bool is_shared) {
      return x.defined() && !is_shared ? scope.batched(x) : x;
    };
    return {batched(input, c.shared_input), batched(weight, c.shared_weight), batched(bias, c.shared_weight),
            batched(running_mean, false), batched(running_var, false)};
  }
  /// A trial's, on its own.
  Operands of(int64_t trial, const Case& c) const {
    const auto one = [&](const Tensor& x, bool is_shared) {
      if (!x.defined()) return x;
      return (is_shared ? x : x[trial]).detach().clone().set_requires_grad(x.requires_grad());
    };
    return {one(input, c.shared_input), one(weight, c.shared_weight), one(bias, c.shared_weight),
            one(running_mean, false), one(running_var, false)};
  }
};

Operands made(const Case& c) {
  torch::manual_seed(8);
  const auto sizes = [](std::vector<int64_t> out, bool is_shared) {
    if (!is_shared) out.insert(out.begin(), kTrials);
    return out;
  };
  Operands out;
  out.input = (torch::randn(sizes(c.image, c.shared_input)) * 3 + 2).requires_grad_();
  if (c.affine) {
    out.weight = torch::randn(sizes({kChannels}, c.shared_weight)).requires_grad_();
    out.bias = torch::randn(sizes({kChannels}, c.shared_weight)).requires_grad_();
  }
  if (c.has_statistics) {
    out.running_mean = torch::randn({kTrials, kChannels});
    out.running_var = torch::rand({kTrials, kChannels}) + 0.5;
  }
  return out;
}

bool near(const Tensor& got, const Tensor& want) { return torch::allclose(got, want, 1e-5, 1e-5); }

/// The largest, relative to the largest value.
double difference(const Tensor& got, const Tensor& want) {
  return ((got - want).abs().max() / want.abs().max()).item<double>();
}

/// Leaves of their own with each trial's values, from before the batch changes statistics.
std::vector<Operands> of_each(const Operands& operands, const Case& c) {
  std::vector<Operands> out;
  for (int64_t t = 0; t < kTrials; ++t) out.push_back(operands.of(t, c));
  return out;
}

Tensor output_in_a_batch(const Operands& operands, const Case& c) {
  TrialScope scope(kTrials);
  return physical(operands.in(scope, c).output(c.training));
}

class BatchNormRule : public ::testing::TestWithParam<Case> {};

TEST_P(BatchNormRule, EqualsLoopOverTrials) {
  const Case& c = GetParam();
  const Operands operands = made(c);
  const std::vector<Operands> alone = of_each(operands, c);
  const Tensor out = output_in_a_batch(operands, c);
  const auto weights = torch::randn(out.sizes());
  out.backward(weights);
  Operands sums;
  for (int64_t t = 0; t < kTrials; ++t) {
    const auto expected = alone[static_cast<size_t>(t)].output(c.training);
    expected.backward(weights[t]);
    EXPECT_TRUE(near(out[t], expected)) << t;
    const auto expect_gradient = [&](const Tensor& of_all, const Tensor& of_one, bool is_shared, Tensor& sum) {
      if (!of_one.defined()) return;
      if (is_shared) {
        sum = sum.defined() ? sum + of_one.grad() : of_one.grad();
      } else {
        EXPECT_TRUE(near(of_all.grad()[t], of_one.grad())) << t;
      }
    };
    const Operands& one = alone[static_cast<size_t>(t)];
    expect_gradient(operands.input, one.input, c.shared_input, sums.input);
    expect_gradient(operands.weight, one.weight, c.shared_weight, sums.weight);
    expect_gradient(operands.bias, one.bias, c.shared_weight, sums.bias);
    if (!c.has_statistics) continue;
    EXPECT_TRUE(near(operands.running_mean[t], one.running_mean)) << t;
    EXPECT_TRUE(near(operands.running_var[t], one.running_var)) << t;
  }
  if (c.shared_input) {
    EXPECT_TRUE(near(operands.input.grad(), sums.input));
  }
  if (c.shared_weight) {
    EXPECT_TRUE(near(operands.weight.grad(), sums.weight));
    EXPECT_TRUE(near(operands.bias.grad(), sums.bias));
  }
}

/// Where nothing is shared: what is would have one gradient, squared.
class BatchNormRuleOfEach : public BatchNormRule {};

TEST_P(BatchNormRuleOfEach, GradientOfGradientEqualsLoop) {
  const Case& c = GetParam();
  const Operands operands = made(c);
  const auto penalty = [](const Tensor& out, const Tensor& weights, const Operands& of) {
    std::vector<Tensor> leaves{of.input};
    if (of.weight.defined()) leaves.insert(leaves.end(), {of.weight, of.bias});
    Tensor sum = torch::zeros({});
    for (const auto& each : torch::autograd::grad({(out.pow(3) * weights).sum()}, leaves, {}, true, true)) {
      sum = sum + each.square().sum();
    }
    return sum;
  };
  const std::vector<Operands> alone = of_each(operands, c);
  const Tensor out = output_in_a_batch(operands, c);
  const auto weights = torch::randn(out.sizes());
  penalty(out, weights, operands).backward();
  for (int64_t t = 0; t < kTrials; ++t) {
    const Operands& one = alone[static_cast<size_t>(t)];
    penalty(one.output(c.training), weights[t], one).backward();
    EXPECT_LT(difference(operands.input.grad()[t], one.input.grad()), 2e-5) << t;
    if (!c.affine) continue;
    EXPECT_LT(difference(operands.weight.grad()[t], one.weight.grad()), 2e-5) << t;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, BatchNormRule, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(Kinds, BatchNormRuleOfEach, ::testing::ValuesIn([] {
                           auto out = cases();
                           std::erase_if(out, [](const Case& c) { return c.shared_input || c.shared_weight; });
                           return out;
                         }()),
                         [](const auto& info) { return info.param.name; });

TEST(BatchNormCalls, LeavesAnUnevenLayoutAsItIs) {
  const auto values = torch::randn({2, 4, 6, 7, 3}).permute({0, 1, 4, 2, 3});  // channels last
  Tensor out;
  {
    TrialScope scope(2);
    out = physical(torch::batch_norm(scope.batched(values), {}, {}, {}, {}, true, kMomentum, kEps, false));
  }
  for (int64_t t = 0; t < 2; ++t) {
    EXPECT_TRUE(near(out[t], torch::batch_norm(values[t], {}, {}, {}, {}, true, kMomentum, kEps, false)));
  }
}

TEST(BatchNormCalls, SaysThatItsGraphIsGone) {
  const auto values = torch::randn({2, 4, 3, 5}).requires_grad_();
  Tensor out;
  {
    TrialScope scope(2);
    out = physical(torch::batch_norm(scope.batched(values), {}, {}, {}, {}, true, kMomentum, kEps, false));
  }
  out.sum().backward();
  EXPECT_THROW(out.sum().backward(), c10::Error);
}

TEST(BatchNormCalls, RefusesStatisticsThatAllTrialsWouldWriteTo) {
  const auto values = torch::randn({2, 4, 3, 5}), mean = torch::zeros({3}), var = torch::ones({3});
  TrialScope scope(2);
  const auto image = scope.batched(values);
  EXPECT_THROW(torch::batch_norm(image, {}, {}, mean, var, true, kMomentum, kEps, false), c10::Error);
}

}  // namespace batch_norm_test
}  // namespace lockstep
