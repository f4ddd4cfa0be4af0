#include "core/early_termination.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "core/yaml_reader.h"

namespace lockstep {

namespace {

using Names = std::vector<std::string>;

constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

bool contains(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const std::vector<std::pair<std::string, PolicyKind>>& policies() {
  static const std::vector<std::pair<std::string, PolicyKind>> kPolicies = {
      {"median_stopping", PolicyKind::kMedianStopping},
      {"bandit", PolicyKind::kBandit},
      {"truncation_selection", PolicyKind::kTruncationSelection},
      {"none", PolicyKind::kNone}};
  return kPolicies;
}

PolicyKind read_kind(const YamlNode& type) {
  static const Names kLater = {"successive_halving", "hyperband", "asha", "pbt"};
  const std::string& name = read_text(type);
  Names names;
  for (const auto& [text, kind] : policies()) {
    if (name == text) return kind;
    names.push_back(text);
  }
  if (contains(kLater, name)) {
    type.refuse("'" + name + "' is not there yet", "write 'median_stopping', 'bandit', 'truncation_selection' or 'none'");
  }
  refuse_unknown(type, "early-termination policy", name, names);
}

/// Refuses fields of another policy. With type none they stay allowed, so that a policy can be turned off by its type alone.
void check_fields(const YamlNode& node, PolicyKind kind) {
  static const std::vector<std::pair<std::string, PolicyKind>> kOwners = {
      {"reference", PolicyKind::kMedianStopping},
      {"slack_factor", PolicyKind::kBandit},
      {"slack_amount", PolicyKind::kBandit},
      {"truncation_percentage", PolicyKind::kTruncationSelection},
      {"exclude_finished_jobs", PolicyKind::kTruncationSelection}};
  Names names = {"type", "evaluation_interval", "delay_evaluation"};
  for (const auto& [name, owner] : kOwners) names.push_back(name);
  check_names(node, names, "early_termination");
  if (kind == PolicyKind::kNone) return;
  for (const auto& [name, owner] : kOwners) {
    const YamlNode* field = find_value(node, name);
    if (!field || owner == kind) continue;
    field->refuse("belongs to " + policy_name(owner) + ", and this is " + policy_name(kind),
                  "remove it, or write 'type: " + policy_name(owner) + "'");
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

void check_slack(const char* key, const std::optional<double>& slack) {
  if (slack && !(std::isfinite(*slack) && *slack >= 0)) {
    throw InputError({}, key, std::isfinite(*slack) ? "is below 0" : "is not finite", "write a number, at least 0");
  }
}

}  // namespace

std::string policy_name(PolicyKind kind) {
  for (const auto& [name, known] : policies()) {
    if (known == kind) return name;
  }
  return "";
}

void check_early_termination(const EarlyTermination& policy) {
  if (policy.kind == PolicyKind::kNone) return;
  if (policy.evaluation_interval < 1) throw InputError({}, "evaluation_interval", "is too small", "write at least 1");
  if (policy.kind == PolicyKind::kBandit) {
    check_slack("slack_factor", policy.slack_factor);
    check_slack("slack_amount", policy.slack_amount);
    if (policy.slack_factor && policy.slack_amount) {
      throw InputError({}, "slack_amount", "stands beside slack_factor", "keep one of the two");
    }
    if (!policy.slack_factor && !policy.slack_amount) {
      throw InputError({}, "", "a bandit has no slack",
                       "add 'slack_factor: 0.1', a ratio of the best, or 'slack_amount: 0.1', in the metric's unit");
    }
  }
  if (policy.kind == PolicyKind::kTruncationSelection &&
      (policy.truncation_percentage < 1 || policy.truncation_percentage > 99)) {
    throw InputError({}, "truncation_percentage", std::to_string(policy.truncation_percentage) + " is out of range",
                     "write 1 to 99");
  }
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
  if (node->is_scalar()) return policy;

  check_fields(*node, policy.kind);
  if (const YamlNode* interval = find_value(*node, "evaluation_interval")) {
    policy.evaluation_interval = read_integer(*interval, 1, kNoLimit);
  }
  if (const YamlNode* delay = find_value(*node, "delay_evaluation")) {
    policy.delay_evaluation = read_integer(*delay, 0, kNoLimit);
  }
  if (const YamlNode* reference = find_value(*node, "reference")) policy.reference = read_reference(*reference);
  if (const YamlNode* factor = find_value(*node, "slack_factor")) policy.slack_factor = read_number(*factor);
  if (const YamlNode* amount = find_value(*node, "slack_amount")) policy.slack_amount = read_number(*amount);
  if (policy.kind == PolicyKind::kTruncationSelection) {
    require(*node, "truncation_percentage", "add 'truncation_percentage: 20'");
  }
  if (const YamlNode* percentage = find_value(*node, "truncation_percentage")) {
    policy.truncation_percentage = read_integer(*percentage, 1, 99);
  }
  if (const YamlNode* exclude = find_value(*node, "exclude_finished_jobs")) {
    policy.exclude_finished_jobs = read_flag(*exclude);
  }
  try {
    check_early_termination(policy);
  } catch (const InputError& error) {
    const YamlNode* field = error.key().empty() ? nullptr : find_value(*node, error.key());
    throw error.at(field ? field->where : node->where, node->path);
  }
  return policy;
}

}  // namespace lockstep
