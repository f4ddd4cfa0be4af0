#pragma once

#include <string>
#include <vector>

#include <lockstep/sweep_spec.h>

namespace lockstep {

/// The keys of a sweep file: what its readers accept, and what docs/reference-sweep-file.md says of them. The readers have
/// their names from here, so a key that is not documented is refused.
struct SweepKey {
  std::string name;
  std::string value;     ///< what may be written, in words
  std::string fallback;  ///< without the key; "": it must be there, or nothing follows
  std::string meaning;
};
using SweepKeys = std::vector<SweepKey>;

const SweepKeys& top_level_keys();   ///< but for those that are ignored (`ignored_names`)
const SweepKeys& sampling_keys();
const SweepKeys& objective_keys();
const SweepKeys& limits_keys();
const SweepKeys& program_keys();     ///< `trial:` of a program, but for those that are ignored
const SweepKeys& input_keys();
const SweepKeys& output_keys();
const SweepKeys& range_keys();       ///< `values: {start, stop, step}` of a choice

/// A field of `early_termination`, and whose it is.
struct PolicyKey {
  SweepKey key;
  std::vector<PolicyKind> owners;  ///< none: of all that do not act at rungs; `type`: of all
};
const std::vector<PolicyKey>& policy_keys();

/// A distribution as files name it.
struct DistributionForm {
  std::string type;
  std::vector<std::string> fields;
};
/// All of them, in the order in which messages list them.
std::vector<DistributionForm> distribution_forms();

std::vector<std::string> names_of(const SweepKeys& keys);

/// All of it as Markdown: a table a block.
std::string sweep_file_reference();

}  // namespace lockstep
