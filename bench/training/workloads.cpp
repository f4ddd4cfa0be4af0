#include "training/workloads.h"

#include <stdexcept>
#include <utility>
#include <vector>

#include <torch/torch.h>

#include <lockstep/models/mlp.h>
#include <lockstep/models/task_registry.h>

namespace lockstep::bench {

namespace {

namespace nn = torch::nn;

constexpr int64_t kClasses = 10;

constexpr int64_t kSteps = 32;  // of a sequence
constexpr int64_t kFeatures = 16;

constexpr int64_t kTokens = 32;  // the vocabulary
constexpr int64_t kContext = 32;

template <class Module, class... Arguments>
models::BuiltModel built(const Arguments&... arguments) {
  auto module = std::make_shared<Module>(arguments...);
  return {module, [module](torch::Tensor x) { return module->forward(x); }};
}

nn::Conv2d conv(int64_t n_in, int64_t n_out, int64_t size, int64_t stride, int64_t padding, bool bias) {
  return nn::Conv2d(nn::Conv2dOptions(n_in, n_out, size).stride(stride).padding(padding).bias(bias));
}

/// LeNet-5 as it is written today: relu, max pooling.
struct LeNet : nn::Module {
  torch::Tensor forward(torch::Tensor x) {
    x = torch::max_pool2d(torch::relu(conv1(x)), 2);
    x = torch::max_pool2d(torch::relu(conv2(x)), 2);
    x = torch::relu(linear1(x.flatten(1)));
    return linear3(torch::relu(linear2(x)));
  }
  nn::Conv2d conv1 = register_module("conv1", conv(1, 6, 5, 1, 2, true));
  nn::Conv2d conv2 = register_module("conv2", conv(6, 16, 5, 1, 0, true));
  nn::Linear linear1 = register_module("linear1", nn::Linear(400, 120));
  nn::Linear linear2 = register_module("linear2", nn::Linear(120, 84));
  nn::Linear linear3 = register_module("linear3", nn::Linear(84, kClasses));
};

struct BasicBlockImpl : nn::Module {
  BasicBlockImpl(int64_t n_in, int64_t n_out, int64_t stride)
      : conv1(register_module("conv1", conv(n_in, n_out, 3, stride, 1, false))),
        norm1(register_module("norm1", nn::BatchNorm2d(n_out))),
        conv2(register_module("conv2", conv(n_out, n_out, 3, 1, 1, false))),
        norm2(register_module("norm2", nn::BatchNorm2d(n_out))) {
    if (stride == 1 && n_in == n_out) return;
    shortcut = register_module(
        "shortcut", nn::Sequential(conv(n_in, n_out, 1, stride, 0, false), nn::BatchNorm2d(n_out)));
  }
  torch::Tensor forward(torch::Tensor x) {
    const auto y = norm2(conv2(torch::relu(norm1(conv1(x)))));
    return torch::relu(y + (shortcut ? shortcut->forward(x) : x));
  }
  nn::Conv2d conv1;
  nn::BatchNorm2d norm1;
  nn::Conv2d conv2;
  nn::BatchNorm2d norm2;
  nn::Sequential shortcut{nullptr};
};
TORCH_MODULE(BasicBlock);

/// A block a stage: 16 channels of 16x16, 32 of 8x8, 64 of 4x4.
struct ResNet : nn::Module {
  torch::Tensor forward(torch::Tensor x) {
    x = torch::relu(norm(first(x)));
    x = block3(block2(block1(x)));
    return last(x.mean({2, 3}));
  }
  nn::Conv2d first = register_module("first", conv(3, 16, 3, 1, 1, false));
  nn::BatchNorm2d norm = register_module("norm", nn::BatchNorm2d(16));
  BasicBlock block1 = register_module("block1", BasicBlock(16, 16, 1));
  BasicBlock block2 = register_module("block2", BasicBlock(16, 32, 2));
  BasicBlock block3 = register_module("block3", BasicBlock(32, 64, 2));
  nn::Linear last = register_module("last", nn::Linear(64, kClasses));
};

struct Lstm : nn::Module {
  torch::Tensor forward(torch::Tensor x) { return last(std::get<0>(lstm(x)).select(1, -1)); }
  nn::LSTM lstm = register_module("lstm", nn::LSTM(nn::LSTMOptions(kFeatures, 64).batch_first(true)));
  nn::Linear last = register_module("last", nn::Linear(64, kClasses));
};

/// Predicts every next token from those before it: two layers, 128 wide, 4 heads.
struct Transformer : nn::Module {
  torch::Tensor forward(torch::Tensor tokens) {
    const auto x = embed(tokens) + position->weight;
    return last(encoder(x.transpose(0, 1), mask).transpose(0, 1));
  }
  nn::Embedding embed = register_module("embed", nn::Embedding(kTokens, 128));
  nn::Embedding position = register_module("position", nn::Embedding(kContext, 128));
  nn::TransformerEncoder encoder = register_module(
      "encoder", nn::TransformerEncoder(nn::TransformerEncoderOptions(
                     nn::TransformerEncoderLayerOptions(128, 4).dim_feedforward(256).dropout(0), 2)));
  nn::Linear last = register_module("last", nn::Linear(128, kTokens));
  torch::Tensor mask = register_buffer("mask", nn::TransformerImpl::generate_square_subsequent_mask(kContext));
};

DataSet digits() {
  const auto spec = parse_sweep(
      "type: sweep\nsampling_algorithm: random\ntrial: {model: mlp, dataset: digits}\n"
      "search_space: {lr: {type: uniform, min_value: 0.0, max_value: 1.0}}\n"
      "objective: {goal: maximize, primary_metric: accuracy}\nlimits: {max_total_trials: 1}\n",
      "bench");
  return make_task(spec)->data();
}

/// Both parts of synthetic data, the same in every run.
DataSet synthetic(const Contest& contest, const std::function<DataPart(int64_t n, at::Generator&)>& part) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(3);
  DataSet data;
  data.name = contest.workload;
  data.train = part(contest.n_train, generator);
  data.validation = part(contest.n_validation, generator);
  return data;
}

/// Examples of the classes, each its class's template with noise.
std::function<DataPart(int64_t, at::Generator&)> noisy(const torch::Tensor& templates) {
  return [templates](int64_t n, at::Generator& generator) -> DataPart {
    const auto y = torch::arange(n) % kClasses;
    const auto x = templates.index_select(0, y);
    return {x + 2 * torch::randn(x.sizes(), generator), y};
  };
}

/// Random patterns of 4x4 pixels a dot.
torch::Tensor image_templates(int64_t n_channels, int64_t side) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(5);
  const auto dots = torch::randn({kClasses, n_channels, side / 4, side / 4}, generator);
  return dots.repeat_interleave(4, 2).repeat_interleave(4, 3);
}

torch::Tensor sequence_templates() {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(5);
  return torch::randn({kClasses, kSteps / 8, kFeatures}, generator).repeat_interleave(8, 1);
}

/// A token is followed by the one that a permutation gives it, and sometimes by any.
DataPart sentences(int64_t n, at::Generator& generator) {
  auto of_language = at::make_generator<at::CPUGeneratorImpl>(5);
  const auto follower = torch::randperm(kTokens, of_language);
  auto tokens = torch::randint(kTokens, {n, kContext + 1}, generator);
  const auto strays = torch::rand({n, kContext + 1}, generator) < 0.2;
  for (int64_t i = 1; i <= kContext; ++i) {
    const auto next = follower.index_select(0, tokens.select(1, i - 1));
    tokens.select(1, i).copy_(torch::where(strays.select(1, i), tokens.select(1, i), next));
  }
  return {tokens.narrow(1, 0, kContext).contiguous(), tokens.narrow(1, 1, kContext).contiguous()};
}

}  // namespace

Workload make_workload(const Contest& contest) {
  if (contest.workload == "mlp") {
    const DataSet data = digits();
    models::MlpOptions options;
    options.n_inputs = data.train.inputs.size(1);
    options.hidden = {contest.width, contest.width};
    options.n_outputs = kClasses;
    return {data, [options] { return built<models::MlpImpl>(options); }};
  }
  if (contest.workload == "lenet") {
    return {synthetic(contest, noisy(image_templates(1, 28))), [] { return built<LeNet>(); }};
  }
  if (contest.workload == "resnet") {
    return {synthetic(contest, noisy(image_templates(3, 16))), [] { return built<ResNet>(); }};
  }
  if (contest.workload == "lstm") {
    return {synthetic(contest, noisy(sequence_templates())), [] { return built<Lstm>(); }};
  }
  if (contest.workload == "transformer") return {synthetic(contest, sentences), [] { return built<Transformer>(); }};
  throw std::runtime_error("there is no model for the workload '" + contest.workload + "'");
}

torch::Tensor loss(const torch::Tensor& output, const torch::Tensor& targets) {
  return nn::functional::cross_entropy(output.flatten(0, -2), targets.flatten());
}

torch::Tensor is_right(const torch::Tensor& output, const torch::Tensor& targets) {
  return output.argmax(-1).eq(targets);
}

}  // namespace lockstep::bench
