#include "core/search_space_file.h"

#include <functional>

#include "core/yaml_reader.h"

namespace lockstep {

namespace {

/// Of a hyperparameter and of all together: a range of many values is a few letters of a file.
constexpr int64_t kMaxChoices = 1'000'000;

const YamlNode& field(const YamlNode& node, const std::string& name, const std::string& example) {
  return require(node, name, "add '" + name + ": " + example + "'");
}
double min_value(const YamlNode& node) { return read_number(field(node, "min_value", "0")); }
double max_value(const YamlNode& node) { return read_number(field(node, "max_value", "1")); }
double mu(const YamlNode& node) { return read_number(field(node, "mu", "0")); }
double sigma(const YamlNode& node) { return read_number(field(node, "sigma", "1")); }
double q(const YamlNode& node) { return read_number(field(node, "q", "1")); }

/// `{start, stop, step}`: start, start + step, ... before stop, as Python's range().
std::vector<Value> read_range(const YamlNode& node) {
  check_names(node, {"start", "stop", "step"}, "a range of values");
  const int64_t start = read_integer(require(node, "start", "add 'start: 0', the first value"));
  const int64_t stop = read_integer(require(node, "stop", "add 'stop: 10', which the values stay below"));
  const YamlNode* step_node = find_value(node, "step");
  const int64_t step = step_node ? read_integer(*step_node) : 1;
  if (step == 0) step_node->refuse("0 never reaches stop", "write 1, or a negative step to count down");
  std::vector<Value> values;
  // In wide integers: near the ends of the type the next value may not fit.
  for (__int128 x = start; step > 0 ? x < stop : x > stop; x += step) {
    if (static_cast<int64_t>(values.size()) == kMaxChoices) {
      node.refuse("holds more than " + std::to_string(kMaxChoices) + " values", "use type int for a wide range");
    }
    values.emplace_back(static_cast<int64_t>(x));
  }
  if (values.empty()) {
    node.refuse("holds no value from " + std::to_string(start) + " before " + std::to_string(stop),
                "start must be below stop, or step negative");
  }
  return values;
}

void check_choice_element(const YamlNode& node) {
  static const std::string kCure = "write a number, text, boolean or list";
  if (node.is_null()) node.refuse("is null", kCure + "; quote it if it is text");
  if (node.is_map()) node.refuse("is a map: conditional hyperparameters are not there yet", kCure);
  for (const YamlNode& child : node.children) check_choice_element(child);
}

Distribution read_choice(const YamlNode& node) {
  const YamlNode& values = field(node, "values", "[1, 2, 3]");
  if (values.is_map()) return choice(read_range(values));
  if (!values.is_list()) {
    values.refuse("is a single value", "write a list such as [" + values.text + "], or {start: 1, stop: 9}");
  }
  for (const YamlNode& child : values.children) check_choice_element(child);
  return choice(values.value().as_list());
}

Distribution read_int(const YamlNode& node) {
  const int64_t low = read_integer(field(node, "min_value", "1"));
  const int64_t high = read_integer(field(node, "max_value", "10"));
  const YamlNode* log = find_value(node, "log");
  const YamlNode* step = find_value(node, "step");
  if (!log || !read_flag(*log)) return int_range(low, high, step ? read_integer(*step) : 1);
  if (step) step->refuse("does not go with 'log: true'", "remove one of the two");
  return log_int_range(low, high);
}

/// A distribution as files name it.
struct Form {
  std::string type;
  std::vector<std::string> fields;
  std::function<Distribution(const YamlNode&)> read;
};

const std::vector<Form>& forms() {
  static const std::vector<std::string> kBounds = {"min_value", "max_value"};
  static const std::vector<std::string> kQBounds = {"min_value", "max_value", "q"};
  static const std::vector<std::string> kMoments = {"mu", "sigma"};
  static const std::vector<std::string> kQMoments = {"mu", "sigma", "q"};
  using Node = const YamlNode&;
  static const std::vector<Form> kForms = {
      {"choice", {"values"}, read_choice},
      {"randint", {"upper"}, [](Node n) { return randint(read_integer(field(n, "upper", "10"))); }},
      {"uniform", kBounds, [](Node n) { return uniform(min_value(n), max_value(n)); }},
      {"quniform", kQBounds, [](Node n) { return quniform(min_value(n), max_value(n), q(n)); }},
      {"loguniform", kBounds, [](Node n) { return loguniform(min_value(n), max_value(n)); }},
      {"qloguniform", kQBounds, [](Node n) { return qloguniform(min_value(n), max_value(n), q(n)); }},
      {"normal", kMoments, [](Node n) { return normal(mu(n), sigma(n)); }},
      {"qnormal", kQMoments, [](Node n) { return qnormal(mu(n), sigma(n), q(n)); }},
      {"lognormal", kMoments, [](Node n) { return lognormal(mu(n), sigma(n)); }},
      {"qlognormal", kQMoments, [](Node n) { return qlognormal(mu(n), sigma(n), q(n)); }},
      {"int", {"min_value", "max_value", "step", "log"}, read_int},
      {"log_uniform_values", kBounds, [](Node n) { return log_uniform_values(min_value(n), max_value(n)); }},
  };
  return kForms;
}

Distribution read_distribution(const YamlNode& node) {
  require_map(node, "'{type: uniform, min_value: 0, max_value: 1}' (a constant belongs under trial)");
  const YamlNode& type = require(node, "type", "add 'type: uniform' or another distribution");
  const std::string& name = read_text(type);
  std::vector<std::string> names;
  for (const Form& form : forms()) {
    names.push_back(form.type);
    if (form.type != name) continue;
    if (const YamlNode* when = node.find("when")) {
      when->refuse("conditional hyperparameters are not there yet", "remove it");
    }
    std::vector<std::string> fields = form.fields;
    fields.push_back("type");
    check_names(node, fields, "a " + name + " distribution");
    try {
      return form.read(node);
    } catch (const InputError& failure) {
      if (failure.has_place()) throw;
      const YamlNode* culprit = node.find(failure.key());
      throw failure.at(culprit ? culprit->where : node.where, node.path);
    }
  }
  refuse_unknown(type, "distribution", name, names);
}

}  // namespace

SearchSpace read_search_space(const YamlNode& node) {
  require_map(node, "'lr: {type: loguniform, min_value: -7, max_value: -1}'");
  if (node.children.empty()) {
    node.refuse("names no hyperparameter", "add one, such as 'lr: {type: loguniform, min_value: -7, max_value: -1}'");
  }
  SearchSpace space;
  size_t n_values = 0;
  for (const YamlNode& child : node.children) {
    Distribution distribution = read_distribution(child);
    n_values += distribution.values.size();
    if (n_values > static_cast<size_t>(kMaxChoices)) {
      child.refuse("is one choice too many: together they hold more than " + std::to_string(kMaxChoices) + " values",
                   "use type int for a wide range");
    }
    space.add(child.key, std::move(distribution), child.where);
  }
  return space;
}

}  // namespace lockstep
