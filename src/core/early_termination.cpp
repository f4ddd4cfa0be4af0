#include "core/early_termination.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <lockstep/policy.h>

#include "core/sweep_keys.h"
#include "core/yaml_reader.h"

namespace lockstep {

namespace {

using Names = std::vector<std::string>;

constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();
/// More would leave one of all the trials that a sweep can have.
constexpr int64_t kMaxReductionFactor = 1'000'000;

const std::vector<std::pair<std::string, PolicyKind>>& policies() {
  static const std::vector<std::pair<std::string, PolicyKind>> kPolicies = {
      {"median_stopping", PolicyKind::kMedianStopping},
      {"bandit", PolicyKind::kBandit},
      {"truncation_selection", PolicyKind::kTruncationSelection},
      {"successive_halving", PolicyKind::kSuccessiveHalving},
      {"hyperband", PolicyKind::kHyperband},
      {"asha", PolicyKind::kAsha},
      {"pbt", PolicyKind::kPbt},
      {"none", PolicyKind::kNone}};
  return kPolicies;
}

PolicyKind read_kind(const YamlNode& type) {
  const std::string& name = read_text(type);
  for (const auto& [text, kind] : policies()) {
    if (name == text) return kind;
  }
  refuse_unknown(type, "early-termination policy", name, policy_names());
}

/// "a", "a or b", "a, b or c".
std::string joined(const Names& names, const std::string& word) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) {
    text += (i == 0 ? "" : i + 1 < names.size() ? ", " : " " + word + " ") + names[i];
  }
  return text;
}

/// Refuses fields of other policies. With type none they stay allowed, so that a policy can be turned off by its type alone.
void check_fields(const YamlNode& node, PolicyKind kind) {
  Names names;
  for (const PolicyKey& each : policy_keys()) names.push_back(each.key.name);
  check_names(node, names, "early_termination");
  if (kind == PolicyKind::kNone) return;
  for (const auto& [key, owners] : policy_keys()) {
    const YamlNode* field = find_value(node, key.name);
    if (!field || owners.empty() || std::find(owners.begin(), owners.end(), kind) != owners.end()) continue;
    Names policies, types;
    for (const PolicyKind owner : owners) {
      policies.push_back(policy_name(owner));
      types.push_back("'type: " + policy_name(owner) + "'");
    }
    field->refuse("belongs to " + joined(policies, "and") + ", and this is " + policy_name(kind),
                  "remove it, or write " + joined(types, "or"));
  }
  if (!acts_at_rungs(kind)) return;
  for (const char* name : {"evaluation_interval", "delay_evaluation"}) {
    if (const YamlNode* field = find_value(node, name)) {
      field->refuse(policy_name(kind) + " acts at its rungs alone",
                    "remove it, and set the first rung with 'min_resource: 1', an interval");
    }
  }
}

MedianReference read_reference(const YamlNode& node) {
  static const std::vector<std::pair<std::string, MedianReference>> kReferences = {
      {"all", MedianReference::kAll},
      {"reached", MedianReference::kReached},
      {"completed", MedianReference::kCompleted}};
  Names names;
  for (const auto& [text, reference] : kReferences) {
    if (read_text(node) == text) return reference;
    names.push_back(text);
  }
  refuse_unknown(node, "reference", node.text, names);
}

std::array<double, 2> read_factors(const YamlNode& node) {
  if (!node.is_list() || node.children.size() != 2) {
    node.refuse("is not a list of two numbers", "write two factors, such as [0.8, 1.2]");
  }
  return {read_number(node.children[0]), read_number(node.children[1])};
}

/// Sets `field` where the block has it.
template <class Field, class Read>
void read_field(const YamlNode& block, const char* name, Field& field, Read read) {
  if (const YamlNode* value = find_value(block, name)) field = read(*value);
}

[[noreturn]] void refuse(const char* key, const std::string& problem, const std::string& cure) {
  throw InputError({}, key, problem, cure);
}

void check_slack(const char* key, const std::optional<double>& slack) {
  if (slack && !(std::isfinite(*slack) && *slack >= 0)) {
    refuse(key, std::isfinite(*slack) ? "is below 0" : "is not finite", "write a number, at least 0");
  }
}

void check_bandit(const EarlyTermination& policy) {
  check_slack("slack_factor", policy.slack_factor);
  check_slack("slack_amount", policy.slack_amount);
  if (policy.slack_factor && policy.slack_amount) {
    refuse("slack_amount", "stands beside slack_factor", "keep one of the two");
  }
  if (!policy.slack_factor && !policy.slack_amount) {
    refuse("", "a bandit has no slack",
           "add 'slack_factor: 0.1', a ratio of the best, or 'slack_amount: 0.1', in the metric's unit");
  }
}

void check_range(const char* key, int64_t value, int64_t min_value, int64_t max_value = kNoLimit) {
  if (value >= min_value && value <= max_value) return;
  refuse(key, std::to_string(value) + (value < min_value ? " is too small" : " is too large"),
         max_value == kNoLimit ? "write at least " + std::to_string(min_value)
                               : "write " + std::to_string(min_value) + " to " + std::to_string(max_value));
}

void check_rungs(const EarlyTermination& policy) {
  check_range("reduction_factor", policy.reduction_factor, 2, kMaxReductionFactor);
  check_range("min_resource", policy.min_resource, 1);
  if (policy.bracket_size) check_range("bracket_size", *policy.bracket_size, 2);
  if (policy.max_resource && *policy.max_resource < policy.min_resource) {
    refuse("max_resource",
           std::to_string(*policy.max_resource) + " is below min_resource " + std::to_string(policy.min_resource),
           "write at least " + std::to_string(policy.min_resource) + ": the intervals that a survivor trains");
  }
  check_range("min_early_stopping_rate", policy.min_early_stopping_rate, 0);
}

void check_pbt(const EarlyTermination& policy) {
  if (!(policy.quantile_fraction > 0 && policy.quantile_fraction <= 0.5)) {
    refuse("quantile_fraction", "is not in (0, 0.5]", "write a part of the population, such as 0.25");
  }
  if (!(policy.resample_probability >= 0 && policy.resample_probability <= 1)) {
    refuse("resample_probability", "is not in [0, 1]", "write a probability, such as 0.25");
  }
  for (const double factor : policy.perturbation_factors) {
    if (!(std::isfinite(factor) && factor > 0)) {
      refuse("perturbation_factors", "are not both above 0 and finite", "write two factors, such as [0.8, 1.2]");
    }
  }
}

}  // namespace

std::vector<std::string> policy_names() {
  Names names;
  for (const auto& [name, kind] : policies()) names.push_back(name);
  return names;
}

std::string policy_name(PolicyKind kind) {
  for (const auto& [name, known] : policies()) {
    if (known == kind) return name;
  }
  return "";
}

std::string policy_name(const EarlyTermination& policy) {
  return policy.kind == PolicyKind::kOwn && policy.own ? policy.own->name() : policy_name(policy.kind);
}

bool acts_at_rungs(PolicyKind kind) { return starts_in_brackets(kind) || kind == PolicyKind::kAsha; }

bool starts_in_brackets(PolicyKind kind) {
  return kind == PolicyKind::kSuccessiveHalving || kind == PolicyKind::kHyperband;
}

void check_early_termination(const EarlyTermination& policy) {
  if (policy.kind == PolicyKind::kOwn && !policy.own) {
    refuse("own", "is empty, and the kind is kOwn", "give it a policy: std::make_shared<MyPolicy>()");
  }
  if (policy.own && policy.kind != PolicyKind::kOwn) {
    refuse("own", "is a policy, and the kind is " + policy_name(policy.kind), "set the kind to PolicyKind::kOwn, or leave own empty");
  }
  if (policy.kind == PolicyKind::kNone) return;
  check_range("evaluation_interval", policy.evaluation_interval, 1);
  if (policy.kind == PolicyKind::kBandit) check_bandit(policy);
  if (policy.kind == PolicyKind::kTruncationSelection &&
      (policy.truncation_percentage < 1 || policy.truncation_percentage > 99)) {
    refuse("truncation_percentage", std::to_string(policy.truncation_percentage) + " is out of range", "write 1 to 99");
  }
  if (acts_at_rungs(policy.kind)) check_rungs(policy);
  if (policy.kind == PolicyKind::kPbt) check_pbt(policy);
}

void check_proposed(const SweepSpec& spec) {
  if (spec.early_termination.kind != PolicyKind::kPbt) return;
  throw at_policy(InputError({}, "type",
                             "pbt changes configurations on their way, so what a trial comes to says nothing of the one "
                             "that bayesian sampling chose for it",
                             "choose another policy, or sample with 'type: random'"),
                  spec);
}

void check_asynchronous(const SweepSpec& spec) {
  const PolicyKind kind = spec.early_termination.kind;
  if (kind == PolicyKind::kPbt) {
    throw at_policy(InputError({}, "type", "pbt has trials take over each other's weights, and a program keeps its own",
                               "choose another policy"),
                    spec);
  }
  if (!starts_in_brackets(kind)) return;
  throw at_policy(InputError({}, "type",
                             policy_name(kind) + " waits at each rung for all trials of a bracket, and programs report "
                                                 "when they please",
                             "write 'type: asha', which judges each trial as it comes"),
                  spec);
}

bool compares_with_earlier(PolicyKind kind) {
  switch (kind) {
    case PolicyKind::kMedianStopping:
    case PolicyKind::kBandit:
    case PolicyKind::kTruncationSelection:
    case PolicyKind::kAsha:
    case PolicyKind::kOwn:
      return true;
    case PolicyKind::kNone:
    case PolicyKind::kSuccessiveHalving:
    case PolicyKind::kHyperband:
    case PolicyKind::kPbt:
      return false;
  }
  return false;
}

InputError at_policy(const InputError& error, const SweepSpec& spec) {
  const SourceLocation& where = spec.early_termination.where;
  return error.at(where.line > 0 ? where : SourceLocation{spec.file}, "early_termination");
}

EarlyTermination read_early_termination(const YamlNode& root) {
  EarlyTermination policy;
  const YamlNode* node = find_value(root, "early_termination");
  if (!node) return policy;
  const YamlNode* type = node;
  if (!node->is_scalar() || read_text(*node) != "none") {
    require_map(*node, "'{type: median_stopping, delay_evaluation: 5}'");
    type = &require(*node, "type", "add 'type: median_stopping', or 'type: none'");
  }
  policy.kind = read_kind(*type);
  policy.where = node->where;
  if (node->is_scalar()) return policy;

  check_fields(*node, policy.kind);
  const auto integer_from = [](int64_t least) {
    return [least](const YamlNode& field) { return read_integer(field, least, kNoLimit); };
  };
  read_field(*node, "evaluation_interval", policy.evaluation_interval, integer_from(1));
  read_field(*node, "delay_evaluation", policy.delay_evaluation, integer_from(0));
  read_field(*node, "reference", policy.reference, read_reference);
  read_field(*node, "slack_factor", policy.slack_factor, read_number);
  read_field(*node, "slack_amount", policy.slack_amount, read_number);
  if (policy.kind == PolicyKind::kTruncationSelection) {
    require(*node, "truncation_percentage", "add 'truncation_percentage: 20'");
  }
  read_field(*node, "truncation_percentage", policy.truncation_percentage,
             [](const YamlNode& field) { return read_integer(field, 1, 99); });
  read_field(*node, "exclude_finished_jobs", policy.exclude_finished_jobs, read_flag);
  read_field(*node, "reduction_factor", policy.reduction_factor,
             [](const YamlNode& field) { return read_integer(field, 2, kMaxReductionFactor); });
  read_field(*node, "min_resource", policy.min_resource, integer_from(1));
  read_field(*node, "bracket_size", policy.bracket_size, integer_from(2));
  read_field(*node, "max_resource", policy.max_resource, integer_from(1));
  read_field(*node, "min_early_stopping_rate", policy.min_early_stopping_rate, integer_from(0));
  read_field(*node, "quantile_fraction", policy.quantile_fraction, read_number);
  read_field(*node, "resample_probability", policy.resample_probability, read_number);
  read_field(*node, "perturbation_factors", policy.perturbation_factors, read_factors);
  try {
    check_early_termination(policy);
  } catch (const InputError& error) {
    const YamlNode* field = error.key().empty() ? nullptr : find_value(*node, error.key());
    throw error.at(field ? field->where : node->where, node->path);
  }
  return policy;
}

}  // namespace lockstep
