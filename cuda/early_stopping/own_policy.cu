// A policy of a program's own: it says what it makes of the trials, and here it is taken.
#include <string>

#include <lockstep/error.h>
#include <lockstep/policy.h>

#include "cuda/common/device_memory.h"
#include "cuda/early_stopping/policies.h"
#include "cuda/slots/conclude.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

struct TakeOwnVerdict {
  struct Changes {
    const Verdict* verdicts;  ///< null: the policy does not act
    bool is_known = true;
    LOCKSTEP_HD bool operator()(int64_t slot, double) const { return verdicts && verdicts[slot].stop != 0; }
  };

  int64_t evaluation_interval;
  int64_t delay_evaluation;
  const Verdict* verdicts;  ///< [n_slots]

  LOCKSTEP_HD bool acts(int64_t interval) const {
    return interval % evaluation_interval == 0 && interval >= delay_evaluation;
  }
  LOCKSTEP_HD Changes at(int64_t interval) const { return {acts(interval) ? verdicts : nullptr}; }
  LOCKSTEP_HD void operator()(int64_t slot, Event& event) const {
    if (!acts(event.interval)) return;
    const Verdict& verdict = verdicts[slot];
    event.verdict.judged = verdict.judged;
    if (verdict.judged) {
      event.verdict.value = verdict.value;
      event.verdict.threshold = verdict.threshold;
    }
    if (!verdict.stop) return;
    event.verdict.stop = 1;
    event.decision = Decision::kStop;
  }
};

}  // namespace

void own_policy(const Context& context, const SweepView& sweep, const DecideOptions& options) {
  const EarlyTermination& policy = *options.policy;
  if (!policy.own) throw DeviceError("early termination: the policy is a program's own, and there is none.");
  if (policy.evaluation_interval < 1) {
    throw DeviceError("early termination: evaluation_interval is " + std::to_string(policy.evaluation_interval) +
                      "; it must be at least 1.");
  }
  const DeviceBuffer<Verdict> verdicts(context, sweep.n_slots);
  const TakeOwnVerdict take = {policy.evaluation_interval, policy.delay_evaluation, verdicts.data()};
  const bool any = acts_now(options, [&take](int64_t age) { return take.acts(age); });
  if (!any || options.n_ages == 0) return conclude(context, sweep, options, KeepAll());
  fill_zero(context, verdicts.data(), sweep.n_slots * static_cast<int64_t>(sizeof(Verdict)));
  policy.own->judge(context, sweep, options, verdicts.data());
  conclude(context, sweep, options, take);
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
