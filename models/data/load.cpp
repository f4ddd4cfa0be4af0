#include "models/data/load.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "models/data/bytes.h"
#include "models/data/csv.h"
#include "models/data/embedded.h"
#include "models/data/npy.h"

namespace lockstep::models {

namespace {

constexpr const char* kHowToName =
    "name a built-in one (digits, letter, california) or a file: {csv: path, target: column}";

std::string cure_for(const std::string& name, const std::vector<std::string>& known, const std::string& what) {
  const std::string near = nearest_name(name, known);
  std::string out = near.empty() ? "" : "did you mean '" + near + "'? ";
  out += what;
  for (size_t i = 0; i < known.size(); ++i) out += (i == 0 ? " " : ", ") + known[i];
  return out;
}

/// The entries of a `dataset:` map (or of a map in it), each asked for once and then known.
class Fields {
 public:
  Fields(const Value& map, SourceLocation where, std::string key)
      : map_(map), where_(std::move(where)), key_(std::move(key)) {}

  InputError error(const std::string& name, const std::string& problem, const std::string& cure) const {
    return InputError(where_, key_ + (name.empty() ? "" : ".") + name, problem, cure);
  }

  const Value* find(const std::string& name) {
    known_.push_back(name);
    return map_.find(name);
  }

  bool has(const std::string& name) { return find(name) != nullptr; }

  /// A name or path. Numbers count as text: a column may be called 64.
  std::string text(const std::string& name, const std::string& default_value) {
    const Value* value = find(name);
    if (value == nullptr) return default_value;
    return as_name(*value, name);
  }

  std::string needed_text(const std::string& name, const std::string& cure) {
    if (!has(name)) throw error(name, "is needed but not given", cure);
    return text(name, "");
  }

  /// One name or a list of them.
  std::vector<std::string> texts(const std::string& name) {
    const Value* value = find(name);
    if (value == nullptr) return {};
    if (!value->is_list()) return {as_name(*value, name)};
    std::vector<std::string> out;
    for (const auto& each : value->as_list()) out.push_back(as_name(each, name));
    return out;
  }

  void refuse_unknown() const {
    for (const auto& [name, value] : map_.as_map()) {
      if (std::find(known_.begin(), known_.end(), name) == known_.end()) {
        throw error(name, "is not known here", cure_for(name, known_, "Known here are"));
      }
    }
  }

 private:
  std::string as_name(const Value& value, const std::string& name) const {
    if (value.is_list() || value.is_map() || value.is_null()) {
      throw error(name, value.to_json() + " is a " + value.kind_name(), "it must be a text");
    }
    return value.to_string();
  }

  const Value& map_;
  SourceLocation where_;
  std::string key_;
  std::vector<std::string> known_;
};

const Setting* find_setting(const SweepSpec& spec, const std::string& name) {
  const auto it = spec.trial.find(name);
  return it == spec.trial.end() ? nullptr : &it->second;
}

double fraction(const SweepSpec& spec, const std::string& name, double default_value, bool zero_allowed) {
  const Setting* setting = find_setting(spec, name);
  if (setting == nullptr) return default_value;
  const double value = setting->value.is_number() ? setting->value.as_real() : NAN;
  if (!(value < 1) || value < 0 || (value == 0 && !zero_allowed)) {
    throw InputError(setting->where, "trial." + name, setting->value.to_json() + " is not such a part of the data",
                     zero_allowed ? "give a number from 0 to below 1" : "give a number above 0 and below 1");
  }
  return value;
}

SplitOptions read_split(const SweepSpec& spec) {
  SplitOptions split;
  split.validation_fraction = fraction(spec, "validation_fraction", split.validation_fraction, false);
  split.test_fraction = fraction(spec, "test_fraction", split.test_fraction, true);
  if (split.validation_fraction + split.test_fraction >= 1) {
    const Setting* setting = find_setting(spec, "validation_fraction");
    if (setting == nullptr) setting = find_setting(spec, "test_fraction");
    throw InputError(setting->where, "trial.validation_fraction", "validation and test part leave nothing to train on",
                     "validation_fraction + test_fraction must be below 1");
  }
  if (const Setting* seed = find_setting(spec, "split_seed")) {
    if (!seed->value.is_integer() || seed->value.as_integer() < 0) {
      throw InputError(seed->where, "trial.split_seed", seed->value.to_json() + " is not a seed",
                       "give an integer from 0");
    }
    split.seed = static_cast<uint64_t>(seed->value.as_integer());
  }
  return split;
}

std::string resolve(const SweepSpec& spec, const std::string& path) {
  const std::filesystem::path given(path);
  if (given.is_absolute() || spec.file.empty()) return path;
  return (std::filesystem::path(spec.file).parent_path() / given).string();
}

std::optional<TaskKind> read_task(Fields& fields) {
  const std::string task = fields.text("task", "");
  if (task.empty()) return std::nullopt;
  if (task == "classification") return TaskKind::kClassification;
  if (task == "regression") return TaskKind::kRegression;
  throw fields.error("task", "'" + task + "' is not a task",
                     cure_for(task, {"classification", "regression"}, "The tasks are"));
}

char read_delimiter(Fields& fields) {
  const std::string text = fields.text("delimiter", ",");
  if (text == "tab" || text == "\\t") return '\t';
  if (text.size() != 1 || text == "\"" || text == "\n") {
    throw fields.error("delimiter", "'" + text + "' is not a delimiter", "give one character, such as ';', or tab");
  }
  return text[0];
}

Table load_csv(const SweepSpec& spec, Fields& fields, PrepareOptions& options) {
  std::vector<std::pair<std::string, FileRole>> paths;
  if (fields.has("csv")) {
    paths.emplace_back(fields.text("csv", ""), FileRole::kSplit);
  } else {
    paths.emplace_back(fields.needed_text("train", "name the CSV file to train on"), FileRole::kTrain);
  }
  for (const auto& [name, role] :
       {std::pair{"validation", FileRole::kValidation}, std::pair{"test", FileRole::kTest}}) {
    if (fields.has(name)) paths.emplace_back(fields.text(name, ""), role);
  }
  CsvOptions csv;
  csv.target = options.target = fields.needed_text("target", "name the column to predict");
  csv.delimiter = read_delimiter(fields);
  csv.categorical = fields.texts("categorical");
  csv.drop = fields.texts("drop");
  options.task = read_task(fields);
  csv.target_is_class = options.task == TaskKind::kClassification;
  fields.refuse_unknown();

  std::vector<CsvText> files;
  for (const auto& [path, role] : paths) {
    const std::string resolved = resolve(spec, path);
    files.push_back({resolved, read_bytes(resolved)});
    options.roles.push_back(role);
  }
  return read_csv(files, csv);
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string out = "(";
  for (const auto size : shape) {
    if (out.size() > 1) out += ", ";
    out += std::to_string(size);
  }
  return out + ")";
}

Table load_npy(const SweepSpec& spec, Fields& fields, PrepareOptions& options) {
  const Value& files = *fields.find("npy");
  if (!files.is_map()) throw fields.error("npy", "must name two files", "write npy: {inputs: x.npy, targets: y.npy}");
  Fields inner(files, spec.trial.at("dataset").where, "trial.dataset.npy");
  const std::string inputs_path =
      resolve(spec, inner.needed_text("inputs", "name the NPY file with one example a row"));
  const std::string targets_path =
      resolve(spec, inner.needed_text("targets", "name the NPY file with one target an example"));
  inner.refuse_unknown();
  options.task = read_task(fields);
  fields.refuse_unknown();

  const NpyArray inputs = read_npy(read_bytes(inputs_path), inputs_path);
  const NpyArray targets = read_npy(read_bytes(targets_path), targets_path);
  if (inputs.shape.empty() || inputs.values.empty()) {
    throw DataError(inputs_path + ": shape " + shape_text(inputs.shape) + " holds no examples; the data set is empty");
  }
  const int64_t n = inputs.shape[0];
  if (static_cast<int64_t>(targets.values.size()) != n || targets.shape.empty() || targets.shape[0] != n) {
    throw DataError(targets_path + ": shape " + shape_text(targets.shape) + " does not go with inputs of shape " +
                    shape_text(inputs.shape) + "; there must be one target an example, (" + std::to_string(n) + ",)");
  }
  for (const auto* array : {&inputs, &targets}) {
    const auto bad = std::find_if(array->values.begin(), array->values.end(), [](double v) { return std::isinf(v); });
    if (bad == array->values.end()) continue;
    const int64_t width = static_cast<int64_t>(array->values.size()) / n;
    const int64_t at = bad - array->values.begin();
    throw DataError((array == &inputs ? inputs_path : targets_path) + ": row " + std::to_string(at / width) +
                    ", column " + std::to_string(at % width) +
                    " (from 0) is infinite; correct it, or use NaN where a value is missing");
  }
  Table table;
  table.name = inputs_path;
  table.n_rows = n;
  table.file_rows = {n};
  const int64_t width = static_cast<int64_t>(inputs.values.size()) / n;
  for (int64_t c = 0; c < width; ++c) {
    Column& column = table.columns.emplace_back();
    column.name = std::string("x") + std::to_string(c);
    column.numbers.reserve(static_cast<size_t>(n));
    for (int64_t row = 0; row < n; ++row) column.numbers.push_back(inputs.values[static_cast<size_t>(row * width + c)]);
  }
  options.target = "y";
  Column& target = table.columns.emplace_back();
  target.name = options.target;
  target.numbers = targets.values;
  return table;
}

Table load_embedded(const std::string& name, const SourceLocation& where, PrepareOptions& options) {
  std::vector<std::string> known;
  for (const auto& each : embedded_data_sets()) {
    known.push_back(each.name);
    if (each.name != name) continue;
    CsvOptions csv;
    csv.target = options.target = each.target;
    return read_csv({{name, gunzip(each.gzip, name)}}, csv);
  }
  throw InputError(where, "trial.dataset", "there is no data set '" + name + "'",
                   cure_for(name, known, "Built in are") + "; a file is {csv: path, target: column}");
}

std::string with_commas(int64_t n) {
  std::string out = std::to_string(n);
  for (auto at = static_cast<int64_t>(out.size()) - 3; at > 0; at -= 3) out.insert(static_cast<size_t>(at), 1, ',');
  return out;
}

std::vector<std::string> describe(const LoadedData& loaded, const PrepareOptions& options) {
  const PreparedData& data = loaded.data;
  std::string sizes = "data " + loaded.name + ": " + with_commas(data.n_inputs()) + " inputs, ";
  sizes += data.task == TaskKind::kClassification ? std::to_string(data.classes.size()) + " classes" : "regression";
  sizes += "; " + with_commas(data.train.size) + " examples to train, " + with_commas(data.validation.size) +
           " to validate, " + with_commas(data.test.size) + " to test";
  std::vector<std::string> notes{sizes};
  if (data.n_dropped > 0) {
    notes.push_back("data " + loaded.name + ": " + with_commas(data.n_dropped) + " rows without a value of '" +
                    options.target + "' are left out");
  }
  return notes;
}

}  // namespace

const std::vector<std::string>& data_setting_names() {
  static const std::vector<std::string> names = {"dataset", "validation_fraction", "test_fraction", "split_seed"};
  return names;
}

LoadedData load_data(const SweepSpec& spec) {
  for (const auto& name : data_setting_names()) {
    if (const auto column = spec.search_space.find(name)) {
      throw InputError(spec.search_space[*column].where, "search_space." + name,
                       "a sweep trains on one data set, split one way", "give it as a constant under `trial:`");
    }
  }
  const Setting* setting = find_setting(spec, "dataset");
  if (setting == nullptr) throw InputError({spec.file, 0, 0}, "trial.dataset", "is needed but not given", kHowToName);
  PrepareOptions options;
  options.split = read_split(spec);
  LoadedData loaded;
  Table table;
  if (setting->value.is_text()) {
    loaded.name = setting->value.as_text();
    table = load_embedded(loaded.name, setting->where, options);
  } else if (setting->value.is_map()) {
    Fields fields(setting->value, setting->where, "trial.dataset");
    table = fields.has("npy") ? load_npy(spec, fields, options) : load_csv(spec, fields, options);
    loaded.name = std::filesystem::path(table.name).filename().string();
  } else {
    throw InputError(setting->where, "trial.dataset", setting->value.to_json() + " is not a data set", kHowToName);
  }
  loaded.data = prepare(table, options);
  loaded.notes = describe(loaded, options);
  return loaded;
}

}  // namespace lockstep::models
