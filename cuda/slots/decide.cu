// The decision pass: everything between an interval's metrics and the trials that train the next.
#include <lockstep/error.h>

#include "cuda/common/algorithms.h"
#include "cuda/early_stopping/policies.h"
#include "cuda/metrics/history.h"
#include "cuda/slots/conclude.h"
#include "cuda/slots/refill.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

void judge(const Context& context, const SweepView& sweep, const DecideOptions& options) {
  switch (options.policy->kind) {
    case PolicyKind::kNone:
      return conclude(context, sweep, options, KeepAll());
    case PolicyKind::kMedianStopping:
      return median_stopping(context, sweep, options);
    case PolicyKind::kBandit:
      return bandit(context, sweep, options);
    case PolicyKind::kTruncationSelection:
      return truncation_selection(context, sweep, options);
    case PolicyKind::kSuccessiveHalving:
    case PolicyKind::kHyperband:
      return successive_halving(context, sweep, options);
    case PolicyKind::kAsha:
      return asha(context, sweep, options);
    case PolicyKind::kPbt:
      return population_based_training(context, sweep, options);
    case PolicyKind::kOwn:
      return own_policy(context, sweep, options);
  }
  throw DeviceError("early termination: there is no policy " + std::to_string(static_cast<int>(options.policy->kind)) + ".");
}

}  // namespace

void decide(const Context& context, const SweepView& sweep, const DecideOptions& options) {
  record_metrics(context, sweep, options);
  judge(context, sweep, options);
  if (!options.is_queue_empty) refill(context, sweep, options.brackets);
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
