#include "core/hyperdrive_file.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "core/argument_text.h"
#include "core/yaml_reader.h"

namespace lockstep {

namespace {

using Names = std::vector<std::string>;

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// A node at `key` of `parent`, which stands where `from` stands.
YamlNode node_at(const YamlNode& parent, const std::string& key, const YamlNode& from) {
  YamlNode node;
  node.key = key;
  node.path = parent.path.empty() ? key : parent.path + "." + key;
  node.where = from.where;
  return node;
}

YamlNode& add_map(YamlNode& parent, const std::string& key, const YamlNode& from) {
  YamlNode node = node_at(parent, key, from);
  node.kind = YamlNode::Kind::kMap;
  parent.children.push_back(std::move(node));
  return parent.children.back();
}

void add_text(YamlNode& parent, const std::string& key, const std::string& text, const YamlNode& from) {
  YamlNode node = node_at(parent, key, from);
  node.text = text;
  node.quoted = !plain_scalar_value(text).is_text();
  parent.children.push_back(std::move(node));
}

/// A number that was computed.
void add_number(YamlNode& parent, const std::string& key, const Value& value, const YamlNode& from) {
  YamlNode node = node_at(parent, key, from);
  node.text = value.to_json();
  parent.children.push_back(std::move(node));
}

void set_paths(YamlNode& node) {
  for (size_t i = 0; i < node.children.size(); ++i) {
    YamlNode& child = node.children[i];
    child.path = node.path + (node.is_list() ? "[" + std::to_string(i) + "]" : "." + child.key);
    set_paths(child);
  }
}

void add_copy(YamlNode& parent, const std::string& key, const YamlNode& from) {
  YamlNode node = from;
  node.key = key;
  node.path = parent.path.empty() ? key : parent.path + "." + key;
  set_paths(node);
  parent.children.push_back(std::move(node));
}

/// The first of `names` that is there, or nullptr.
const YamlNode* find_any(const YamlNode& map, const Names& names) {
  for (const std::string& name : names) {
    if (const YamlNode* node = find_value(map, name)) return node;
  }
  return nullptr;
}

/// An expression's name, and what its arguments are called in a sweep file.
const std::map<std::string, Names>& expressions() {
  static const Names kBounds = {"min_value", "max_value"}, kMoments = {"mu", "sigma"};
  static const Names kQBounds = {"min_value", "max_value", "q"}, kQMoments = {"mu", "sigma", "q"};
  static const std::map<std::string, Names> kExpressions = {
      {"choice", {"values"}},     {"randint", {"upper"}},      {"uniform", kBounds},   {"quniform", kQBounds},
      {"loguniform", kBounds},    {"qloguniform", kQBounds},   {"normal", kMoments},   {"qnormal", kQMoments},
      {"lognormal", kMoments},    {"qlognormal", kQMoments}};
  return kExpressions;
}

/// Whether `node` is an expression in JSON: ["uniform", [0, 1]].
bool is_expression(const YamlNode& node) {
  return node.is_list() && node.children.size() == 2 && node.children[0].is_scalar() && node.children[1].is_list() &&
         expressions().count(lower(node.children[0].text)) != 0;
}

void add_distribution(YamlNode& parent, const std::string& key, const YamlNode& name, const YamlNode& arguments);

/// A choice's value, in whose maps expressions may stand.
YamlNode choice_value(const YamlNode& value) {
  if (!value.is_map()) return value;
  YamlNode map = value;
  map.children.clear();
  for (const YamlNode& entry : value.children) {
    if (is_expression(entry)) {
      add_distribution(map, entry.key, entry.children[0], entry.children[1]);
    } else {
      map.children.push_back(entry);
    }
  }
  return map;
}

void add_distribution(YamlNode& parent, const std::string& key, const YamlNode& name, const YamlNode& arguments) {
  Names known;
  for (const auto& [expression, fields] : expressions()) known.push_back(expression);
  const auto found = expressions().find(lower(read_text(name)));
  if (found == expressions().end()) refuse_unknown(name, "expression", name.text, known);
  if (!arguments.is_list()) arguments.refuse("is no list", "write the arguments of " + found->first + " as [...]");
  YamlNode& node = add_map(parent, key, name);
  add_text(node, "type", found->first, name);
  if (found->first == "choice") {
    // ["choice", [[1, 2]]] in JSON, [1, 2] in YAML.
    const bool is_wrapped = arguments.children.size() == 1 && arguments.children[0].is_list();
    YamlNode values = is_wrapped ? arguments.children[0] : arguments;
    for (YamlNode& value : values.children) value = choice_value(value);
    add_copy(node, "values", values);
    return;
  }
  if (arguments.children.size() != found->second.size()) {
    std::string fields;
    for (const std::string& field : found->second) fields += (fields.empty() ? "" : ", ") + field;
    arguments.refuse("has " + std::to_string(arguments.children.size()) + " arguments, and " + found->first + " takes " +
                         std::to_string(found->second.size()),
                     "write [" + fields + "]");
  }
  for (size_t i = 0; i < found->second.size(); ++i) add_copy(node, found->second[i], arguments.children[i]);
}

/// A hyperparameter as its argument names it, and as a sweep file does.
struct Argument {
  std::string flag;
  std::string name;
};

Argument argument_of(const YamlNode& node, const std::string& text) {
  const size_t start = text.find_first_not_of('-');
  if (start == std::string::npos) node.refuse("'" + text + "' is no name", "write the name of an argument, such as --lr");
  Argument argument{start == 0 ? "--" + text : text, text.substr(start)};
  for (char& c : argument.name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return argument;
}

/// Names that a hyperparameter can have: the last one wins over what another file would make of it.
void add_search_space(YamlNode& sweep, const YamlNode& sampling, std::vector<Argument>& arguments) {
  const YamlNode& space = require(sampling, "parameter_space", "add the hyperparameters to search");
  YamlNode& out = add_map(sweep, "search_space", space);
  const auto add = [&](const YamlNode& place, const std::string& text, const YamlNode& name, const YamlNode& values) {
    const Argument argument = argument_of(place, text);
    if (out.find(argument.name)) place.refuse("'" + text + "' is searched twice", "rename one of the two");
    add_distribution(out, argument.name, name, values);
    arguments.push_back(argument);
  };
  if (space.is_list()) {
    for (const YamlNode& each : space.children) {
      require_map(each, "'{name: --lr, expression: uniform, values: [0, 1]}'");
      check_names(each, {"name", "expression", "values"}, "a parameter");
      const YamlNode& name = require(each, "name", "add the name of the script's argument");
      add(name, read_text(name), require(each, "expression", "add 'expression: choice' or another"),
          require(each, "values", "add 'values: [...]'"));
    }
    return;
  }
  require_map(space, "'{\"--lr\": [\"uniform\", [0, 1]]}'");
  for (const YamlNode& each : space.children) {
    if (!each.is_list() || each.children.size() != 2) {
      each.refuse("is no expression", "write one such as [\"uniform\", [0, 1]]");
    }
    add(each, each.key, each.children[0], each.children[1]);
  }
}

void add_sampling(YamlNode& sweep, const YamlNode& sampling) {
  static const std::map<std::string, std::string> kTypes = {
      {"random", "random"}, {"grid", "grid"}, {"bayesian", "bayesian"}, {"bayesianoptimization", "bayesian"}};
  const YamlNode* name = find_any(sampling, {"name", "type"});
  if (!name) require(sampling, "name", "add 'RANDOM', 'GRID' or 'BAYESIANOPTIMIZATION'");
  const auto found = kTypes.find(lower(read_text(*name)));
  if (found == kTypes.end()) refuse_unknown(*name, "sampling", name->text, {"RANDOM", "GRID", "BAYESIANOPTIMIZATION"});
  YamlNode& out = add_map(sweep, "sampling_algorithm", *name);
  add_text(out, "type", found->second, *name);
  const YamlNode* properties = find_value(sampling, "properties");
  const YamlNode* seed = properties ? find_value(*properties, "seed") : nullptr;
  if (seed) add_copy(out, "seed", *seed);
}

void add_policy(YamlNode& sweep, const YamlNode& policy) {
  static const std::map<std::string, std::string> kTypes = {{"bandit", "bandit"},
                                                            {"medianstopping", "median_stopping"},
                                                            {"truncationselection", "truncation_selection"},
                                                            {"default", ""},
                                                            {"notermination", ""},
                                                            {"none", ""}};
  const YamlNode* name = find_any(policy, {"name", "type"});
  if (!name) require(policy, "name", "add 'Bandit', 'MedianStopping', 'TruncationSelection' or 'Default'");
  std::string key = lower(read_text(*name));
  key.erase(std::remove(key.begin(), key.end(), '_'), key.end());
  if (key.ends_with("policy")) key.resize(key.size() - 6);
  const auto found = kTypes.find(key);
  if (found == kTypes.end()) {
    refuse_unknown(*name, "policy", name->text, {"Bandit", "MedianStopping", "TruncationSelection", "Default"});
  }
  if (found->second.empty()) return;
  YamlNode& out = add_map(sweep, "early_termination", *name);
  add_text(out, "type", found->second, *name);
  const YamlNode* properties = find_value(policy, "properties");
  for (const YamlNode& each : (properties ? *properties : policy).children) {
    if (each.key == "name" || each.key == "type" || each.is_null()) continue;
    add_copy(out, each.key, each);
  }
}

void add_objective(YamlNode& sweep, const YamlNode& root) {
  const YamlNode* config = find_value(root, "primary_metric_config");
  const YamlNode& from = config ? *config : root;
  YamlNode& out = add_map(sweep, "objective", from);
  const YamlNode& goal = require(from, config ? "goal" : "primary_metric_goal", "add 'minimize' or 'maximize'");
  add_text(out, "goal", lower(read_text(goal)), goal);
  add_copy(out, "primary_metric", require(from, config ? "name" : "primary_metric_name", "add the metric's name"));
}

void add_limits(YamlNode& sweep, const YamlNode& root) {
  const YamlNode* total = find_any(root, {"max_total_jobs", "max_total_runs"});
  const YamlNode* concurrent = find_any(root, {"max_concurrent_jobs", "max_concurrent_runs"});
  const YamlNode* minutes = find_value(root, "max_duration_minutes");
  if (!total && !concurrent && !minutes) return;
  YamlNode& out = add_map(sweep, "limits", total ? *total : concurrent ? *concurrent : *minutes);
  if (total) add_copy(out, "max_total_trials", *total);
  if (concurrent) add_copy(out, "max_concurrent_trials", *concurrent);
  if (minutes) {
    // A whole number of seconds as such, which is how people read it.
    const double seconds = 60 * read_number(*minutes);
    const bool whole = seconds >= 0 && seconds < 1e15 && seconds == static_cast<double>(static_cast<int64_t>(seconds));
    add_number(out, "timeout", whole ? Value(static_cast<int64_t>(seconds)) : Value(seconds), *minutes);
  }
}

/// Where the script and its arguments stand, or nullptr.
const YamlNode* find_script(const YamlNode& root) {
  const YamlNode* platform = find_value(root, "platform_config");
  const YamlNode* definition = platform ? find_any(*platform, {"Definition", "definition"}) : nullptr;
  const YamlNode* overrides = definition ? find_any(*definition, {"Overrides", "overrides"}) : nullptr;
  for (const YamlNode* place : {overrides, find_any(root, {"run_config", "script_run_config", "runconfig"}), &root}) {
    if (place && find_any(*place, {"script", "command", "Script", "Command"})) return place;
  }
  return nullptr;
}

/// A list of arguments, or a text of them, for the shell.
std::string joined(const YamlNode& arguments, std::vector<std::string>& left_out) {
  if (arguments.is_scalar()) return arguments.is_null() ? "" : arguments.text;
  if (!arguments.is_list()) arguments.refuse("is no list", "write the arguments as [...]");
  std::string out;
  for (const YamlNode& each : arguments.children) {
    if (!each.is_scalar()) each.refuse("is no single argument", "write a text or a number");
    const std::string text = each.quoted ? each.text : argument_text(each.value());
    if (text.starts_with("DatasetConsumptionConfig:") || text.starts_with("$AZUREML_")) {
      left_out.push_back("the argument '" + text + "' stands for data that Azure ML keeps: write its path on this machine");
    }
    out += (out.empty() ? "" : " ") + shell_quoted(text);
  }
  return out;
}

void add_program(YamlNode& sweep, const YamlNode& root, const std::vector<Argument>& arguments,
                 std::vector<std::string>& left_out) {
  const YamlNode* script = find_script(root);
  if (!script) return;
  YamlNode& trial = add_map(sweep, "trial", *script);
  const YamlNode* file = find_any(*script, {"script", "Script"});
  const YamlNode* command = find_any(*script, {"command", "Command"});
  const YamlNode* more = find_any(*script, {"arguments", "Arguments"});
  std::string text = file ? "python " + shell_quoted(read_text(*file)) : joined(*command, left_out);
  if (const std::string given = more ? joined(*more, left_out) : ""; !given.empty()) text += " " + given;
  for (const Argument& argument : arguments) text += " " + argument.flag + " ${{search_space." + argument.name + "}}";
  add_text(trial, "command", text, file ? *file : *command);
  const YamlNode* code = find_any(*script, {"source_directory", "sourceDirectory", "SourceDirectory"});
  if (!code) code = find_value(root, "source_directory");
  if (code) {
    add_copy(trial, "code", *code);
  } else {
    add_text(trial, "code", ".", *script);
    left_out.emplace_back("the file names no source_directory: 'code: .' is its own folder, of which every trial gets a copy");
  }
  const YamlNode* environment = find_any(*script, {"environment", "Environment"});
  const YamlNode* variables = environment ? find_any(*environment, {"environmentVariables", "environment_variables"}) : nullptr;
  if (variables && !variables->children.empty()) add_copy(trial, "environment_variables", *variables);
}

void note_left_out(const YamlNode& root, std::vector<std::string>& left_out) {
  static const std::set<std::string> kTaken = {
      "generator_config", "hyperparameter_sampling", "sampling", "policy_config", "policy", "primary_metric_config",
      "primary_metric_name", "primary_metric_goal", "max_total_jobs", "max_total_runs", "max_concurrent_jobs",
      "max_concurrent_runs", "max_duration_minutes", "name", "description", "script", "command", "arguments",
      "source_directory", "run_config", "script_run_config", "runconfig", "platform_config"};
  static const std::map<std::string, std::string> kWhy = {
      {"resume_from", "earlier sweeps are named with --warm-start"},
      {"resume_child_runs", "single trials go on with 'lockstep resume --trial'"},
      {"compute_target", "trials run on this machine"},
      {"target", "trials run on this machine"},
      {"platform", "trials run on this machine"}};
  for (const YamlNode& child : root.children) {
    if (kTaken.count(child.key) != 0 || child.is_null() || (!child.is_scalar() && child.children.empty())) continue;
    const auto why = kWhy.find(child.key);
    left_out.push_back(child.key + " has no place in a sweep file" + (why == kWhy.end() ? "" : ": " + why->second));
  }
}

const YamlNode* find_sampling(const YamlNode& root) {
  const YamlNode* node = find_any(root, {"generator_config", "hyperparameter_sampling", "sampling"});
  return node && node->is_map() ? node : nullptr;
}

}  // namespace

bool is_hyperdrive(const YamlNode& root) {
  const YamlNode* sampling = find_sampling(root);
  return sampling && sampling->find("parameter_space");
}

YamlNode hyperdrive_to_sweep(const YamlNode& root, std::vector<std::string>& left_out) {
  const YamlNode& sampling = *find_sampling(root);
  YamlNode sweep;
  sweep.kind = YamlNode::Kind::kMap;
  sweep.where = root.where;
  std::vector<Argument> arguments;
  YamlNode space;  // first, for its names; it stands behind what has to be known of the program
  space.kind = YamlNode::Kind::kMap;
  add_search_space(space, sampling, arguments);
  add_text(sweep, "type", "sweep", root);
  for (const auto& [from, to] : {std::pair("name", "display_name"), std::pair("description", "description")}) {
    if (const YamlNode* node = find_value(root, from); node && node->is_scalar()) add_copy(sweep, to, *node);
  }
  add_program(sweep, root, arguments, left_out);
  add_sampling(sweep, sampling);
  sweep.children.push_back(std::move(space.children.front()));
  add_objective(sweep, root);
  add_limits(sweep, root);
  if (const YamlNode* policy = find_any(root, {"policy_config", "policy"})) add_policy(sweep, *policy);
  note_left_out(root, left_out);
  return sweep;
}

std::string convert_hyperdrive(const std::string& text, const std::string& file) {
  const YamlNode root = parse_yaml(text, file);
  if (!root.is_map() || !is_hyperdrive(root)) {
    const bool is_sweep = root.find("type") && root.find("search_space");
    throw InputError({file}, "", is_sweep ? "is a sweep file already" : "is no run configuration of HyperDrive",
                     is_sweep ? "run it as it is"
                              : "name its JSON, with generator_config, or its hdconfig.yml, with sampling.parameter_space");
  }
  std::vector<std::string> left_out;
  YamlNode sweep = hyperdrive_to_sweep(root, left_out);
  if (!sweep.find("trial")) {
    // Of the names alone; the text is what a user completes.
    std::string command = "python train.py";
    const YamlNode& space = *find_sampling(root)->find("parameter_space");
    for (const YamlNode& each : space.children) {
      const YamlNode& name = space.is_list() ? *each.find("name") : each;
      const Argument argument = argument_of(name, space.is_list() ? name.text : each.key);
      command += " " + argument.flag + " ${{search_space." + argument.name + "}}";
    }
    YamlNode& trial = add_map(sweep, "trial", root);
    add_text(trial, "command", command, root);
    left_out.emplace_back("the file names no script: put yours in the place of 'python train.py', and its folder as trial.code");
  }
  std::string out = "# Converted from a run configuration of HyperDrive (Azure ML SDK v1).\n";
  for (std::string& sentence : left_out) {
    std::replace_if(sentence.begin(), sentence.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
    out += "# " + sentence + "\n";
  }
  return out + emit_yaml(sweep);
}

}  // namespace lockstep
