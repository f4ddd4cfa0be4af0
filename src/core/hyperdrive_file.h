#pragma once

#include <string>
#include <vector>

#include "core/yaml_tree.h"

namespace lockstep {

/// Run configurations of HyperDrive, Azure ML's first interface (SDK v1): the JSON that its SDK sends (`generator_config`,
/// `policy_config`, `primary_metric_config`, `max_total_jobs`, ...), and the `hdconfig.yml` of its command line (`sampling`,
/// `policy`, `primary_metric_name`, `max_total_runs`, ...).

/// Whether the document is one.
bool is_hyperdrive(const YamlNode& root);

/// The same sweep as a sweep file has it. Without `trial` where the file names no script. Throws InputError for what is
/// wrong in it, with its place.
/// @param left_out gets a sentence for everything that has no place in a sweep file
YamlNode hyperdrive_to_sweep(const YamlNode& root, std::vector<std::string>& left_out);

/// The text of such a file as that of a sweep file, with comments on what was left out.
std::string convert_hyperdrive(const std::string& text, const std::string& file);

}  // namespace lockstep
