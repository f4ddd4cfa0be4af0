// Every model that a sweep file can name, on a file of every format: built, trained in a batch and alone, refused.

#include <cmath>
#include <random>

#include <lockstep/backend.h>
#include <lockstep/models/task_registry.h>
#include <lockstep/torch/executor.h>
#include <lockstep/torch/export.h>
#include <lockstep/torch/sweep.h>
#include <torch/torch.h>

#include "executor_calls.h"
#include "models/data/bytes.h"
#include "models/files.h"
#include "torch/tile.h"

namespace lockstep::models {
namespace {

constexpr int64_t kTrials = 10;
constexpr uint64_t kSeed = 7;

/// A model with small sizes, a data set of `SmallFiles`, and what varies from trial to trial beside the learning rate.
struct Case {
  const char* name;
  std::string model;
  std::string dataset;
  std::string hyperparameter = {};  ///< YAML; drawn for each trial
  /// Not compared with a plain module: its forward pass draws, of which that would have other masks; or it has millions of
  /// activations, of which some are within rounding of a kink.
  bool in_batches_alone = false;
};

std::vector<Case> cases() {
  const std::string csv = "{csv: a.csv, target: label}", idx = "{idx: {inputs: x.idx, targets: y.idx.gz}}";
  const std::string npz = "{npz: {file: sequences.npz, inputs: x, targets: y}}";
  const std::string npy = "{npy: {inputs: x.npy, targets: y.npy}}", text = "{text: a.txt, context: 8}";
  const std::string dropout = "dropout: {type: uniform, min_value: 0.1, max_value: 0.5}";
  const std::string l2 = "l2: {type: uniform, min_value: 0.0, max_value: 0.2}";
  return {
      {"Mlp", "mlp, hidden: 9", csv},
      {"MlpOnImages", "mlp, hidden: 9, activation: gelu", idx},
      {"MlpWithDropout", "mlp, hidden: 9", csv, dropout, true},
      {"Logistic", "logistic", npy, l2},
      {"LogisticOnImages", "logistic", idx},
      {"Ridge", "ridge", "{csv: a.csv, target: size}", l2},
      {"LeNet", "lenet, channels: [3, 4], hidden: [11, 7]", idx},
      {"LeNetWithDropout", "lenet, channels: [3, 4], hidden: 11, activation: tanh", idx, dropout, true},
      {"ResNet", "resnet, width: 4", "{cifar: [a.bin, b.bin.gz], examples: 40}", "", true},
      {"ResNetOfTwoStages", "resnet, width: 3, blocks: [2, 1]", idx},
      {"Lstm", "lstm, hidden: 7, layers: 2", npz},
      {"LstmWithDropout", "lstm, hidden: 7", npz, dropout, true},
      {"LstmOnText", "lstm, hidden: 7, embedding: 5", text},
      {"Gru", "gru, hidden: 7", npz},
      {"GruOnText", "gru, hidden: 7, embedding: 5, layers: 2", text},
      {"Transformer", "transformer, width: 12, heads: 3, layers: 1", text},
      {"TransformerNormLast", "transformer, width: 12, heads: 2, feedforward: 9, norm_first: false, activation: relu", text},
      {"TransformerWithDropout", "transformer, width: 12, heads: 3, layers: 1", text, dropout, true},
  };
}

/// A small file of every format, with something to learn in each.
class SmallFiles : public Folder {
 public:
  SmallFiles() {
    std::string csv = "x,y,kind,label,size\n", images("\0\0\x08\x03\0\0\0\x48\0\0\0\x0c\0\0\0\x0d", 16),
                labels("\0\0\x08\x01\0\0\0\x48", 8), cifar, text;
    std::vector<double> x, y;
    std::mt19937 random(5);
    for (int i = 0; i < 72; ++i) {
      const int label = i % 3;
      const double noise = std::sin(i * 12.9898) * 0.7;
      csv += std::to_string(label + noise) + "," + std::to_string(noise) + "," + (i % 4 == 0 ? "odd" : "even") + "," +
             std::to_string(label) + "," + std::to_string(3 * label + noise) + "\n";
      for (int pixel = 0; pixel < 12 * 13; ++pixel) {
        images += static_cast<char>(pixel / 13 / 4 == label ? 150 + i : (pixel * 37 + i * 11) % 90);
      }
      labels += static_cast<char>(label);
      for (int column = 0; column < 4; ++column) x.push_back(column == label ? 2 + noise : noise * column);
      y.push_back(label);
      if (i < 36) {
        cifar += static_cast<char>(label);
        for (int pixel = 0; pixel < 3072; ++pixel) {
          cifar += static_cast<char>(random() % 150 + (pixel / 1024 == label ? 100 : 0));
        }
      }
      text += i % 5 == 0 ? "the fox sees the dog, " : "the dog sees the hen. ";
    }
    write("a.csv", csv);
    write("x.idx", images);
    write_gzip("y.idx.gz", labels);
    write("x.npy", npy("(72, 4)", x));
    write("y.npy", npy("(72,)", y));
    write("a.bin", cifar);
    write_gzip("b.bin.gz", cifar);
    write("a.txt", text);
    write("sequences.npz", read_bytes(std::string(LOCKSTEP_SOURCE_DIR) + "/tests/models/golden/sequences.npz"));
  }

  SweepSpec sweep(const std::string& model, const std::string& dataset, const std::string& hyperparameter = "",
                  const std::string& metric = "loss") const {
    SweepSpec spec = Folder::spec("  model: " + model.substr(0, model.find(',')) + "\n" + lines_of(model) +
                                      "  dataset: " + dataset + "\n  batch_size: 16\n  epochs: 6\n",
                                  "  lr: {type: uniform, min_value: 0.02, max_value: 0.15}\n" +
                                      (hyperparameter.empty() ? "" : "  " + hyperparameter + "\n"));
    spec.objective = {metric == "accuracy" ? Goal::kMaximize : Goal::kMinimize, metric, {}};
    spec.limits.max_total_trials = kTrials;
    return spec;
  }

 private:
  /// "lenet, hidden: [4, 4], channels: [3, 4]" as a block's lines, without the first word.
  static std::string lines_of(const std::string& model) {
    std::string out;
    int depth = 0;
    for (const char c : model.substr(std::min(model.size(), model.find(',')))) {
      depth += c == '[' ? 1 : c == ']' ? -1 : 0;
      if (c == ',' && depth == 0) {
        out += out.empty() ? " " : "\n ";
      } else {
        out += c;
      }
    }
    return out.empty() ? out : out + "\n";
  }
};

class RegisteredModels : public ::testing::TestWithParam<Case> {
 protected:
  RegisteredModels()
      : spec_(files_.sweep(GetParam().model, GetParam().dataset, GetParam().hyperparameter)), task_(make_task(spec_)) {
    at::set_num_threads(1);
    Context context;
    context.allocator = &host_backend().allocator();
    context.seed = kSeed;
    configurations_ = sample_random(host_backend(), context, spec_.search_space, 0, kTrials);
  }

  std::unique_ptr<Executor> executor(int64_t tile_size, int n_threads) const {
    TorchExecutorOptions options;
    options.seed = kSeed;
    options.tile_size = tile_size;
    options.n_threads = n_threads;
    options.refuse_host_waits = true;  // what would stop a GPU at every step throws
    return make_torch_executor(*task_, configurations_, spec_.trial, spec_.objective, options);
  }

  SmallFiles files_;
  SweepSpec spec_;
  std::unique_ptr<Task> task_;
  Configurations configurations_;
};

/// Metrics by trial, of trials that start together, an interval each row.
std::vector<std::vector<double>> train(Executor& executor, const std::vector<int64_t>& trials, int n_intervals) {
  executor.start(in_own_slots(trials));
  std::vector<std::vector<double>> out;
  for (int n = 0; n < n_intervals; ++n) out.push_back(train_interval(executor, kTrials, NAN));
  return out;
}

TEST_P(RegisteredModels, AreTheSameInAnyCompany) {
  const auto all_in_tiles = executor(4, 2);
  for (const auto& note : all_in_tiles->notes()) {
    EXPECT_EQ(note.find("one after another"), std::string::npos) << note;
    EXPECT_EQ(note.find("no batching rule"), std::string::npos) << note;
  }
  const auto together = train(*all_in_tiles, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 4);
  for (const auto& trials : {std::vector<int64_t>{9, 4, 2}, std::vector<int64_t>{7}}) {
    const auto few_in_tiles = executor(3, 1);
    const auto few = train(*few_in_tiles, trials, 4);
    for (size_t n = 0; n < few.size(); ++n) {
      for (const auto trial : trials) {
        EXPECT_EQ(few[n][static_cast<size_t>(trial)], together[n][static_cast<size_t>(trial)])
            << "trial " << trial << " at interval " << n + 1;
      }
    }
  }
  // It was a training run, and trials went different ways.
  for (size_t trial = 0; trial < kTrials; ++trial) {
    EXPECT_TRUE(std::isfinite(together[3][trial])) << "trial " << trial;
    EXPECT_NE(together[3][trial], together[0][trial]) << "trial " << trial;
    EXPECT_NE(together[3][trial], together[3][(trial + 1) % kTrials]) << "trial " << trial;
  }
}

TEST_P(RegisteredModels, ReadWhatIsDocumented) {
  const std::string folder = std::string(LOCKSTEP_SOURCE_DIR) + "/docs/";
  const std::string pages = read_bytes(folder + "models.md") + read_bytes(folder + "sweep-file.md");
  const std::vector<int64_t> one{0};
  const TrialConfig config(configurations_, spec_.trial, one, torch::kCPU);
  task_->build(config);
  for (const std::string& name : config.names_read()) {
    const bool is_documented = pages.find("`" + name + "`") != std::string::npos || pages.find("`" + name + ":") != std::string::npos;
    EXPECT_TRUE(is_documented) << name << " is in neither docs/models.md nor docs/sweep-file.md";
  }
}

class RegisteredModelsAlone : public RegisteredModels {};

TEST_P(RegisteredModelsAlone, TwentyStepsAreThePlainModules) {
  const TileSource source{*task_, configurations_, spec_.trial, torch::kCPU, kSeed};
  std::vector<int64_t> trials;
  for (int64_t t = 0; t < kTrials; ++t) trials.push_back(t);
  Tile tile(source, trials);
  std::vector<TrialProgram> alone;
  std::vector<std::unique_ptr<torch::optim::SGD>> optimizers;
  for (int64_t t = 0; t < kTrials; ++t) {
    alone.push_back(restore_trial(*task_, configurations_, spec_.trial, t, tile.named_row(t)));
    alone.back().module->train();
    optimizers.push_back(std::make_unique<torch::optim::SGD>(alone.back().module->parameters(),
                                                             alone.back().optimizer.lr.item<double>()));
  }
  const DataPart& data = task_->data().train;
  for (int64_t step = 0; step < 20; ++step) {
    const auto rows = (torch::arange(12) * 5 + step * 7) % data.size();
    const auto x = data.inputs.index_select(0, rows), y = data.targets.index_select(0, rows);
    const auto losses = tile.train_step({x, y});
    for (size_t t = 0; t < kTrials; ++t) {
      optimizers[t]->zero_grad();
      const auto loss = alone[t].loss(alone[t].forward(x), y);
      loss.backward();
      optimizers[t]->step();
      ASSERT_NEAR(loss.item<double>(), losses[static_cast<int64_t>(t)].item<double>(),
                  1e-5 * std::max(1.0, loss.item<double>()))
          << "trial " << t << ", step " << step;
    }
  }
  for (int64_t t = 0; t < kTrials; ++t) {
    const auto expected = alone[static_cast<size_t>(t)].module->named_parameters();
    for (const auto& [name, rows] : tile.named_parameters()) {
      const double relative = ((rows[t] - expected[name]).norm() / expected[name].norm()).item<double>();
      EXPECT_LT(relative, 1e-4) << name << " of trial " << t;
    }
  }
  const auto first = tile.named_parameters().front().second;
  for (int64_t t = 1; t < kTrials; ++t) EXPECT_FALSE(torch::equal(first[t], first[0]));
}

std::vector<Case> plain_cases() {
  auto out = cases();
  std::erase_if(out, [](const Case& each) { return each.in_batches_alone; });
  return out;
}

void PrintTo(const Case& each, std::ostream* out) { *out << each.name; }

const auto name_of = [](const auto& info) { return std::string(info.param.name); };
INSTANTIATE_TEST_SUITE_P(Kinds, RegisteredModels, ::testing::ValuesIn(cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Kinds, RegisteredModelsAlone, ::testing::ValuesIn(plain_cases()), name_of);

TEST(RegisteredModelsSweep, RunsFromAFileOfEachFormat) {
  const SmallFiles files;
  const auto best = [&](const char* model, const char* dataset, const char* metric) {
    const SweepSpec spec = files.sweep(model, dataset, "", metric);
    const auto task = make_task(spec);
    const TaskSweep sweep = run_sweep(*task, spec, {.seed = kSeed});
    EXPECT_EQ(sweep.result.progress.n_finished, kTrials) << dataset;
    return sweep.result.best.metric;
  };
  EXPECT_GT(best("logistic", "{csv: a.csv, target: label}", "accuracy"), 0.6);
  EXPECT_GT(best("logistic", "{npy: {inputs: x.npy, targets: y.npy}}", "accuracy"), 0.8);
  EXPECT_GT(best("mlp, hidden: 8", "{npz: {file: sequences.npz, inputs: x, targets: y}}", "accuracy"), 0.4);
  EXPECT_GT(best("mlp, hidden: 8", "{idx: {inputs: x.idx, targets: y.idx.gz}}", "accuracy"), 0.8);
  EXPECT_GT(best("logistic", "{cifar: [a.bin, b.bin.gz]}", "accuracy"), 0.8);
  const double bits = best("gru, hidden: 8", "{text: a.txt, context: 8}", "bits_per_character");
  EXPECT_LT(bits, 4) << "16 characters, not equally frequent";
  EXPECT_LT(best("gru, hidden: 8", "{text: a.txt, context: 8}", "perplexity"), 16);
}

TEST(RegisteredModelsRefuse, DataThatTheyAreNotFor) {
  const SmallFiles files;
  const auto refuses = [&](const char* model, const char* dataset, const std::vector<std::string>& parts) {
    expect_error<InputError>(
        [&] {
          const SweepSpec spec = files.sweep(model, dataset);
          const auto task = make_task(spec);
          Context context;
          context.allocator = &host_backend().allocator();
          const auto configurations = sample_random(host_backend(), context, spec.search_space, 0, 1);
          make_torch_executor(*task, configurations, spec.trial, spec.objective, {});
        },
        parts);
  };
  const char* const table = "digits";
  const char* const text = "{text: a.txt, context: 8}";
  const char* const images = "{idx: {inputs: x.idx, targets: y.idx.gz}}";
  const char* const sequences = "{npz: {file: sequences.npz, inputs: x, targets: y}}";
  refuses("lenet", table, {"sweep.yml:4", "trial.model", "lenet needs images", "digits are rows of 64 numbers", "IDX"});
  refuses("lenet", sequences, {"sequences (steps, features) of (6, 3)", "layout: images"});
  refuses("lenet", "{npy: {inputs: x.npy, targets: y.npy}}", {"rows of 4 numbers"});
  refuses("resnet", text, {"resnet needs images", "a.txt are text"});
  refuses("resnet, blocks: [1, 1, 1, 1]", images, {"at least 16x16", "(1, 12, 13)"});
  refuses("resnet, blocks: [1, 0]", images, {"trial.blocks", "0 is not a number of blocks"});
  refuses("resnet, blocks: [1, 1, 1, 1, 1, 1, 1, 1, 1]", images, {"trial.blocks", "9 stages"});
  refuses("lenet, channels: 6", images, {"trial.channels", "two convolutions", "[6, 16]"});
  refuses("lenet, dropout: 2", images, {"trial.dropout", "too large"});
  refuses("lstm", images, {"lstm needs sequences or text", "images (channels, height, width) of (1, 12, 13)"});
  refuses("gru, layers: 0", sequences, {"trial.layers", "0 is too small"});
  refuses("transformer", table, {"transformer is a language model", "{text: book.txt}"});
  refuses("transformer, width: 30", text, {"trial.heads", "4 heads", "30"});
  refuses("transformer, activation: rellu", text, {"trial.activation", "did you mean 'relu'"});
  refuses("mlp", text, {"mlp reads numbers", "transformer, lstm or gru"});
  refuses("logistic", "california", {"logistic predicts classes", "use ridge"});
  refuses("ridge", table, {"ridge predicts a quantity", "use logistic"});
  refuses("ridge, l2: -1", "california", {"trial.l2", "-1.0 is too small"});
  refuses("logistic, dropout: 0.1", table, {"trial.dropout"});  // never read: it has no hidden layer
}

}  // namespace
}  // namespace lockstep::models
