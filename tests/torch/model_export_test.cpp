// One trial's model out of a batch: as a program of its own, and as files that LibTorch and Python read without
// Lockstep.

#include <lockstep/torch/export.h>

#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <filesystem>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <lockstep/torch/sweep.h>
#include <lockstep/torch/trial_scope.h>

#include "core/message.h"
#include "store/temporary_folder.h"
#include "torch/small_task.h"
#include "torch/tile.h"

namespace lockstep {
namespace model_export_test {

using namespace lockstep::testing;
using Json = nlohmann::json;

/// Modules in a container, batch norm, a parameter with two names, a random buffer, a constant one, and a
/// hyperparameter as one.
struct ManyKindsImpl : torch::nn::Module {
  ManyKindsImpl(int64_t width, torch::Tensor temperature_of_trial)
      : body(register_module("body", torch::nn::Sequential(torch::nn::Linear(8, width), torch::nn::BatchNorm1d(width),
                                                           torch::nn::Functional(torch::tanh)))),
        encode(register_module("encode", torch::nn::Linear(width, width))),
        head(register_module("head", torch::nn::Linear(width, 3))),
        tied(register_parameter("decode_weight", encode->weight)),
        noise(register_buffer("noise", torch::randn({width}))),
        scale(register_buffer("scale", torch::arange(1, 4))),
        temperature(register_buffer("temperature", temperature_of_trial)) {}
  torch::Tensor forward(torch::Tensor x) {
    x = torch::tanh(encode(body->forward(x) + noise));
    return head(torch::matmul(x, tied)) * scale / temperature;
  }
  torch::nn::Sequential body;
  torch::nn::Linear encode, head;
  torch::Tensor tied, noise, scale, temperature;
};
TORCH_MODULE(ManyKinds);

FunctionTask many_kinds_task() {
  const Metric accuracy{"accuracy", [](torch::Tensor output, torch::Tensor y) { return output.argmax(1).eq(y); }, {}};
  return FunctionTask(small_data(), {accuracy}, [](const TrialConfig& config) {
    ManyKinds net(config.integer("width", 6), config.tensor("temperature", 2.0));
    TrialProgram program;
    program.module = net.ptr();
    program.forward = [net](torch::Tensor x) mutable { return net->forward(x); };
    program.loss = [](torch::Tensor output, torch::Tensor y) {
      return torch::nn::functional::cross_entropy(output, y);
    };
    program.optimizer.lr = config.tensor("lr");
    program.batch_size = 32;
    program.n_intervals = 2;
    return program;
  });
}

class ModelExport : public ::testing::Test {
 protected:
  static constexpr int64_t kTrials = 4;
  /// The slot, and so the trial, that is exported.
  static constexpr int64_t kTrial = 2;

  void SetUp() override {
    at::set_num_threads(1);
    tile_ = std::make_unique<Tile>(TileSource{task_, configurations_, settings_, torch::kCPU, 5}, iota(kTrials));
    const torch::Tensor order = torch::arange(task_.data().train.size());
    for (int64_t age = 0; age < 2; ++age) tile_->train_epoch(task_.data().train, {{age, order}});
    inputs_ = task_.data().validation.inputs;
  }

  TrialProgram restored() const {
    return restore_trial(task_, configurations_, settings_, kTrial, tile_->named_row(kTrial));
  }
  torch::Tensor in_batch() const {
    torch::NoGradGuard no_grad;
    tile_->program().module->eval();
    TrialScope scope(kTrials);
    return physical(tile_->program().forward(inputs_));
  }
  static NamedTensors state_of(const torch::nn::Module& module) {
    NamedTensors out;
    for (const auto& item : module.named_parameters()) out.emplace_back(item.key(), item.value());
    for (const auto& item : module.named_buffers()) out.emplace_back(item.key(), item.value());
    return out;
  }

  const FunctionTask task_ = many_kinds_task();
  const Configurations configurations_ =
      table({{"lr", {0.01, 0.05, 0.2, 0.1}}, {"temperature", {0.5, 1, 1.5, 3}}});
  const Settings settings_{{"width", {Value(int64_t{5}), {}}}};
  std::unique_ptr<Tile> tile_;
  torch::Tensor inputs_;
  const TemporaryFolder folder_;
};

TEST_F(ModelExport, RestoredTrialComputesWhatItDidInTheBatch) {
  const torch::Tensor batch = in_batch();
  const torch::Tensor alone = restored().forward(inputs_);
  EXPECT_FALSE(is_batched(alone));
  EXPECT_TRUE(torch::allclose(alone, batch[kTrial], 1e-5, 1e-6)) << (alone - batch[kTrial]).abs().max();
  for (int64_t other = 0; other < kTrials; ++other) {
    EXPECT_EQ(torch::allclose(alone, batch[other], 1e-2, 1e-2), other == kTrial) << other;
  }
}

TEST_F(ModelExport, RestoringLeavesTheGlobalGeneratorAlone) {
  torch::manual_seed(3);
  const torch::Tensor expected = torch::rand({4});
  torch::manual_seed(3);
  restored();
  EXPECT_TRUE(torch::equal(torch::rand({4}), expected));
}

TEST_F(ModelExport, UnmodifiedModuleLoadsTheArchive) {
  const TrialProgram program = restored();
  save_model(*program.module, folder_ / "best.model", ModelFormat::kLibTorch);
  ManyKinds fresh(5, torch::zeros({}, torch::kDouble));
  torch::load(fresh, folder_ / "best.model");
  fresh->eval();
  EXPECT_TRUE(torch::equal(fresh->forward(inputs_), program.forward(inputs_)));
  EXPECT_EQ(fresh->temperature.item<double>(), 1.5);
  EXPECT_TRUE(torch::equal(fresh->tied, fresh->encode->weight));
}

TEST_F(ModelExport, BatchNormCountsTheTrialsOwnBatches) {
  // A newcomer takes the slot of one that left, in a batch that others have trained on before.
  Tile newcomer(TileSource{task_, configurations_, settings_, torch::kCPU, 5}, std::vector<int64_t>{1});
  const std::vector<int64_t> slots{1};
  tile_->take_over(newcomer, slots);
  const torch::Tensor order = torch::arange(task_.data().train.size());
  tile_->train_epoch(task_.data().train, {{0, order}, {2, order}});
  const auto counter = [&](int64_t slot) {
    for (const auto& [name, tensor] : tile_->named_row(slot)) {
      if (name == "body.1.num_batches_tracked") return tensor.item<int64_t>();
    }
    return int64_t{-1};
  };
  EXPECT_EQ(counter(1), 3) << "90 examples in batches of 32";
  EXPECT_EQ(counter(0), 9);
}

TEST_F(ModelExport, SafetensorsHoldEveryNameAndByte) {
  const TrialProgram program = restored();
  const ModelMetadata metadata = model_metadata(configurations_, settings_, kTrial, "accuracy", 0.75);
  save_model(*program.module, folder_ / "m.safetensors", ModelFormat::kSafetensors, metadata);
  const std::string text = read_text(folder_ / "m.safetensors");
  uint64_t header_size = 0;
  ASSERT_GT(text.size(), sizeof(header_size));
  std::memcpy(&header_size, text.data(), sizeof(header_size));
  EXPECT_EQ(header_size % 8, 0u) << "so that the data is aligned";
  const Json header = Json::parse(text.substr(8, header_size));
  EXPECT_EQ(header["__metadata__"]["trial"], "2");
  EXPECT_EQ(header["__metadata__"]["metric"], "accuracy");
  EXPECT_EQ(header["__metadata__"]["value"], "0.75");
  EXPECT_EQ(Json::parse(header["__metadata__"]["hyperparameters"].get<std::string>()),
            (Json{{"lr", 0.2}, {"temperature", 1.5}, {"width", 5}}));

  const NamedTensors state = state_of(*program.module);
  EXPECT_EQ(header.size(), state.size() + 1);
  size_t size = 0;
  for (const auto& [name, tensor] : state) {
    ASSERT_TRUE(header.contains(name)) << name;
    const Json& entry = header[name];
    const auto type = tensor.scalar_type();
    EXPECT_EQ(entry["dtype"], type == torch::kFloat ? "F32" : type == torch::kLong ? "I64" : "F64") << name;
    EXPECT_EQ(entry["shape"].get<std::vector<int64_t>>(), tensor.sizes().vec());
    const size_t begin = entry["data_offsets"][0], end = entry["data_offsets"][1];
    ASSERT_EQ(end - begin, tensor.nbytes()) << name;
    EXPECT_EQ(begin % tensor.element_size(), 0u) << name;
    ASSERT_LE(8 + header_size + end, text.size());
    const char* data = text.data() + 8 + header_size + begin;
    EXPECT_EQ(std::memcmp(data, tensor.contiguous().data_ptr(), tensor.nbytes()), 0) << name;
    size += tensor.nbytes();
  }
  EXPECT_EQ(text.size(), 8 + header_size + size) << "readers refuse gaps";
}

TEST_F(ModelExport, StateDictIsADictionaryOfTensors) {
  const TrialProgram program = restored();
  save_model(*program.module, folder_ / "m.pt", ModelFormat::kStateDict);
  const std::string text = read_text(folder_ / "m.pt");
  const auto dict = torch::pickle_load({text.begin(), text.end()}).toGenericDict();
  const NamedTensors state = state_of(*program.module);
  EXPECT_EQ(dict.size(), state.size());
  EXPECT_EQ(text.find("restore_type_tag"), std::string::npos) << "which Python's weights_only=True refuses";
  for (const auto& [name, tensor] : state) EXPECT_TRUE(torch::equal(dict.at(name).toTensor(), tensor)) << name;
}

TEST_F(ModelExport, WeightsOfAnotherModuleAreRefused) {
  const NamedTensors weights = tile_->named_row(kTrial);
  const auto refusal = [&](const NamedTensors& changed, const Settings& settings) {
    return message_of<TaskError>([&] { restore_trial(task_, configurations_, settings, kTrial, changed); });
  };
  const std::string start = "the weights of trial 2 are not those of the task's module: ";
  NamedTensors missing = weights;
  std::erase_if(missing, [](const auto& item) { return item.first == "head.bias"; });
  expect_start(refusal(missing, settings_), start + "'head.bias' is missing; ");
  NamedTensors unknown = weights;
  unknown.emplace_back("tail.bias", torch::zeros({3}));
  expect_start(refusal(unknown, settings_), start + "it has no 'tail.bias'; ");
  expect_start(refusal(weights, {{"width", {Value(int64_t{6}), {}}}}),
               start + "'decode_weight' is [6, 6] Float there and [5, 5] Float here; ");
}

TEST_F(ModelExport, AFileThatCannotBeWrittenIsAnErrorAndTheOldOneStays) {
  const TrialProgram program = restored();
  const std::string nowhere = folder_ / "no/m.pt";
  expect_start(message_of<OutputError>([&] { save_model(*program.module, nowhere, ModelFormat::kStateDict); }),
               folder_ / "no/m.pt.tmp cannot be written: No such file or directory; ");
  for (const auto format : {ModelFormat::kLibTorch, ModelFormat::kStateDict, ModelFormat::kSafetensors}) {
    write_text(folder_ / "m", "old");
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    const rlimit small{100, before.rlim_max};  // as a full disk: the write fails half way
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    const std::string message = message_of<OutputError>([&] { save_model(*program.module, folder_ / "m", format); });
    setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
    expect_start(message, folder_ / "m.tmp cannot be written: File too large; free space");
    EXPECT_EQ(read_text(folder_ / "m"), "old");
    EXPECT_FALSE(std::filesystem::exists(folder_ / "m.tmp"));
  }
}

TEST_F(ModelExport, SafetensorsHasNoWordForComplexNumbers) {
  struct Complex : torch::nn::Module {
    Complex() { register_buffer("phase", torch::zeros({2}, torch::kComplexFloat)); }
  } complex;
  expect_start(message_of<OutputError>([&] { save_model(complex, folder_ / "c", ModelFormat::kSafetensors); }),
               folder_ / "c: 'phase' is ComplexFloat, which safetensors has no word for; ");
}

TEST(ModelFormat, IsChosenByTheExtension) {
  EXPECT_EQ(model_format("a/best.safetensors"), ModelFormat::kSafetensors);
  EXPECT_EQ(model_format("best.PT"), ModelFormat::kStateDict);
  EXPECT_EQ(model_format("best.pth"), ModelFormat::kStateDict);
  EXPECT_EQ(model_format("best.model"), ModelFormat::kLibTorch);
  EXPECT_EQ(model_format("best"), ModelFormat::kLibTorch);
}

TEST(TaskSweep, BestWeightsAreThoseOfTheBestInterval) {
  const FunctionTask task = many_kinds_task();
  SweepSpec spec;
  spec.search_space.add("lr", loguniform(-6, 0));
  spec.search_space.add("temperature", uniform(0.5, 2));
  spec.search_space.add("width", choice({Value(4), Value(8)}));
  spec.objective = {Goal::kMaximize, "accuracy", {}};
  spec.limits.max_total_trials = 12;
  const TaskSweep sweep = run_sweep(task, spec, {.seed = 3, .executor = {.n_threads = 1}});
  const TrialProgram best =
      restore_trial(task, sweep.configurations, spec.trial, sweep.result.best.trial, sweep.weights.front());
  const DataPart& part = task.data().validation;
  const double accuracy = best.forward(part.inputs).argmax(1).eq(part.targets).to(torch::kDouble).mean().item<double>();
  EXPECT_NEAR(accuracy, sweep.result.best.metric, 1e-6);
}

TEST(TrialConfig, OneTrialHasPlainScalarsOutsideOfAScope) {
  const Configurations configurations = table({{"lr", {0.25, 0.5}}});
  const Settings settings;
  const TrialConfig one(configurations, settings, std::vector<int64_t>{1}, torch::kCPU);
  const torch::Tensor lr = one.tensor("lr");
  EXPECT_FALSE(is_batched(lr));
  EXPECT_EQ(lr.dim(), 0);
  EXPECT_EQ(lr.item<double>(), 0.5);
  EXPECT_EQ(one.tensor("decay", 0.125).item<double>(), 0.125);
  const TrialConfig two(configurations, settings, std::vector<int64_t>{0, 1}, torch::kCPU);
  EXPECT_THROW(two.tensor("lr"), std::logic_error);
}

}  // namespace model_export_test
}  // namespace lockstep
