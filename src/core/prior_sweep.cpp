#include "core/prior_sweep.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include <lockstep/error.h>

#include "core/distribution_kinds.h"
#include "core/early_termination.h"
#include "core/failures.h"

namespace lockstep {

namespace {

using Settings = std::map<std::string, Setting>;

/// A hyperparameter that the new sweep sets to one value: earlier trials count where theirs is so near, as a share of what
/// theirs span. What it does to the metric there is small beside the others.
constexpr double kNear = 0.1;
/// Trials that are named of those left out for a reason.
constexpr size_t kMaxNamed = 10;

const char* goal_word(Goal goal) { return goal == Goal::kMaximize ? "maximize" : "minimize"; }

std::string n_of(size_t n, const std::string& what) { return std::to_string(n) + " " + what + (n == 1 ? "" : "s"); }

const Value* find(const Settings& settings, const std::string& name) {
  const auto found = settings.find(name);
  return found == settings.end() ? nullptr : &found->second.value;
}

/// An earlier sweep's hyperparameter that is none of the new sweep's.
struct Gone {
  int64_t column = 0;
  const Value* now = nullptr;  ///< what the new sweep sets it to; null: it does not say
  bool varied = false;
  // Of numbers: what they span.
  double low = std::numeric_limits<double>::infinity(), high = -low;
};

/// The configurations of one earlier sweep, seen from the new one.
class Matching {
 public:
  Matching(const PriorSweep& sweep, const SweepSpec& spec) : sweep_(sweep), spec_(spec) {
    for (int64_t column = 0; column < sweep.space.n_params(); ++column) {
      if (!spec.search_space.find(sweep.space[column].name)) gone_.push_back(look_at(column));
    }
  }

  /// The draws of a trial's configuration in the new space, or why it has none there.
  std::vector<double> draws(const PriorTrial& trial, std::string& why) const {
    if (trial.n_exploits_before_best > 0) {
      why = "that took over other trials' weights, so that their values are not those of a configuration";
      return {};
    }
    for (const Gone& gone : gone_) {
      if (why = differs(gone, trial); !why.empty()) return {};
    }
    std::vector<double> draws;
    for (const Parameter& parameter : spec_.search_space.parameters()) {
      const auto draw = draw_of_parameter(parameter, trial, why);
      if (!draw) return {};
      draws.push_back(*draw);
    }
    return draws;
  }

  /// Sentences on what is used although it differs.
  std::vector<std::string> differences() const {
    std::string changed, hidden;
    const auto add = [&changed](const std::string& name, const Value& then, const Value& now) {
      changed += (changed.empty() ? "" : ", ") + name + " " + then.to_string() + " (now " + now.to_string() + ")";
    };
    for (const auto& [name, setting] : sweep_.settings) {
      const Value* now = find(spec_.trial, name);
      if (now && !(*now == setting.value)) add(name, setting.value, *now);
    }
    for (const Gone& gone : gone_) {
      const std::string& name = sweep_.space[gone.column].name;
      if (gone.varied && !gone.now) hidden += (hidden.empty() ? "" : ", ") + name;
      if (gone.varied || !gone.now || sweep_.trials.empty()) continue;
      const Value& then = value_of(sweep_.trials.front(), gone.column);
      if (!(then == *gone.now)) add(name, then, *gone.now);
    }
    std::vector<std::string> out;
    if (!changed.empty()) out.push_back("its trials were trained with " + changed);
    if (!hidden.empty()) out.push_back("it searched " + hidden + " too, whose effect counts as noise");
    return out;
  }

 private:
  static const Value& value_of(const PriorTrial& trial, int64_t column) {
    return trial.values[static_cast<size_t>(column)];
  }

  bool is_logarithmic_at(int64_t column) const {
    return is_logarithmic(sweep_.space[column].distribution.spec.kind);
  }

  double on_scale(int64_t column, double value) const {
    return is_logarithmic_at(column) ? std::log(std::max(value, std::numeric_limits<double>::min())) : value;
  }

  Gone look_at(int64_t column) const {
    Gone gone;
    gone.column = column;
    gone.now = find(spec_.trial, sweep_.space[column].name);
    for (const PriorTrial& trial : sweep_.trials) {
      const Value& value = value_of(trial, column);
      gone.varied = gone.varied || !(value == value_of(sweep_.trials.front(), column));
      if (!value.is_number()) continue;
      gone.low = std::min(gone.low, on_scale(column, value.as_real()));
      gone.high = std::max(gone.high, on_scale(column, value.as_real()));
    }
    return gone;
  }

  /// Why a trial's value is too far from what the new sweep sets a hyperparameter to; "" where it is not.
  std::string differs(const Gone& gone, const PriorTrial& trial) const {
    if (!gone.varied || !gone.now) return "";
    const Value& then = value_of(trial, gone.column);
    if (then == *gone.now) return "";
    if (then.is_number() && gone.now->is_number()) {
      const double distance = std::abs(on_scale(gone.column, then.as_real()) - on_scale(gone.column, gone.now->as_real()));
      if (distance <= kNear * (gone.high - gone.low)) return "";
    }
    const Parameter& parameter = sweep_.space[gone.column];
    if (parameter.distribution.spec.kind != DistributionKind::kChoice) {
      return "with " + parameter.name + " far from " + gone.now->to_string() + ", which it is now";
    }
    return "with " + parameter.name + " " + then.to_string() + ", which is " + gone.now->to_string() + " now";
  }

  std::optional<double> draw_of_parameter(const Parameter& parameter, const PriorTrial& trial, std::string& why) const {
    const auto column = sweep_.space.find(parameter.name);
    const Value* value = column ? &value_of(trial, *column) : find(sweep_.settings, parameter.name);
    if (!value) {
      const DistributionSpec& spec = parameter.distribution.spec;
      // Where there is but one value the new sweep does not search it either.
      if (spec.count == 1) return spec.kind == DistributionKind::kInt ? spec.a : 0;
      why = "without " + parameter.name + ", which is new in the space";
      return std::nullopt;
    }
    const auto draw = parameter.distribution.encode(*value);
    if (draw) return draw;
    const bool varies = column && sweep_.space[*column].distribution.spec.kind != DistributionKind::kChoice;
    why = "with " + parameter.name + (varies ? " outside of its range now" : " " + value->to_string() + ", which is not in the new space");
    return std::nullopt;
  }

  const PriorSweep& sweep_;
  const SweepSpec& spec_;
  std::vector<Gone> gone_;
};

std::optional<double> best_of(const std::vector<double>& reports, Goal goal) {
  std::optional<double> best;
  for (const double each : reports) {
    if (!std::isfinite(each)) continue;
    if (!best || (goal == Goal::kMaximize ? each > *best : each < *best)) best = each;
  }
  return best;
}

/// A trial as it would be had it been trained for `n_intervals` at most.
enum class Age { kSame, kOlder, kYounger };
Age bring_to_age(EarlierTrial& trial, int64_t n_intervals, Goal goal) {
  const auto n = static_cast<int64_t>(trial.reports.size());
  if (n > n_intervals) {
    trial.reports.resize(static_cast<size_t>(n_intervals));
    trial.value = best_of(trial.reports, goal);
    trial.state = TrialState::kFinished;
    return Age::kOlder;
  }
  if (n == 0 || n == n_intervals || trial.state != TrialState::kFinished) return Age::kSame;
  trial.state = TrialState::kStopped;
  return Age::kYounger;
}

/// Trials that are left out, by the reason.
class Reasons {
 public:
  void add(const std::string& why, int64_t number) {
    numbers_[why].push_back(number);
    ++n_;
  }
  size_t n() const { return n_; }
  std::string text() const {
    std::string out;
    for (const auto& [why, numbers] : numbers_) {
      out += (out.empty() ? "" : "; ") + n_of(numbers.size(), "trial") + " " + why + ":";
      for (size_t i = 0; i < std::min(numbers.size(), kMaxNamed); ++i) out += (i == 0 ? " " : ", ") + std::to_string(numbers[i]);
      if (numbers.size() > kMaxNamed) out += " and " + std::to_string(numbers.size() - kMaxNamed) + " more";
    }
    return out;
  }

 private:
  std::map<std::string, std::vector<int64_t>> numbers_;
  size_t n_ = 0;
};

/// Adds what one earlier sweep gives.
void add_sweep(const PriorSweep& sweep, const SweepSpec& spec, std::optional<int64_t> n_intervals, WarmStart& out) {
  const bool learns = spec.sampling.algorithm == SamplingAlgorithm::kBayesian;
  const bool compares = compares_with_earlier(spec.early_termination.kind);
  const Matching matching(sweep, spec);
  Reasons left_out;
  size_t n_observations = 0, n_curves = 0, n_older = 0, n_younger = 0;
  for (const PriorTrial& of : sweep.trials) {
    EarlierTrial trial{{}, of.reports, of.value, of.state};
    if (n_intervals) {
      const Age age = bring_to_age(trial, *n_intervals, sweep.objective.goal);
      n_older += age == Age::kOlder;
      n_younger += age == Age::kYounger;
    }
    if (learns) {
      std::string why;
      if (!trial.value && !has_failed(trial.state)) {
        why = "that had reported nothing";
      } else {
        trial.draws = matching.draws(of, why);
      }
      if (why.empty()) {
        ++n_observations;
      } else {
        left_out.add(why, of.number);
      }
    }
    n_curves += compares && !trial.reports.empty();
    if (!trial.draws.empty() || !trial.reports.empty()) out.trials.push_back(std::move(trial));
  }
  if (n_observations + n_curves == 0) {
    throw InputError({sweep.name}, sweep.option,
                     sweep.trials.empty() ? "no trial of it has started"
                                           : "none of its " + n_of(sweep.trials.size(), "trial") + " says anything here" +
                                                 (left_out.n() == 0 ? "" : " (" + left_out.text() + ")"),
                     "leave it out, or name a sweep whose hyperparameters are this one's");
  }
  std::string note = "Warm start from " + sweep.name + ": " + n_of(sweep.trials.size(), "trial");
  if (!sweep.has_ended) note += " so far (it has not ended)";
  if (learns) note += ", " + std::to_string(n_observations) + " of them as observations";
  if (compares) note += ", " + n_of(n_curves, "curve") + " for " + policy_name(spec.early_termination);
  if (n_older > 0) note += "; " + std::to_string(n_older) + " trained longer, and count as after interval " + std::to_string(*n_intervals);
  if (n_younger > 0) {
    note += "; " + std::to_string(n_younger) + " trained fewer than " + n_of(static_cast<size_t>(*n_intervals), "interval") +
            ", and count like trials that were stopped then";
  }
  if (sweep.objective.primary_metric != spec.objective.primary_metric) {
    note += "; its metric has no name, and is taken for " + spec.objective.primary_metric;
  }
  for (const std::string& difference : matching.differences()) note += "; " + difference;
  if (left_out.n() > 0) note += "; left out" + std::string(compares ? " of the observations" : "") + ": " + left_out.text();
  out.notes.push_back(std::move(note));
}

}  // namespace

void check_objective(const PriorSweep& sweep, const Objective& objective) {
  const Objective& then = sweep.objective;
  if (then.primary_metric != objective.primary_metric && sweep.has_metric_name) {
    throw InputError({sweep.name}, sweep.option,
                     "its primary metric is " + then.primary_metric + ", and this sweep's is " +
                         objective.primary_metric + ", for which its values mean nothing",
                     "leave it out, or name a sweep of the same metric");
  }
  if (then.goal != objective.goal) {
    throw InputError({sweep.name}, sweep.option,
                     std::string("its goal is to ") + goal_word(then.goal) + " " + then.primary_metric +
                         ", and this sweep's is to " + goal_word(objective.goal) + " it",
                     "leave it out, or correct objective.goal");
  }
}

WarmStart learn_from(std::span<const PriorSweep> sweeps, const SweepSpec& spec, std::optional<int64_t> n_intervals) {
  WarmStart out;
  if (sweeps.empty()) return out;
  const bool is_of_use =
      spec.sampling.algorithm == SamplingAlgorithm::kBayesian || compares_with_earlier(spec.early_termination.kind);
  if (!is_of_use) {
    const PolicyKind policy = spec.early_termination.kind;
    out.notes.push_back("Warning: " + sweeps.front().option + " changes nothing here: this sampling does not learn, and " +
                        (policy == PolicyKind::kNone ? "there is no early termination"
                                                     : policy_name(spec.early_termination) + " compares trials of one sweep alone") +
                        "; write 'sampling_algorithm: bayesian', or a policy such as median_stopping");
    return out;
  }
  for (const PriorSweep& sweep : sweeps) add_sweep(sweep, spec, n_intervals, out);
  return out;
}

}  // namespace lockstep
