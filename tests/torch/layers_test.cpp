// Every layer and loss of torch::nn in a batch of trials: against the same module built and run alone, and bit for bit
// against the same trial in other company.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iomanip>
#include <sstream>

#include <lockstep/torch/trial_scope.h>
#include <torch/csrc/autograd/autograd.h>

#include "torch/layers/layer_case.h"
#include "torch/row_kernels.h"

namespace lockstep {
namespace {

using namespace lockstep::testing;
using torch::Tensor;
using Tensors = std::vector<Tensor>;
using ::testing::HasSubstr;

constexpr int64_t kTrial = 11;  ///< the one that is looked at
constexpr uint64_t kSeed = 5;

/// What one trial comes to: outputs, then the gradients of inputs and parameters, then the buffers.
struct Outcome {
  Tensors outputs, gradients, buffers;
};

Tensor value_of(const LayerInput& input, int64_t trial, size_t which) {
  if (input.shared.defined()) return input.shared;
  auto generator =
      at::make_generator<at::CPUGeneratorImpl>(static_cast<uint64_t>(trial * 100 + static_cast<int64_t>(which)));
  return input.make(generator);
}

/// The same for a trial alone and among others: the gradient that comes back from an output.
Tensor gradient_of(const Tensor& output, int64_t trial, size_t which) {
  auto generator =
      at::make_generator<at::CPUGeneratorImpl>(static_cast<uint64_t>(trial * 1000 + static_cast<int64_t>(which)));
  return torch::randn(output.sizes(), generator);
}

/// Gradients of `outputs` with respect to `leaves`; zeros where nothing depends on one.
Tensors gradients_of(const Tensors& outputs, const Tensors& weights, const Tensors& leaves) {
  Tensors differentiable, coming;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].requires_grad()) continue;
    differentiable.push_back(outputs[i]);
    coming.push_back(weights[i]);
  }
  if (differentiable.empty() || leaves.empty()) return {};
  auto out = torch::autograd::grad(differentiable, leaves, coming, std::nullopt, false, /*allow_unused=*/true);
  for (size_t i = 0; i < out.size(); ++i) {
    if (!out[i].defined()) out[i] = torch::zeros_like(leaves[i]);
  }
  return out;
}

struct Batch {
  Layer layer;
  Tensors parameters, buffers;  ///< as they were made, [n_trials, ...]
};

Batch build(const LayerCase& c, const std::vector<int64_t>& trials) {
  Batch out;
  {
    TrialScope scope(trials, kSeed, torch::kCPU);
    out.layer = c.build();
  }
  if (out.layer.module == nullptr) return out;
  for (const auto& parameter : out.layer.module->parameters()) out.parameters.push_back(physical(parameter).clone());
  for (const auto& buffer : out.layer.module->buffers()) out.buffers.push_back(physical(buffer).clone());
  return out;
}

/// What `trials[slot]` comes to among `trials`.
Outcome in_company(const LayerCase& c, const std::vector<int64_t>& trials, int64_t slot) {
  const auto n_trials = static_cast<int64_t>(trials.size());
  Batch batch = build(c, trials);
  Tensors leaves, outputs, weights;
  if (batch.layer.module != nullptr) {
    for (const auto& parameter : batch.layer.module->parameters()) {
      replace_physical(parameter, physical(parameter).detach().clone());
      leaves.push_back(physical(parameter));
      leaves.back().set_requires_grad(true);
    }
  }
  Tensors inputs;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    if (c.inputs[i].shared.defined()) {
      inputs.push_back(c.inputs[i].shared);
      continue;
    }
    Tensors values;
    for (const auto trial : trials) values.push_back(value_of(c.inputs[i], trial, i));
    inputs.push_back(torch::stack(values));
    if (inputs.back().is_floating_point()) leaves.push_back(inputs.back().set_requires_grad(true));
  }
  {
    TrialScope scope(torch::tensor(trials, torch::kLong), torch::zeros({n_trials}, torch::kLong), kSeed);
    Tensors batched;
    for (size_t i = 0; i < inputs.size(); ++i)
      batched.push_back(c.inputs[i].shared.defined() ? inputs[i] : scope.batched(inputs[i]));
    for (const auto& output : batch.layer.forward(batched)) {
      EXPECT_TRUE(is_batched(output)) << "an output is not per trial";
      outputs.push_back(physical(output));
    }
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    Tensors rows;
    for (int64_t t = 0; t < n_trials; ++t)
      rows.push_back(gradient_of(outputs[i][t], trials[static_cast<size_t>(t)], i));
    weights.push_back(torch::stack(rows));
  }
  Tensors gradients;
  {
    const RowKernels by_row(n_trials);
    gradients = gradients_of(outputs, weights, leaves);
  }
  Outcome out;
  for (const auto& each : outputs) out.outputs.push_back(each[slot].detach().clone());
  for (const auto& each : gradients) out.gradients.push_back(each[slot].clone());
  if (batch.layer.module != nullptr) {
    const auto buffers = batch.layer.module->buffers();
    for (size_t i = 0; i < buffers.size(); ++i) {
      // One that was made of existing data (class weights) is shared, and nobody writes to it.
      EXPECT_TRUE(is_batched(buffers[i]) || torch::equal(buffers[i], batch.buffers[i]))
          << "a shared buffer was written to";
      out.buffers.push_back(is_batched(buffers[i]) ? physical(buffers[i])[slot].clone() : buffers[i]);
    }
  }
  return out;
}

/// What kTrial comes to as a plain module without a scope, with the same weights.
Outcome alone(const LayerCase& c) {
  const Batch made = build(c, {kTrial});
  const Layer layer = c.build();
  Tensors leaves, inputs, weights;
  if (layer.module != nullptr) {
    torch::NoGradGuard no_grad;
    const auto parameters = layer.module->parameters();
    for (size_t i = 0; i < parameters.size(); ++i) parameters[i].copy_(made.parameters[i][0]);
    leaves.insert(leaves.end(), parameters.begin(), parameters.end());
  }
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    inputs.push_back(value_of(c.inputs[i], kTrial, i).clone());
    if (!c.inputs[i].shared.defined() && inputs.back().is_floating_point())
      leaves.push_back(inputs.back().set_requires_grad(true));
  }
  Outcome out;
  const Tensors outputs = layer.forward(inputs);
  for (size_t i = 0; i < outputs.size(); ++i) weights.push_back(gradient_of(outputs[i], kTrial, i));
  out.gradients = gradients_of(outputs, weights, leaves);
  for (const auto& each : outputs) out.outputs.push_back(each.detach());
  if (layer.module != nullptr) out.buffers = layer.module->buffers();
  return out;
}

/// The largest difference, relative to the largest value of its tensor where that is above 1.
double difference(const Tensors& got, const Tensors& want) {
  if (got.size() != want.size()) return std::numeric_limits<double>::infinity();
  double out = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    if (got[i].sizes() != want[i].sizes()) return std::numeric_limits<double>::infinity();
    if (got[i].numel() == 0) continue;
    const auto a = got[i].to(torch::kDouble), b = want[i].to(torch::kDouble);
    const double largest = (a - b).abs().max().item<double>() / std::max(1.0, b.abs().max().item<double>());
    if (!(largest <= out)) out = largest;  // NaN too
  }
  return out;
}

bool bits_equal(const Tensors& a, const Tensors& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!torch::equal(a[i], b[i])) return false;
  }
  return true;
}

class Layers : public ::testing::TestWithParam<LayerCase> {
 protected:
  void SetUp() override { at::set_num_threads(1); }
};

TEST_P(Layers, RunsInABatchAsAlone) {
  const LayerCase& c = GetParam();
  const Outcome one = in_company(c, {kTrial}, 0);
  const Outcome few = in_company(c, {3, 8, 2, kTrial, 40}, 3);
  std::vector<int64_t> many(37);
  for (int64_t t = 0; t < 37; ++t) many[static_cast<size_t>(t)] = t;
  const Outcome most = in_company(c, many, kTrial);
  for (const auto* other : {&few, &most}) {
    EXPECT_TRUE(bits_equal(other->outputs, one.outputs)) << "outputs: " << difference(other->outputs, one.outputs);
    EXPECT_TRUE(bits_equal(other->gradients, one.gradients))
        << "gradients: " << difference(other->gradients, one.gradients);
    EXPECT_TRUE(bits_equal(other->buffers, one.buffers)) << "buffers";
  }
  if (c.random) return;
  const Outcome plain = alone(c);
  EXPECT_LT(difference(one.outputs, plain.outputs), 1e-5);
  EXPECT_LT(difference(one.gradients, plain.gradients), 1e-5);
  EXPECT_LT(difference(one.buffers, plain.buffers), 1e-6);
}

std::string test_name(const std::string& name) {
  std::string out;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)))
      out += c;
    else if (!out.empty() && out.back() != '_')
      out += '_';
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(TorchNN, Layers, ::testing::ValuesIn(layer_cases()),
                         [](const auto& info) { return test_name(info.param.name); });

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

TEST(LayersThatCannotTrainInABatch, SayWhy) {
  const auto response = [](const Tensors& x) { torch::nn::CrossMapLRN2d(3)->forward(x[0]); };
  EXPECT_THAT(refusal_of({torch::randn({2, 2, 5, 3, 3})}, response), HasSubstr("torch::autograd::Function"));
  torch::nn::AdaptiveLogSoftmaxWithLoss layer(torch::nn::AdaptiveLogSoftmaxWithLossOptions(6, 9, {3, 6}).div_value(2));
  const auto adaptive = [&](const Tensors& x) { layer->forward(x[0], x[1]); };
  EXPECT_THAT(refusal_of({torch::randn({2, 7, 6}), torch::randint(9, {2, 7}, torch::kLong)}, adaptive),
              HasSubstr("nonzero"));
  EXPECT_THAT(refusal_of({torch::randn({2})}, [](const Tensors& x) { x[0].item<double>(); }),
              HasSubstr("give it a momentum"));
}

}  // namespace
}  // namespace lockstep
