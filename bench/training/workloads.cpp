#include "training/workloads.h"

#include <stdexcept>
#include <utility>
#include <vector>

#include <lockstep/models/lenet.h>
#include <lockstep/models/linear.h>
#include <lockstep/models/mlp.h>
#include <lockstep/models/recurrent.h>
#include <lockstep/models/resnet.h>
#include <lockstep/models/task_registry.h>
#include <lockstep/models/transformer.h>
#include <torch/torch.h>

namespace lockstep::bench {

namespace {

namespace nn = torch::nn;

constexpr int64_t kClasses = 10;

constexpr int64_t kSteps = 32;  // of a sequence
constexpr int64_t kFeatures = 16;

constexpr int64_t kTokens = 32;  // the vocabulary
constexpr int64_t kContext = 32;

template <class Module, class Options>
models::BuiltModel built(const Options& options) {
  Module module(options);
  return {module.ptr(), [module](torch::Tensor x) mutable { return module->forward(x); }};
}

models::RecurrentOptions recurrent(models::RecurrentCell cell) {
  models::RecurrentOptions options;
  options.cell = cell;
  options.n_features = kFeatures;
  options.hidden = 64;
  options.n_outputs = kClasses;
  return options;
}

/// Two layers, 128 wide, 4 heads, as torch.nn's TransformerEncoder has them.
models::TransformerOptions transformer() {
  models::TransformerOptions options;
  options.vocabulary = kTokens;
  options.context = kContext;
  options.width = 128;
  options.heads = 4;
  options.layers = 2;
  options.feedforward = 256;
  options.activation = "relu";
  options.norm_first = false;
  return options;
}

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
  const std::string& name = contest.workload;
  if (name == "mlp") {
    const DataSet data = digits();
    models::MlpOptions options;
    options.n_inputs = data.train.inputs.size(1);
    options.hidden = {contest.width, contest.width};
    options.n_outputs = kClasses;
    return {data, [options] { return built<models::Mlp>(options); }};
  }
  if (name == "logistic") {
    const DataSet data = digits();
    const models::LinearModelOptions options{data.train.inputs.size(1), kClasses, {}};
    return {data, [options] { return built<models::LinearModel>(options); }};
  }
  if (name == "lenet") {
    return {synthetic(contest, noisy(image_templates(1, 28))),
            [] { return built<models::LeNet>(models::LeNetOptions()); }};
  }
  if (name == "resnet") {
    return {synthetic(contest, noisy(image_templates(3, 16))),
            [] { return built<models::ResNet>(models::ResNetOptions()); }};
  }
  if (name == "lstm" || name == "gru") {
    const auto options = recurrent(name == "lstm" ? models::RecurrentCell::kLstm : models::RecurrentCell::kGru);
    return {synthetic(contest, noisy(sequence_templates())), [options] { return built<models::Recurrent>(options); }};
  }
  if (name == "transformer") {
    return {synthetic(contest, sentences), [] { return built<models::Transformer>(transformer()); }};
  }
  throw std::runtime_error("there is no model for the workload '" + contest.workload + "'");
}

torch::Tensor loss(const torch::Tensor& output, const torch::Tensor& targets) {
  return nn::functional::cross_entropy(output.flatten(0, -2), targets.flatten());
}

torch::Tensor is_right(const torch::Tensor& output, const torch::Tensor& targets) {
  return output.argmax(-1).eq(targets);
}

}  // namespace lockstep::bench
