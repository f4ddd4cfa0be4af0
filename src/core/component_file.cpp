#include "core/component_file.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "core/job_entries.h"
#include "core/job_file.h"
#include "core/text_file.h"
#include "core/yaml_reader.h"

namespace lockstep {

namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

YamlNode map_node(const std::string& key, const std::string& path, const SourceLocation& where) {
  YamlNode node;
  node.kind = YamlNode::Kind::kMap;
  node.key = key;
  node.path = path;
  node.where = where;
  return node;
}

YamlNode text_node(const std::string& key, const YamlNode& parent, const std::string& text) {
  YamlNode node;
  node.key = key;
  node.path = parent.path + "." + key;
  node.where = parent.where;
  node.text = text;
  node.quoted = true;
  return node;
}

/// The same node under another name.
YamlNode renamed(const YamlNode& node, const std::string& key, const std::string& map_path) {
  YamlNode copy = node;
  copy.key = key;
  copy.path = map_path + "." + key;
  return copy;
}

/// A component's file as a tree.
YamlNode read_component(const YamlNode& trial, const std::string& folder) {
  const std::string text = read_text(trial);
  const bool looks_like_path = text.find_first_of("/.:") != std::string::npos;
  if (!looks_like_path && !fs::exists(fs::path(folder) / text)) {
    trial.refuse("'" + text + "' is no file", "name a built-in task, as '{model: mlp, dataset: digits}', a program, as " +
                                                  std::string(kProgramExample) + ", or the file of a command component");
  }
  const std::string path = existing_path(trial, folder, true, false);
  if (std::error_code failure; !fs::is_regular_file(path, failure)) {
    trial.refuse(path + " is no file", "name the YAML file of a command component");
  }
  YamlNode component = parse_yaml(read_text_file(path), path);
  if (!component.is_map()) throw InputError({path}, "", "is no component", "write type, command, code, inputs");
  if (const YamlNode* type = find_value(component, "type"); type && read_text(*type) != "command") {
    type->refuse("'" + type->text + "' is not a command", "name a component with 'type: command'");
  }
  if (YamlNode* code = component.find("code"); code && !code->is_null()) {
    YamlNode* const named = code->is_map() ? code->find("local_path") : code;
    if (named) {
      named->text = local_path(*named, folder_of(path), "a folder");
      named->quoted = true;
    }
  }
  if (YamlNode* inputs = component.find("inputs")) {
    for (YamlNode& input : inputs->children) {
      YamlNode* const data = input.find("path");
      if (!data || data->is_null()) continue;
      data->text = local_path(*data, folder_of(path), "a file or folder");
      data->quoted = true;
    }
  }
  component.key = "trial";
  component.path = "trial";
  return component;
}

/// Gives the sweep's inputs what the component declares of them.
void merge_inputs(YamlNode& root, const YamlNode& declared) {
  require_map(declared, "'{epochs: {type: integer, default: 10}}'");
  if (!root.find("inputs") || root.find("inputs")->is_null()) {
    root.children.erase(std::remove_if(root.children.begin(), root.children.end(),
                                       [](const YamlNode& child) { return child.key == "inputs"; }),
                        root.children.end());
    root.children.push_back(map_node("inputs", "inputs", declared.where));
  }
  YamlNode& given = *root.find("inputs");
  require_map(given, "'{epochs: 10}'");
  Names names;
  for (const YamlNode& entry : declared.children) names.push_back(entry.key);
  for (const YamlNode& entry : given.children) {
    if (!contains(names, entry.key)) refuse_unknown(entry, "input of the component", entry.key, names);
  }
  const YamlNode* space = root.find("search_space");
  for (const YamlNode& entry : declared.children) {
    const std::string type = entry.is_map() ? type_of(entry) : "";
    if (YamlNode* own = given.find(entry.key)) {
      if (!own->is_scalar() || type.empty()) continue;
      YamlNode typed = map_node(own->key, own->path, own->where);
      typed.children.push_back(text_node("type", typed, type));
      typed.children.push_back(renamed(*own, is_data_type(type) ? "path" : "value", typed.path));
      *own = std::move(typed);
      continue;
    }
    if (space && space->find(entry.key)) continue;
    YamlNode taken = map_node(entry.key, "inputs." + entry.key, entry.where);
    if (!type.empty()) taken.children.push_back(text_node("type", taken, type));
    const YamlNode* value = nullptr;
    if (!entry.is_map()) {
      value = entry.is_null() ? nullptr : &entry;
    } else {
      for (const char* key : {"path", "value", "default"}) {
        if (!value) value = find_value(entry, key);
      }
    }
    if (value) {
      const bool is_path = entry.find("path") == value || is_data_type(type);
      taken.children.push_back(renamed(*value, is_path ? "path" : "value", taken.path));
      given.children.push_back(std::move(taken));
      continue;
    }
    const YamlNode* optional = find_value(entry, "optional");
    if (optional && read_flag(*optional)) continue;
    entry.refuse("has no default, and the sweep gives it no value",
                 "add 'inputs: {" + entry.key + ": ...}' to the sweep, or search it");
  }
}

void merge_outputs(YamlNode& root, const YamlNode& declared) {
  require_map(declared, "'{model: {type: uri_folder}}'");
  if (!root.find("outputs")) root.children.push_back(map_node("outputs", "outputs", declared.where));
  YamlNode& own = *root.find("outputs");
  if (own.is_null()) own = map_node("outputs", "outputs", declared.where);
  require_map(own, "'{model: {type: uri_folder}}'");
  for (const YamlNode& entry : declared.children) {
    if (!own.find(entry.key)) own.children.push_back(renamed(entry, entry.key, "outputs"));
  }
}

}  // namespace

bool inline_component(YamlNode& root, const std::string& file) {
  if (!is_program(root)) return false;
  YamlNode& trial = *root.find("trial");
  const bool declares = trial.find("inputs") || trial.find("outputs");
  if (!trial.is_scalar() && !declares) return false;
  YamlNode component = trial.is_scalar() ? read_component(trial, folder_of(file)) : trial;
  trial = map_node("trial", "trial", component.where);
  YamlNode inputs, outputs;
  for (YamlNode& child : component.children) {
    if (child.key == "inputs") {
      inputs = std::move(child);
    } else if (child.key == "outputs") {
      outputs = std::move(child);
    } else {
      trial.children.push_back(std::move(child));
    }
  }
  if (!inputs.is_null()) merge_inputs(root, inputs);
  if (!outputs.is_null()) merge_outputs(root, outputs);
  return true;
}

}  // namespace lockstep
