// The elementwise part of an LSTM's step, in one pass each way; LibTorch's ops are nine passes over the gates there, and
// fifteen back.
#include "cuda/common/algorithms.h"
#include "cuda/common/execution.h"
#include "cuda/common/math.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

/// A row's part of the arrays.
struct Row {
  int64_t trial;
  int64_t row;
  int64_t size;
  LOCKSTEP_HD_INLINE float* state(const TrialRows& rows) const {
    return rows.data + trial * rows.trial_stride + row * size;
  }
  LOCKSTEP_HD_INLINE float* gates(const TrialRows& rows) const {
    return rows.data + trial * rows.trial_stride + row * 4 * size;
  }
};

struct Step {
  LstmStep options;

  struct Pointers {
    const float *from_input, *from_hidden, *bias, *cell_before;
    float *gates, *cell, *tanh_cell, *hidden;
    int64_t size;

    LOCKSTEP_HD_INLINE float gate(int64_t at) const {
      const float sum = from_input[at] + from_hidden[at];
      return bias != nullptr ? sum + bias[at] : sum;
    }
    LOCKSTEP_HD_INLINE void operator()(int64_t i) const {
      const float input = sigmoid_float(gate(i)), forget = sigmoid_float(gate(size + i));
      const float candidate = tanh_float(gate(2 * size + i)), output = sigmoid_float(gate(3 * size + i));
      const float now = fmaf(input, candidate, forget * cell_before[i]);
      const float tanh_now = tanh_float(now);
      gates[i] = input;
      gates[size + i] = forget;
      gates[2 * size + i] = candidate;
      gates[3 * size + i] = output;
      cell[i] = now;
      tanh_cell[i] = tanh_now;
      hidden[i] = output * tanh_now;
    }
  };

  LOCKSTEP_HD_INLINE Pointers pointers(const Row& row) const {
    return {row.gates(options.from_input),
            row.gates(options.from_hidden),
            options.bias.data ? options.bias.data + row.trial * options.bias.trial_stride : nullptr,
            row.state(options.cell_before),
            row.gates(options.gates),
            row.state(options.cell),
            row.state(options.tanh_cell),
            row.state(options.hidden),
            row.size};
  }
};

struct StepBackward {
  LstmStepBackward options;

  struct Pointers {
    const float *gates, *cell_before, *tanh_cell, *of_output, *of_hidden;
    float *of_cell, *of_gates;
    int64_t size;

    LOCKSTEP_HD_INLINE void operator()(int64_t i) const {
      const float input = gates[i], forget = gates[size + i], candidate = gates[2 * size + i], output = gates[3 * size + i];
      const float tanh_now = tanh_cell[i];
      const float of_out = of_output != nullptr ? of_hidden[i] + of_output[i] : of_hidden[i];
      const float of_now = fmaf(of_out * output, 1.0f - tanh_now * tanh_now, of_cell[i]);
      of_gates[i] = of_now * candidate * ((1.0f - input) * input);
      of_gates[size + i] = of_now * cell_before[i] * ((1.0f - forget) * forget);
      of_gates[2 * size + i] = of_now * input * (1.0f - candidate * candidate);
      of_gates[3 * size + i] = of_out * tanh_now * ((1.0f - output) * output);
      of_cell[i] = of_now * forget;
    }
  };

  LOCKSTEP_HD_INLINE Pointers pointers(const Row& row) const {
    return {row.gates(options.gates),
            row.state(options.cell_before),
            row.state(options.tanh_cell),
            options.of_output.data ? row.state(options.of_output) : nullptr,
            row.state(options.of_hidden),
            row.state(options.of_cell),
            row.gates(options.of_gates),
            row.size};
  }
};

#ifdef __CUDACC__
/// One element of the state.
template <class Work>
struct Element {
  Work work;
  LOCKSTEP_HD void operator()(int64_t i) const {
    const int64_t row = i / work.options.size;
    work.pointers({row / work.options.n_rows, row % work.options.n_rows, work.options.size})(i % work.options.size);
  }
};
#endif

template <class Work>
void run(const Context& context, const Work& work) {
  const auto& options = work.options;
#ifdef __CUDACC__
  for_each_index(context, options.n_trials * options.n_rows * options.size, Element<Work>{work});
#else
  (void)context;
  for (int64_t trial = 0; trial < options.n_trials; ++trial) {
    for (int64_t row = 0; row < options.n_rows; ++row) {
      const auto element = work.pointers({trial, row, options.size});
#pragma GCC ivdep  // no array is both read and written at different places
      for (int64_t i = 0; i < options.size; ++i) element(i);
    }
  }
#endif
}

}  // namespace

void lstm_step(const Context& context, const LstmStep& options) { run(context, Step{options}); }

void lstm_step_backward(const Context& context, const LstmStepBackward& options) {
  run(context, StepBackward{options});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
