#include "core/brackets.h"

#include <algorithm>
#include <cstdio>
#include <limits>
#include <vector>

#include <lockstep/error.h>
#include <lockstep/sampling.h>

#include "core/early_termination.h"

namespace lockstep {

namespace {

constexpr int64_t kUnbounded = std::numeric_limits<int64_t>::max();

/// a * b for positive numbers, or the largest number.
int64_t saturating_product(int64_t a, int64_t b) { return a > kUnbounded / b ? kUnbounded : a * b; }

int64_t saturating_power(int64_t base, int64_t exponent) {
  int64_t result = 1;
  for (; exponent > 0 && result < kUnbounded; --exponent) result = saturating_product(result, base);
  return result;
}

/// Of trials that report when they please nobody knows the last one.
constexpr size_t kMostRungsNamed = 12;

std::string count_of(int64_t n, const std::string& what) { return std::to_string(n) + " " + what + (n == 1 ? "" : "s"); }

/// "1, 3 and 9".
std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) text += (i == 0 ? "" : i + 1 < words.size() ? ", " : " and ") + words[i];
  return text;
}

[[noreturn]] void refuse(const char* key, const std::string& problem, const std::string& cure) {
  throw InputError({}, key, problem, cure);
}

/// Nobody is judged at its last interval or later.
void check_first_rung(const char* key, int64_t first_rung, const SweepSize& size) {
  if (first_rung < size.n_intervals) return;
  const std::string problem = "the first rung is at interval " + std::to_string(first_rung) + ", and a trial's ";
  if (size.n_intervals == 1) {
    refuse(key, problem + "only interval ends it anyway", "train more intervals, or remove the policy");
  }
  const std::string last = std::to_string(size.n_intervals);
  refuse(key, problem + "last interval, " + last + ", ends it anyway",
         "set the first rung below " + last + ", or train more intervals");
}

std::string at_once(const SweepSize& size) { return std::to_string(size.n_slots) + " can train at once"; }

void add_kind(BracketPlan& plan, int64_t size, int64_t first_rung, int64_t n_rungs) {
  plan.size[plan.n_kinds] = size;
  plan.first_rung[plan.n_kinds] = first_rung;
  plan.n_rungs[plan.n_kinds] = n_rungs;
  ++plan.n_kinds;
}

BracketPlan plan_successive_halving(const EarlyTermination& policy, const SweepSize& size) {
  check_first_rung("min_resource", policy.min_resource, size);
  const int64_t wanted = std::min(policy.bracket_size.value_or(size.n_slots), size.n_trials);
  if (wanted > size.n_slots) {
    refuse("bracket_size", "a bracket has " + std::to_string(wanted) + " trials, and " + at_once(size),
           "write at most " + std::to_string(size.n_slots) + ", or raise limits.max_concurrent_trials");
  }
  if (wanted == 1 && size.n_trials > 1) {
    refuse("", "a bracket has 1 trial, which nobody is compared with", "raise limits.max_concurrent_trials to 2 or more");
  }
  BracketPlan plan{size.n_trials, policy.reduction_factor};
  add_kind(plan, wanted, policy.min_resource, kUnbounded);
  return plan;
}

/// The largest s with min_resource * eta^s <= max_resource.
int64_t most_aggressive(int64_t eta, int64_t min_resource, int64_t max_resource) {
  int64_t s = 0;
  for (int64_t left = max_resource / eta; left >= min_resource; left /= eta) ++s;
  return s;
}

BracketPlan plan_hyperband(const EarlyTermination& policy, const SweepSize& size) {
  const int64_t eta = policy.reduction_factor;
  const int64_t most = policy.max_resource.value_or(size.n_intervals);
  if (most / eta < policy.min_resource) {
    refuse(policy.max_resource ? "max_resource" : "min_resource",
           "there is no rung between min_resource " + std::to_string(policy.min_resource) + " and " +
               (policy.max_resource ? "max_resource " + std::to_string(most) : "the last interval, " + std::to_string(most)),
           "leave a factor of " + std::to_string(eta) + ", the reduction_factor, or more between them");
  }
  const int64_t s_max = most_aggressive(eta, policy.min_resource, most);
  check_first_rung("max_resource", most / saturating_power(eta, s_max), size);
  const int64_t largest = std::min(saturating_power(eta, s_max), size.n_trials);
  if (largest > size.n_slots) {
    int64_t s = s_max;
    while (saturating_power(eta, s) > size.n_slots) --s;
    refuse("min_resource", "the largest bracket has " + std::to_string(largest) + " trials, and " + at_once(size),
           "raise limits.max_concurrent_trials to " + std::to_string(largest) +
               (s > 0 ? ", or write 'min_resource: " + std::to_string(most / saturating_power(eta, s + 1) + 1) +
                            "' for brackets of at most " + count_of(saturating_power(eta, s), "trial")
                      : std::string()));
  }
  BracketPlan plan{size.n_trials, eta};
  int64_t planned = 0;
  for (int64_t s = s_max; s >= 0 && planned < size.n_trials; --s) {
    // ceil((s_max + 1) / (s + 1) * eta^s)
    const int64_t wanted = (saturating_product(s_max + 1, saturating_power(eta, s)) - 1) / (s + 1) + 1;
    const int64_t n = std::min(wanted, size.n_trials);
    add_kind(plan, n, most / saturating_power(eta, s), s);
    planned += n;
  }
  return plan;
}

int64_t asha_first_rung(const EarlyTermination& policy) {
  return saturating_product(policy.min_resource,
                            saturating_power(policy.reduction_factor, policy.min_early_stopping_rate));
}

void check_asha(const EarlyTermination& policy, const SweepSize& size) {
  check_first_rung(policy.min_early_stopping_rate > 0 ? "min_early_stopping_rate" : "min_resource",
                   asha_first_rung(policy), size);
}

void check_population(const EarlyTermination& policy, const SweepSize& size) {
  const int64_t population = std::min(size.n_trials, size.n_slots);
  if (population < 2) {
    refuse("", "pbt needs a population, and 1 trial trains at a time",
           size.n_slots < 2 ? "raise limits.max_concurrent_trials" : "raise limits.max_total_trials");
  }
  if (static_cast<double>(population) * policy.quantile_fraction < 1) {
    refuse("quantile_fraction", "is less than one of the " + count_of(population, "trial") + " that train at once",
           "write " + (population < 4 ? std::string("0.5") : "at least 1/" + std::to_string(population)) +
               ", or train more trials at once");
  }
}

/// "rungs at intervals 1, 3 and 9; 1 in 3 goes on at each".
std::string rungs_text(int64_t first, int64_t eta, int64_t n_intervals) {
  std::vector<std::string> rungs;
  for (int64_t at = first; at < n_intervals; at = saturating_product(at, eta)) {
    if (rungs.size() == kMostRungsNamed) {
      rungs.push_back("so on");
      break;
    }
    rungs.push_back(std::to_string(at));
  }
  return (rungs.size() == 1 ? "a rung at interval " : "rungs at intervals ") + joined(rungs) + "; 1 in " +
         std::to_string(eta) + " goes on" + (rungs.size() == 1 ? "" : " at each");
}

std::string describe_halving(const BracketPlan& plan, const SweepSize& size) {
  return "brackets of " + count_of(plan.size[0], "trial") + ", with " +
         rungs_text(plan.first_rung[0], plan.reduction_factor, size.n_intervals);
}

std::string describe_hyperband(const BracketPlan& plan, const SweepSize& size) {
  std::vector<std::string> sizes, first_rungs;
  for (int64_t kind = 0; kind < plan.n_kinds; ++kind) {
    sizes.push_back(std::to_string(plan.size[kind]));
    const bool has_rung = plan.n_rungs[kind] > 0 && plan.first_rung[kind] < size.n_intervals;
    first_rungs.push_back(has_rung ? std::to_string(plan.first_rung[kind]) : "none");
  }
  return "brackets of " + joined(sizes) + " trials in turn, with first rungs at intervals " + joined(first_rungs) +
         "; 1 in " + std::to_string(plan.reduction_factor) + " goes on at each";
}

/// "every 2 intervals from 6 on".
std::string when_text(const EarlyTermination& policy) {
  const int64_t step = policy.evaluation_interval;
  const int64_t first = saturating_product((std::max<int64_t>(policy.delay_evaluation, 1) - 1) / step + 1, step);
  return (step == 1 ? std::string("every interval") : "every " + std::to_string(step) + " intervals") + " from " +
         std::to_string(first) + " on";
}

std::string describe(const EarlyTermination& policy, const std::optional<BracketPlan>& plan, const SweepSize& size) {
  switch (policy.kind) {
    case PolicyKind::kSuccessiveHalving: return describe_halving(*plan, size);
    case PolicyKind::kHyperband: return describe_hyperband(*plan, size);
    case PolicyKind::kAsha: return rungs_text(asha_first_rung(policy), policy.reduction_factor, size.n_intervals);
    case PolicyKind::kPbt: {
      char part[32];
      std::snprintf(part, sizeof(part), "%.6g %%", 100 * policy.quantile_fraction);
      return when_text(policy) + ", the worst " + part + " of those of equal age take over from the best";
    }
    default: return when_text(policy);
  }
}

}  // namespace

SweepSize sweep_size(const SweepSpec& spec, const Configurations& configurations, const Executor& executor) {
  SweepSize size;
  size.n_trials = configurations.n_trials();
  size.n_slots = executor.capacity();
  size.n_slots = std::min(size.n_slots, concurrent_limit(spec));
  if (executor.is_asynchronous()) {
    size.n_intervals = std::numeric_limits<int32_t>::max();
    return size;
  }
  for (int64_t row = 0; row < size.n_trials; ++row) {
    size.n_intervals = std::max(size.n_intervals, executor.n_intervals(configurations.first_trial() + row));
  }
  return size;
}

std::optional<BracketPlan> plan_brackets(const EarlyTermination& policy, const SweepSize& size) {
  if (size.n_trials == 0) return std::nullopt;
  switch (policy.kind) {
    case PolicyKind::kSuccessiveHalving: return plan_successive_halving(policy, size);
    case PolicyKind::kHyperband: return plan_hyperband(policy, size);
    case PolicyKind::kAsha: check_asha(policy, size); return std::nullopt;
    case PolicyKind::kPbt: check_population(policy, size); return std::nullopt;
    default: return std::nullopt;
  }
}

std::string describe_policy(const EarlyTermination& policy, const SweepSize& size) {
  const std::optional<BracketPlan> plan = plan_brackets(policy, size);
  if (policy.kind == PolicyKind::kNone || size.n_trials == 0) return "";
  return policy_name(policy) + ": " + describe(policy, plan, size);
}

}  // namespace lockstep
