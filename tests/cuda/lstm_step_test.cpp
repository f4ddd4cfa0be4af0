// The elementwise part of an LSTM's step, against its formula in double.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "cuda/backend_test.h"

namespace lockstep::test {
namespace {

/// Arrays of a step: `outer` rows a trial, of which the step's begin at `first`, as a step of a sequence does.
struct Shape {
  int64_t n_trials, n_rows, size, outer, first;
};

std::vector<float> normals(int64_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> value(0, 1.5f);
  std::vector<float> out(static_cast<size_t>(n));
  for (auto& each : out) each = value(random);
  return out;
}

class LstmStepTest : public BackendTest {
 protected:
  struct Result {
    std::vector<float> gates, cell, tanh_cell, hidden, of_cell, of_gates;
  };
  struct Given {
    explicit Given(const Shape& s)
        : from_input(normals(s.n_trials * s.outer * 4 * s.size, 1)),
          from_hidden(normals(s.n_trials * s.n_rows * 4 * s.size, 2)),
          bias(normals(s.n_trials * 4 * s.size, 3)),
          cell_before(normals(s.n_trials * s.outer * s.size, 4)),
          of_output(normals(s.n_trials * s.outer * s.size, 5)),
          of_hidden(normals(s.n_trials * s.n_rows * s.size, 6)),
          of_cell(normals(s.n_trials * s.n_rows * s.size, 7)) {}
    std::vector<float> from_input, from_hidden, bias, cell_before, of_output, of_hidden, of_cell;
  };

  static Result run_on(const Backend& backend, const Context& context, const Shape& s, const Given& given,
                       bool with_bias, bool with_output) {
    const auto array = [&](const std::vector<float>& values) { return DeviceArray<float>(backend, context, values); };
    const std::vector<float> state(static_cast<size_t>(s.n_trials * s.outer * s.size)),
        four(static_cast<size_t>(s.n_trials * s.outer * 4 * s.size));
    const auto from_input = array(given.from_input), from_hidden = array(given.from_hidden), bias = array(given.bias),
               cell_before = array(given.cell_before), of_output = array(given.of_output),
               of_hidden = array(given.of_hidden), of_cell = array(given.of_cell), gates = array(four),
               cell = array(state), tanh_cell = array(state), hidden = array(state), of_gates = array(four);
    const auto in_sequence = [&](const DeviceArray<float>& x, int64_t n) {
      return TrialRows{x.data() + s.first * n, s.outer * n};
    };
    const auto alone = [&](const DeviceArray<float>& x, int64_t n) { return TrialRows{x.data(), s.n_rows * n}; };
    LstmStep step{s.n_trials, s.n_rows, s.size, {}, {}, {}, {}, {}, {}, {}, {}};
    step.from_input = in_sequence(from_input, 4 * s.size);
    step.from_hidden = alone(from_hidden, 4 * s.size);
    if (with_bias) step.bias = {bias.data(), 4 * s.size};
    step.cell_before = in_sequence(cell_before, s.size);
    step.gates = in_sequence(gates, 4 * s.size);
    step.cell = in_sequence(cell, s.size);
    step.tanh_cell = in_sequence(tanh_cell, s.size);
    step.hidden = in_sequence(hidden, s.size);
    backend.lstm_step(context, step);
    LstmStepBackward back{s.n_trials, s.n_rows, s.size, {}, {}, {}, {}, {}, {}, {}};
    back.gates = step.gates;
    back.cell_before = step.cell_before;
    back.tanh_cell = step.tanh_cell;
    if (with_output) back.of_output = in_sequence(of_output, s.size);
    back.of_hidden = alone(of_hidden, s.size);
    back.of_cell = alone(of_cell, s.size);
    back.of_gates = in_sequence(of_gates, 4 * s.size);
    backend.lstm_step_backward(context, back);
    return {gates.to_host(), cell.to_host(), tanh_cell.to_host(), hidden.to_host(), of_cell.to_host(), of_gates.to_host()};
  }
};
LOCKSTEP_EVERY_BACKEND(LstmStepTest);

TEST_P(LstmStepTest, EqualsItsFormulaAndEveryBackend) {
  for (const Shape& s : {Shape{1, 1, 1, 1, 0}, Shape{2, 3, 5, 9, 3}, Shape{2, 4, 33, 8, 0}}) {
    for (const bool with_bias : {false, true}) {
      for (const bool with_output : {false, true}) {
        const Given given(s);
        const Result got = run_on(*backend_, context_, s, given, with_bias, with_output);
        const Result on_host = run_on(host_backend(), host_context(7), s, given, with_bias, with_output);
        EXPECT_TRUE(same_bits(got.gates, on_host.gates));
        EXPECT_TRUE(same_bits(got.hidden, on_host.hidden));
        EXPECT_TRUE(same_bits(got.of_gates, on_host.of_gates));
        EXPECT_TRUE(same_bits(got.of_cell, on_host.of_cell));
        const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
        for (int64_t t = 0; t < s.n_trials; ++t) {
          for (int64_t row = 0; row < s.n_rows; ++row) {
            for (int64_t i = 0; i < s.size; ++i) {
              const auto state = static_cast<size_t>((t * s.outer + s.first + row) * s.size + i);
              const auto gate_at = [&](int64_t g) {
                return static_cast<size_t>(((t * s.outer + s.first + row) * 4 + g) * s.size + i);
              };
              const auto alone = static_cast<size_t>((t * s.n_rows + row) * s.size + i);
              const auto sum = [&](int64_t g) {
                const auto at = static_cast<size_t>(((t * s.n_rows + row) * 4 + g) * s.size + i);
                return static_cast<double>(given.from_input[gate_at(g)]) + given.from_hidden[at] +
                       (with_bias ? given.bias[static_cast<size_t>((t * 4 + g) * s.size + i)] : 0.0f);
              };
              const double input = sigmoid(sum(0)), forget = sigmoid(sum(1)), candidate = std::tanh(sum(2)),
                           output = sigmoid(sum(3)), before = given.cell_before[state];
              const double now = forget * before + input * candidate, tanh_now = std::tanh(now);
              EXPECT_NEAR(got.gates[gate_at(0)], input, 1e-6);
              EXPECT_NEAR(got.gates[gate_at(1)], forget, 1e-6);
              EXPECT_NEAR(got.gates[gate_at(2)], candidate, 1e-6);
              EXPECT_NEAR(got.gates[gate_at(3)], output, 1e-6);
              EXPECT_NEAR(got.cell[state], now, 3e-6);
              EXPECT_NEAR(got.tanh_cell[state], tanh_now, 3e-6);
              EXPECT_NEAR(got.hidden[state], output * tanh_now, 3e-6);
              const double of_out = given.of_hidden[alone] + (with_output ? given.of_output[state] : 0.0f);
              const double of_now = given.of_cell[alone] + of_out * output * (1 - tanh_now * tanh_now);
              EXPECT_NEAR(got.of_gates[gate_at(0)], of_now * candidate * input * (1 - input), 1e-5);
              EXPECT_NEAR(got.of_gates[gate_at(1)], of_now * before * forget * (1 - forget), 1e-5);
              EXPECT_NEAR(got.of_gates[gate_at(2)], of_now * input * (1 - candidate * candidate), 1e-5);
              EXPECT_NEAR(got.of_gates[gate_at(3)], of_out * tanh_now * output * (1 - output), 1e-5);
              EXPECT_NEAR(got.of_cell[alone], of_now * forget, 1e-5);
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace lockstep::test
