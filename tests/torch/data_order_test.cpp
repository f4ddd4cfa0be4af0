// The order in which trials see their examples: one that all share, or one of each trial's own.
#include <gtest/gtest.h>

#include <lockstep/torch/sweep.h>
#include <torch/torch.h>

#include "executor_calls.h"
#include "torch/small_task.h"

namespace lockstep {
namespace data_order_test {

using namespace lockstep::testing;

/// A number that runs after the examples, so that it is left where their order leads it. It starts at 0 in every trial.
struct FollowerImpl : torch::nn::Module {
  FollowerImpl() { w = register_parameter("w", torch::zeros({1})); }
  torch::Tensor w;
};
TORCH_MODULE(Follower);

FunctionTask follower(bool own_order) {
  const torch::Tensor x = torch::arange(20, torch::kFloat).view({20, 1});
  const Metric place{"place", [](torch::Tensor output, torch::Tensor) { return output; }, {}};
  return FunctionTask({"numbers", {x, x}, {x, x}, {}}, {place}, [own_order](const TrialConfig& config) {
    Follower net;
    TrialProgram program;
    program.module = net.ptr();
    program.forward = [net](torch::Tensor inputs) { return net->w.expand({inputs.size(0)}) + 0 * inputs.squeeze(1); };
    program.loss = [](torch::Tensor output, torch::Tensor targets) { return (output - targets.squeeze(1)).pow(2).mean(); };
    program.optimizer.lr = config.tensor("lr");
    program.batch_size = 4;
    program.n_intervals = 3;
    program.own_order = own_order;
    return program;
  });
}

/// [trial] the place after each of three intervals, for those trials that start together.
std::vector<std::vector<double>> places(bool own_order, const std::vector<int64_t>& trials, int64_t tile_size) {
  const FunctionTask task = follower(own_order);
  SearchSpace space;
  space.add("lr", uniform(0, 1));
  const Configurations configurations(space, 0, 8, std::vector<double>(8, 0.1));
  const Settings settings;
  TorchExecutorOptions options;
  options.tile_size = tile_size;
  options.seed = 4;
  const auto executor = make_torch_executor(task, configurations, settings, {Goal::kMinimize, "place", {}}, options);
  executor->start(in_own_slots(trials));
  std::vector<std::vector<double>> out(8);
  for (int n = 0; n < 3; ++n) {
    const auto metrics = train_interval(*executor, 8);
    for (const auto trial : trials) out[static_cast<size_t>(trial)].push_back(metrics[static_cast<size_t>(trial)]);
  }
  return out;
}

TEST(DataOrder, IsSharedUnlessATrialAsksForItsOwn) {
  const auto shared = places(false, iota(8), 8);
  for (const auto& each : shared) EXPECT_EQ(each, shared.front());
  const auto own = places(true, iota(8), 8);
  for (size_t i = 0; i < 8; ++i) {
    for (size_t j = 0; j < i; ++j) EXPECT_NE(own[i], own[j]) << i << " and " << j;
    EXPECT_NE(own[i][1] - own[i][0], own[i][2] - own[i][1]) << "the same order every epoch";
  }
}

TEST(DataOrder, OfATrialsOwnDoesNotHangOnItsCompany) {
  const auto together = places(true, iota(8), 8);
  for (const int64_t trial : {0, 3, 7}) {
    EXPECT_EQ(places(true, {trial}, 1)[static_cast<size_t>(trial)], together[static_cast<size_t>(trial)]);
  }
  EXPECT_EQ(places(true, {2, 5, 6}, 2)[5], together[5]);
}

}  // namespace data_order_test
}  // namespace lockstep
