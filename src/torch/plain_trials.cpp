#include "torch/plain_trials.h"

#include <algorithm>

#include <c10/core/impl/LocalDispatchKeySet.h>

#include <lockstep/error.h>

#include "torch/device_context.h"
#include "torch/minibatch.h"
#include "torch/trial_streams.h"

namespace lockstep {

struct PlainTrials::Trial {
  int64_t id = 0;
  std::unique_ptr<TrialConfig> config;  // the program may read it at any time
  TrialProgram program;
};

namespace {

/// While one lives on a thread, random ops draw from one trial's streams, as they would for its row in a TrialScope.
class PlainScope {
 public:
  /// @param id, steps [1]; without steps those of the trial's construction
  PlainScope(const torch::Tensor& id, const torch::Tensor& steps, uint64_t seed, uint32_t first_stream)
      : streams_{id.device(), &backend_of(id.device()), device_context(id.device(), seed), id, steps, first_stream,
                 /*is_plain=*/true},
        include_(c10::DispatchKey::DeferredInit) {
    TrialStreams::current() = &streams_;
  }
  ~PlainScope() { TrialStreams::current() = nullptr; }

 private:
  TrialStreams streams_;
  c10::impl::IncludeDispatchKeyGuard include_;
};

PlainScope scope_of(const PlainTrials::Pass& pass, size_t trial) {
  const auto at = static_cast<int64_t>(trial);
  return PlainScope(pass.ids.narrow(0, at, 1), pass.steps.narrow(0, at, 1), pass.seed, pass.first_stream);
}

/// Where the rows of tensors are put together, in the order of trials; a trial without one has zeros.
torch::Tensor stacked(std::vector<torch::Tensor>& rows) {
  const auto any = std::find_if(rows.begin(), rows.end(), [](const torch::Tensor& row) { return row.defined(); });
  if (any == rows.end()) return {};
  for (auto& row : rows) {
    if (!row.defined()) row = torch::zeros_like(*any);
  }
  return torch::stack(rows);
}

}  // namespace

PlainTrials::PlainTrials(const TileSource& source) : source_(source) {}
PlainTrials::~PlainTrials() = default;

void PlainTrials::bind(std::span<const int64_t> trials, const NamedTensors& rows) {
  std::vector<std::unique_ptr<Trial>> bound;
  for (size_t slot = 0; slot < trials.size(); ++slot) {
    const auto known = std::find_if(trials_.begin(), trials_.end(),
                                    [&](const auto& trial) { return trial != nullptr && trial->id == trials[slot]; });
    if (known != trials_.end()) {
      bound.push_back(std::move(*known));
    } else {
      auto trial = std::make_unique<Trial>();
      trial->id = trials[slot];
      trial->config = std::make_unique<TrialConfig>(source_.configurations, source_.settings,
                                                    std::span(&trial->id, 1), source_.device);
      const torch::Tensor id = torch::tensor({trial->id}, torch::kLong).to(source_.device);
      const PlainScope scope(id, {}, source_.seed, 0);
      trial->program = source_.task.build(*trial->config);
      trial->program.module->to(source_.device);
      bound.push_back(std::move(trial));
    }
    const torch::NoGradGuard no_grad;
    const auto parameters = bound.back()->program.module->named_parameters();
    const auto buffers = bound.back()->program.module->named_buffers();
    for (const auto& [name, tensor] : rows) {
      const torch::Tensor* own = parameters.find(name);
      if (own == nullptr) own = buffers.find(name);
      if (own == nullptr) throw TaskError("the task builds a module with '" + name + "' in a batch, and without it alone");
      torch::Tensor target = *own;
      target.set_data(tensor.select(0, static_cast<int64_t>(slot)));
    }
  }
  trials_ = std::move(bound);
}

torch::Tensor PlainTrials::gradients(const Pass& pass, const Batch& batch, bool per_trial, const torch::Tensor& loss_scale,
                                     const std::vector<std::string>& names, std::vector<torch::Tensor>& gradients) {
  std::vector<torch::Tensor> losses;
  std::vector<std::vector<torch::Tensor>> rows(names.size());
  for (size_t i = 0; i < trials_.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    const auto part = [&](const torch::Tensor& examples) { return per_trial ? examples.select(0, at) : examples; };
    const TrialProgram& program = trials_[i]->program;
    program.module->train(true);
    const PlainScope scope = scope_of(pass, i);
    const torch::Tensor loss = program.training_loss(part(batch.inputs), part(batch.targets));
    if (loss.dim() != 0) throw TaskError("the loss of one trial must be a scalar; reduce it to the mean over the batch");
    const auto parameters = program.module->named_parameters();
    std::vector<torch::Tensor> leaves;
    for (const auto& name : names) leaves.push_back(parameters[name]);
    const torch::Tensor scaled = loss_scale.defined() ? loss * loss_scale.select(0, at).to(loss.scalar_type()) : loss;
    const auto found = torch::autograd::grad({scaled}, leaves, {}, std::nullopt, false, /*allow_unused=*/true);
    for (size_t k = 0; k < found.size(); ++k) rows[k].push_back(found[k]);
    losses.push_back(loss.detach());
  }
  for (auto& each : rows) gradients.push_back(stacked(each));
  return torch::stack(losses);
}

std::vector<torch::Tensor> PlainTrials::evaluate(const Pass& pass, const Batch& batch, std::span<const Metric* const> metrics,
                                                 std::vector<torch::Tensor>& outputs) {
  std::vector<std::vector<torch::Tensor>> values(metrics.size());
  std::vector<torch::Tensor> predicted;
  for (size_t i = 0; i < trials_.size(); ++i) {
    const TrialProgram& program = trials_[i]->program;
    program.module->train(false);
    const PlainScope scope = scope_of(pass, i);
    const torch::Tensor output = program.prediction(batch.inputs);
    predicted.push_back(output);
    for (size_t m = 0; m < metrics.size(); ++m) {
      if (!metrics[m]->whole) values[m].push_back(metrics[m]->per_example(output, batch.targets));
    }
  }
  std::vector<torch::Tensor> out;
  for (auto& each : values) out.push_back(each.empty() ? torch::Tensor() : torch::stack(each));
  if (wants_outputs(metrics)) outputs.push_back(torch::stack(predicted));
  return out;
}

torch::Tensor PlainTrials::whole(const Pass& pass, const Metric& metric, const torch::Tensor& outputs,
                                 const torch::Tensor& targets) {
  std::vector<torch::Tensor> values;
  for (size_t i = 0; i < trials_.size(); ++i) {
    const PlainScope scope = scope_of(pass, i);
    values.push_back(metric.whole(outputs.select(0, static_cast<int64_t>(i)), targets));
  }
  return torch::stack(values);
}

}  // namespace lockstep
