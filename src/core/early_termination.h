#pragma once

#include <string>
#include <vector>

#include <lockstep/error.h>
#include <lockstep/sweep_spec.h>

#include "core/yaml_tree.h"

namespace lockstep {

/// Its name in a sweep file: "median_stopping", ..., "none"; "" for a program's own.
std::string policy_name(PolicyKind kind);
/// The same; of a program's own what it calls itself.
std::string policy_name(const EarlyTermination& policy);
/// All of them, "none" last.
std::vector<std::string> policy_names();

/// Whether a policy acts at rungs, which `min_resource` and `reduction_factor` set, and not at `evaluation_interval`.
bool acts_at_rungs(PolicyKind kind);
/// Whether its trials start in brackets, all of one together.
bool starts_in_brackets(PolicyKind kind);

/// Throws InputError, with the field under `early_termination` as key, when a policy's settings are not right.
void check_early_termination(const EarlyTermination& policy);

/// Throws InputError when the sweep's policy does not go with configurations that are chosen while it runs.
void check_proposed(const SweepSpec& spec);

/// Throws InputError when the sweep's policy needs trials side by side, and they report when they please.
void check_asynchronous(const SweepSpec& spec);
/// Whether the policy compares trials with those of earlier sweeps: at equal age, or at a rung as they come.
bool compares_with_earlier(PolicyKind kind);

/// `error`, whose key is a field of the policy, with the policy's place in the sweep.
InputError at_policy(const InputError& error, const SweepSpec& spec);

/// Reads `early_termination` of a sweep file's top level. Throws InputError with file, line, dotted key and cure.
EarlyTermination read_early_termination(const YamlNode& root);

}  // namespace lockstep
