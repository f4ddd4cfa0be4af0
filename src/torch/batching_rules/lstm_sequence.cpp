#include "torch/batching_rules/lstm_sequence.h"

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include "torch/trial_products.h"

namespace lockstep {
namespace {

using torch::Tensor;
using torch::autograd::SavedVariable;
using torch::autograd::variable_list;

/// The parts of a step's gates [T, batch, 4 * size].
struct Gates {
  explicit Gates(const Tensor& all)
      : input(all.narrow(2, 0, all.size(2) / 4)),
        forget(all.narrow(2, all.size(2) / 4, all.size(2) / 4)),
        candidate(all.narrow(2, all.size(2) / 2, all.size(2) / 4)),
        output(all.narrow(2, all.size(2) / 4 * 3, all.size(2) / 4)) {}
  Tensor input, forget, candidate, output;
};

/// What the way back needs of the steps, [T, length, batch, ...].
struct Steps {
  Tensor gates, cells, tanh_cells, outputs;
  bool reverse = false;

  int64_t length() const { return gates.size(1); }
  /// The n-th step's place.
  int64_t place(int64_t n) const { return reverse ? length() - 1 - n : n; }
  /// What the n-th step started from, of `all` or the first state.
  Tensor before(int64_t n, const Tensor& all, const Tensor& first) const {
    return n == 0 ? first : all.select(1, place(n - 1));
  }
};

void run_forward(Steps& steps, const Tensor& from_input, const Tensor& weight, const Tensor& bias, const Tensor& hidden,
                 const Tensor& cell) {
  for (int64_t n = 0; n < steps.length(); ++n) {
    const int64_t at = steps.place(n);
    Tensor all = steps.gates.select(1, at), now = steps.cells.select(1, at), tanh_now = steps.tanh_cells.select(1, at),
           out = steps.outputs.select(1, at);
    at::add_out(all, from_input.select(1, at), times_transposed(steps.before(n, steps.outputs, hidden), weight, bias));
    const Gates gates(all);
    all.narrow(2, 0, all.size(2) / 2).sigmoid_();  // input and forget
    gates.candidate.tanh_();
    gates.output.sigmoid_();
    at::mul_out(now, gates.forget, steps.before(n, steps.cells, cell));
    now.addcmul_(gates.input, gates.candidate);
    at::tanh_out(tanh_now, now);
    at::mul_out(out, gates.output, tanh_now);
  }
}

struct LstmBackward : public torch::autograd::Node {
  Steps steps;
  SavedVariable outputs, weight, hidden, cell;

  variable_list apply(variable_list&& gradients) override {
    TORCH_CHECK(!at::GradMode::is_enabled(), "an LSTM in a batch of trials has no second derivative");
    variable_list out(5);
    if (!gradients[0].defined() && !gradients[1].defined()) return out;
    steps.outputs = outputs.unpack();
    const Tensor w = weight.unpack(), first_hidden = hidden.unpack(), first_cell = cell.unpack();
    const Tensor of_gates = at::empty_like(steps.gates);
    Tensor of_cell =
        gradients[1].defined() ? gradients[1].clone() : at::zeros_like(first_cell, at::MemoryFormat::Contiguous);
    Tensor of_hidden = at::zeros_like(first_hidden, at::MemoryFormat::Contiguous);
    for (int64_t n = steps.length() - 1; n >= 0; --n) {
      const int64_t at = steps.place(n);
      if (gradients[0].defined()) of_hidden = of_hidden + gradients[0].select(1, at);
      const Gates gates(steps.gates.select(1, at));
      Gates back(of_gates.select(1, at));
      const Tensor tanh_cell = steps.tanh_cells.select(1, at);
      of_cell += at::tanh_backward(of_hidden * gates.output, tanh_cell);
      at::sigmoid_backward_out(back.output, of_hidden * tanh_cell, gates.output);
      at::sigmoid_backward_out(back.input, of_cell * gates.candidate, gates.input);
      at::tanh_backward_out(back.candidate, of_cell * gates.input, gates.candidate);
      at::sigmoid_backward_out(back.forget, of_cell * steps.before(n, steps.cells, first_cell), gates.forget);
      of_cell *= gates.forget;
      of_hidden = times(of_gates.select(1, at), w);
    }
    out[0] = of_gates;
    const Tensor rows = of_gates.flatten(1, 2);
    if (task_should_compute_output(1)) out[1] = transposed_times(rows, states_before(first_hidden).flatten(1, 2));
    if (task_should_compute_output(2)) out[2] = rows.sum(1);
    out[3] = of_hidden;
    out[4] = of_cell;
    return out;
  }

  /// The hidden states that the steps started from, by place.
  Tensor states_before(const Tensor& first) const {
    const int64_t length = steps.length();
    const Tensor one = first.unsqueeze(1);
    if (steps.reverse) return at::cat({steps.outputs.narrow(1, 1, length - 1), one}, 1);
    return at::cat({one, steps.outputs.narrow(1, 0, length - 1)}, 1);
  }

  void release_variables() override {
    steps = {};
    for (auto* each : {&outputs, &weight, &hidden, &cell}) each->reset_data();
  }
  std::string name() const override { return "LockstepLstmBackward"; }
};

}  // namespace

std::pair<Tensor, Tensor> lstm_sequence(const Tensor& from_input, const Tensor& weight, const Tensor& bias,
                                        const Tensor& hidden, const Tensor& cell, bool reverse) {
  const variable_list inputs{from_input, weight, bias, hidden, cell};
  c10::intrusive_ptr<LstmBackward> node;
  if (at::GradMode::is_enabled() && torch::autograd::any_variable_requires_grad(inputs)) {
    node = c10::make_intrusive<LstmBackward>();
    node->set_next_edges(torch::autograd::collect_next_edges(inputs));
  }
  Tensor out, last;
  {
    const torch::NoGradGuard no_grad;
    auto sizes = from_input.sizes().vec();
    sizes.back() = hidden.size(-1);
    Steps steps;
    steps.reverse = reverse;
    steps.gates = at::empty(from_input.sizes(), from_input.options());
    for (auto* each : {&steps.cells, &steps.tanh_cells, &steps.outputs}) *each = at::empty(sizes, from_input.options());
    run_forward(steps, from_input, weight, bias, hidden, cell);
    out = steps.outputs;
    last = steps.cells.select(1, steps.place(steps.length() - 1)).clone();
    steps.outputs.reset();  // a node must not own what it is the history of
    if (node) node->steps = steps;
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
