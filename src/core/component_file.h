#pragma once

#include <string>

#include "core/yaml_tree.h"

namespace lockstep {

/// Puts the component that `trial:` names, as `file:./train.yml` or `./train.yml`, into the tree, its paths made absolute, and
/// what it declares as inputs and outputs into the sweep's; so too where `trial:` itself declares them. Returns whether
/// there was anything to do. Throws InputError for a component that is not a file here, that is no command, and for inputs
/// that it wants and does not get, or gets and does not know.
/// @param file the sweep's, whose folder paths are relative to
bool inline_component(YamlNode& root, const std::string& file);

}  // namespace lockstep
