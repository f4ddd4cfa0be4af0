#include "core/search_space_file.h"

#include <cmath>
#include <functional>
#include <map>

#include "core/nested_choice.h"
#include "core/sweep_keys.h"
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
  check_names(node, names_of(range_keys()), "a range of values");
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

Distribution read_int(const YamlNode& node) {
  const int64_t low = read_integer(field(node, "min_value", "1"));
  const int64_t high = read_integer(field(node, "max_value", "10"));
  const YamlNode* log = find_value(node, "log");
  const YamlNode* step = find_value(node, "step");
  if (!log || !read_flag(*log)) return int_range(low, high, step ? read_integer(*step) : 1);
  if (step) step->refuse("does not go with 'log: true'", "remove one of the two");
  return log_int_range(low, high);
}

const std::vector<std::string> kChoiceFields = {"values"};

/// A distribution as files name it; choice is a matter of its own.
struct Form {
  std::string type;
  std::vector<std::string> fields;
  /// @param log_factor of the bounds of logarithmic distributions, which are powers of e then
  std::function<Distribution(const YamlNode&, double log_factor)> read;
};

const std::vector<Form>& forms() {
  static const std::vector<std::string> kBounds = {"min_value", "max_value"};
  static const std::vector<std::string> kQBounds = {"min_value", "max_value", "q"};
  static const std::vector<std::string> kMoments = {"mu", "sigma"};
  static const std::vector<std::string> kQMoments = {"mu", "sigma", "q"};
  using Node = const YamlNode&;
  static const std::vector<Form> kForms = {
      {"randint", {"upper"}, [](Node n, double) { return randint(read_integer(field(n, "upper", "10"))); }},
      {"uniform", kBounds, [](Node n, double) { return uniform(min_value(n), max_value(n)); }},
      {"quniform", kQBounds, [](Node n, double) { return quniform(min_value(n), max_value(n), q(n)); }},
      {"loguniform", kBounds, [](Node n, double f) { return loguniform(f * min_value(n), f * max_value(n)); }},
      {"qloguniform", kQBounds, [](Node n, double f) { return qloguniform(f * min_value(n), f * max_value(n), q(n)); }},
      {"normal", kMoments, [](Node n, double) { return normal(mu(n), sigma(n)); }},
      {"qnormal", kQMoments, [](Node n, double) { return qnormal(mu(n), sigma(n), q(n)); }},
      {"lognormal", kMoments, [](Node n, double f) { return lognormal(f * mu(n), f * sigma(n)); }},
      {"qlognormal", kQMoments, [](Node n, double f) { return qlognormal(f * mu(n), f * sigma(n), q(n)); }},
      {"int", {"min_value", "max_value", "step", "log"}, [](Node n, double) { return read_int(n); }},
      {"log_uniform_values", kBounds, [](Node n, double) { return log_uniform_values(min_value(n), max_value(n)); }},
  };
  return kForms;
}

/// Runs a factory, and puts the place into what it refuses.
template <class Make>
Distribution made_at(const YamlNode& node, Make make) {
  try {
    return make();
  } catch (const InputError& failure) {
    if (failure.has_place()) throw;
    const YamlNode* culprit = node.find(failure.key());
    throw failure.at(culprit ? culprit->where : node.where, node.path);
  }
}

class SpaceReader {
 public:
  explicit SpaceReader(const SearchSpaceRules& rules)
      : rules_(rules), log_factor_(rules.log_base > 0 ? std::log(rules.log_base) : 1) {}

  void add(const std::string& name, const YamlNode& node) {
    std::vector<std::pair<std::string, const YamlNode*>> nested;
    Distribution distribution = read(name, node, nested);
    n_values_ += distribution.values.size();
    if (n_values_ > static_cast<size_t>(kMaxChoices)) {
      node.refuse("is one choice too many: together they hold more than " + std::to_string(kMaxChoices) + " values",
                  "use type int for a wide range");
    }
    space_.add(name, std::move(distribution), node.where);
    for (const auto& [nested_name, nested_node] : nested) add(nested_name, *nested_node);
  }

  SearchSpace take() { return std::move(space_); }

 private:
  using Nested = std::vector<std::pair<std::string, const YamlNode*>>;

  Distribution read(const std::string& name, const YamlNode& node, Nested& nested) {
    require_map(node, "'{type: uniform, min_value: 0, max_value: 1}' (a constant belongs under trial)");
    const YamlNode& type = require(node, "type", "add 'type: uniform' or another distribution");
    const std::string& type_name = read_text(type);
    const auto check_fields = [&](std::vector<std::string> fields) {
      if (const YamlNode* when = node.find("when")) {
        when->refuse("conditional hyperparameters are not there yet",
                     "remove it; for a program, a choice may hold maps with distributions in them");
      }
      fields.push_back("type");
      check_names(node, fields, "a " + type_name + " distribution");
    };
    if (type_name == "choice") {
      check_fields(kChoiceFields);
      return made_at(node, [&] { return read_choice(name, node, nested); });
    }
    for (const Form& form : forms()) {
      if (form.type != type_name) continue;
      check_fields(form.fields);
      return made_at(node, [&] { return form.read(node, log_factor_); });
    }
    std::vector<std::string> names;
    for (const DistributionForm& form : distribution_forms()) names.push_back(form.type);
    refuse_unknown(type, "distribution", type_name, names);
  }

  Distribution read_choice(const std::string& name, const YamlNode& node, Nested& nested) {
    const YamlNode& values = field(node, "values", "[1, 2, 3]");
    if (values.is_map()) return choice(read_range(values));
    if (!values.is_list()) {
      values.refuse("is a single value", "write a list such as [" + values.text + "], or {start: 1, stop: 9}");
    }
    // A name that stands in one of the maps alone needs no number.
    std::map<std::string, int> times;
    for (const YamlNode& value : values.children) {
      for (const YamlNode& entry : value.children) ++times[entry.key];
    }
    std::vector<Value> read_values;
    for (size_t i = 0; i < values.children.size(); ++i) {
      const YamlNode& value = values.children[i];
      if (!value.is_map()) {
        check_plain(value);
        read_values.push_back(value.value());
        continue;
      }
      if (!rules_.maps) {
        value.refuse("is a map, which a built-in task can make nothing of", "write a number, text, boolean or list");
      }
      Value::Map map;
      for (const YamlNode& entry : value.children) {
        const std::string nested_name =
            name + (times[entry.key] > 1 ? "[" + std::to_string(i) + "]." : ".") + entry.key;
        map.emplace_back(entry.key, read_entry(nested_name, entry, nested));
      }
      read_values.emplace_back(std::move(map));
    }
    return choice(std::move(read_values));
  }

  /// What stands in a map that was chosen: a constant, or a distribution.
  Value read_entry(const std::string& name, const YamlNode& entry, Nested& nested) {
    if (!entry.is_map()) {
      check_plain(entry);
      return entry.value();
    }
    if (!rules_.nested) {
      entry.refuse("is a distribution in a choice, of which a grid would try values that are not chosen",
                   "list the maps with constants in them, or sample with 'type: random'");
    }
    nested.emplace_back(name, &entry);
    return nested_reference(name);
  }

  static void check_plain(const YamlNode& node) {
    static const std::string kCure = "write a number, text, boolean or list";
    if (node.is_null()) node.refuse("is null", kCure + "; quote it if it is text");
    if (node.is_map()) node.refuse("is a map in a list", kCure);
    if (node.text.find("${{") != std::string::npos) {
      node.refuse("holds an expression, which is filled in in a program's command alone", "write it there");
    }
    for (const YamlNode& child : node.children) check_plain(child);
  }

  SearchSpaceRules rules_;
  double log_factor_;
  size_t n_values_ = 0;
  SearchSpace space_;
};

}  // namespace

std::vector<DistributionForm> distribution_forms() {
  std::vector<DistributionForm> all = {{"choice", kChoiceFields}};
  for (const Form& form : forms()) all.push_back({form.type, form.fields});
  return all;
}

SearchSpace read_search_space(const YamlNode& node, const SearchSpaceRules& rules) {
  require_map(node, "'lr: {type: loguniform, min_value: -7, max_value: -1}'");
  if (node.children.empty()) {
    node.refuse("names no hyperparameter", "add one, such as 'lr: {type: loguniform, min_value: -7, max_value: -1}'");
  }
  SpaceReader reader(rules);
  for (const YamlNode& child : node.children) reader.add(child.key, child);
  return reader.take();
}

}  // namespace lockstep
