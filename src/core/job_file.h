#pragma once

#include <string>
#include <vector>

#include <lockstep/search_space.h>
#include <lockstep/sweep_spec.h>

#include "core/yaml_tree.h"

namespace lockstep {

/// What a sweep file says of programs as trials: Azure ML's `trial.command` and what belongs to it (docs/commands.md).

/// Whether the sweep's `trial:` describes a program, or names a file that does, rather than a built-in task.
bool is_program(const YamlNode& root);

/// Reads the program. Its expressions are checked, and come out in their full form; optional blocks `$[[...]]` are in or out.
/// @param ignored gets a sentence for everything that does not apply here
/// @param file the sweep's, whose folder paths are relative to
CommandSpec read_command(const YamlNode& root, const std::string& file, const SearchSpace& space,
                         std::vector<std::string>& ignored);

/// Names of a sweep file's entries that choose a machine or a place of Azure ML's. `note_ignored` says so of those that are there.
const std::vector<std::string>& ignored_names();
void note_ignored(const YamlNode& root, std::vector<std::string>& ignored);

/// A sentence for each logarithmic distribution whose bounds may have been meant as values, or as powers of 10.
void note_log_bounds(const YamlNode& root, std::vector<std::string>& ignored);

}  // namespace lockstep
