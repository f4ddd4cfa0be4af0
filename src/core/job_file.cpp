#include "core/job_file.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <set>
#include <utility>

#include "core/argument_text.h"
#include "core/expressions.h"
#include "core/nested_choice.h"
#include "core/text_file.h"
#include "core/yaml_reader.h"

namespace lockstep {

namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;
/// A key, and why it does not matter here.
using Reasons = std::vector<std::pair<std::string, std::string>>;

constexpr const char* kExample = "'{command: python train.py --lr ${{search_space.lr}}, code: src}'";

const Reasons& reasons() {
  static const std::string kMachine = "trials run on this machine";
  static const Reasons kReasons = {
      {"compute", kMachine},
      {"resources", kMachine + ", limits.max_concurrent_trials at once"},
      {"environment", "trials run with what is installed on this machine"},
      {"distribution", "a trial is one process; to start several, write it into the command, as with torchrun"},
      {"queue_settings", kMachine + " as soon as a place is free"},
      {"identity", "trials run as you, without an account"},
      {"services", "trials run on this machine, where you can look at them"},
      {"experiment_name", "results go to a folder (--output)"},
      {"tags", "results have no tags"},
      {"properties", "results have no properties"}};
  return kReasons;
}

bool contains(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void note(const YamlNode& node, const std::string& sentence, std::vector<std::string>& ignored) {
  ignored.push_back(node.where.to_string() + ": " + node.path + ": " + sentence);
}

void note_all(const YamlNode& map, std::vector<std::string>& ignored) {
  for (const auto& [key, reason] : reasons()) {
    if (const YamlNode* node = find_value(map, key)) note(*node, "is ignored: " + reason, ignored);
  }
}

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

bool is_name(const std::string& text) {
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text[0]))) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c == '_' || std::isalnum(static_cast<unsigned char>(c)); });
}

void check_entry_name(const YamlNode& node) {
  if (is_name(node.key)) return;
  node.refuse("'" + node.key + "' is no name", "write letters, digits and _, and no digit first");
}

/// A path that the file writes, absolute.
/// @param what it should be, for messages: "a folder"
std::string local_path(const YamlNode& node, const std::string& folder, const std::string& what) {
  std::string text = read_text(node);
  if (text.starts_with("azureml:")) {
    node.refuse("'" + text + "' is kept by Azure ML", "download it, and write the path of " + what + " on this machine");
  }
  if (text.starts_with("file://")) {
    text.erase(0, 7);
  } else if (text.starts_with("file:")) {
    text.erase(0, 5);
  } else if (text.find("://") != std::string::npos || text.starts_with("git+")) {
    node.refuse("'" + text + "' is not on this machine", "download it, and write the path of " + what + " here");
  }
  if (text.empty()) node.refuse("is empty", "write the path of " + what);
  if (text.find('\0') != std::string::npos) node.refuse("is no path", "write the path of " + what);
  std::string path = fs::absolute(fs::path(folder) / text).lexically_normal().string();
  if (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

/// The same; what is there must be a folder, a file, or either.
std::string existing_path(const YamlNode& node, const std::string& folder, bool may_be_file, bool may_be_folder) {
  const std::string what = !may_be_folder ? "a file" : may_be_file ? "a file or folder" : "a folder";
  const std::string path = local_path(node, folder, what);
  std::error_code failure;
  const fs::file_status status = fs::status(path, failure);
  if (!fs::exists(status)) {
    const bool missing = status.type() == fs::file_type::not_found;
    node.refuse(path + (missing ? " is not there" : " cannot be looked at: " + failure.message()),
                "write the path of " + what + ", relative to the file that names it");
  }
  if (fs::is_directory(status) ? !may_be_folder : !may_be_file) {
    node.refuse(path + (fs::is_directory(status) ? " is a folder" : " is a file"), "write the path of " + what);
  }
  return path;
}

std::string folder_of(const std::string& file) { return fs::path(file).parent_path().string(); }

bool is_data_type(const std::string& type) {
  static const Names kTypes = {"uri_file",     "uri_folder",   "mltable",      "custom_model",
                               "mlflow_model", "triton_model", "safe_tensors_model"};
  return contains(kTypes, type);
}

bool is_literal_type(const std::string& type) {
  static const Names kTypes = {"string", "number", "integer", "boolean"};
  return contains(kTypes, type);
}

/// The `type` of an input or output, in lower case; "" where it has none.
std::string type_of(const YamlNode& node) {
  const YamlNode* type = find_value(node, "type");
  if (!type) return "";
  std::string name = read_text(*type);
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (!is_data_type(name) && !is_literal_type(name)) {
    refuse_unknown(*type, "type", type->text,
                   {"uri_file", "uri_folder", "mltable", "custom_model", "mlflow_model", "triton_model", "string",
                    "number", "integer", "boolean"});
  }
  return name;
}

/// The text of a literal that is declared to be of `type`, or of none.
std::string literal_text(const YamlNode& node, const std::string& type) {
  if (!node.is_scalar() || node.is_null()) {
    node.refuse(node.is_scalar() ? "has no value" : "is no single value", "write a text, a number or a boolean");
  }
  if (node.text.find('\0') != std::string::npos) node.refuse("holds a NUL", "remove it: no program can be given one");
  if (type.empty()) return argument_text(node.value());
  if (type == "string") return node.quoted ? node.text : argument_text(node.value());
  YamlNode plain = node;
  plain.quoted = false;  // a number in quotes is one, as the reference has it
  const Value value = plain.value();
  if (type == "boolean" ? !value.is_bool() : !value.is_number()) {
    node.refuse("'" + node.text + "' is no " + type, type == "boolean" ? "write true or false" : "write a number such as 10");
  }
  return argument_text(type == "integer" ? Value(read_integer(plain)) : value);
}

std::string read_input(const YamlNode& node, const std::string& folder) {
  check_entry_name(node);
  if (node.text.find("${{") != std::string::npos) {
    node.refuse("holds an expression, which is filled in in the command alone", "write a value or a path");
  }
  if (!node.is_map()) return literal_text(node, "");
  check_names(node, {"type", "path", "mode", "value", "default", "optional", "description", "min", "max", "enum",
                     "path_on_compute", "datastore"},
              "an input");
  const std::string type = type_of(node);
  const YamlNode* path = find_value(node, "path");
  const YamlNode* value = find_value(node, "value");
  if (!value) value = find_value(node, "default");
  if (is_literal_type(type) || (type.empty() && value)) {
    if (path) path->refuse("belongs to data, and this is " + (type.empty() ? "a value" : "a " + type), "remove one of the two");
    if (!value) node.refuse("has no value", "add 'value: ...'");
    return literal_text(*value, type);
  }
  if (!path && value) path = value;
  if (!path) node.refuse("has no path", "add 'path: ...', of a file or folder on this machine");
  return existing_path(*path, folder, type != "uri_folder" && type != "mltable", type != "uri_file");
}

/// What `$[[...]]` hold, where the inputs that they use are given; and where not, nothing.
std::string without_optional_blocks(const YamlNode& node, const std::map<std::string, std::string>& inputs,
                                    const SearchSpace& space, std::vector<std::string>& ignored) {
  std::string out;
  size_t at = 0;
  for (;;) {
    const size_t start = node.text.find("$[[", at);
    out.append(node.text, at, start == std::string::npos ? start : start - at);
    if (start == std::string::npos) return out;
    const size_t end = node.text.find("]]", start);
    if (end == std::string::npos) {
      node.refuse("holds '" + node.text.substr(start, 40) + "', which is not closed", "write ']]' behind it");
    }
    const std::string block = node.text.substr(start + 3, end - start - 3);
    std::string missing;
    for (const CommandPiece& piece : command_pieces(block)) {
      if (piece.kind != PieceKind::kInput || inputs.count(piece.text) != 0 || space.find(piece.text)) continue;
      missing = piece.text;
    }
    if (missing.empty()) {
      out += block;
    } else {
      note(node, "leaves out '" + block + "': there is no input " + missing, ignored);
    }
    at = end + 2;
  }
}

/// The command with all its expressions known.
std::string read_command_text(const YamlNode& node, const CommandSpec& command, const std::set<std::string>& files,
                              const SearchSpace& space, std::vector<std::string>& ignored) {
  read_text(node);
  if (node.text.find_first_not_of(" \t\r\n") == std::string::npos) {
    node.refuse("is empty", "write what to run, such as python train.py --lr ${{search_space.lr}}");
  }
  if (node.text.find('\0') != std::string::npos) node.refuse("holds a NUL", "remove it");
  Names hyperparameters, inputs, outputs = command.outputs;
  for (const Parameter& parameter : space.parameters()) hyperparameters.push_back(parameter.name);
  for (const auto& [name, value] : command.inputs) inputs.push_back(name);
  if (!contains(outputs, "default")) outputs.emplace_back("default");
  std::set<std::string> used;
  std::string out;
  for (CommandPiece& piece : command_pieces(without_optional_blocks(node, command.inputs, space, ignored))) {
    // As for a component's inputs that are searched.
    if (piece.kind == PieceKind::kInput && command.inputs.count(piece.text) == 0 && space.find(piece.text)) {
      piece.kind = PieceKind::kHyperparameter;
    }
    const Names& known = piece.kind == PieceKind::kInput    ? inputs
                         : piece.kind == PieceKind::kOutput ? outputs
                                                            : hyperparameters;
    if (piece.kind != PieceKind::kText && !contains(known, piece.text)) {
      const std::string nearest = nearest_name(piece.text, known);
      const std::string what = piece.kind == PieceKind::kInput    ? "input"
                               : piece.kind == PieceKind::kOutput ? "output"
                                                                  : "hyperparameter";
      std::string all;
      for (const std::string& name : known) all += (all.empty() ? "" : ", ") + name;
      node.refuse("uses " + to_expression(piece) + ", and there is no " + what + " of that name",
                  (nearest.empty() ? "" : "did you mean '" + nearest + "'? ") +
                      (all.empty() ? "there is none at all" : "there are " + all));
    }
    if (piece.kind == PieceKind::kHyperparameter) used.insert(piece.text);
    out += to_expression(piece);
    if (piece.kind == PieceKind::kOutput && files.count(piece.text) != 0) out += "/" + piece.text;
  }
  const std::set<std::string> nested = nested_names(space);
  for (const Parameter& parameter : space.parameters()) {
    if (used.count(parameter.name) != 0 || nested.count(parameter.name) != 0) continue;
    ignored.push_back(parameter.where.to_string() + ": search_space." + parameter.name +
                      ": the command does not use it; the program finds it in its environment as AZUREML_SWEEP_" +
                      parameter.name);
  }
  return out;
}

std::map<std::string, std::string> read_environment(const YamlNode& node) {
  require_map(node, "'{OMP_NUM_THREADS: 1}'");
  std::map<std::string, std::string> environment;
  for (const YamlNode& child : node.children) {
    if (child.key.empty() || child.key.find_first_of(std::string("=\0", 2)) != std::string::npos) {
      child.refuse("'" + child.key + "' is no name of a variable", "write a name without '='");
    }
    if (child.text.find("${{") != std::string::npos) {
      child.refuse("holds an expression, which is filled in in the command alone",
                   "write it there: " + child.key + "=" + child.text + " python train.py");
    }
    environment[child.key] = child.is_null() ? "" : literal_text(child, "");
  }
  return environment;
}

ResumeBy read_resume(const YamlNode& node) {
  const std::string& name = read_text(node);
  if (name == "restart") return ResumeBy::kRestart;
  if (name == "environment") return ResumeBy::kEnvironment;
  if (name == "argument") return ResumeBy::kArgument;
  refuse_unknown(node, "way to resume", name, {"restart", "environment", "argument"});
}

double read_grace(const YamlNode& node) {
  const double seconds = read_number(node);
  if (!std::isfinite(seconds) || seconds < 0) node.refuse(node.text + " is no duration", "write seconds, 0 or more");
  return seconds;
}

/// A component's file as a tree.
YamlNode read_component(const YamlNode& trial, const std::string& folder) {
  const std::string text = read_text(trial);
  const bool looks_like_path = text.find_first_of("/.:") != std::string::npos;
  if (!looks_like_path && !fs::exists(fs::path(folder) / text)) {
    trial.refuse("'" + text + "' is no file", "name a built-in task, as '{model: mlp, dataset: digits}', a program, as " +
                                                  std::string(kExample) + ", or the file of a command component");
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

bool is_program(const YamlNode& root) {
  const YamlNode* trial = root.find("trial");
  if (!trial || trial->is_null()) return false;
  if (trial->is_scalar()) return true;
  return trial->find("command") || trial->find("code") || trial->find("environment");
}

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

CommandSpec read_command(const YamlNode& root, const std::string& file, const SearchSpace& space,
                         std::vector<std::string>& ignored) {
  const std::string folder = folder_of(file);
  const YamlNode& trial = require(root, "trial", "");
  require_map(trial, kExample);
  if (const YamlNode* more = find_value(trial, "additional_includes")) {
    more->refuse("files beside the code are not copied", "put them, or links to them, into the folder of code");
  }
  static const Names kKnown = [] {
    Names names = {"command", "code", "environment_variables", "resume", "grace_period", "limits", "$schema", "type",
                   "name", "version", "display_name", "description", "is_deterministic", "additional_includes"};
    for (const auto& [key, reason] : reasons()) names.push_back(key);
    return names;
  }();
  check_names(trial, kKnown, "a program as trial");
  note_all(trial, ignored);
  if (const YamlNode* limits = find_value(trial, "limits")) {
    note(*limits, "is ignored: limits.trial_timeout of the sweep is a trial's", ignored);
  }

  CommandSpec command;
  std::set<std::string> files;  // outputs that are one, in a folder of their own
  if (const YamlNode* inputs = find_value(root, "inputs")) {
    require_map(*inputs, "'{data: {type: uri_file, path: data.csv}, epochs: 10}'");
    for (const YamlNode& input : inputs->children) {
      command.inputs[input.key] = read_input(input, folder);
      const std::optional<int64_t> column = space.find(input.key);
      if (!column) continue;
      input.refuse("is searched as well (search_space." + input.key + ", " + space[*column].where.to_string() + ")",
                   "remove one of the two");
    }
  }
  if (const YamlNode* outputs = find_value(root, "outputs")) {
    require_map(*outputs, "'{model: {type: uri_folder}}'");
    for (const YamlNode& output : outputs->children) {
      check_entry_name(output);
      if (!output.is_null()) {
        require_map(output, "'{type: uri_folder}'");
        check_names(output, {"type", "mode", "path", "name", "version", "description", "optional", "early_available",
                             "is_control", "path_on_compute"},
                    "an output");
        const std::string type = type_of(output);
        if (type == "uri_file" || is_literal_type(type)) files.insert(output.key);
        if (const YamlNode* path = find_value(output, "path")) {
          note(*path, "is ignored: outputs stay in the trial's folder of the results", ignored);
        }
      }
      if (output.key != "default") command.outputs.push_back(output.key);
    }
  }
  if (const YamlNode* code = find_value(trial, "code")) {
    const YamlNode* local = code->is_map() ? find_value(*code, "local_path") : code;
    if (!local) code->refuse("names no folder", "write its path");
    command.code = existing_path(*local, folder, false, true);
  }
  if (const YamlNode* variables = find_value(trial, "environment_variables")) {
    command.environment = read_environment(*variables);
  }
  if (const YamlNode* resume = find_value(trial, "resume")) command.resume = read_resume(*resume);
  if (const YamlNode* grace = find_value(trial, "grace_period")) command.grace_s = read_grace(*grace);
  const YamlNode& text = require(trial, "command", "add what to run, such as 'command: python train.py --lr ${{search_space.lr}}'");
  command.where = text.where;
  try {
    command.command = read_command_text(text, command, files, space, ignored);
  } catch (const InputError& failure) {
    if (failure.has_place()) throw;
    throw failure.at(text.where, text.path);
  }
  return command;
}

const std::vector<std::string>& ignored_names() {
  static const Names kNames = [] {
    Names names;
    for (const auto& [key, reason] : reasons()) names.push_back(key);
    return names;
  }();
  return kNames;
}

void note_ignored(const YamlNode& root, std::vector<std::string>& ignored) { note_all(root, ignored); }

void note_log_bounds(const YamlNode& root, std::vector<std::string>& ignored) {
  const YamlNode* sampling = find_value(root, "sampling_algorithm");
  const YamlNode* space = find_value(root, "search_space");
  if (!space || (sampling && find_value(*sampling, "logbase"))) return;
  const auto number = [](double x) {
    char text[32];
    std::snprintf(text, sizeof(text), "%.3g", x);
    return std::string(text);
  };
  for (const YamlNode& node : space->children) {
    const YamlNode* type = find_value(node, "type");
    if (!type || (type->text != "loguniform" && type->text != "qloguniform")) continue;
    const double low = read_number(require(node, "min_value", ""));
    const double high = read_number(require(node, "max_value", ""));
    const std::string range = "draws from " + number(std::exp(low)) + " to " + number(std::exp(high)) +
                              ", as its bounds are exponents of e; ";
    if (low > 0 && high <= 1) {
      note(node, range + "for " + number(low) + " to " + number(high) + " write 'type: log_uniform_values'", ignored);
    } else if (low <= -2 && std::floor(low) == low && std::floor(high) == high) {
      note(node, range + "for powers of 10 write 'sampling_algorithm: {type: random, logbase: 10}' ('logbase: e' says that it is meant so)",
           ignored);
    }
  }
}

}  // namespace lockstep
