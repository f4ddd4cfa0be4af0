#include "report/summary.h"

#include <cmath>
#include <cstdio>

#include "core/early_termination.h"
#include "report/format.h"

namespace lockstep {
namespace {

const char* end_name(SweepEnd end) {
  switch (end) {
    case SweepEnd::kTimeout: return "timeout";
    case SweepEnd::kInterrupted: return "interrupted";
    case SweepEnd::kCompleted: break;
  }
  return "completed";
}

/// What a sweep took of earlier trials.
struct Taken {
  int64_t n_observations = 0;
  int64_t n_curves = 0;
};

Taken taken(const SweepSummary& summary) {
  Taken out;
  for (const EarlierTrial& trial : summary.earlier) {
    out.n_observations += trial.draws.empty() ? 0 : 1;
    out.n_curves += trial.reports.empty() ? 0 : 1;
  }
  if (!compares_with_earlier(summary.spec.early_termination.kind)) out.n_curves = 0;
  return out;
}

}  // namespace

nlohmann::ordered_json to_json(const Value& value) { return nlohmann::ordered_json::parse(value.to_json()); }

nlohmann::ordered_json hyperparameters_json(const SearchSpace& space, const std::vector<double>& draws) {
  auto out = nlohmann::ordered_json::object();
  for (int64_t p = 0; p < space.n_params(); ++p) {
    out[space[p].name] = to_json(space[p].distribution.decode(draws[static_cast<size_t>(p)]));
  }
  return out;
}

std::string summary_text(const SweepSummary& summary) {
  const SweepResult& result = summary.result;
  const Progress& p = result.progress;
  const std::string metric = printable(summary.spec.objective.primary_metric);
  std::string out;
  if (result.end == SweepEnd::kTimeout) out += "The sweep reached its timeout; what was trained until then counts.\n";
  if (result.end == SweepEnd::kInterrupted) out += "The sweep was interrupted; what was trained until then counts.\n";

  if (summary.top.empty()) {
    out += "No trial reported a finite " + metric + ".\n";
  } else {
    std::vector<std::vector<std::string>> rows{{"trial", metric, "interval"}};
    const SearchSpace& space = summary.configurations.space();
    for (const auto& parameter : space.parameters()) rows[0].push_back(parameter.name);
    for (const auto& [best, configuration] : summary.top) {
      rows.push_back({std::to_string(best.trial), format_number(best.metric), std::to_string(best.interval)});
      for (size_t i = 0; i < configuration.draws.size(); ++i) {
        const Distribution& distribution = space[static_cast<int64_t>(i)].distribution;
        rows.back().push_back(format_value(distribution.decode(configuration.draws[i])));
      }
    }
    out += "Best configurations\n" + format_table(rows, "  ");
    out += "\nBest trial " + std::to_string(result.best.trial) + ": validation " + metric + " " +
           format_number(result.best.metric) + " at interval " + std::to_string(result.best.interval);
    if (result.test_metric) out += ", test " + metric + " " + format_number(*result.test_metric);
    out += "\n";
    if (result.best_n_exploits > 0) {
      out += "  (Its hyperparameters are those of that interval; it had taken over another trial's weights " +
             format_times(result.best_n_exploits) + " before.)\n";
    }
    const int64_t n_compared = p.n_trials - p.n_waiting;
    if (n_compared > 1) {
      out += result.test_metric ? "  (The best of " + format_count(n_compared) + " on validation data is an optimistic figure; the test figure was computed once, for this trial alone.)\n"
                                : "  (The best of " + format_count(n_compared) + " on validation data is an optimistic figure.)\n";
    }
  }
  out += "\nTrials: " + format_count(p.n_finished) + " finished, " + format_count(p.n_stopped) + " stopped early, " +
         format_count(p.n_diverged) + " diverged";
  if (p.n_failed > 0) out += ", " + format_count(p.n_failed) + " failed";
  if (p.n_aborted > 0) out += ", " + format_count(p.n_aborted) + " aborted";
  if (p.n_waiting > 0) out += ", " + format_count(p.n_waiting) + " never started";
  out += ".\n";
  if (summary.spec.early_termination.kind == PolicyKind::kPbt) {
    out += "Weights were taken over " + format_times(p.n_exploits) + ".\n";
  } else if (summary.spec.early_termination.kind != PolicyKind::kNone) {
    const bool is_estimate = summary.spec.command.has_value();
    out += std::string("Stopping saved ") + (is_estimate ? "about " : "") + format_percent(result.savings()) +
           " of the training: " + format_count(p.trial_intervals) + " of " + format_count(p.trial_intervals_full) +
           (is_estimate ? " reports.\n" : " trial-epochs.\n");
  }
  if (!summary.earlier.empty()) {
    const auto [n_observations, n_curves] = taken(summary);
    out += "Warm start: " + format_count(n_observations) + " observations and " + format_count(n_curves) +
           " curves of earlier trials.\n";
  }
  out += "Time: " + format_duration(p.elapsed_s);
  const bool side_by_side = !summary.spec.command;
  if (side_by_side && p.elapsed_s > 0 && p.training_s > 0) {
    char share[32];
    std::snprintf(share, sizeof share, ", %.1f %% of it training", 100 * p.training_s / p.elapsed_s);
    out += share;
  }
  if (!side_by_side) out += ", " + format_count(p.trial_intervals, "report");
  if (side_by_side && p.elapsed_s > 0) {
    out += ", " + format_count(static_cast<int64_t>(static_cast<double>(p.trial_intervals) / p.elapsed_s)) + " trial-epochs/s on " + summary.device;
  }
  out += ". Seed " + std::to_string(summary.seed) + ".\n";
  if (!summary.output_dir.empty()) {
    out += "Results: " + printable(summary.output_dir) + " (report.html, trials.csv, best.json, sweep.db)\n";
  }
  return out;
}

nlohmann::ordered_json summary_json(const SweepSummary& summary) {
  const SweepResult& result = summary.result;
  const Progress& p = result.progress;
  const SearchSpace& space = summary.configurations.space();
  const bool is_pbt = summary.spec.early_termination.kind == PolicyKind::kPbt;
  nlohmann::ordered_json out;
  out["end"] = end_name(result.end);
  out["primary_metric"] = summary.spec.objective.primary_metric;
  out["goal"] = summary.spec.objective.goal == Goal::kMaximize ? "maximize" : "minimize";
  if (result.best.trial >= 0) {
    out["best"] = {{"trial", result.best.trial}, {"interval", result.best.interval}, {"validation", result.best.metric}};
    out["best"]["test"] = result.test_metric && std::isfinite(*result.test_metric) ? nlohmann::ordered_json(*result.test_metric) : nullptr;
    out["best"]["hyperparameters"] = hyperparameters_json(space, result.best_draws);
    if (is_pbt) out["best"]["exploits"] = result.best_n_exploits;
  } else {
    out["best"] = nullptr;
  }
  out["top"] = nlohmann::ordered_json::array();
  for (const auto& [best, configuration] : summary.top) {
    out["top"].push_back({{"trial", best.trial}, {"interval", best.interval}, {"validation", best.metric},
                          {"hyperparameters", hyperparameters_json(space, configuration.draws)}});
  }
  out["trials"] = {{"total", p.n_trials},       {"finished", p.n_finished}, {"stopped", p.n_stopped},
                   {"diverged", p.n_diverged}, {"failed", p.n_failed},     {"aborted", p.n_aborted},
                   {"never_started", p.n_waiting}};
  out["trial_intervals"] = p.trial_intervals;
  out["trial_intervals_without_policy"] = p.trial_intervals_full;
  out["savings"] = result.savings();
  if (is_pbt) out["exploits"] = p.n_exploits;
  if (!summary.earlier.empty()) {
    const auto [n_observations, n_curves] = taken(summary);
    out["earlier_trials"] = {{"observations", n_observations}, {"curves", n_curves}};
  }
  out["elapsed_s"] = p.elapsed_s;
  out["training_s"] = p.training_s;
  out["seed"] = summary.seed;
  out["device"] = summary.device;
  out["output"] = summary.output_dir;
  return out;
}

}  // namespace lockstep
