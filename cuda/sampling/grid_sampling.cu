// Grid sampling: the trial's number, written with one digit a hyperparameter.
#include "cuda/common/algorithms.h"
#include "cuda/common/execution.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

struct WriteRow {
  const DistributionSpec* specs;
  int64_t n_params;
  int64_t first_trial;
  double* draws;

  LOCKSTEP_HD void operator()(int64_t row) const {
    int64_t rest = first_trial + row;
    for (int64_t param = n_params - 1; param >= 0; --param) {
      draws[row * n_params + param] = static_cast<double>(rest % specs[param].count);
      rest /= specs[param].count;
    }
  }
};

}  // namespace

void sample_grid(const Context& context, const DistributionSpec* specs, int64_t n_params, int64_t first_trial,
                 int64_t n_trials, double* draws) {
  for_each_index(context, n_trials, WriteRow{specs, n_params, first_trial, draws});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
