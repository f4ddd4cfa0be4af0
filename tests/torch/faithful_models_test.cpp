// The faithful trial: what a trial comes to does not depend on who it trains with, for models of the usual kinds.

#include <gtest/gtest.h>

#include <map>

#include <lockstep/torch/executor.h>

#include "executor_calls.h"
#include "torch/device_context.h"
#include "torch/faithful_models.h"
#include "torch/tile.h"

namespace lockstep {
namespace faithful_models_test {

using namespace lockstep::testing;

constexpr int64_t kTrials = 24;
constexpr uint64_t kSeed = 7;
constexpr double kDropout = 0.3;

/// Dropout with the masks of one trial of a sweep: the n-th of a step from the trial's n-th stream.
struct KnownDropoutImpl : nn::Module {
  torch::Tensor forward(torch::Tensor x) {
    const torch::Tensor mask = torch::empty_like(x, at::MemoryFormat::Contiguous);
    RowFill row;
    row.trials = &trial;
    row.n_rows = 1;
    row.row_size = x.numel();
    row.stream = stream++;
    row.steps = &step;
    row.values = mask.mutable_data_ptr<float>();
    host_backend().fill_bernoulli(device_context(torch::kCPU, kSeed), row, 1 - kDropout);
    return x * mask / (1 - kDropout);
  }
  void begin(int64_t of_step) {
    step = of_step;
    stream = 0;
  }
  int64_t trial = 0, step = 0;
  uint32_t stream = 0;
};
TORCH_MODULE(KnownDropout);

struct Model {
  std::string name;
  OptimizerKind optimizer;
  double largest_lr;
  std::function<BuiltModel()> build;
  /// The same without randomness of its own, to run alone.
  std::function<BuiltModel(KnownDropout)> plain;
};

std::vector<Model> models() {
  using Lstm = Recurrent<nn::LSTM, nn::LSTMOptions>;
  using Gru = Recurrent<nn::GRU, nn::GRUOptions>;
  return {
      {"Mlp", OptimizerKind::kSgd, 0.3, [] { return built<Mlp>(); }, [](KnownDropout) { return built<Mlp>(); }},
      {"Cnn", OptimizerKind::kSgd, 0.1, [] { return built<Cnn<nn::Dropout>>(nn::Dropout(kDropout)); },
       [](KnownDropout dropout) { return built<Cnn<KnownDropout>>(dropout); }},
      {"Lstm", OptimizerKind::kAdam, 0.02, [] { return built<Lstm>(); }, [](KnownDropout) { return built<Lstm>(); }},
      {"Gru", OptimizerKind::kSgd, 0.3, [] { return built<Gru>(); }, [](KnownDropout) { return built<Gru>(); }},
      {"Transformer", OptimizerKind::kSgd, 0.1, [] { return built<SmallTransformer>(0.0); },
       [](KnownDropout) { return built<SmallTransformer>(0.0); }},
      // Its dropout is inside LibTorch's layers: nothing to give masks to when it runs alone.
      {"TransformerWithDropout", OptimizerKind::kSgd, 0.1, [] { return built<SmallTransformer>(0.2); }, {}},
  };
}

class FaithfulModels : public ::testing::TestWithParam<Model> {
 protected:
  FaithfulModels()
      : task_(model_task(GetParam().build, GetParam().optimizer)),
        configurations_(table({{"lr", spread(kTrials, GetParam().largest_lr / 30, GetParam().largest_lr)}})) {
    at::set_num_threads(1);
  }

  std::unique_ptr<Executor> executor(int64_t tile_size, int n_threads) const {
    TorchExecutorOptions options;
    options.seed = kSeed;
    options.tile_size = tile_size;
    options.n_threads = n_threads;
    return make_torch_executor(task_, configurations_, settings_, {Goal::kMinimize, "loss", {}}, options);
  }

  FunctionTask task_;
  Configurations configurations_;
  Settings settings_;
};

/// Trains an executor's trials and notes what each reports at which age.
class Metrics {
 public:
  explicit Metrics(Executor& executor) : executor_(executor) {}
  void start(const std::vector<int64_t>& trials) {
    executor_.start(in_own_slots(trials));
    for (const auto trial : trials) ages_[trial] = 0;
  }
  void retire(const std::vector<int64_t>& trials) {
    executor_.retire(trials);
    for (const auto trial : trials) ages_.erase(trial);
  }
  void train() {
    const auto metrics = train_interval(executor_, kTrials);
    for (auto& [trial, age] : ages_) reported[{trial, ++age}] = metrics[static_cast<size_t>(trial)];
  }
  std::map<std::pair<int64_t, int64_t>, double> reported;  ///< by trial and interval

 private:
  Executor& executor_;
  std::map<int64_t, int64_t> ages_;
};

TEST_P(FaithfulModels, MetricsAreBitEqualInOtherCompany) {
  const auto all_together = executor(4, 2);
  Metrics wave(*all_together);
  wave.start(iota(kTrials));
  for (int n = 0; n < 5; ++n) wave.train();

  const auto one_by_one = executor(4, 1);
  Metrics refilled(*one_by_one);
  refilled.start({23, 5, 17, 2, 11, 8, 14, 20, 0, 9});
  refilled.train();
  refilled.retire({5, 17, 8});
  refilled.start({1, 12});  // among the old ones, in rows that were freed
  refilled.train();
  refilled.retire({2, 11, 14, 0});
  refilled.train();  // tiles are merged and close their rows up
  refilled.start({4, 22, 3, 19, 16});
  refilled.train();
  refilled.train();

  ASSERT_GT(refilled.reported.size(), 40u);
  for (const auto& [place, metric] : refilled.reported) {
    EXPECT_EQ(metric, wave.reported.at(place)) << "trial " << place.first << " at interval " << place.second;
  }
  // It was a training run, and trials went different ways.
  EXPECT_LT(wave.reported.at({23, 5}), wave.reported.at({23, 1}));
  EXPECT_NE(wave.reported.at({22, 5}), wave.reported.at({23, 5}));
}

class FaithfulModelsAlone : public FaithfulModels {};

TEST_P(FaithfulModelsAlone, FiftyStepsAreThePlainModules) {
  const Model& model = GetParam();
  const TileSource source{task_, configurations_, settings_, torch::kCPU, kSeed};
  Tile tile(source, iota(kTrials));
  const std::vector<int64_t> looked_at{0, 11, 23};
  struct Alone {
    BuiltModel model;
    KnownDropout dropout;
    std::unique_ptr<torch::optim::Optimizer> optimizer;
  };
  std::vector<Alone> alone;
  for (const auto trial : looked_at) {
    KnownDropout dropout;
    dropout->trial = trial;
    const BuiltModel plain = model.plain(dropout);
    auto parameters = plain.module->named_parameters();
    torch::NoGradGuard no_grad;
    for (const auto& [name, rows] : tile.named_parameters()) parameters[name].copy_(rows[trial]);
    const double lr = configurations_.draw(trial, 0);
    std::unique_ptr<torch::optim::Optimizer> optimizer;
    if (model.optimizer == OptimizerKind::kSgd)
      optimizer = std::make_unique<torch::optim::SGD>(parameters.values(), lr);
    else
      optimizer = std::make_unique<torch::optim::Adam>(parameters.values(), lr);
    alone.push_back({plain, dropout, std::move(optimizer)});
  }
  const DataPart& train = task_.data().train;
  for (int64_t step = 0; step < 50; ++step) {
    const auto rows = (torch::arange(16) * 5 + step * 7) % train.size();
    const auto x = train.inputs.index_select(0, rows), y = train.targets.index_select(0, rows);
    const auto losses = tile.train_step({x, y});
    for (size_t i = 0; i < alone.size(); ++i) {
      alone[i].dropout->begin(step);
      alone[i].optimizer->zero_grad();
      const auto loss = nn::functional::cross_entropy(alone[i].model.forward(x), y);
      loss.backward();
      alone[i].optimizer->step();
      ASSERT_NEAR(loss.item<double>(), losses[looked_at[i]].item<double>(), 1e-5)
          << "trial " << looked_at[i] << ", step " << step;
    }
  }
  for (size_t i = 0; i < alone.size(); ++i) {
    const auto expected = alone[i].model.module->named_parameters();
    for (const auto& [name, rows] : tile.named_parameters()) {
      const double relative = ((rows[looked_at[i]] - expected[name]).norm() / expected[name].norm()).item<double>();
      EXPECT_LT(relative, 1e-4) << name << " of trial " << looked_at[i];
    }
  }
}

std::vector<Model> plain_models() {
  auto out = models();
  std::erase_if(out, [](const Model& model) { return !model.plain; });
  return out;
}

INSTANTIATE_TEST_SUITE_P(Kinds, FaithfulModelsAlone, ::testing::ValuesIn(plain_models()),
                         [](const auto& info) { return info.param.name; });
INSTANTIATE_TEST_SUITE_P(Kinds, FaithfulModels, ::testing::ValuesIn(models()),
                         [](const auto& info) { return info.param.name; });

}  // namespace faithful_models_test
}  // namespace lockstep
