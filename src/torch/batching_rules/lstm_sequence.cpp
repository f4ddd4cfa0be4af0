#include "torch/batching_rules/lstm_sequence.h"

#include <algorithm>

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include "torch/autograd_node.h"
#include "torch/device_context.h"
#include "torch/micro_kernels.h"
#include "torch/transpose.h"
#include "torch/trial_products.h"

namespace lockstep {
namespace {

using torch::Tensor;
using torch::autograd::SavedVariable;
using torch::autograd::variable_list;

float* data_of(const Tensor& x) { return const_cast<float*>(x.const_data_ptr<float>()); }

/// All trials' rows of a contiguous tensor [T, ...].
TrialRows rows_of(const Tensor& x) { return x.defined() ? TrialRows{data_of(x), x.stride(0)} : TrialRows{}; }

/// Those of one step of [T, length, batch, n].
TrialRows at_step(const Tensor& x, int64_t step) {
  return x.defined() ? TrialRows{data_of(x) + step * x.stride(1), x.stride(0)} : TrialRows{};
}

/// The rows from trial `t` on.
TrialRows from_trial(const TrialRows& rows, int64_t t) {
  return rows.data == nullptr ? rows : TrialRows{rows.data + t * rows.trial_stride, rows.trial_stride};
}

/// A sequence, [T, length, batch, ...], and the state that it starts from, [T, batch, size].
struct Sequence {
  Tensor gates, cells, tanh_cells, outputs;
  Tensor first_hidden, first_cell;
  bool reverse = false;

  int64_t n_trials() const { return gates.size(0); }
  int64_t length() const { return gates.size(1); }
  int64_t batch() const { return gates.size(2); }
  int64_t size() const { return gates.size(3) / 4; }
  bool fits_micro_kernels() const { return gates.is_cpu() && gates.numel() > 0 && has_micro_kernels(); }
  /// The n-th step's place.
  int64_t place(int64_t n) const { return reverse ? length() - 1 - n : n; }
  /// What the n-th step started from.
  TrialRows hidden_before(int64_t n) const { return n == 0 ? rows_of(first_hidden) : at_step(outputs, place(n - 1)); }
  TrialRows cell_before(int64_t n) const { return n == 0 ? rows_of(first_cell) : at_step(cells, place(n - 1)); }
  /// The hidden states that the steps started from, by place: [T, length, batch, size].
  Tensor hidden_states_before() const {
    const Tensor first = first_hidden.unsqueeze(1);
    if (reverse) return at::cat({outputs.narrow(1, 1, length() - 1), first}, 1);
    return at::cat({first, outputs.narrow(1, 0, length() - 1)}, 1);
  }
};

/// The n-th step of `n_trials` trials from `t` on.
void run_step(const Sequence& sequence, int64_t n, int64_t t, int64_t n_trials, const Tensor& from_input,
              const TrialRows& from_hidden, const Tensor& bias) {
  const int64_t at = sequence.place(n);
  LstmStep step;
  step.n_trials = n_trials;
  step.n_rows = sequence.batch();
  step.size = sequence.size();
  step.from_input = from_trial(at_step(from_input, at), t);
  step.from_hidden = from_hidden;
  step.bias = from_trial(rows_of(bias), t);
  step.cell_before = from_trial(sequence.cell_before(n), t);
  step.gates = from_trial(at_step(sequence.gates, at), t);
  step.cell = from_trial(at_step(sequence.cells, at), t);
  step.tanh_cell = from_trial(at_step(sequence.tanh_cells, at), t);
  step.hidden = from_trial(at_step(sequence.outputs, at), t);
  const torch::Device device = sequence.gates.device();
  backend_of(device).lstm_step(device_context(device, 0), step);
}

/// Trial by trial: what one needs stays in the cache for all of its steps, and its weights are transposed once.
void run_trials(const Sequence& sequence, const Tensor& from_input, const Tensor& weight, const Tensor& bias) {
  const int64_t batch = sequence.batch(), size = sequence.size();
  float* columns = scratch(0, 4 * size * size);
  float* from_hidden = scratch(1, batch * 4 * size);
  for (int64_t t = 0; t < sequence.n_trials(); ++t) {
    transpose(4 * size, size, from_trial(rows_of(weight), t).data, columns);
    for (int64_t n = 0; n < sequence.length(); ++n) {
      multiply(batch, 4 * size, size, from_trial(sequence.hidden_before(n), t).data, columns, from_hidden);
      run_step(sequence, n, t, 1, from_input, {from_hidden, 0}, bias);
    }
  }
}

/// Step by step, all trials at once.
void run_steps(const Sequence& sequence, const Tensor& from_input, const Tensor& weight, const Tensor& bias) {
  for (int64_t n = 0; n < sequence.length(); ++n) {
    const Tensor before = n == 0 ? sequence.first_hidden : sequence.outputs.select(1, sequence.place(n - 1));
    const Tensor from_hidden = times_transposed(before, weight).contiguous();
    run_step(sequence, n, 0, sequence.n_trials(), from_input, rows_of(from_hidden), bias);
  }
}

/// Gradients on their way back. Undefined where they are not wanted.
struct SequenceGradients {
  Tensor of_output;  ///< [T, length, batch, size]
  Tensor gates;      ///< [T, length, batch, 4 * size]
  Tensor weight;     ///< [T, 4 * size, size]
  Tensor bias;       ///< [T, 4 * size]
  Tensor hidden;     ///< [T, batch, size]
  Tensor cell;       ///< as hidden
};

void run_step_back(const Sequence& sequence, int64_t n, int64_t t, int64_t n_trials, const SequenceGradients& gradients) {
  const int64_t at = sequence.place(n);
  LstmStepBackward step;
  step.n_trials = n_trials;
  step.n_rows = sequence.batch();
  step.size = sequence.size();
  step.gates = from_trial(at_step(sequence.gates, at), t);
  step.cell_before = from_trial(sequence.cell_before(n), t);
  step.tanh_cell = from_trial(at_step(sequence.tanh_cells, at), t);
  step.of_output = from_trial(at_step(gradients.of_output, at), t);
  step.of_hidden = from_trial(rows_of(gradients.hidden), t);
  step.of_cell = from_trial(rows_of(gradients.cell), t);
  step.of_gates = from_trial(at_step(gradients.gates, at), t);
  const torch::Device device = sequence.gates.device();
  backend_of(device).lstm_step_backward(device_context(device, 0), step);
}

void run_trials_back(const Sequence& sequence, const Tensor& weight, const SequenceGradients& gradients) {
  const int64_t batch = sequence.batch(), size = sequence.size(), length = sequence.length();
  float* of_bias = scratch(0, 4 * size);
  for (int64_t t = 0; t < sequence.n_trials(); ++t) {
    for (int64_t n = length - 1; n >= 0; --n) {
      run_step_back(sequence, n, t, 1, gradients);
      const float* of_gates = from_trial(at_step(gradients.gates, sequence.place(n)), t).data;
      if (gradients.weight.defined()) {
        transposed_multiply(batch, 4 * size, size, of_gates, from_trial(sequence.hidden_before(n), t).data,
                            from_trial(rows_of(gradients.weight), t).data, n != length - 1);
      }
      if (gradients.bias.defined()) {
        float* sum = from_trial(rows_of(gradients.bias), t).data;
        sum_rows(of_gates, batch, 4 * size, n == length - 1 ? sum : of_bias);
        for (int64_t i = 0; n != length - 1 && i < 4 * size; ++i) sum[i] += of_bias[i];
      }
      multiply(batch, size, 4 * size, of_gates, from_trial(rows_of(weight), t).data,
               from_trial(rows_of(gradients.hidden), t).data);
    }
  }
}

void run_steps_back(const Sequence& sequence, const Tensor& weight, SequenceGradients& gradients) {
  for (int64_t n = sequence.length() - 1; n >= 0; --n) {
    run_step_back(sequence, n, 0, sequence.n_trials(), gradients);
    gradients.hidden = times(gradients.gates.select(1, sequence.place(n)), weight).contiguous();
  }
  const Tensor rows = gradients.gates.flatten(1, 2);
  if (gradients.weight.defined()) {
    gradients.weight = transposed_times(rows, sequence.hidden_states_before().flatten(1, 2));
  }
  if (gradients.bias.defined()) gradients.bias = rows.sum(1);
}

struct LstmBackward : public torch::autograd::Node {
  Sequence sequence;  ///< without outputs and first state
  SavedVariable outputs, weight, hidden, cell;

  variable_list apply(variable_list&& given) override {
    TORCH_CHECK(!at::GradMode::is_enabled(), "an LSTM in a batch of trials has no second derivative");
    if (!given[0].defined() && !given[1].defined()) return variable_list(5);
    Sequence all = sequence;
    all.outputs = outputs.unpack();
    all.first_hidden = hidden.unpack().contiguous();
    all.first_cell = cell.unpack().contiguous();
    const Tensor w = with_contiguous_trials(weight.unpack());
    const auto options = all.gates.options();
    SequenceGradients gradients;
    if (given[0].defined()) gradients.of_output = given[0].contiguous();
    gradients.gates = at::empty_like(all.gates);
    if (task_should_compute_output(1)) gradients.weight = at::empty(w.sizes(), options);
    if (task_should_compute_output(2)) gradients.bias = at::empty({w.size(0), w.size(1)}, options);
    gradients.hidden = at::zeros(all.first_hidden.sizes(), options);
    gradients.cell = given[1].defined() ? given[1].clone(at::MemoryFormat::Contiguous)
                                        : at::zeros(all.first_cell.sizes(), options);
    if (all.fits_micro_kernels()) {
      run_trials_back(all, w, gradients);
    } else {
      run_steps_back(all, w, gradients);
    }
    return {gradients.gates, gradients.weight, gradients.bias, gradients.hidden, gradients.cell};
  }

  void release_variables() override {
    sequence = {};
    for (auto* each : {&outputs, &weight, &hidden, &cell}) each->reset_data();
  }
  std::string name() const override { return "LockstepLstmBackward"; }
};

}  // namespace

std::pair<Tensor, Tensor> lstm_sequence(const Tensor& from_input, const Tensor& weight, const Tensor& bias,
                                        const Tensor& hidden, const Tensor& cell, bool reverse) {
  const variable_list inputs{from_input, weight, bias, hidden, cell};
  NodePointer<LstmBackward> node;
  if (at::GradMode::is_enabled() && torch::autograd::any_variable_requires_grad(inputs)) {
    node = make_node<LstmBackward>();
    node->set_next_edges(torch::autograd::collect_next_edges(inputs));
  }
  Tensor out, last;
  {
    const torch::NoGradGuard no_grad;
    auto sizes = from_input.sizes().vec();
    sizes.back() = hidden.size(-1);
    Sequence sequence;
    sequence.reverse = reverse;
    sequence.gates = at::empty(from_input.sizes(), from_input.options());
    for (auto* each : {&sequence.cells, &sequence.tanh_cells, &sequence.outputs}) {
      *each = at::empty(sizes, from_input.options());
    }
    sequence.first_hidden = hidden.contiguous();
    sequence.first_cell = cell.contiguous();
    const Tensor w = with_contiguous_trials(weight), added = with_contiguous_trials(bias);
    const Tensor given = from_input.contiguous();
    if (sequence.fits_micro_kernels()) {
      run_trials(sequence, given, w, added);
    } else {
      run_steps(sequence, given, w, added);
    }
    out = sequence.outputs;
    last = sequence.cells.select(1, sequence.place(sequence.length() - 1)).clone();
    if (node) {
      for (auto* each : {&sequence.outputs, &sequence.first_hidden, &sequence.first_cell}) each->reset();
      node->sequence = sequence;  // a node must not own what it is the history of
    }
  }
  if (node) {
    node->outputs = SavedVariable(out.detach(), false);
    node->weight = SavedVariable(weight, false);
    node->hidden = SavedVariable(hidden, false);
    node->cell = SavedVariable(cell, false);
    torch::autograd::set_history(variable_list{out, last}, node);
  }
  return {out, last};
}

}  // namespace lockstep
