// Population based training (Jaderberg et al.: Population Based Training of Neural Networks, 2017): the worst of a
// population take over weights and configuration of the best (exploit), and change the configuration (explore).
#include <string>

#include <lockstep/error.h>

#include "cuda/common/algorithms.h"
#include "cuda/early_stopping/explore.h"
#include "cuda/early_stopping/group_ranking.h"
#include "cuda/early_stopping/policies.h"
#include "cuda/slots/conclude.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

/// Populations: the trials of one cohort that have just reached the same age.
struct JoinPopulation {
  Goal goal;
  SweepView sweep;
  int64_t evaluation_interval;
  int64_t delay_evaluation;
  Contestant* contestants;

  LOCKSTEP_HD bool acts_at(int64_t age) const { return age % evaluation_interval == 0 && age >= delay_evaluation; }
  LOCKSTEP_HD void operator()(int64_t slot) const {
    const int64_t trial = sweep.slot_trial[slot];
    Contestant one = {kNoGroup, kWorstScore, static_cast<int32_t>(trial), static_cast<int32_t>(slot)};
    if (trial >= 0) {
      const int64_t age = sweep.history.n_reported[trial];
      one.score = score_of(goal, sweep.metrics[slot]);
      if (one.score > kWorstScore && acts_at(age)) {
        one.group = (sweep.cohort ? sweep.cohort[trial] : 0) * (sweep.history.n_intervals + 1) + age;
      }
    }
    contestants[slot] = one;
  }
};

struct Quantiles {
  double fraction;

  LOCKSTEP_HD GroupCuts operator()(int64_t n, const Contestant&) const {
    const int64_t k = static_cast<int64_t>(static_cast<double>(n) * fraction);
    return {k, k};
  }
};

/// Says who keeps its weights, and whose the others take over.
struct JudgeMember {
  Goal goal;
  uint64_t seed;
  SweepView sweep;
  const Contestant* contestants;
  const GroupSpan* spans;
  Verdict* verdicts;
  int32_t* sources;

  LOCKSTEP_HD void operator()(int64_t i) const {
    const Contestant& one = contestants[i];
    const GroupSpan span = spans[i];
    const int64_t k = span.n_worst;
    Verdict verdict;
    int32_t source = -1;
    if (k > 0) {
      const int64_t n_kept = span.n - k;
      verdict.judged = 1;
      verdict.value = metric_of(goal, one.score);
      verdict.threshold = metric_of(goal, contestants[span.first + n_kept - 1].score);
      verdict.n_compared = static_cast<int32_t>(span.n);
      verdict.n_kept = static_cast<int32_t>(n_kept);
      if (i - span.first >= n_kept) {
        const auto age = static_cast<uint32_t>(sweep.history.n_reported[one.trial]);
        const RandomWords words = random_words(seed, RandomPurpose::kExploit, sweep.first_trial + one.trial, age, 0);
        source = contestants[span.first + bounded_integer(words.bits(), k)].trial;
      }
    }
    verdicts[one.slot] = verdict;
    sources[one.slot] = source;
  }
};

struct TakeOver {
  struct Changes {
    const int32_t* sources;
    bool is_known = true;
    LOCKSTEP_HD bool operator()(int64_t slot, double) const { return sources[slot] >= 0; }
  };

  const Verdict* verdicts;
  const int32_t* sources;

  LOCKSTEP_HD Changes at(int64_t) const { return {sources}; }
  LOCKSTEP_HD void operator()(int64_t slot, Event& event) const {
    if (verdicts[slot].judged) event.verdict = verdicts[slot];
    if (sources[slot] < 0) return;
    event.decision = Decision::kExploit;
    event.source = sources[slot];
  }
};

/// Gives a trial that has taken over weights a configuration near its source's. No source takes over itself, so that its
/// configuration is still that of its weights.
struct Explore {
  uint64_t seed;
  SweepView sweep;
  Exploration exploration;

  LOCKSTEP_HD void operator()(int64_t i) const {
    const int64_t place = i / sweep.n_params;
    const int64_t param = i % sweep.n_params;
    if (place >= *sweep.n_events) return;
    const Event& event = sweep.events[place];
    if (event.decision != Decision::kExploit) return;
    if (sweep.changeable && !sweep.changeable[param]) return;
    const RandomWords words =
        random_words(seed, RandomPurpose::kExploit, sweep.first_trial + event.trial,
                     static_cast<uint32_t>(event.interval), static_cast<uint32_t>(param) + 1);
    const double x = sweep.draws[event.source * sweep.n_params + param];
    const double y = explored(sweep.specs[param], x, words, exploration);
    sweep.draws[event.trial * sweep.n_params + param] = y;
    sweep.slot_draws[event.slot * sweep.n_params + param] = y;
  }
};

}  // namespace

void population_based_training(const Context& context, const SweepView& sweep, const DecideOptions& options) {
  const EarlyTermination& policy = *options.policy;
  if (policy.evaluation_interval < 1) {
    throw DeviceError("pbt: evaluation_interval is " + std::to_string(policy.evaluation_interval) +
                      "; it must be at least 1.");
  }
  if (!(policy.quantile_fraction > 0 && policy.quantile_fraction <= 0.5)) {
    throw DeviceError("pbt: quantile_fraction must be in (0, 0.5].");
  }
  if (!sweep.specs && sweep.n_params > 0) throw DeviceError("pbt: the distributions are not there.");
  const JoinPopulation population = {options.goal, sweep, policy.evaluation_interval, policy.delay_evaluation, nullptr};
  if (!acts_now(options, [&](int64_t age) { return population.acts_at(age); })) {
    return conclude(context, sweep, options, KeepAll());
  }

  const Quantiles quantiles = {policy.quantile_fraction};
  const DeviceBuffer<Contestant> contestants(context, sweep.n_slots);
  const DeviceBuffer<GroupSpan> spans(context, sweep.n_slots);
  const DeviceBuffer<Verdict> verdicts(context, sweep.n_slots);
  const DeviceBuffer<int32_t> sources(context, sweep.n_slots);
  JoinPopulation join = population;
  join.contestants = contestants.data();
  for_each_index(context, sweep.n_slots, join);
  rank_groups(context, contestants.data(), spans.data(), sweep.n_slots, quantiles);
  for_each_index(context, sweep.n_slots,
                 JudgeMember{options.goal, context.seed, sweep, contestants.data(), spans.data(),
                             verdicts.data(), sources.data()});
  conclude(context, sweep, options, TakeOver{verdicts.data(), sources.data()});
  const Exploration exploration = {policy.resample_probability,
                                   {policy.perturbation_factors[0], policy.perturbation_factors[1]}};
  for_each_index(context, n_places(sweep) * sweep.n_params, Explore{context.seed, sweep, exploration});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
