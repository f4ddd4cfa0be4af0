// torch::optim::SGD, each hyperparameter per row.
#include "cuda/common/algorithms.h"
#include "cuda/common/execution.h"
#include "cuda/optim/row_update.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

struct Sgd {
  SgdUpdate update;

  enum class Momentum : int32_t {
    kNone,      ///< 0: the buffer is neither read nor written
    kFirst,     ///< first step: the buffer becomes the gradient, without dampening
    kPlain,
    kFirstNesterov,
    kNesterov,
  };
  struct Row {
    float learning_rate;
    float weight_decay;
    float momentum;
    float gradient_share;  ///< 1 - dampening
    Momentum kind;
  };
  struct State {
    float* momentum_buffer;
  };

  LOCKSTEP_HD Row prepare(int64_t row, int64_t step, const Rates& rates) const {
    const double momentum = rates.cycles_momentum ? rates.momentum : update.momentum[row];
    Row out;
    out.learning_rate = static_cast<float>(rates.learning_rate);
    out.weight_decay = static_cast<float>(update.rows.weight_decay[row]);
    out.momentum = static_cast<float>(momentum);
    out.gradient_share = static_cast<float>(1 - update.dampening[row]);
    const bool first = step == 1;
    if (momentum == 0) {
      out.kind = Momentum::kNone;
    } else if (update.nesterov[row]) {
      out.kind = first ? Momentum::kFirstNesterov : Momentum::kNesterov;
    } else {
      out.kind = first ? Momentum::kFirst : Momentum::kPlain;
    }
    return out;
  }

  LOCKSTEP_HD State state(int64_t offset) const { return {update.momentum_buffer + offset}; }

  LOCKSTEP_HD static void step(const Row& row, float& parameter, float gradient, const State& state, int64_t i) {
    // Not times zero: a parameter that is infinite would turn to NaN.
    if (row.weight_decay != 0) gradient += row.weight_decay * parameter;
    if (row.kind != Momentum::kNone) {
      const bool first = row.kind == Momentum::kFirst || row.kind == Momentum::kFirstNesterov;
      const bool nesterov = row.kind == Momentum::kNesterov || row.kind == Momentum::kFirstNesterov;
      const float buffer =
          first ? gradient : row.momentum * state.momentum_buffer[i] + row.gradient_share * gradient;
      state.momentum_buffer[i] = buffer;
      gradient = nesterov ? gradient + row.momentum * buffer : buffer;
    }
    parameter -= row.learning_rate * gradient;
  }
};

}  // namespace

void sgd_update(const Context& context, const SgdUpdate& update) { update_rows(context, update.rows, Sgd{update}); }

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
