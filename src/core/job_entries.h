#pragma once

#include <string>
#include <vector>

#include "core/yaml_tree.h"

namespace lockstep {

/// What the readers of job files share: paths, and the types of inputs and outputs.

/// What a right `trial` of a program looks like, for messages.
inline constexpr const char* kProgramExample = "'{command: python train.py --lr ${{search_space.lr}}, code: src}'";

bool contains(const std::vector<std::string>& names, const std::string& name);

/// The folder that paths in `file` are relative to.
std::string folder_of(const std::string& file);

/// A path that a file writes, absolute; `file:` in front is allowed. Refuses what Azure ML keeps or lies elsewhere.
/// @param what it should be, for messages: "a folder"
std::string local_path(const YamlNode& node, const std::string& folder, const std::string& what);
/// The same; what is there must be a folder, a file, or either.
std::string existing_path(const YamlNode& node, const std::string& folder, bool may_be_file, bool may_be_folder);

/// The `type` of an input or output, in lower case; "" where it has none. Refuses unknown ones.
std::string type_of(const YamlNode& node);
/// "uri_file", "uri_folder", "mltable", and models.
bool is_data_type(const std::string& type);
/// "string", "number", "integer", "boolean".
bool is_literal_type(const std::string& type);

}  // namespace lockstep
