// Functions that take a number per trial, against LibTorch's that take it as a C++ value.

#include <lockstep/torch/functional.h>

#include <gtest/gtest.h>
#include <lockstep/torch/trial_scope.h>
#include <torch/torch.h>

namespace lockstep {
namespace functional_test {

using torch::Tensor;
namespace F = torch::nn::functional;

const std::vector<double> kSmoothing = {0, 0.1, 0.35, 1};

Tensor doubles(const std::vector<double>& values) { return torch::tensor(values, torch::kDouble); }

Tensor libtorch_cross_entropy(const Tensor& output, const Tensor& targets, double smoothing) {
  return F::cross_entropy(output, targets, F::CrossEntropyFuncOptions().label_smoothing(smoothing));
}

struct Shape {
  std::vector<int64_t> output, targets;
};

class SmoothedCrossEntropy : public ::testing::TestWithParam<Shape> {
 protected:
  void SetUp() override {
    auto generator = at::make_generator<at::CPUGeneratorImpl>(4);
    auto sizes = GetParam().output;
    sizes.insert(sizes.begin(), 4);
    output = torch::randn(sizes, generator);
    targets = torch::randint(0, 5, GetParam().targets, generator, torch::kLong);
    if (targets.dim() > 0) targets.select(0, 1).fill_(-100);  // ignored
  }
  Tensor output;   ///< [4 trials, ...]
  Tensor targets;  ///< shared
};

TEST_P(SmoothedCrossEntropy, EqualsLibTorchsAlone) {
  for (size_t t = 0; t < 4; ++t) {
    Tensor x = output[static_cast<int64_t>(t)].clone().requires_grad_(), y = x.detach().clone().requires_grad_();
    const Tensor got = cross_entropy(x, targets, doubles(kSmoothing)[static_cast<int64_t>(t)]);
    const Tensor want = libtorch_cross_entropy(y, targets, kSmoothing[t]);
    EXPECT_EQ(got.scalar_type(), torch::kFloat);
    EXPECT_TRUE(torch::allclose(got, want, 1e-6, 1e-7)) << got << " and " << want;
    got.backward();
    want.backward();
    EXPECT_TRUE(torch::allclose(x.grad(), y.grad(), 1e-5, 1e-7)) << kSmoothing[t];
  }
}

TEST_P(SmoothedCrossEntropy, EqualsLibTorchsInABatch) {
  for (const bool shared : {true, false}) {
    Tensor x = output.clone().requires_grad_();
    Tensor rows = targets.unsqueeze(0).repeat([&] {
      std::vector<int64_t> repeats(static_cast<size_t>(targets.dim()) + 1, 1);
      repeats[0] = 4;
      return repeats;
    }());
    if (!shared && targets.dim() > 0) rows.select(0, 2).select(0, 0).fill_(3);
    Tensor losses;
    {
      TrialScope scope(4);
      losses = physical(
          cross_entropy(scope.batched(x), shared ? targets : scope.batched(rows), scope.batched(doubles(kSmoothing))));
    }
    ASSERT_EQ(losses.sizes().vec(), std::vector<int64_t>{4});
    losses.sum().backward();
    for (int64_t t = 0; t < 4; ++t) {
      Tensor alone = output[t].clone().requires_grad_();
      const Tensor want = libtorch_cross_entropy(alone, rows[t], kSmoothing[static_cast<size_t>(t)]);
      want.backward();
      EXPECT_TRUE(torch::allclose(losses[t], want, 1e-6, 1e-7)) << t;
      EXPECT_TRUE(torch::allclose(x.grad()[t], alone.grad(), 1e-5, 1e-7)) << t;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, SmoothedCrossEntropy,
                         ::testing::Values(Shape{{7, 5}, {7}}, Shape{{3, 5, 4}, {3, 4}}, Shape{{3, 5, 2, 2}, {3, 2, 2}},
                                           Shape{{5}, {}}),
                         [](const auto& info) { return std::to_string(info.param.output.size()) + "d"; });

TEST(CrossEntropy, WithoutSmoothingKeepsAnImpossibleClassOut) {
  Tensor x = torch::tensor({{1.0f, 2.0f, -INFINITY}}).requires_grad_();
  const Tensor loss = cross_entropy(x, torch::tensor({int64_t{1}}), torch::zeros({}, torch::kDouble));
  EXPECT_TRUE(torch::allclose(loss, F::cross_entropy(x, torch::tensor({int64_t{1}}))));
  loss.backward();
  EXPECT_TRUE(torch::isfinite(x.grad()).all().item<bool>());
}

TEST(CrossEntropy, RefusesProbabilities) {
  EXPECT_THROW(cross_entropy(torch::zeros({2, 3}), torch::zeros({2, 3}), torch::zeros({})), c10::Error);
}

/// Multiples of 2^-24 have the masks of F::dropout: others differ in one of 16 million elements.
const std::vector<double> kProbabilities = {0, 0.25, 0.5, 0.875, 1};

Tensor trials(int64_t n) { return torch::arange(n) * 3 + 1; }

TEST(Dropout, EqualsLibTorchsInEveryTrial) {
  const int64_t n = 5;
  const Tensor x = torch::linspace(-1, 2, n * 60).view({n, 6, 10});
  for (const bool shared : {false, true}) {
    Tensor got;
    {
      TrialScope scope(trials(n), torch::full({n}, 7, torch::kLong), 5);
      got = physical(dropout(shared ? x[0] : scope.batched(x), scope.batched(doubles(kProbabilities)), true));
    }
    ASSERT_EQ(got.sizes(), x.sizes());
    for (int64_t t = 0; t < n; ++t) {
      TrialScope scope(trials(n).slice(0, t, t + 1), torch::full({1}, 7, torch::kLong), 5);
      const double p = kProbabilities[static_cast<size_t>(t)];
      const Tensor input = x[shared ? 0 : t].unsqueeze(0);
      EXPECT_TRUE(torch::equal(got[t], physical(F::dropout(scope.batched(input), F::DropoutFuncOptions().p(p)))[0]))
          << p;
    }
  }
}

TEST(Dropout, DropsThatManyAndScalesTheRest) {
  for (const double p : {0.1, 0.37, 0.9}) {
    Tensor x = torch::ones({100'000}).requires_grad_();
    const Tensor got = dropout(x, torch::tensor(p, torch::kDouble), true);
    EXPECT_NEAR(got.eq(0).to(torch::kDouble).mean().item<double>(), p, 5 * std::sqrt(p * (1 - p) / 100'000));
    EXPECT_NEAR(got.max().item<double>(), 1 / (1 - p), 1e-5);
    got.sum().backward();
    EXPECT_TRUE(torch::equal(x.grad(), got.detach()));
  }
}

TEST(Dropout, LeavesInputsAloneWhereItDoesNotTrain) {
  const Tensor x = torch::randn({4, 3});
  EXPECT_TRUE(torch::equal(dropout(x, torch::tensor(0.5, torch::kDouble), false), x));
  EXPECT_TRUE(torch::equal(dropout(x, torch::tensor(0.0, torch::kDouble), true), x));
}

}  // namespace functional_test
}  // namespace lockstep
