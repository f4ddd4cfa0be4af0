#pragma once

#include <lockstep/backend.h>

#include "cuda/common/macros.h"

/// The early-termination policies, a file each. Every one of them looks at the history as it is after the interval's
/// reports, before anybody's state changes, and then concludes the interval (cuda/slots/conclude.h) by its rule. To add
/// one: a line here, a file, and a case in cuda/slots/decide.cu.
namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {

void median_stopping(const Context&, const SweepView&, const DecideOptions&);
void bandit(const Context&, const SweepView&, const DecideOptions&);
void truncation_selection(const Context&, const SweepView&, const DecideOptions&);
void successive_halving(const Context&, const SweepView&, const DecideOptions&);  ///< Hyperband too: by its brackets
void asha(const Context&, const SweepView&, const DecideOptions&);
void population_based_training(const Context&, const SweepView&, const DecideOptions&);
void own_policy(const Context&, const SweepView&, const DecideOptions&);  ///< a program's own

/// Calls `work(age)` for each of the ages that trials have just reached and that the policy acts at, as `acts(age)` says.
/// In the first filling, when there is nobody to judge, for age 1: so that the workspace has its full size from then on.
template <class Acts, class Work>
void for_each_acting_age(const DecideOptions& options, const Acts& acts, const Work& work) {
  if (options.n_ages == 0) work(int64_t{1});
  for (int64_t i = 0; i < options.n_ages; ++i) {
    if (acts(options.ages[i])) work(options.ages[i]);
  }
}

/// Whether the policy acts at any of the ages that trials have just reached; in the first filling, too, as above.
template <class Acts>
bool acts_now(const DecideOptions& options, const Acts& acts) {
  bool any = false;
  for_each_acting_age(options, acts, [&any](int64_t) { any = true; });
  return any;
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
