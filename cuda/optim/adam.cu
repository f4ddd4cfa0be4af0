// torch::optim::Adam and AdamW, each hyperparameter per row.
#include <cmath>

#include "cuda/common/algorithms.h"
#include "cuda/common/execution.h"
#include "cuda/common/math.h"
#include "cuda/optim/row_update.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

struct Adam {
  AdamUpdate update;

  struct Row {
    float beta1;
    float gradient_share;  ///< 1 - beta1, subtracted in double
    float beta2;
    float square_share;    ///< 1 - beta2, subtracted in double
    float step_size;       ///< learning rate / (1 - beta1^step)
    float inverse_root;    ///< 1 / sqrt(1 - beta2^step)
    float eps;
    float weight_decay;    ///< added to the gradient; 0 when decoupled
    float shrink;          ///< what the parameter is multiplied with first; 1 unless decoupled
  };
  struct State {
    float* exp_avg;
    float* exp_avg_sq;
  };

  LOCKSTEP_HD Row prepare(int64_t row, int64_t step, const Rates& rates) const {
    const double beta1 = rates.cycles_momentum ? rates.momentum : update.beta1[row];
    const double beta2 = update.beta2[row];
    const double learning_rate = rates.learning_rate;
    const double weight_decay = update.rows.weight_decay[row];
    Row out;
    out.beta1 = static_cast<float>(beta1);
    out.gradient_share = static_cast<float>(1 - beta1);
    out.beta2 = static_cast<float>(beta2);
    out.square_share = static_cast<float>(1 - beta2);
    out.step_size = static_cast<float>(learning_rate / (1 - integer_power(beta1, step)));
    out.inverse_root = static_cast<float>(1 / sqrt(1 - integer_power(beta2, step)));
    out.eps = static_cast<float>(update.eps[row]);
    const bool decoupled = update.decoupled_weight_decay;
    out.weight_decay = decoupled ? 0.0f : static_cast<float>(weight_decay);
    out.shrink = decoupled ? static_cast<float>(1 - learning_rate * weight_decay) : 1.0f;
    return out;
  }

  LOCKSTEP_HD State state(int64_t offset) const { return {update.exp_avg + offset, update.exp_avg_sq + offset}; }

  LOCKSTEP_HD static void step(const Row& row, float& parameter, float gradient, const State& state, int64_t i) {
    // Not times zero: a parameter that is infinite would turn to NaN.
    if (row.weight_decay != 0) gradient += row.weight_decay * parameter;
    const float average = row.beta1 * state.exp_avg[i] + row.gradient_share * gradient;
    const float square = row.beta2 * state.exp_avg_sq[i] + row.square_share * (gradient * gradient);
    state.exp_avg[i] = average;
    state.exp_avg_sq[i] = square;
    parameter = row.shrink * parameter - row.step_size * (average / (sqrtf(square) * row.inverse_root + row.eps));
  }
};

}  // namespace

void adam_update(const Context& context, const AdamUpdate& update) { update_rows(context, update.rows, Adam{update}); }

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
