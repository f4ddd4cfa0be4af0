// RNN, LSTM and GRU, for which functorch has no rule. The formulas of LibTorch's own layers on physical tensors: what
// does not hang on the state (the product with the input) for all time steps at once, then a product a step. All
// products are each trial's own.

#include <algorithm>

#include "torch/batching_rules/linear.h"
#include "torch/batching_rules/lstm_sequence.h"
#include "torch/batching_rules/trial_by_trial.h"
#include "torch/dispatch.h"
#include "torch/functorch.h"

namespace lockstep {
namespace {

using torch::Tensor;
using Tensors = std::vector<Tensor>;

/// The weights of one direction of one layer, [T, ...] each; undefined where the layer has none.
struct Weights {
  Tensor input, hidden, input_bias, hidden_bias, projection;
};

/// The hidden state [T, batch, ...], and the LSTM's cell state.
struct State {
  Tensor hidden, cell;
};

// A step from what the input comes to, [T, batch, gates * size], and what the state comes to, of the same shape.

State tanh_step(const Tensor& input, const Tensor& hidden, const State&) { return {at::tanh(input + hidden), {}}; }

State relu_step(const Tensor& input, const Tensor& hidden, const State&) { return {at::relu(input + hidden), {}}; }

State lstm_step(const Tensor& input, const Tensor& hidden, const State& before) {
  const auto gates = (input + hidden).chunk(4, 2);
  const Tensor cell = gates[1].sigmoid() * before.cell + gates[0].sigmoid() * gates[2].tanh();
  return {gates[3].sigmoid() * cell.tanh(), cell};
}

State gru_step(const Tensor& input, const Tensor& hidden, const State& before) {
  const auto from_input = input.chunk(3, 2), from_hidden = hidden.chunk(3, 2);
  const Tensor reset = (from_hidden[0] + from_input[0]).sigmoid();
  const Tensor update = (from_hidden[1] + from_input[1]).sigmoid();
  const Tensor candidate = (from_input[2] + from_hidden[2] * reset).tanh();
  return {(before.hidden - candidate) * update + candidate, {}};
}

using Step = State (*)(const Tensor&, const Tensor&, const State&);

State step_of(Step step, const Weights& weights, const Tensor& from_input, const State& before) {
  State out = step(from_input, linear_of_trials(before.hidden, weights.hidden, weights.hidden_bias), before);
  if (weights.projection.defined()) out.hidden = linear_of_trials(out.hidden, weights.projection, {});
  return out;
}

/// One direction of one layer over [T, length, batch, size]: the outputs, and the last state.
std::pair<Tensor, State> run_direction(Step step, const Weights& weights, const Tensor& x, State state, bool backward) {
  const int64_t length = x.size(1), batch = x.size(2);
  const Tensor from_inputs =
      linear_of_trials(x.flatten(1, 2), weights.input, weights.input_bias).unflatten(1, {length, batch});
  if (step == lstm_step && !weights.projection.defined()) {
    const auto [out, cell] =
        lstm_sequence(from_inputs, weights.hidden, weights.hidden_bias, state.hidden, state.cell, backward);
    return {out, {out.select(1, backward ? 0 : length - 1), cell}};
  }
  const auto from_input = from_inputs.unbind(1);
  Tensors outputs(static_cast<size_t>(length));
  for (int64_t i = 0; i < length; ++i) {
    const auto at = static_cast<size_t>(backward ? length - 1 - i : i);
    state = step_of(step, weights, from_input[at], state);
    outputs[at] = state.hidden;
  }
  return {at::stack(outputs, 1), state};
}

State rows_of(const State& state, int64_t begin, int64_t size) {
  return {state.hidden.narrow(1, begin, size), state.cell.defined() ? state.cell.narrow(1, begin, size) : Tensor()};
}

State joined(const State& a, const State& b) {
  return {at::cat({a.hidden, b.hidden}, 1), a.cell.defined() ? at::cat({a.cell, b.cell}, 1) : Tensor()};
}

/// The same over packed sequences [T, sum of batches, size], longest first: they end, or in reverse begin, one by one.
std::pair<Tensor, State> run_packed(Step step, const Weights& weights, const Tensor& x, const Tensor& batches,
                                    const State& given, bool backward) {
  const auto* const sizes = batches.const_data_ptr<int64_t>();
  const int64_t length = batches.numel();
  const auto from_input = linear_of_trials(x, weights.input, weights.input_bias)
                              .split_with_sizes(at::IntArrayRef(sizes, static_cast<size_t>(length)), 1);
  Tensors outputs(static_cast<size_t>(length));
  State state = rows_of(given, 0, backward ? sizes[length - 1] : sizes[0]), ended;
  for (int64_t i = 0; i < length; ++i) {
    const int64_t at = backward ? length - 1 - i : i;
    const int64_t now = state.hidden.size(1), wanted = sizes[at];
    if (wanted < now) {
      const State gone = rows_of(state, wanted, now - wanted);
      ended = ended.hidden.defined() ? joined(gone, ended) : gone;
      state = rows_of(state, 0, wanted);
    } else if (wanted > now) {
      state = joined(state, rows_of(given, now, wanted - now));
    }
    state = step_of(step, weights, from_input[static_cast<size_t>(at)], state);
    outputs[static_cast<size_t>(at)] = state.hidden;
  }
  if (ended.hidden.defined()) state = joined(state, ended);
  return {at::cat(outputs, 1), state};
}

struct Options {
  bool has_biases;
  int64_t n_layers;
  double dropout;
  bool train, bidirectional;
};

/// All layers. `x` [T, length, batch, size], or with `batches` packed; `hidden` and `cell` [T, layers * directions,
/// batch, ...]. Returns the outputs and the last states, with the shapes that came in.
std::tuple<Tensor, Tensor, Tensor> run_layers(Step step, Tensor x, const Tensor& batches, const Tensor& hidden,
                                              const Tensor& cell, const Tensors& weights, const Options& options) {
  const size_t n_directions = options.bidirectional ? 2 : 1;
  const auto hiddens = hidden.unbind(1), cells = cell.defined() ? cell.unbind(1) : Tensors(hiddens.size());
  const size_t n_weights = weights.size() / hiddens.size();
  const bool projects = n_weights == (options.has_biases ? 5 : 3);
  Tensors last_hidden, last_cell;
  for (size_t layer = 0; layer < static_cast<size_t>(options.n_layers); ++layer) {
    Tensors outputs;
    for (size_t direction = 0; direction < n_directions; ++direction) {
      const size_t which = layer * n_directions + direction;
      const Tensor* of = &weights[which * n_weights];
      const Weights mine{of[0], of[1], options.has_biases ? of[2] : Tensor(), options.has_biases ? of[3] : Tensor(),
                         projects ? of[n_weights - 1] : Tensor()};
      const State state{hiddens[which], cells[which]};
      auto [output, last] = batches.defined() ? run_packed(step, mine, x, batches, state, direction == 1)
                                              : run_direction(step, mine, x, state, direction == 1);
      outputs.push_back(output);
      last_hidden.push_back(last.hidden);
      last_cell.push_back(last.cell);
    }
    x = outputs.size() == 1 ? outputs[0] : at::cat(outputs, -1);
    if (options.train && options.dropout > 0 && layer + 1 < static_cast<size_t>(options.n_layers)) {
      x = at::dropout(x, options.dropout, true);
    }
  }
  return {x, at::stack(last_hidden, 1), cell.defined() ? at::stack(last_cell, 1) : Tensor()};
}

int64_t n_trials_of(std::initializer_list<const Tensor*> tensors, at::TensorList more) {
  int64_t out = 0;
  for (const auto* each : tensors) out = std::max(out, TrialOperand(*each).n_trials());
  for (const auto& each : more) out = std::max(out, TrialOperand(each).n_trials());
  return out;
}

/// With the trials in front, shared or not. Contiguous, as LibTorch's own layers may be called with anything.
Tensor of_trials(const Tensor& tensor, int64_t n_trials) {
  const TrialOperand operand(tensor);
  if (!tensor.defined() || operand.per_trial()) return operand.tensor();
  const functorch::InsideRule inside;
  auto sizes = tensor.sizes().vec();
  sizes.insert(sizes.begin(), n_trials);
  return operand.tensor().unsqueeze(0).expand(sizes);
}

std::tuple<Tensor, Tensor, Tensor> run(Step step, const Tensor& input, const Tensor& batches, const Tensor& hidden,
                                       const Tensor& cell, at::TensorList params, const Options& options,
                                       bool batch_first) {
  const int64_t n_trials = n_trials_of({&input, &hidden, &cell}, params);
  const Tensor x = of_trials(input, n_trials), hx = of_trials(hidden, n_trials), cx = of_trials(cell, n_trials);
  Tensors weights;
  for (const auto& each : params) weights.push_back(of_trials(each, n_trials));
  Tensor out, last_hidden, last_cell;
  {
    const functorch::InsideRule inside;
    std::tie(out, last_hidden, last_cell) =
        run_layers(step, batch_first ? x.transpose(1, 2) : x, batches, hx, cx, weights, options);
    if (batch_first) out = out.transpose(1, 2);
  }
  return {functorch::wrap_innermost(out), functorch::wrap_innermost(last_hidden),
          last_cell.defined() ? functorch::wrap_innermost(last_cell) : last_cell};
}

template <Step step>
std::tuple<Tensor, Tensor> layer(const Tensor& input, const Tensor& hx, at::TensorList params, bool has_biases,
                                 int64_t num_layers, double dropout, bool train, bool bidirectional, bool batch_first) {
  auto [out, hidden, cell] =
      run(step, input, {}, hx, {}, params, {has_biases, num_layers, dropout, train, bidirectional}, batch_first);
  return {out, hidden};
}

template <Step step>
std::tuple<Tensor, Tensor> packed_layer(const Tensor& data, const Tensor& batches, const Tensor& hx,
                                        at::TensorList params, bool has_biases, int64_t num_layers, double dropout,
                                        bool train, bool bidirectional) {
  auto [out, hidden, cell] =
      run(step, data, batches, hx, {}, params, {has_biases, num_layers, dropout, train, bidirectional}, false);
  return {out, hidden};
}

std::tuple<Tensor, Tensor, Tensor> lstm(const Tensor& input, at::TensorList hx, at::TensorList params, bool has_biases,
                                        int64_t num_layers, double dropout, bool train, bool bidirectional,
                                        bool batch_first) {
  return run(lstm_step, input, {}, hx[0], hx[1], params, {has_biases, num_layers, dropout, train, bidirectional},
             batch_first);
}

std::tuple<Tensor, Tensor, Tensor> packed_lstm(const Tensor& data, const Tensor& batches, at::TensorList hx,
                                               at::TensorList params, bool has_biases, int64_t num_layers,
                                               double dropout, bool train, bool bidirectional) {
  return run(lstm_step, data, batches, hx[0], hx[1], params, {has_biases, num_layers, dropout, train, bidirectional},
             false);
}

}  // namespace

void register_recurrent() {
  functorch::register_rules([](torch::Library& library) {
    // Asked by LibTorch's layers on a GPU, before anything else.
    library.impl("cudnn_is_acceptable", [](const Tensor&) { return false; });
    library.impl("rnn_tanh.input", layer<tanh_step>);
    library.impl("rnn_relu.input", layer<relu_step>);
    library.impl("gru.input", layer<gru_step>);
    library.impl("lstm.input", lstm);
    library.impl("rnn_tanh.data", packed_layer<tanh_step>);
    library.impl("rnn_relu.data", packed_layer<relu_step>);
    library.impl("gru.data", packed_layer<gru_step>);
    library.impl("lstm.data", packed_lstm);
  });
}

}  // namespace lockstep
