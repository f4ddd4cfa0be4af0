#include "core/job_file.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <set>
#include <utility>

#include "core/argument_text.h"
#include "core/expressions.h"
#include "core/job_entries.h"
#include "core/nested_choice.h"
#include "core/sweep_keys.h"
#include "core/yaml_reader.h"

namespace lockstep {

namespace {

using Names = std::vector<std::string>;
/// A key, and why it does not matter here.
using Reasons = std::vector<std::pair<std::string, std::string>>;

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

void note(const YamlNode& node, const std::string& sentence, std::vector<std::string>& ignored) {
  ignored.push_back(node.where.to_string() + ": " + node.path + ": " + sentence);
}

void note_all(const YamlNode& map, std::vector<std::string>& ignored) {
  for (const auto& [key, reason] : reasons()) {
    if (const YamlNode* node = find_value(map, key)) note(*node, "is ignored: " + reason, ignored);
  }
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
  check_names(node, names_of(input_keys()), "an input");
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

}  // namespace

bool is_program(const YamlNode& root) {
  const YamlNode* trial = root.find("trial");
  if (!trial || trial->is_null()) return false;
  if (trial->is_scalar()) return true;
  return trial->find("command") || trial->find("code") || trial->find("environment");
}

CommandSpec read_command(const YamlNode& root, const std::string& file, const SearchSpace& space,
                         std::vector<std::string>& ignored) {
  const std::string folder = folder_of(file);
  const YamlNode& trial = require(root, "trial", "");
  require_map(trial, kProgramExample);
  if (const YamlNode* more = find_value(trial, "additional_includes")) {
    more->refuse("files beside the code are not copied", "put them, or links to them, into the folder of code");
  }
  static const Names kKnown = [] {
    Names names = names_of(program_keys());
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
        check_names(output, names_of(output_keys()), "an output");
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
