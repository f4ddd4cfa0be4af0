// What reads a per-trial tensor as a C++ value is answered where all trials agree, and else refused with the cure.

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lockstep/torch/trial_scope.h>
#include <torch/torch.h>

namespace lockstep {
namespace refusals_test {

using torch::Tensor;
using Tensors = std::vector<Tensor>;
using ::testing::HasSubstr;

constexpr uint64_t kSeed = 5;

std::string refusal_of(const std::vector<Tensor>& inputs, const std::function<void(const std::vector<Tensor>&)>& work) {
  TrialScope scope(torch::tensor({0, 1}, torch::kLong), torch::zeros({2}, torch::kLong), kSeed);
  std::vector<Tensor> batched;
  for (const auto& each : inputs) batched.push_back(scope.batched(each));
  try {
    work(batched);
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "";
}

TEST(EqualOfTrials, AnswersWhereAllTrialsAgree) {
  const Tensor a = torch::arange(6, torch::kFloat).view({2, 3}), zeros = torch::zeros({2, 3});
  Tensor mixed = a.clone();
  mixed[1][2] = -1;
  const auto equal = [](const Tensors& x) { return torch::equal(x[0], x[1]); };
  bool answer = false;
  const auto ask = [&](const Tensors& x) { answer = equal(x); };
  EXPECT_EQ(refusal_of({a, a.clone()}, ask), "");
  EXPECT_TRUE(answer);
  EXPECT_EQ(refusal_of({a, zeros - 1}, ask), "");
  EXPECT_FALSE(answer);
  EXPECT_EQ(refusal_of({a.select(1, 0), a.select(1, 0).clone()}, ask), "");  // a number a trial
  EXPECT_TRUE(answer);
  EXPECT_THAT(refusal_of({a, mixed}, ask), HasSubstr("torch::eq"));
}

TEST(LayersThatCannotTrainInABatch, SayWhy) {
  const auto response = [](const Tensors& x) { torch::nn::CrossMapLRN2d(3)->forward(x[0]); };
  EXPECT_THAT(refusal_of({torch::randn({2, 2, 5, 3, 3})}, response), HasSubstr("torch::autograd::Function"));
  torch::nn::AdaptiveLogSoftmaxWithLoss layer(torch::nn::AdaptiveLogSoftmaxWithLossOptions(6, 9, {3, 6}).div_value(2));
  const auto adaptive = [&](const Tensors& x) { layer->forward(x[0], x[1]); };
  EXPECT_THAT(refusal_of({torch::randn({2, 7, 6}), torch::randint(9, {2, 7}, torch::kLong)}, adaptive),
              HasSubstr("nonzero"));
  EXPECT_THAT(refusal_of({torch::randn({2})}, [](const Tensors& x) { x[0].item<double>(); }),
              HasSubstr("give it a momentum"));
  torch::nn::BatchNorm1d cumulative{nullptr};
  {
    TrialScope scope(std::vector<int64_t>{0, 1}, kSeed, torch::kCPU);
    cumulative = torch::nn::BatchNorm1d(torch::nn::BatchNorm1dOptions(3).momentum(std::nullopt));
  }
  EXPECT_THAT(refusal_of({torch::randn({2, 5, 3})}, [&](const Tensors& x) { cumulative->forward(x[0]); }),
              HasSubstr("give it a momentum"));
}

}  // namespace refusals_test
}  // namespace lockstep
