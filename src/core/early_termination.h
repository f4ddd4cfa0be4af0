#pragma once

#include <string>

#include <lockstep/sweep_spec.h>

#include "core/yaml_tree.h"

namespace lockstep {

/// "median_stopping", "bandit", "truncation_selection" or "none".
std::string policy_name(PolicyKind kind);

/// Throws InputError, with the field under `early_termination` as key, when a policy's settings are not right.
void check_early_termination(const EarlyTermination& policy);

/// Reads `early_termination` of a sweep file's top level. Throws InputError with file, line, dotted key and cure.
EarlyTermination read_early_termination(const YamlNode& root);

}  // namespace lockstep
