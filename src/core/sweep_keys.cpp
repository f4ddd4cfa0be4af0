#include "core/sweep_keys.h"

#include "core/early_termination.h"
#include "core/job_file.h"

namespace lockstep {

namespace {

std::string text(double number) { return Value(number).to_string(); }

const EarlyTermination& unset() {
  static const EarlyTermination kUnset;
  return kUnset;
}

constexpr char kAccepted[] = "accepted, as Azure ML writes it; nothing follows from it";

}  // namespace

const SweepKeys& top_level_keys() {
  static const SweepKeys kKeys = {
      {"type", "`sweep`", "", "what the file describes; must be there"},
      {"trial", "a map, or a component's file", "", "what to train: a built-in task, or a program; must be there"},
      {"search_space", "a map of distributions", "", "the hyperparameters, by name; must be there"},
      {"objective", "a map", "", "the metric that trials are compared by; must be there"},
      {"sampling_algorithm", "a name, or a map", "`random`", "how configurations are chosen"},
      {"limits", "a map", "", "how many trials, how many at once, how long"},
      {"early_termination", "a map, or `none`", "`none`", "the policy that ends trials early"},
      {"inputs", "a map", "", "of a program: literals and data that its command names"},
      {"outputs", "a map", "", "of a program: folders that its command names"},
      {"display_name", "text", "the file's name", "names the folder of the results"},
      {"name", "text", "", "the same, without a `display_name`"},
      {"description", "text", "", kAccepted},
      {"$schema", "text", "", kAccepted}};
  return kKeys;
}

const SweepKeys& sampling_keys() {
  static const SweepKeys kKeys = {
      {"type", "`random`, `grid` or `bayesian`", "`random`", "the algorithm"},
      {"seed", "an integer from 0", "drawn", "of configurations, initial weights and data order"},
      {"rule", "`random` or `sobol`", "`random`", "of `random`: independent draws, or a scrambled Sobol sequence"},
      {"logbase", "a number above 1, or `e`", "`e`", "what the bounds of logarithmic distributions are powers of"},
      {"startup", "an integer from 1", "twice the hyperparameters, at least 8", "of `bayesian`: Sobol configurations before there is a model"},
      {"acquisition", "`auto`, `thompson` or `log_ei`", "`auto`", "of `bayesian`: how configurations are chosen by the model"},
      {"model_size", "an integer from 2", std::to_string(BayesianSettings{}.model_size),
       "of `bayesian`: observations that the model's hyperparameters are fitted to"}};
  return kKeys;
}

const SweepKeys& objective_keys() {
  static const SweepKeys kKeys = {{"goal", "`maximize` or `minimize`", "", "which values are better; must be there"},
                                  {"primary_metric", "text", "", "the metric's name; must be there"}};
  return kKeys;
}

const SweepKeys& limits_keys() {
  static const SweepKeys kKeys = {
      {"max_total_trials", "1 to 1,000,000", "1,000", "trials of the sweep"},
      {"max_concurrent_trials", "1 to 1,000,000", "as many as memory takes; of programs see docs/commands.md", "trials that train at the same time"},
      {"timeout", "seconds above 0", "none", "for the whole sweep; the running interval is finished"},
      {"trial_timeout", "seconds above 0", "none", "for one trial, from its start"}};
  return kKeys;
}

const SweepKeys& program_keys() {
  static const SweepKeys kKeys = {
      {"command", "text", "", "for `/bin/sh`, with `${{search_space.NAME}}`, `${{inputs.NAME}}`, `${{outputs.NAME}}`; must be there"},
      {"code", "a folder", "an empty one", "every trial runs in a copy of it"},
      {"environment_variables", "a map", "", "of the program"},
      {"resume", "`restart`, `environment` or `argument`", "`restart`", "how a trial that was cut short is told to go on"},
      {"grace_period", "seconds from 0", text(CommandSpec{}.grace_s), "from SIGTERM to SIGKILL, for a trial that is stopped"},
      {"limits", "a map", "", "ignored, and said so: `limits.trial_timeout` of the sweep is a trial's"},
      {"additional_includes", "a list", "", "refused: put the files into the folder of `code`"},
      {"$schema", "text", "", kAccepted},
      {"type", "`command`", "", kAccepted},
      {"name", "text", "", kAccepted},
      {"version", "text", "", kAccepted},
      {"display_name", "text", "", kAccepted},
      {"description", "text", "", kAccepted},
      {"is_deterministic", "`true` or `false`", "", kAccepted}};
  return kKeys;
}

const SweepKeys& input_keys() {
  static const SweepKeys kKeys = {
      {"type", "`uri_file`, `uri_folder`, `mltable`, a kind of model, `string`, `number`, `integer` or `boolean`", "by what is given",
       "data, or a literal"},
      {"path", "a path", "", "of data: a file or folder of this machine, relative to the sweep file"},
      {"value", "a scalar", "", "of a literal"},
      {"default", "a scalar", "", "of a literal without a `value`"},
      {"mode", "text", "", kAccepted},
      {"optional", "`true` or `false`", "`false`", "of a component: it may be left out"},
      {"min", "a number", "", kAccepted},
      {"max", "a number", "", kAccepted},
      {"enum", "a list", "", kAccepted},
      {"description", "text", "", kAccepted},
      {"path_on_compute", "text", "", kAccepted},
      {"datastore", "text", "", kAccepted}};
  return kKeys;
}

const SweepKeys& output_keys() {
  static const SweepKeys kKeys = {
      {"type", "as of an input", "`uri_folder`", "`uri_file` and literals are files, anything else is a folder"},
      {"path", "text", "", "ignored, and said so: outputs stay in the trial's folder of the results"},
      {"mode", "text", "", kAccepted},
      {"name", "text", "", kAccepted},
      {"version", "text", "", kAccepted},
      {"description", "text", "", kAccepted},
      {"optional", "`true` or `false`", "", kAccepted},
      {"early_available", "`true` or `false`", "", kAccepted},
      {"is_control", "`true` or `false`", "", kAccepted},
      {"path_on_compute", "text", "", kAccepted}};
  return kKeys;
}

const SweepKeys& range_keys() {
  static const SweepKeys kKeys = {{"start", "an integer", "", "the first value; must be there"},
                                  {"stop", "an integer", "", "which the values stay before; must be there"},
                                  {"step", "an integer, not 0", "1", "from one value to the next"}};
  return kKeys;
}

const std::vector<PolicyKey>& policy_keys() {
  using enum PolicyKind;
  static const std::vector<PolicyKind> kRungs = {kSuccessiveHalving, kHyperband, kAsha};
  static const std::vector<PolicyKey> kKeys = {
      {{"type", "a policy, or `none`", "", "must be there"}, {}},
      {{"evaluation_interval", "an integer from 1", std::to_string(unset().evaluation_interval), "intervals from one look to the next"}, {}},
      {{"delay_evaluation", "an integer from 0", std::to_string(unset().delay_evaluation), "intervals before the first look"}, {}},
      {{"reference", "`all`, `reached` or `completed`", "`all`", "whom a trial is compared with"}, {kMedianStopping}},
      {{"slack_factor", "a number from 0", "", "ratio of the best; this or `slack_amount` must be there"}, {kBandit}},
      {{"slack_amount", "a number from 0", "", "distance from the best"}, {kBandit}},
      {{"truncation_percentage", "1 to 99", "", "how many of a hundred end; must be there"}, {kTruncationSelection}},
      {{"exclude_finished_jobs", "`true` or `false`", "`false`", "leave finished trials out of the comparison"}, {kTruncationSelection}},
      {{"reduction_factor", "2 to 1,000,000", std::to_string(unset().reduction_factor), "one in so many goes on at a rung"}, kRungs},
      {{"min_resource", "an integer from 1", std::to_string(unset().min_resource), "the interval of the first rung"}, kRungs},
      {{"bracket_size", "an integer from 2", "as many as train at once", "trials in a bracket"}, {kSuccessiveHalving}},
      {{"max_resource", "an integer from `min_resource`", "the most that a trial trains", "intervals that a survivor trains"}, {kHyperband}},
      {{"min_early_stopping_rate", "an integer from 0", std::to_string(unset().min_early_stopping_rate), "the first rung is so many rungs later"}, {kAsha}},
      {{"quantile_fraction", "above 0, at most 0.5", text(unset().quantile_fraction), "part of a population that takes over weights"}, {kPbt}},
      {{"resample_probability", "0 to 1", text(unset().resample_probability), "how likely a hyperparameter is drawn anew"}, {kPbt}},
      {{"perturbation_factors", "two numbers above 0",
        "[" + text(unset().perturbation_factors[0]) + ", " + text(unset().perturbation_factors[1]) + "]",
        "what a hyperparameter is multiplied by otherwise"},
       {kPbt}}};
  return kKeys;
}

std::vector<std::string> names_of(const SweepKeys& keys) {
  std::vector<std::string> names;
  for (const SweepKey& key : keys) names.push_back(key.name);
  return names;
}

namespace {

std::string row(const std::vector<std::string>& cells) {
  std::string out = "|";
  for (const std::string& cell : cells) out += " " + cell + " |";
  return out + "\n";
}

std::string table(const std::string& title, const SweepKeys& keys) {
  std::string out = "## " + title + "\n\n| key | value | default | meaning |\n|---|---|---|---|\n";
  for (const SweepKey& key : keys) out += row({"`" + key.name + "`", key.value, key.fallback, key.meaning});
  return out + "\n";
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "`" : ", `") + name + "`";
  return out;
}

}  // namespace

std::string sweep_file_reference() {
  std::string out = table("Top level", top_level_keys());
  out += "Named once and ignored, as they choose a machine or a place of Azure ML's: " + joined(ignored_names()) + ".\n\n";
  out += table("`sampling_algorithm`", sampling_keys()) + table("`objective`", objective_keys()) + table("`limits`", limits_keys());

  out += "## `search_space`\n\nOf each hyperparameter `type` and these; what they mean is in [sweep-file.md](sweep-file.md#distributions).\n\n";
  out += "| `type` | fields |\n|---|---|\n";
  for (const DistributionForm& form : distribution_forms()) out += row({"`" + form.type + "`", joined(form.fields)});
  out += "\n" + table("`values` of a `choice`, as a range", range_keys());

  out += "## `early_termination`\n\n| key | policies | value | default | meaning |\n|---|---|---|---|---|\n";
  for (const PolicyKey& each : policy_keys()) {
    std::vector<std::string> owners;
    for (const PolicyKind owner : each.owners) owners.push_back(policy_name(owner));
    const std::string whose = !owners.empty() ? joined(owners) : each.key.name == "type" ? "all" : "those without rungs";
    out += row({"`" + each.key.name + "`", whose, each.key.value, each.key.fallback, each.key.meaning});
  }
  out += "\nPolicies: " + joined(policy_names()) + " ([policies.md](policies.md)).\n\n";

  out += table("`trial` of a program", program_keys());
  out += "Named once and ignored, as above: " + joined(ignored_names()) + ".\n\n";
  out += table("Each of `inputs`", input_keys()) + table("Each of `outputs`", output_keys());
  out.pop_back();
  return out;
}

}  // namespace lockstep
