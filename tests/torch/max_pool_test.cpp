// Max pooling of a batch of trials against LibTorch's of each: values, places and gradients are the same bits.

#include <gtest/gtest.h>

#include <limits>

#include <lockstep/torch/trial_scope.h>
#include <torch/torch.h>

namespace lockstep {
namespace max_pool_test {

namespace F = torch::nn::functional;
using torch::Tensor;

struct Case {
  std::string name;
  std::vector<int64_t> image;  ///< of one trial
  F::MaxPool2dFuncOptions options;
};

std::vector<Case> cases() {
  using Options = F::MaxPool2dFuncOptions;
  return {
      {"Halves", {3, 4, 28, 28}, Options(2)},
      {"HalvesOddSizes", {2, 3, 11, 9}, Options(2)},
      {"HalvesRoundedUp", {2, 3, 11, 9}, Options(2).ceil_mode(true)},
      {"Overlapping", {2, 3, 17, 35}, Options(3).stride(2).padding(1)},
      {"OverlappingRoundedUp", {2, 2, 8, 6}, Options(3).stride(2).padding(1).ceil_mode(true)},
      {"EveryPlace", {2, 3, 9, 40}, Options(5).stride(1).padding(2)},
      {"Uneven", {2, 2, 12, 10}, Options({2, 3}).stride({1, 2}).padding({1, 0})},
      {"WithoutBatch", {3, 8, 8}, Options(2)},
      {"FarApart", {2, 2, 20, 20}, Options(2).stride(7)},
      {"Dilated", {2, 2, 12, 12}, Options(2).dilation(2)},
  };
}

class MaxPoolRule : public ::testing::TestWithParam<Case> {};

TEST_P(MaxPoolRule, EqualsLoopOverTrials) {
  const Case& c = GetParam();
  torch::manual_seed(4);
  auto sizes = c.image;
  sizes.insert(sizes.begin(), 3);
  auto values = torch::randint(-5, 5, sizes).to(torch::kFloat);  // with ties
  values.view(-1)[7] = std::numeric_limits<float>::quiet_NaN();
  values.requires_grad_();
  Tensor out, places;
  {
    TrialScope scope(3);
    const auto [pooled, indices] = F::max_pool2d_with_indices(scope.batched(values), c.options);
    out = physical(pooled);
    places = physical(indices);
  }
  const auto weights = torch::randn(out.sizes());
  out.backward(weights);
  for (int64_t t = 0; t < 3; ++t) {
    const auto alone = values[t].detach().clone().requires_grad_();
    const auto [pooled, indices] = F::max_pool2d_with_indices(alone, c.options);
    pooled.backward(weights[t]);
    EXPECT_TRUE(torch::allclose(out[t], pooled, 0, 0, /*equal_nan=*/true));
    EXPECT_TRUE(torch::equal(places[t], indices));
    EXPECT_TRUE(torch::equal(values.grad()[t], alone.grad()));
  }
}

INSTANTIATE_TEST_SUITE_P(Windows, MaxPoolRule, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

TEST(MaxPoolCalls, RefusesWhatLibTorchRefuses) {
  const auto values = torch::zeros({2, 1, 1, 4, 4});
  TrialScope scope(2);
  const auto image = scope.batched(values);
  EXPECT_THROW(torch::max_pool2d(image, 2, 2, 2), c10::Error);  // padding
  EXPECT_THROW(torch::max_pool2d(image, 5), c10::Error);        // nothing comes out
}

TEST(MaxPoolCalls, TakesOtherTypesAndFormats) {
  const auto values = torch::randn({2, 2, 3, 8, 8}, torch::kDouble);
  const auto last = torch::randn({2, 2, 8, 8, 3}).permute({0, 1, 4, 2, 3});
  TrialScope scope(2);
  EXPECT_TRUE(torch::equal(physical(torch::max_pool2d(scope.batched(values), 2))[1], torch::max_pool2d(values[1], 2)));
  EXPECT_TRUE(torch::equal(physical(torch::max_pool2d(scope.batched(last), 2))[1], torch::max_pool2d(last[1], 2)));
}

}  // namespace max_pool_test
}  // namespace lockstep
