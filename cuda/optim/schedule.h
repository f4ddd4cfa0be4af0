#pragma once

#include <cmath>
#include <cstdint>

#include <lockstep/backend.h>

#include "cuda/common/macros.h"
#include "cuda/common/math.h"

/// The formulas of LearningRateSchedule.
namespace lockstep {

/// What a schedule decides for one step.
struct Rates {
  double learning_rate = 0;
  bool cycles_momentum = false;
  double momentum = 0;  ///< SGD's momentum or Adam's beta1, where the schedule cycles it
};

/// From `from` at part = 0 to `to` at part = 1, along half a cosine.
LOCKSTEP_HD inline double cosine_between(double from, double to, double part) {
  return to + (from - to) * 0.5 * (1 + cos_pi(part));
}

/// @param step the step of `n_steps` that is to be taken, from 0; beyond the last the end's rates hold
/// @param learning_rate the row's own
LOCKSTEP_HD inline Rates rates_of(const LearningRateSchedule& schedule, double learning_rate, int64_t step,
                                  int64_t n_steps, int64_t steps_per_epoch) {
  const bool one_cycle = schedule.kind == LearningRateSchedule::kOneCycle;
  const double peak_rate = schedule.max_lr == schedule.max_lr ? schedule.max_lr : learning_rate;
  const double first_rate = one_cycle ? peak_rate / schedule.div_factor : learning_rate;
  Rates out;
  out.learning_rate = first_rate;
  out.cycles_momentum = one_cycle && schedule.cycle_momentum != 0;
  out.momentum = schedule.max_momentum;

  const double epoch = static_cast<double>(steps_per_epoch);
  const double n_warmup = rint(schedule.warmup_epochs * epoch);
  if (static_cast<double>(step) < n_warmup) {
    const double part = static_cast<double>(step) / n_warmup;
    out.learning_rate = first_rate * (schedule.warmup_factor + (1 - schedule.warmup_factor) * part);
    return out;
  }
  const double n = static_cast<double>(n_steps) - n_warmup;
  const double at = static_cast<double>(step) - n_warmup;
  if (schedule.kind == LearningRateSchedule::kStep) {
    const double period = rint(schedule.step_size * epoch);
    out.learning_rate =
        learning_rate * integer_power(schedule.gamma, static_cast<int64_t>(at / (period < 1 ? 1 : period)));
  } else if (schedule.kind == LearningRateSchedule::kCosine) {
    out.learning_rate = cosine_between(learning_rate, schedule.eta_min, at < n ? at / n : 1);
  } else if (one_cycle) {
    const double peak = schedule.pct_start * n - 1, last = n - 1;
    const bool rises = peak > 0 && at <= peak;
    const double from = rises ? 0 : peak, to = rises ? peak : last;
    const double part = at < to ? (at - from) / (to - from) : 1;
    const double last_rate = first_rate / schedule.final_div_factor;
    out.learning_rate = cosine_between(rises ? first_rate : peak_rate, rises ? peak_rate : last_rate, part);
    out.momentum = cosine_between(rises ? schedule.max_momentum : schedule.base_momentum,
                                  rises ? schedule.base_momentum : schedule.max_momentum, part);
  }
  return out;
}

}  // namespace lockstep
