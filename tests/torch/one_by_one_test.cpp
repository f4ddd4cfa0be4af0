// Modules that cannot run as a batch: their trials train one after another in the same sweep, as they would alone.
#include <algorithm>
#include <functional>
#include <map>

#include <gtest/gtest.h>

#include <lockstep/torch/sweep.h>
#include <torch/torch.h>

#include "executor_calls.h"
#include "torch/small_task.h"

namespace lockstep {
namespace one_by_one_test {

using namespace lockstep::testing;

/// Reads a tensor as a C++ value, normalises, and drops units out. No bias in front of the norm: see SmallNet.
struct StubbornImpl : torch::nn::Module {
  explicit StubbornImpl(bool stubborn)
      : stubborn(stubborn),
        first(register_module("first", torch::nn::Linear(torch::nn::LinearOptions(8, 12).bias(false)))),
        norm(register_module("norm", torch::nn::BatchNorm1d(12))),
        second(register_module("second", torch::nn::Linear(12, 3))) {}
  torch::Tensor forward(torch::Tensor x) {
    x = torch::dropout(torch::tanh(norm(first(x))), 0.2, is_training());
    if (stubborn && x.sum().item<float>() > 1e30F) x = x * 2;
    return second(x);
  }
  bool stubborn;
  torch::nn::Linear first;
  torch::nn::BatchNorm1d norm;
  torch::nn::Linear second;
};
TORCH_MODULE(Stubborn);

const Metric kLoss{"loss",
                   [](torch::Tensor output, torch::Tensor y) {
                     namespace F = torch::nn::functional;
                     return F::cross_entropy(output, y, F::CrossEntropyFuncOptions().reduction(torch::kNone));
                   },
                   {}};

FunctionTask stubborn_task(bool stubborn) {
  return FunctionTask(small_data(), {kLoss}, [stubborn](const TrialConfig& config) {
    Stubborn net(stubborn);
    TrialProgram program;
    program.module = net.ptr();
    program.forward = [net](torch::Tensor x) mutable { return net->forward(x); };
    program.loss = [](torch::Tensor output, torch::Tensor y) {
      return torch::nn::functional::cross_entropy(output, y);
    };
    program.optimizer.kind = OptimizerKind::kAdam;
    program.optimizer.lr = config.tensor("lr");
    program.optimizer.clip_grad_norm = config.tensor("clip", 1.0);
    program.batch_size = 16;
    program.n_intervals = 5;
    return program;
  });
}

class OneByOne : public ::testing::Test {
 protected:
  OneByOne() {
    SearchSpace space;
    space.add("lr", uniform(0, 1));
    configurations_ = Configurations(space, 0, 8, {0.01, 0.003, 0.02, 0.001, 0.05, 0.007, 0.03, 0.004});
  }
  std::unique_ptr<TaskExecutor> make(const Task& task, int64_t tile_size) const {
    TorchExecutorOptions options;
    options.tile_size = tile_size;
    options.n_threads = 2;
    options.seed = 9;
    return make_torch_executor(task, configurations_, settings_, objective_, options);
  }
  /// [interval][slot]; two trials end after the second interval, and two others take their places.
  std::vector<std::vector<double>> train(Executor& executor) const {
    executor.start(in_own_slots(iota(6)));
    std::vector<std::vector<double>> out;
    for (int n = 1; n <= 5; ++n) {
      out.push_back(train_interval(executor, 8));
      if (n == 2) executor.retire(std::vector<int64_t>{1, 4});
      if (n == 2) executor.start(std::vector<Placement>{{1, 6}, {4, 7}});
      if (n == 4) executor.retire(std::vector<int64_t>{0, 3});
    }
    return out;
  }
  static bool says_so(const Executor& executor) {
    const auto notes = executor.notes();
    return std::any_of(notes.begin(), notes.end(), [](const std::string& note) {
      return note.find("cannot run as a batch, so its trials train one after another: ") != std::string::npos;
    });
  }

  Configurations configurations_;
  const Settings settings_;
  const Objective objective_{Goal::kMinimize, "loss", {}};
};

TEST_F(OneByOne, TrainsAsABatchOfTheSameModuleDoes) {
  const FunctionTask stubborn = stubborn_task(true), willing = stubborn_task(false);
  const auto one_by_one = make(stubborn, 4), batch = make(willing, 4);
  EXPECT_TRUE(says_so(*one_by_one));
  EXPECT_FALSE(says_so(*batch));
  const auto generator = at::globalContext().defaultGenerator(torch::kCPU).get_state();
  const auto got = train(*one_by_one), expected = train(*batch);
  EXPECT_TRUE(torch::equal(generator, at::globalContext().defaultGenerator(torch::kCPU).get_state()));
  for (size_t n = 0; n < got.size(); ++n) {
    for (size_t slot = 0; slot < 6; ++slot) {
      EXPECT_NEAR(got[n][slot], expected[n][slot], 1e-5) << "interval " << n + 1 << ", slot " << slot;
    }
  }
}

TEST_F(OneByOne, BitsDoNotDependOnCompany) {
  const FunctionTask task = stubborn_task(true);
  const auto few = make(task, 2), many = make(task, 8);
  EXPECT_EQ(train(*few), train(*many));
}

/// A layer that LibTorch cannot run under vmap, and a linear one before it.
struct LayerNetImpl : torch::nn::Module {
  LayerNetImpl() : first(register_module("first", torch::nn::Linear(8, 12))) {}
  torch::nn::Linear first;
};
TORCH_MODULE(LayerNet);

using Layer = std::function<std::function<torch::Tensor(torch::Tensor)>(torch::nn::Module&)>;

FunctionTask layer_task(const Layer& layer) {
  return FunctionTask(small_data(), {kLoss}, [layer](const TrialConfig& config) {
    LayerNet net;
    const auto rest = layer(*net);
    TrialProgram program;
    program.module = net.ptr();
    program.forward = [net, rest](torch::Tensor x) mutable { return rest(torch::tanh(net->first(x))); };
    program.loss = [](torch::Tensor output, torch::Tensor y) {
      return torch::nn::functional::cross_entropy(output, y);
    };
    program.optimizer.lr = config.tensor("lr");
    program.batch_size = 16;
    program.n_intervals = 5;
    return program;
  });
}

TEST_F(OneByOne, TrainsTheLayersOfLibTorchThatCannotRunAsABatch) {
  const std::map<std::string, Layer> layers{
      {"CrossMapLRN2d",
       [](torch::nn::Module& net) {
         auto norm = net.register_module("norm", torch::nn::CrossMapLRN2d(3));
         auto last = net.register_module("last", torch::nn::Linear(12, 3));
         return [=](torch::Tensor x) mutable { return last->forward(norm->forward(x.view({-1, 12, 1, 1})).flatten(1)); };
       }},
      {"AdaptiveLogSoftmaxWithLoss",
       [](torch::nn::Module& net) {
         using Options = torch::nn::AdaptiveLogSoftmaxWithLossOptions;
         auto softmax = net.register_module("softmax", torch::nn::AdaptiveLogSoftmaxWithLoss(Options(12, 3, {1})));
         // Its shapes hang on the targets; those of each example's own largest log-probability will do.
         return [=](torch::Tensor x) mutable {
           const auto all = softmax->log_prob(x);
           return all + softmax->forward(x, all.argmax(1)).output.unsqueeze(1) * 0.1;
         };
       }},
      {"BatchNorm1d that averages over all batches", [](torch::nn::Module& net) {
         auto norm = net.register_module(
             "norm", torch::nn::BatchNorm1d(torch::nn::BatchNorm1dOptions(12).momentum(std::nullopt)));
         auto last = net.register_module("last", torch::nn::Linear(12, 3));
         return [=](torch::Tensor x) mutable { return last->forward(norm->forward(x)); };
       }}};
  for (const auto& [name, layer] : layers) {
    const FunctionTask task = layer_task(layer);
    const auto few = make(task, 2), many = make(task, 8);
    EXPECT_TRUE(says_so(*few)) << name;
    const auto metrics = train(*few);
    EXPECT_EQ(metrics, train(*many)) << name;
    EXPECT_LT(metrics[4][2], metrics[0][2]) << name << " does not learn";
  }
}

TEST_F(OneByOne, AModuleThatFailsAloneTooIsAnError) {
  const FunctionTask task(small_data(), {kLoss}, [](const TrialConfig& config) {
    torch::nn::Linear net(7, 3);  // the data has 8 columns
    TrialProgram program;
    program.module = net.ptr();
    program.forward = [net](torch::Tensor x) mutable { return net->forward(x); };
    program.loss = [](torch::Tensor output, torch::Tensor y) {
      return torch::nn::functional::cross_entropy(output, y);
    };
    program.optimizer.lr = config.tensor("lr");
    return program;
  });
  EXPECT_THROW(make(task, 4), TaskError);
}

}  // namespace one_by_one_test
}  // namespace lockstep
