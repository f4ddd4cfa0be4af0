#include <charconv>
#include <cstdio>
#include <filesystem>
#include <memory>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "core/simulation.h"
#include "report/format.h"
#include "store/export.h"
#include "store/optuna_curves.h"
#include "store/optuna_study.h"
#include "store/output_directory.h"

namespace lockstep::cli {
namespace {

using Json = nlohmann::ordered_json;

struct SimulateOptions {
  std::string curves;
  std::string policy;
  std::string study;
  std::string goal;  ///< as typed; empty: the policy file's or the study's
  std::vector<std::string> set;
  int64_t concurrency = 0;  ///< 0: all
  std::string device = "cpu";
  std::string format = "text";
  bool verbose = false;
};

struct Recorded {
  std::string file;
  std::string study;  ///< "" for CSV
  std::optional<Goal> goal;
  int64_t n_without_curve = 0;
  RecordedCurves curves;
};

const char* goal_word(Goal goal) { return goal == Goal::kMaximize ? "maximize" : "minimize"; }

Recorded load_curves(const SimulateOptions& options) {
  Recorded recorded;
  recorded.file = options.curves;
  std::error_code ignored;
  const auto database = std::filesystem::path(options.curves) / kDatabaseFile;
  if (std::filesystem::is_regular_file(database, ignored)) recorded.file = database.string();
  if (is_sqlite_file(recorded.file)) {
    OptunaCurves optuna = load_optuna_curves(recorded.file, options.study);
    recorded.study = optuna.study;
    recorded.goal = optuna.goal;
    recorded.n_without_curve = optuna.n_without_curve;
    recorded.curves = std::move(optuna.curves);
  } else {
    if (!options.study.empty()) {
      throw CLI::ValidationError("--study", options.curves + " is no SQLite database, so it holds no studies");
    }
    recorded.curves = load_curves_csv(recorded.file);
  }
  return recorded;
}

Goal choose_goal(const SimulateOptions& options, const PolicyFile& policy, const Recorded& recorded) {
  if (!options.goal.empty()) return options.goal == "maximize" ? Goal::kMaximize : Goal::kMinimize;
  if (policy.goal && recorded.goal && *policy.goal != *recorded.goal) {
    throw InputError({options.policy}, "objective.goal",
                     std::string("is ") + goal_word(*policy.goal) + ", and the study '" + recorded.study + "' is to " +
                         goal_word(*recorded.goal),
                     "say which with --goal");
  }
  if (policy.goal) return *policy.goal;
  if (recorded.goal) return *recorded.goal;
  throw InputError({options.policy}, "", "does not say whether a higher or a lower value is better",
                   "add --goal maximize or --goal minimize");
}

/// What a reader of the figures should know of the record.
void print_notes(const Recorded& recorded) {
  const RecordedCurves& curves = recorded.curves;
  if (curves.counts_from_zero) {
    std::fprintf(stderr, "Intervals are counted from 0 in %s; here from 1.\n", printable(recorded.file).c_str());
  }
  if (recorded.n_without_curve > 0) {
    std::fprintf(stderr, "Left out: %s without intermediate values.\n",
                 format_count(recorded.n_without_curve, "trial").c_str());
  }
  int64_t n_shorter = 0;
  for (const auto& curve : curves.curves) n_shorter += static_cast<int64_t>(curve.size()) < curves.n_intervals();
  if (n_shorter > 0) {
    std::fprintf(stderr, "Shorter than the longest (%s intervals): %s; a trial ends with its record.\n",
                 format_count(curves.n_intervals()).c_str(), format_count(n_shorter, "curve").c_str());
  }
}

std::string percent(double fraction) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f %%", 100 * fraction);
  return text;
}

std::string describe(const BestTrial& best, const RecordedCurves& curves) {
  if (best.trial < 0) return "none: no trial reported a finite value";
  return format_number(best.metric) + " (trial " + printable(curves.names[static_cast<size_t>(best.trial)]) + ", interval " +
         std::to_string(best.interval) + ")";
}

std::string simulation_text(const SimulateOptions& options, const PolicyFile& policy, Goal goal,
                            const Recorded& recorded, const Simulation& simulation) {
  const RecordedCurves& curves = recorded.curves;
  const Progress& p = simulation.with_policy.progress;
  const std::string slots = options.concurrency == 0 ? "all at once" : format_count(options.concurrency) + " at once";
  std::string out = "Curves:  " + printable(recorded.file + (recorded.study.empty() ? "" : ", study " + recorded.study)) +
                    ": " + format_count(curves.n_trials()) + " trials, " + format_count(curves.n_values()) + " intervals\n";
  out += "Policy:  " + policy.type + ", value to " + goal_word(goal) + ", trials " + slots + "\n";
  out += "Trials:  " + format_count(p.n_stopped) + " stopped early, " + format_count(p.n_finished) + " finished, " +
         format_count(p.n_diverged) + " diverged, of " + format_count(p.n_trials) + "\n";
  out += "Savings: " + percent(simulation.with_policy.savings()) + ": trained " + format_count(p.trial_intervals) +
         " of " + format_count(p.trial_intervals_full) + " trial-intervals\n";
  out += "Best:    " + describe(simulation.with_policy.best, curves) + "; without the policy " +
         describe(simulation.without_policy.best, curves) + "\n";
  if (simulation.loss) {
    out += "Loss:    " + format_number(*simulation.loss) + "; the best kept is number " +
           format_count(simulation.rank) + " of " + format_count(curves.n_trials()) + " without the policy\n";
  }
  if (!options.verbose) return out;
  std::vector<std::vector<std::string>> rows{{"trial", "interval", "value", "threshold", "reason"}};
  for (const TrialEnd& stop : simulation.stops) {
    rows.push_back({curves.names[static_cast<size_t>(stop.trial)], std::to_string(stop.interval),
                    format_number(stop.metric), format_number(stop.threshold), stop.reason});
  }
  return out + (simulation.stops.empty() ? "" : "\n" + format_table(rows));
}

/// A trial's id as a number where it is written as one.
Json trial_entry(const std::string& name) {
  int64_t number = 0;
  const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool is_number = failure == std::errc() && end == name.data() + name.size() && std::to_string(number) == name;
  return is_number ? Json(number) : Json(name);
}

Json best_entry(const BestTrial& best, const RecordedCurves& curves) {
  if (best.trial < 0) return nullptr;
  return {{"trial", trial_entry(curves.names[static_cast<size_t>(best.trial)])},
          {"interval", best.interval},
          {"value", best.metric}};
}

Json simulation_json(const SimulateOptions& options, const PolicyFile& policy, Goal goal, const Recorded& recorded,
                     const Simulation& simulation) {
  const RecordedCurves& curves = recorded.curves;
  const Progress& p = simulation.with_policy.progress;
  Json out;
  out["curves"] = recorded.file;
  out["study"] = recorded.study.empty() ? Json() : Json(recorded.study);
  out["policy"] = policy.type;
  out["goal"] = goal_word(goal);
  out["concurrency"] = options.concurrency == 0 ? curves.n_trials() : options.concurrency;
  out["trials"] = {
      {"total", p.n_trials}, {"finished", p.n_finished}, {"stopped", p.n_stopped}, {"diverged", p.n_diverged}};
  out["trial_intervals"] = p.trial_intervals;
  out["trial_intervals_without_policy"] = p.trial_intervals_full;
  out["savings"] = simulation.with_policy.savings();
  out["best"] = best_entry(simulation.with_policy.best, curves);
  out["best_without_policy"] = best_entry(simulation.without_policy.best, curves);
  out["loss"] = simulation.loss ? Json(*simulation.loss) : Json();
  out["rank"] = simulation.rank > 0 ? Json(simulation.rank) : Json();
  out["stops"] = Json::array();
  for (const TrialEnd& stop : simulation.stops) {
    out["stops"].push_back({{"trial", trial_entry(curves.names[static_cast<size_t>(stop.trial)])},
                            {"interval", stop.interval},
                            {"value", stop.metric},
                            {"threshold", stop.threshold},
                            {"reason", stop.reason}});
  }
  return out;
}

void simulate(const SimulateOptions& options) {
  Context context;
  const std::optional<Device> device = parse_device(options.device);
  if (!device) throw CLI::ValidationError("--device", "write cpu, cuda or cuda:N; decisions are the same on each");
  context.device = *device;
  const Backend& backend = backend_for(context.device.kind);
  if (context.device.index >= backend.device_count()) {
    throw DeviceError("There is no device " + context.device.to_string() +
                      "; `lockstep info` lists those that are there.");
  }
  std::vector<Override> overrides;
  for (const auto& text : options.set) overrides.push_back(parse_override(text));
  const PolicyFile policy = load_policy_file(options.policy, overrides);
  const Recorded recorded = load_curves(options);
  const Goal goal = choose_goal(options, policy, recorded);
  print_notes(recorded);
  const Simulation simulation =
      simulate_policy(recorded.curves, goal, policy.early_termination, options.concurrency, backend, context);
  print(options.format == "json" ? json_text(simulation_json(options, policy, goal, recorded, simulation)) + "\n"
                                 : simulation_text(options, policy, goal, recorded, simulation));
}

}  // namespace

void add_simulate(CLI::App& app) {
  auto options = std::make_shared<SimulateOptions>();
  auto* command = app.add_subcommand("simulate", "apply an early-termination policy to recorded learning curves");
  command
      ->add_option("--curves", options->curves,
                   "CSV with the columns trial, interval, value; Optuna's SQLite; or a sweep's folder or sweep.db")
      ->type_name("FILE")
      ->required();
  command
      ->add_option("--policy", options->policy,
                   "early_termination block (YAML), alone, under its name, or in a sweep file")
      ->type_name("FILE")
      ->required();
  command->add_option("--study", options->study, "of an SQLite file with several")->type_name("NAME");
  command
      ->add_option("--goal", options->goal, "maximize or minimize; default the policy file's objective, or the study's")
      ->check(CLI::IsMember({"maximize", "minimize"}))
      ->type_name("GOAL");
  command->add_option("--concurrency", options->concurrency, "trials that train at once; default all")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000}))
      ->type_name("N");
  command
      ->add_option("--set", options->set,
                   "change a value of the policy file: a dotted path and a YAML value; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command->add_option("--device", options->device, "where to decide: cpu, cuda or cuda:N")->capture_default_str();
  command->add_option("--format", options->format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  command->add_flag("-v,--verbose", options->verbose, "list every stop: when, and why (JSON always does)");
  command->footer(
      "Nothing is trained: it tells what the policy would have stopped, what that saves and what it costs.\n\n"
      "Examples:\n"
      "  lockstep simulate --curves curves.csv --policy policy.yml --goal minimize\n"
      "  lockstep simulate --curves optuna.db --study cnn --policy sweep.yml --concurrency 20 --verbose");
  command->callback([options] { simulate(*options); });
}

}  // namespace lockstep::cli
