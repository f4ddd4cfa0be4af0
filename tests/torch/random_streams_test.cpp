// Random ops of a training step: a trial draws the same whatever its slot, company and tile.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include <lockstep/torch/sweep.h>
#include <lockstep/torch/trial_scope.h>
#include <torch/torch.h>

#include "torch/small_task.h"
#include "torch/tile.h"

namespace lockstep {
namespace random_streams_test {

using namespace lockstep::testing;
using torch::Tensor;
namespace F = torch::nn::functional;

Tensor longs(const std::vector<int64_t>& values) { return torch::tensor(values, torch::kLong); }

struct Op {
  std::string name;
  std::function<Tensor(const Tensor& x)> draw;
};

std::vector<Op> ops() {
  return {
      {"dropout", [](const Tensor& x) { return F::dropout(x, F::DropoutFuncOptions().p(0.4)); }},
      {"native_dropout", [](const Tensor& x) { return std::get<0>(torch::native_dropout(x, 0.4, true)); }},
      {"alpha_dropout", [](const Tensor& x) { return F::alpha_dropout(x, F::AlphaDropoutFuncOptions().p(0.4).training(true)); }},
      {"dropout2d", [](const Tensor& x) { return F::dropout2d(x.view({4, 3, 2, 2}), F::Dropout2dFuncOptions().p(0.5)); }},
      {"rand_like", [](const Tensor& x) { return torch::rand_like(x); }},
      {"randn_like", [](const Tensor& x) { return torch::randn_like(x); }},
      {"randn", [](const Tensor& x) { return x + torch::randn({4, 12}); }},
      {"bernoulli", [](const Tensor& x) { return torch::bernoulli(torch::sigmoid(x)); }},
      {"gumbel_softmax", [](const Tensor& x) { return F::gumbel_softmax(x); }},
      {"rrelu", [](const Tensor& x) { return F::rrelu(x, F::RReLUFuncOptions().training(true)); }},
      {"random", [](const Tensor& x) { return torch::empty_like(x, torch::kLong).random_(); }},
      {"randint", [](const Tensor& x) { return torch::randint(-5, 1000, {4, 12}, torch::kLong); }},
      {"randint_like", [](const Tensor& x) { return torch::randint_like(x, 3, 1000); }},
      {"randperm", [](const Tensor& x) { return torch::randperm(37, torch::kLong); }},
      {"multinomial", [](const Tensor& x) { return torch::multinomial(x.exp(), 7); }},
      {"log_normal", [](const Tensor& x) { return torch::empty_like(x).log_normal_(); }},
      {"cauchy", [](const Tensor& x) { return torch::empty_like(x).cauchy_(); }},
      {"geometric", [](const Tensor& x) { return torch::empty_like(x).geometric_(0.05); }},
      {"exponential", [](const Tensor& x) { return torch::empty_like(x).exponential_(); }},
      {"rand_of_doubles", [](const Tensor& x) { return torch::rand_like(x, torch::kDouble); }},
  };
}

class RandomStreams : public ::testing::TestWithParam<Op> {
 protected:
  /// The op on the same input for trials at these steps, [n_trials, 4, 3, 2, 2] or the like.
  static Tensor draw(const std::vector<int64_t>& trials, const std::vector<int64_t>& steps, uint64_t seed = 5) {
    const Tensor x = torch::linspace(-1, 2, 48).view({1, 4, 12}).expand({static_cast<int64_t>(trials.size()), 4, 12}).contiguous();
    TrialScope scope(longs(trials), longs(steps), seed);
    return physical(GetParam().draw(scope.batched(x)));
  }
};

TEST_P(RandomStreams, BelongToTrialAndStep) {
  const Tensor company = draw({4, 9, 2}, {3, 3, 8});
  EXPECT_TRUE(torch::equal(company[1], draw({9}, {3})[0]));
  EXPECT_TRUE(torch::equal(company[2], draw({2, 7}, {8, 8})[0]));
  EXPECT_FALSE(torch::equal(company[0], company[1]));
  EXPECT_FALSE(torch::equal(company[1], draw({9}, {4})[0]));
  EXPECT_FALSE(torch::equal(company[1], draw({9}, {3}, 6)[0]));
}

TEST_P(RandomStreams, LeaveTheGlobalGeneratorAlone) {
  const Tensor before = at::globalContext().defaultGenerator(torch::kCPU).get_state();
  draw({4, 9, 2}, {3, 3, 8});
  EXPECT_TRUE(torch::equal(before, at::globalContext().defaultGenerator(torch::kCPU).get_state()));
}

TEST_P(RandomStreams, SecondOpDrawsOtherNumbers) {
  const Tensor x = torch::linspace(-1, 2, 48).view({1, 4, 12}).repeat({2, 1, 1});
  TrialScope scope(longs({4, 9}), longs({3, 3}), 5);
  const Tensor first = physical(GetParam().draw(scope.batched(x))), second = physical(GetParam().draw(scope.batched(x)));
  EXPECT_FALSE(torch::equal(first, second));
}

INSTANTIATE_TEST_SUITE_P(Ops, RandomStreams, ::testing::ValuesIn(ops()), [](const auto& info) { return info.param.name; });

/// What `draw` comes to in a scope of 3 trials.
Tensor drawn(const std::function<Tensor()>& draw) {
  TrialScope scope(longs({4, 9, 2}), longs({0, 0, 0}), 5);
  return physical(draw());
}

TEST(RandomIntegers, AreOfTheRangeAndUniform) {
  const Tensor made = drawn([] { return torch::randint(-3, 4, {20000}, torch::kLong); });
  EXPECT_EQ(made.min().item<int64_t>(), -3);
  EXPECT_EQ(made.max().item<int64_t>(), 3);
  for (int64_t value = -3; value < 4; ++value) EXPECT_NEAR(made.eq(value).to(torch::kDouble).mean().item<double>(), 1.0 / 7, 0.01);
  const Tensor large = drawn([] { return torch::randint(int64_t{1} << 40, {20000}, torch::kLong); });
  EXPECT_NEAR(large.to(torch::kDouble).mean().item<double>() / std::ldexp(1.0, 39), 1, 0.02);
  EXPECT_GT(std::get<0>(torch::_unique(large)).numel(), 59000);  // not only as many as a float has
}

TEST(RandomPermutation, HoldsEveryNumberOnce) {
  const Tensor made = drawn([] { return torch::randperm(500, torch::kLong); });
  for (int64_t t = 0; t < 3; ++t) EXPECT_TRUE(torch::equal(std::get<0>(made[t].sort()), torch::arange(500)));
}

TEST(RandomOps, OfOtherDistributionsFollowThem) {
  const auto fraction_below = [](const Tensor& x, double bound) { return x.lt(bound).to(torch::kDouble).mean().item<double>(); };
  const Tensor log_normal = drawn([] { return torch::randn({20000}).log_normal_(1, 2); });
  EXPECT_NEAR(fraction_below(log_normal, std::exp(1.0)), 0.5, 0.01);
  EXPECT_NEAR(fraction_below(log_normal, std::exp(3.0)), 0.8413, 0.01);
  const Tensor cauchy = drawn([] { return torch::randn({20000}).cauchy_(1, 2); });
  EXPECT_NEAR(fraction_below(cauchy, 1), 0.5, 0.01);
  EXPECT_NEAR(fraction_below(cauchy, 3), 0.75, 0.01);
  const Tensor geometric = drawn([] { return torch::randn({20000}).geometric_(0.3); });
  EXPECT_NEAR(fraction_below(geometric, 1.5), 0.3, 0.01);
  EXPECT_NEAR(fraction_below(geometric, 2.5), 0.51, 0.01);
  const Tensor picked = drawn([] { return torch::multinomial(torch::tensor({0.1f, 0.0f, 0.9f}), 1); });
  EXPECT_TRUE(picked.ne(1).all().item<bool>());
}

TEST(RandomOps, WithoutAStreamPerTrialAreRefused) {
  EXPECT_THROW(drawn([] { return torch::poisson(torch::rand({4})); }), c10::Error);
  EXPECT_THROW(drawn([] { return torch::multinomial(torch::rand({4}), 2, /*replacement=*/true); }), c10::Error);
  EXPECT_NO_THROW(torch::poisson(torch::rand({4})));
}

/// A network with dropout, trained in tiles.
FunctionTask dropout_task() {
  const auto loss = [](Tensor output, Tensor y) {
    return F::cross_entropy(output, y, F::CrossEntropyFuncOptions().reduction(torch::kNone));
  };
  return FunctionTask(small_data(), {{"loss", loss, {}}}, [](const TrialConfig& config) {
    torch::nn::Sequential net(torch::nn::Linear(8, 24), torch::nn::ReLU(), torch::nn::Dropout(0.3), torch::nn::Linear(24, 3));
    TrialProgram program;
    program.module = net.ptr();
    program.forward = [net](Tensor x) mutable { return net->forward(x); };
    program.loss = [](Tensor output, Tensor y) { return F::cross_entropy(output, y); };
    program.batch_size = 16;
    program.n_intervals = 3;
    program.optimizer.lr = config.tensor("lr");
    return program;
  });
}

// On a GPU at::dropout comes down to native_dropout, elsewhere it does not.
TEST(Dropout, OfAGpuIsThatOfACpu) {
  const Tensor x = torch::rand({3, 40}, torch::requires_grad()), weight = torch::rand({3, 40});
  std::vector<Tensor> results, gradients;
  for (const bool native : {false, true}) {
    TrialScope scope(longs({4, 9, 2}), longs({0, 7, 0}), 5);
    const Tensor batched = scope.batched(x);
    results.push_back(physical(native ? std::get<0>(torch::native_dropout(batched, 0.4, true))
                                      : torch::dropout(batched, 0.4, true)));
    gradients.push_back(torch::autograd::grad({(results.back() * weight).sum()}, {x}).front());
  }
  EXPECT_TRUE(torch::equal(results[0], results[1]));
  EXPECT_TRUE(torch::equal(gradients[0], gradients[1]));
  const auto n_zero = results[0].eq(0).sum().item<int64_t>();
  EXPECT_GT(n_zero, 20);
  EXPECT_LT(n_zero, 80);
}

// nn::LSTM and its like ask it on a GPU while they are being built.
TEST(Recurrent, LayersOfTrialsAreNotCudnns) {
  const Tensor weights = torch::rand({2, 3});
  TrialScope scope(longs({4, 9}), longs({0, 0}), 5);
  EXPECT_FALSE(torch::cudnn_is_acceptable(scope.batched(weights)));
}

TEST(Dropout, TrainsATrialTheSameInEveryCompany) {
  const FunctionTask task = dropout_task();
  const Configurations configurations = table({{"lr", spread(12, 0.05, 0.3)}});
  const Settings settings;
  const TileSource source{task, configurations, settings, torch::kCPU, 5};
  const auto train = [&](Tile& tile) {
    std::map<int64_t, Tensor> orders;
    for (const auto age : tile.ages()) orders[age] = (torch::arange(90) * 7 + age * 13) % 90;
    tile.train_epoch(task.data().train, orders);
  };
  Tile all(source, iota(12)), few(source, std::vector<int64_t>{7, 3});
  for (int n = 0; n < 3; ++n) train(all), train(few);
  EXPECT_TRUE(torch::equal(few.copy_row(0)[0], all.copy_row(7)[0]));
  EXPECT_TRUE(torch::equal(few.copy_row(1)[0], all.copy_row(3)[0]));
  // A newcomer among the old has the masks of its own steps.
  Tile young(source, std::vector<int64_t>{5});
  few.take_over(Tile(source, std::vector<int64_t>{5}), std::vector<int64_t>{0});
  train(few), train(young);
  EXPECT_TRUE(torch::equal(few.copy_row(0)[0], young.copy_row(0)[0]));
}

}  // namespace random_streams_test
}  // namespace lockstep
