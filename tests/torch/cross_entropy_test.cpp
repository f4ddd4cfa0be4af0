// Our batching rules for cross_entropy, and for nll_loss where it comes down to that, against a loop over the trials: value,
// gradient, and every option.

#include <gtest/gtest.h>

#include <lockstep/torch/trial_scope.h>
#include <torch/torch.h>

namespace lockstep {
namespace cross_entropy_test {

namespace F = torch::nn::functional;

struct Case {
  std::string name;
  torch::Tensor logits;  // [T, ...]
  torch::Tensor target;  // shared, or [T, ...]
  bool target_per_trial = false;
  F::CrossEntropyFuncOptions options;
};

std::vector<Case> cases() {
  torch::manual_seed(5);
  const auto labels = torch::tensor({0, 3, 2, 1, 3, 0}, torch::kLong);
  const auto weight = torch::tensor({0.5f, 1.0f, 2.0f, 0.1f});
  const auto many = torch::randint(0, 4, {3, 6}, torch::kLong);
  const auto image = torch::randint(0, 4, {6, 2, 2}, torch::kLong);
  const auto with_ignored = torch::tensor({0, -100, 2, 1, -100, 0}, torch::kLong);
  return {
      {"Mean", torch::randn({3, 6, 4}), labels, false, {}},
      {"Sum", torch::randn({3, 6, 4}), labels, false, F::CrossEntropyFuncOptions().reduction(torch::kSum)},
      {"None", torch::randn({3, 6, 4}), labels, false, F::CrossEntropyFuncOptions().reduction(torch::kNone)},
      {"Weighted", torch::randn({3, 6, 4}), labels, false, F::CrossEntropyFuncOptions().weight(weight)},
      {"Ignored", torch::randn({3, 6, 4}), with_ignored, false, {}},
      {"IgnoredWeighted", torch::randn({3, 6, 4}), with_ignored, false, F::CrossEntropyFuncOptions().weight(weight)},
      {"Smoothed", torch::randn({3, 6, 4}), labels, false, F::CrossEntropyFuncOptions().label_smoothing(0.1)},
      {"TargetPerTrial", torch::randn({3, 6, 4}), many, true, {}},
      {"Image", torch::randn({3, 6, 4, 2, 2}), image, false, {}},
      {"OneExample", torch::randn({3, 4}), torch::tensor(2, torch::kLong), false, {}},
  };
}

class CrossEntropyRule : public ::testing::TestWithParam<Case> {};

TEST_P(CrossEntropyRule, EqualsLoopOverTrials) {
  const Case& c = GetParam();
  auto batched_logits = c.logits.clone().requires_grad_();
  torch::Tensor loss;
  {
    TrialScope scope(c.logits.size(0));
    const auto target = c.target_per_trial ? scope.batched(c.target) : c.target;
    loss = physical(F::cross_entropy(scope.batched(batched_logits), target, c.options));
  }
  loss.sum().backward();
  for (int64_t t = 0; t < c.logits.size(0); ++t) {
    auto logits = c.logits[t].clone().requires_grad_();
    const auto expected = F::cross_entropy(logits, c.target_per_trial ? c.target[t] : c.target, c.options);
    expected.sum().backward();
    EXPECT_TRUE(torch::allclose(loss[t], expected, 1e-5, 1e-6)) << loss[t] << expected;
    EXPECT_TRUE(torch::allclose(batched_logits.grad()[t], logits.grad(), 1e-5, 1e-6));
  }
}

INSTANTIATE_TEST_SUITE_P(Options, CrossEntropyRule, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

/// The same through LogSoftmax and NLLLoss.
TEST_P(CrossEntropyRule, OfLogProbabilitiesEqualsLoopOverTrials) {
  const Case& c = GetParam();
  if (c.options.label_smoothing() != 0 || c.logits.dim() < 3) GTEST_SKIP() << "nll_loss knows no such case";
  const auto options = F::NLLLossFuncOptions().weight(c.options.weight()).reduction(c.options.reduction());
  const auto loss_of = [&](const torch::Tensor& logits, const torch::Tensor& target) {
    return F::nll_loss(torch::log_softmax(logits, logits.dim() == 1 ? 0 : 1), target, options);
  };
  auto batched_logits = c.logits.clone().requires_grad_();
  torch::Tensor loss;
  {
    TrialScope scope(c.logits.size(0));
    loss = physical(loss_of(scope.batched(batched_logits), c.target_per_trial ? scope.batched(c.target) : c.target));
  }
  loss.sum().backward();
  for (int64_t t = 0; t < c.logits.size(0); ++t) {
    auto logits = c.logits[t].clone().requires_grad_();
    const auto expected = loss_of(logits, c.target_per_trial ? c.target[t] : c.target);
    expected.sum().backward();
    EXPECT_TRUE(torch::allclose(loss[t], expected, 1e-5, 1e-6));
    EXPECT_TRUE(torch::allclose(batched_logits.grad()[t], logits.grad(), 1e-5, 1e-6));
  }
}

TEST(CrossEntropyRule, GradientOfGradientEqualsLoop) {
  torch::manual_seed(6);
  const auto target = torch::tensor({1, -100, 0, 2}, torch::kLong);
  const auto penalty = [](const torch::Tensor& loss, const torch::Tensor& logits) {
    return torch::autograd::grad({loss.sum()}, {logits}, {}, true, true)[0].square().sum();
  };
  const auto logits = torch::randn({3, 4, 3}).requires_grad_();
  torch::Tensor loss;
  {
    TrialScope scope(3);
    loss = physical(F::cross_entropy(scope.batched(logits), target));
  }
  penalty(loss, logits).backward();
  for (int64_t t = 0; t < 3; ++t) {
    const auto alone = logits[t].detach().clone().requires_grad_();
    penalty(F::cross_entropy(alone, target), alone).backward();
    EXPECT_TRUE(torch::allclose(logits.grad()[t], alone.grad(), 1e-5, 1e-6));
  }
}

TEST(CrossEntropyRule, RefusesATargetThatIsNoClass) {
  const auto values = torch::zeros({2, 3, 4});
  TrialScope scope(2);
  const auto logits = scope.batched(values);
  EXPECT_THROW(F::cross_entropy(logits, torch::tensor({0, 4, 1}, torch::kLong)), c10::IndexError);
  EXPECT_THROW(F::cross_entropy(logits, torch::tensor({0, -1, 1}, torch::kLong)), c10::IndexError);
}

TEST(CrossEntropyRule, IgnoredExampleOfInfiniteLossLeavesOthersFinite) {
  auto logits = torch::zeros({2, 2, 3});
  logits[0][1][0] = std::numeric_limits<float>::infinity();  // log-softmax gives NaN here, in an example that is ignored
  torch::Tensor loss;
  {
    TrialScope scope(2);
    loss = physical(F::cross_entropy(scope.batched(logits), torch::tensor({1, -100}, torch::kLong)));
  }
  EXPECT_NEAR(loss[0].item<double>(), std::log(3.0), 1e-6);
  EXPECT_NEAR(loss[1].item<double>(), std::log(3.0), 1e-6);
}

TEST(CrossEntropyRule, RunsWithoutTheLoopOverTrials) {
  // functorch's fallback warns when asked to; ours must not reach it.
  struct Counter : c10::WarningHandler {
    void process(const c10::Warning& warning) override {
      if (warning.msg().find("performance drop") != std::string::npos) ++n;
    }
    int n = 0;
  } counter;
  c10::WarningUtils::WarningHandlerGuard guard(&counter);
  const bool verbose_before = c10::WarningUtils::get_warnAlways();
  c10::WarningUtils::set_warnAlways(true);
  const auto logits = torch::randn({2, 5, 3});
  {
    TrialScope scope(2);
    F::cross_entropy(scope.batched(logits), torch::zeros({5}, torch::kLong));
  }
  c10::WarningUtils::set_warnAlways(verbose_before);
  EXPECT_EQ(counter.n, 0);
}

}  // namespace cross_entropy_test
}  // namespace lockstep
