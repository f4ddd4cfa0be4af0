#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>

#include <lockstep/sampling.h>
#include <lockstep/sweep_spec.h>

#include "core/component_file.h"
#include "core/early_termination.h"
#include "core/hyperdrive_file.h"
#include "core/job_entries.h"
#include "core/job_file.h"
#include "core/search_space_file.h"
#include "core/sweep_keys.h"
#include "core/text_file.h"
#include "core/yaml_override.h"
#include "core/yaml_reader.h"

namespace lockstep {

namespace {

using Names = std::vector<std::string>;

constexpr int64_t kMaxTotalTrials = 1'000'000;
/// The reference's default.
constexpr int64_t kDefaultTotalTrials = 1000;
/// Of a Gaussian process that is fitted exactly.
constexpr int64_t kMaxModelSize = 10'000;
constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

void check_top_level(const YamlNode& root) {
  Names names = names_of(top_level_keys());
  names.insert(names.end(), ignored_names().begin(), ignored_names().end());
  for (const YamlNode& child : root.children) {
    if ((child.key == "inputs" || child.key == "outputs") && !is_program(root)) {
      child.refuse("belongs to programs as trials",
                   child.key == "inputs" ? "remove it, and name the data as dataset under trial"
                                         : "remove it, and choose the folder of results with --output");
    }
  }
  check_names(root, names, "a sweep file");
  const YamlNode& type = require(root, "type", "add 'type: sweep'");
  if (lower(read_text(type)) != "sweep") type.refuse("'" + type.text + "' is not a sweep", "write 'type: sweep'");
}

std::string read_display_name(const YamlNode& root) {
  for (const char* key : {"display_name", "name"}) {
    const YamlNode* node = find_value(root, key);
    if (!node) continue;
    if (!node->is_scalar()) node->refuse("is no name", "write one line of text");
    return node->text;
  }
  return "";
}

/// What Bayesian sampling can be told, which belongs to no other.
void read_bayesian(const YamlNode& node, Sampling& sampling) {
  static const std::map<std::string, Acquisition> kAcquisitions = {
      {"auto", Acquisition::kAuto}, {"thompson", Acquisition::kThompson}, {"log_ei", Acquisition::kLogEi}};
  const auto find = [&](const char* key) {
    const YamlNode* found = find_value(node, key);
    if (found && sampling.algorithm != SamplingAlgorithm::kBayesian) {
      found->refuse("belongs to Bayesian sampling", "remove it, or write 'type: bayesian'");
    }
    return found;
  };
  BayesianSettings& settings = sampling.bayesian;
  if (const YamlNode* startup = find("startup")) settings.startup = read_integer(*startup, 1, kMaxTotalTrials);
  if (const YamlNode* size = find("model_size")) settings.model_size = read_integer(*size, 2, kMaxModelSize);
  if (const YamlNode* acquisition = find("acquisition")) {
    const auto found = kAcquisitions.find(read_text(*acquisition));
    if (found == kAcquisitions.end()) {
      refuse_unknown(*acquisition, "acquisition", acquisition->text, {"auto", "thompson", "log_ei"});
    }
    settings.acquisition = found->second;
  }
}

Sampling read_sampling(const YamlNode& root) {
  static const Names kAlgorithms = {"random", "grid", "bayesian"};
  Sampling sampling;
  const YamlNode* node = find_value(root, "sampling_algorithm");
  if (!node) return sampling;
  const YamlNode* type = node;
  if (!node->is_scalar()) {
    require_map(*node, "'{type: random, seed: 7}'");
    type = find_value(*node, "type");  // without one it is random, as without the block: so that a seed alone can be set
  }
  if (type) {
    const std::string name = lower(read_text(*type));
    if (name == "sobol") type->refuse("'sobol' is a rule of random sampling", "write '{type: random, rule: sobol}'");
    if (!contains(kAlgorithms, name)) refuse_unknown(*type, "sampling algorithm", type->text, kAlgorithms);
    if (name == "grid") sampling.algorithm = SamplingAlgorithm::kGrid;
    if (name == "bayesian") sampling.algorithm = SamplingAlgorithm::kBayesian;
  }
  if (node->is_scalar()) return sampling;
  check_names(*node, names_of(sampling_keys()), "sampling_algorithm");
  if (const YamlNode* rule = find_value(*node, "rule")) {
    const std::string name = lower(read_text(*rule));
    if (name != "random" && name != "sobol") refuse_unknown(*rule, "rule", rule->text, {"random", "sobol"});
    if (sampling.algorithm != SamplingAlgorithm::kRandom) {
      const std::string other = sampling.algorithm == SamplingAlgorithm::kGrid ? "a grid" : "bayesian";
      rule->refuse("belongs to random sampling, and this is " + other, "remove it, or write 'type: random'");
    }
    if (name == "sobol") sampling.algorithm = SamplingAlgorithm::kSobol;
  }
  read_bayesian(*node, sampling);
  if (const YamlNode* seed = find_value(*node, "seed")) {
    sampling.seed = static_cast<uint64_t>(read_integer(*seed, 0, kNoLimit));
  }
  return sampling;
}

/// What bounds of logarithmic distributions are powers of; 0: e.
double read_logbase(const YamlNode& root) {
  const YamlNode* sampling = find_value(root, "sampling_algorithm");
  const YamlNode* node = sampling ? find_value(*sampling, "logbase") : nullptr;
  if (!node || (node->is_scalar() && node->text == "e")) return 0;
  const double base = read_number(*node);
  if (!std::isfinite(base) || base <= 1) node->refuse(node->text + " is no base", "write a number above 1, such as 10, or e");
  return base;
}

/// The goal of an objective.
Goal read_goal(const YamlNode& objective) {
  const YamlNode& goal = require(objective, "goal", "add 'goal: maximize' or 'goal: minimize'");
  const std::string name = lower(read_text(goal));
  if (name != "maximize" && name != "minimize") refuse_unknown(goal, "goal", goal.text, {"maximize", "minimize"});
  return name == "maximize" ? Goal::kMaximize : Goal::kMinimize;
}

Objective read_objective(const YamlNode& root) {
  static const std::string kExample = "'objective: {goal: maximize, primary_metric: accuracy}'";
  const YamlNode& node = require(root, "objective", "add " + kExample);
  require_map(node, kExample);
  check_names(node, names_of(objective_keys()), "objective");
  Objective objective;
  objective.goal = read_goal(node);
  const YamlNode& metric = require(node, "primary_metric", "add the metric that the trials report, such as 'accuracy'");
  objective.primary_metric = read_text(metric);
  if (objective.primary_metric.empty()) metric.refuse("is empty", "write the metric that the trials report");
  objective.where = metric.where;
  return objective;
}

double read_duration(const YamlNode& node) {
  const double seconds = read_number(node);
  if (!std::isfinite(seconds) || seconds <= 0) {
    node.refuse(node.text + " is no duration", "write seconds above 0, or remove it for no limit");
  }
  return seconds;
}

Limits read_limits(const YamlNode& root) {
  Limits limits;
  limits.max_total_trials = kDefaultTotalTrials;
  const YamlNode* node = find_value(root, "limits");
  if (!node) return limits;
  require_map(*node, "'{max_total_trials: 100}'");
  check_names(*node, names_of(limits_keys()), "limits");
  if (const YamlNode* total = find_value(*node, "max_total_trials")) {
    limits.max_total_trials = read_integer(*total, 1, kMaxTotalTrials);
  }
  if (const YamlNode* concurrent = find_value(*node, "max_concurrent_trials")) {
    limits.max_concurrent_trials = read_integer(*concurrent, 1, kMaxTotalTrials);
  }
  if (const YamlNode* timeout = find_value(*node, "timeout")) limits.timeout_s = read_duration(*timeout);
  if (const YamlNode* timeout = find_value(*node, "trial_timeout")) limits.trial_timeout_s = read_duration(*timeout);
  return limits;
}

/// Where a command of Azure ML stands anywhere in `node`, or nullptr.
const YamlNode* find_expression(const YamlNode& node) {
  if (node.is_scalar()) return node.text.find("${{") != std::string::npos ? &node : nullptr;
  for (const YamlNode& child : node.children) {
    if (const YamlNode* found = find_expression(child)) return found;
  }
  return nullptr;
}

std::map<std::string, Setting> read_trial(const YamlNode& root, const SearchSpace& space) {
  static const std::string kExample = "'{model: mlp, dataset: digits, epochs: 10}'";
  const YamlNode& node = require(root, "trial", "add what to train, such as 'trial: " + kExample.substr(1));
  require_map(node, kExample);
  if (const YamlNode* expression = find_expression(node)) {
    expression->refuse("holds a ${{...}} expression, which fills in a program's command line",
                       "write a value, or a program: 'command: ...'");
  }
  std::map<std::string, Setting> trial;
  for (const YamlNode& child : node.children) {
    if (const std::optional<int64_t> column = space.find(child.key)) {
      child.refuse("is searched as well (search_space." + child.key + ", " + space[*column].where.to_string() + ")",
                   "remove one of the two");
    }
    trial[child.key] = Setting{child.value(), child.where};
  }
  return trial;
}

/// A file's tree, overrides applied: a map.
struct Document {
  YamlNode root;
  bool is_converted = false;          ///< from a run configuration of HyperDrive
  std::vector<std::string> left_out;  ///< of that, a sentence each
};

Document read_document(const std::string& text, const std::string& file, const std::vector<Override>& overrides,
                       const std::string& cure) {
  Document document;
  YamlNode& root = document.root;
  root = parse_yaml(text, file);
  if (root.is_null()) throw InputError({file}, "", "is empty", cure);
  if (!root.is_map()) root.refuse(root.is_list() ? "the document is a list" : "the document is a single value", cure);
  if (is_hyperdrive(root)) {
    root = hyperdrive_to_sweep(root, document.left_out);
    document.is_converted = true;
    for (std::string& sentence : document.left_out) sentence = file + ": " + sentence;
  }
  apply_overrides(root, overrides);
  return document;
}

/// What sampling needs.
SweepSpec read_space(const YamlNode& root) {
  SweepSpec spec;
  spec.sampling = read_sampling(root);
  SearchSpaceRules rules;
  rules.log_base = read_logbase(root);
  rules.maps = is_program(root) || !find_value(root, "trial");
  rules.nested = spec.sampling.algorithm != SamplingAlgorithm::kGrid;
  spec.search_space =
      read_search_space(require(root, "search_space", "add the hyperparameters to search, each with its distribution"), rules);
  check_sampling(spec.sampling, spec.search_space);
  return spec;
}

}  // namespace

SweepSpec parse_sweep(const std::string& text, const std::string& file, const std::vector<Override>& overrides) {
  Document document = read_document(text, file, overrides, "write a sweep: type, trial, search_space, objective, limits");
  YamlNode& root = document.root;
  if (document.is_converted && !root.find("trial")) {
    throw InputError({file}, "", "names no script to run",
                     "name it, as with --set trial.command='python train.py --lr ${{search_space.lr}}', or write the sweep "
                     "with 'lockstep convert' and name it there");
  }
  check_top_level(root);
  const bool inlined = inline_component(root, file);
  SweepSpec spec = read_space(root);
  spec.file = file;
  spec.text = overrides.empty() && !inlined && !document.is_converted ? text : emit_yaml(root);
  spec.ignored = std::move(document.left_out);
  spec.display_name = read_display_name(root);
  spec.objective = read_objective(root);
  spec.limits = read_limits(root);
  spec.early_termination = read_early_termination(root);
  if (spec.sampling.algorithm == SamplingAlgorithm::kBayesian) check_proposed(spec);
  note_ignored(root, spec.ignored);
  if (is_program(root)) {
    note_log_bounds(root, spec.ignored);
    spec.command = read_command(root, file, spec.search_space, spec.ignored);
  } else {
    spec.trial = read_trial(root, spec.search_space);
  }
  return spec;
}

SweepSpec load_sweep_file(const std::string& path, const std::vector<Override>& overrides) {
  return parse_sweep(read_text_file(path), path, overrides);
}

SweepSpec parse_space(const std::string& text, const std::string& file, const std::vector<Override>& overrides) {
  const Document document = read_document(text, file, overrides, "write a search_space, with or without sampling_algorithm");
  const YamlNode& root = document.root;
  const bool is_sweep = std::any_of(root.children.begin(), root.children.end(), [](const YamlNode& child) {
    return child.key != "search_space" && child.key != "sampling_algorithm";
  });
  if (is_sweep) check_top_level(root);
  SweepSpec spec = read_space(root);
  spec.file = file;
  spec.text = overrides.empty() && !document.is_converted ? text : emit_yaml(root);
  return spec;
}

SweepSpec load_space_file(const std::string& path, const std::vector<Override>& overrides) {
  return parse_space(read_text_file(path), path, overrides);
}

PolicyFile parse_policy(const std::string& text, const std::string& file, const std::vector<Override>& overrides) {
  static const Names kParts = {"early_termination", "objective"};
  static const Names kSweep = {"early_termination", "objective", "search_space",
                               "sampling_algorithm", "trial", "limits"};
  YamlNode root = read_document(text, file, overrides,
                                "write a policy, such as 'early_termination: {type: median_stopping}'")
                      .root;
  const YamlNode* type = root.find("type");
  const bool is_block = !(type && type->is_scalar() && type->text == "sweep") &&
                        std::none_of(kSweep.begin(), kSweep.end(), [&](const auto& name) { return root.find(name); });
  if (is_block) {
    YamlNode block = std::move(root);
    block.key = "early_termination";
    root = YamlNode();
    root.kind = YamlNode::Kind::kMap;
    root.children.push_back(std::move(block));
  } else if (std::any_of(root.children.begin(), root.children.end(),
                         [](const YamlNode& child) { return !contains(kParts, child.key); })) {
    check_top_level(root);
  }
  PolicyFile policy;
  policy.early_termination = read_early_termination(root);
  if (const YamlNode* node = find_value(root, "early_termination")) {
    policy.type = node->is_scalar() ? node->text : require(*node, "type", "").text;
  }
  if (const YamlNode* objective = find_value(root, "objective")) {
    require_map(*objective, "'{goal: minimize}'");
    check_names(*objective, names_of(objective_keys()), "objective");
    policy.goal = read_goal(*objective);
  }
  return policy;
}

PolicyFile load_policy_file(const std::string& path, const std::vector<Override>& overrides) {
  return parse_policy(read_text_file(path), path, overrides);
}

}  // namespace lockstep
