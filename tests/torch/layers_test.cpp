// Every layer and loss of torch::nn in a batch of trials: against the same module built and run alone, and bit for bit
// against the same trial in other company.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iomanip>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <sstream>

#include <ATen/record_function.h>
#include <lockstep/torch/trial_scope.h>
#include <torch/csrc/autograd/autograd.h>

#include "torch/host_wait_guard.h"
#include "torch/layers/layer_case.h"
#include "torch/row_kernels.h"
#include "torch/slow_ops.h"

namespace lockstep {
namespace layers_test {

using namespace lockstep::testing;
using torch::Tensor;
using Tensors = std::vector<Tensor>;

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

/// What `trials[slot]` comes to among `trials`; with `guarded` forward and backward pass must not wait for a device.
Outcome in_company(const LayerCase& c, const std::vector<int64_t>& trials, int64_t slot, bool guarded = false) {
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
  std::optional<HostWaitGuard> guard;
  if (guarded) guard.emplace();
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
  guard.reset();
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

/// What the sweep finds out about a layer.
struct Found {
  bool bits_equal = true;
  std::string unequal;  ///< where bits differ
  double forward = 0, gradient = 0, buffers = 0;
  std::string rule;
  std::set<std::string> slow_ops;
  bool drew_from_the_global_generator = false;
};

/// Ops that were called with a per-trial tensor, by name.
class OpsSeen {
  struct Order {
    bool operator()(const c10::OperatorName& a, const c10::OperatorName& b) const {
      return std::tie(a.name, a.overload_name) < std::tie(b.name, b.overload_name);
    }
  };
  static std::set<c10::OperatorName, Order>& seen() {
    static thread_local std::set<c10::OperatorName, Order> seen;
    return seen;
  }
  static bool is_per_trial(const c10::IValue& value) {
    if (value.isTensor()) return is_batched(value.toTensor());
    if (!value.isTensorList()) return false;
    const auto list = value.toTensorVector();
    return std::any_of(list.begin(), list.end(), [](const Tensor& each) { return is_batched(each); });
  }

 public:
  OpsSeen() {
    seen().clear();
    handle_ = at::addThreadLocalCallback(at::RecordFunctionCallback([](const at::RecordFunction& op) {
                                           for (const auto& input : op.inputs()) {
                                             if (is_per_trial(input)) seen().insert(op.operator_name().value());
                                           }
                                           return std::unique_ptr<at::ObserverContext>();
                                         })
                                             .needsInputs(true)
                                             .scopes({at::RecordScope::FUNCTION}));
  }
  ~OpsSeen() { at::removeCallback(handle_); }
  const auto& names() const { return seen(); }

 private:
  at::CallbackHandle handle_;
};

class Layers : public ::testing::TestWithParam<LayerCase> {
 protected:
  void SetUp() override { at::set_num_threads(1); }
};

std::string text(double value) {
  std::ostringstream out;
  out << std::setprecision(2) << value;
  return out.str();
}

/// Whose batching rules were at work, by what LibTorch's dispatcher knows of the ops: ours where there is one of ours.
std::string rule_of(const OpsSeen& ops) {
  bool own = false, trial_by_trial = false;
  for (const auto& name : ops.names()) {
    const auto op = c10::Dispatcher::singleton().findSchema(name);
    if (!op) continue;
    std::istringstream kernels(op->dumpComputedTable());
    for (std::string line; std::getline(kernels, line);) {
      if (line.find("FuncTorchBatched:") != 0 && line.find("FuncTorchVmapMode:") != 0) continue;
      if (line.find("torch/batching_rules/") == std::string::npos) continue;
      const auto is_loop = [&](const char* file) { return line.find(file) != std::string::npos; };
      (is_loop("trial_by_trial") || is_loop("embedding_bag") || is_loop("convolution")
           ? trial_by_trial
           : own) = true;
    }
  }
  return trial_by_trial ? "own, trial by trial" : own ? "own" : "functorch's";
}

Found sweep(const LayerCase& c) {
  Found out;
  SlowOps slow;
  const Tensor before = at::globalContext().defaultGenerator(torch::kCPU).get_state();
  const Outcome one = in_company(c, {kTrial}, 0);
  const auto compare = [&](const Outcome& other, const std::string& company) {
    const auto check = [&](const Tensors& got, const Tensors& want, const char* what) {
      if (bits_equal(got, want)) return;
      out.bits_equal = false;
      out.unequal +=
          std::string(what) + " in a company of " + company + " differ by " + text(difference(got, want)) + "; ";
    };
    check(other.outputs, one.outputs, "outputs");
    check(other.gradients, one.gradients, "gradients");
    check(other.buffers, one.buffers, "buffers");
  };
  {
    const SlowOps::Watch watch(slow);
    const OpsSeen ops;
    compare(in_company(c, {3, 8, 2, kTrial, 40}, 3), "5");
    out.rule = rule_of(ops);
  }
  out.slow_ops = slow.names();
  std::vector<int64_t> many(37);
  std::iota(many.begin(), many.end(), 0);
  compare(in_company(c, many, kTrial), "37");
  out.drew_from_the_global_generator =
      !torch::equal(at::globalContext().defaultGenerator(torch::kCPU).get_state(), before);
  if (c.random) return out;
  const Outcome plain = alone(c);
  out.forward = difference(one.outputs, plain.outputs);
  out.gradient = difference(one.gradients, plain.gradients);
  out.buffers = difference(one.buffers, plain.buffers);
  return out;
}

TEST_P(Layers, RunsInABatchAsAlone) {
  const Found found = sweep(GetParam());
  EXPECT_TRUE(found.bits_equal) << found.unequal;
  EXPECT_LT(found.forward, 1e-5);
  EXPECT_LT(found.gradient, 1e-5);
  EXPECT_LT(found.buffers, 1e-6);
  EXPECT_THAT(found.slow_ops, ::testing::IsEmpty());
  EXPECT_FALSE(found.drew_from_the_global_generator);
}

/// Layers that read values on the host, and why that is not mended; see docs/layers.md.
const std::map<std::string, std::string> kReadValues{
    {"EmbeddingBag, max", "LibTorch's gradient on a CPU only"},
    {"GRU, packed", "lengths, which are in host memory"},
    {"LSTM, packed", "lengths, which are in host memory"},
    {"LSTM, packed, bidirectional", "lengths, which are in host memory"},
    {"MultiLabelMarginLoss", "LibTorch's check of targets on a CPU only"},
    {"MultiLabelMarginLoss, none", "LibTorch's check of targets on a CPU only"},
    {"MultiLabelMarginLoss, sum", "LibTorch's check of targets on a CPU only"},
    {"RNN, packed, bidirectional", "lengths, which are in host memory"},
    {"sums", "the gradient of torch::prod hangs on how many zeros there are"},
};

TEST_P(Layers, MakesTheHostWaitForNothing) {
  const auto run = [] { in_company(GetParam(), {3, kTrial}, 1, /*guarded=*/true); };
  if (!kReadValues.contains(GetParam().name)) return run();
  EXPECT_THROW(run(), c10::Error) << "it waits no more: take it off the list";
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

const std::string kDocument = LOCKSTEP_SOURCE_DIR "/docs/layers.md";
const std::string kTableHead =
    "| layer | batching rule | forward | gradient | bits equal in any company |\n|---|---|---|---|---|\n";

/// The names in the first column of the document's table.
std::vector<std::string> documented() {
  std::ifstream file(kDocument);
  std::vector<std::string> out;
  bool in_table = false;
  for (std::string line; std::getline(file, line);) {
    if (line.find("|---|") == 0)
      in_table = true;
    else if (in_table && line.find("| ") == 0)
      out.push_back(line.substr(2, line.find(" |", 2) - 2));
  }
  return out;
}

/// Writes the table anew where LOCKSTEP_WRITE_DOCS is set, and in any case wants a row for each layer.
TEST(LayersDocument, HasARowForEachLayer) {
  const auto cases = layer_cases();
  if (std::getenv("LOCKSTEP_WRITE_DOCS") != nullptr) {
    at::set_num_threads(1);
    std::ifstream before(kDocument);
    std::string head(std::istreambuf_iterator<char>(before), {});
    head.resize(std::min(head.size(), head.find(kTableHead)));
    std::ofstream file(kDocument);
    file << head << kTableHead;
    for (const auto& c : cases) {
      const Found found = sweep(c);
      file << "| " << c.name << " | " << found.rule << " | " << (c.random ? "random" : text(found.forward)) << " | "
           << (c.random ? "random" : text(found.gradient)) << " | " << (found.bits_equal ? "yes" : "no") << " |\n";
    }
  }
  std::vector<std::string> names;
  for (const auto& c : cases) names.push_back(c.name);
  EXPECT_EQ(documented(), names)
      << "write docs/layers.md anew: LOCKSTEP_WRITE_DOCS=1 build/bin/torch_tests --gtest_filter='LayersDocument.*'";
}

}  // namespace layers_test
}  // namespace lockstep
