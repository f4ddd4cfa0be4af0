#include <lockstep/models/dataset.h>

#include <cmath>
#include <filesystem>

#include "models/data/bytes.h"
#include "models/data/csv.h"
#include "models/data/embedded.h"
#include "models/data/formats.h"
#include "models/data/text.h"

namespace lockstep::models {

namespace {

constexpr const char* kHowToName =
    "name a built-in one (digits, letter, california, genesis) or a file: {csv: path, target: column}; also {npy: ...}, "
    "{npz: ...}, {idx: ...}, {cifar: ...}, {text: path}";

constexpr int64_t kContext = 64;  // characters that a language model sees, unless the file says so

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

PreparedData load_embedded(const std::string& name, const SourceLocation& where, PrepareOptions& options) {
  std::vector<std::string> known;
  for (const auto& each : embedded_data_sets()) {
    known.push_back(each.name);
    if (each.name != name) continue;
    const std::string content = gunzip(each.gzip, name);
    if (each.target.empty()) return prepare_text(content, kContext, options.split, name);
    CsvOptions csv;
    csv.target = options.target = each.target;
    return prepare(read_csv({{name, content}}, csv), options);
  }
  throw InputError(where, "trial.dataset", "there is no data set '" + name + "'",
                   cure_for(name, known, "Built in are") + "; a file is {csv: path, target: column}");
}

std::string with_commas(int64_t n) {
  std::string out = std::to_string(n);
  for (auto at = static_cast<int64_t>(out.size()) - 3; at > 0; at -= 3) out.insert(static_cast<size_t>(at), 1, ',');
  return out;
}

std::string describe_examples(const PreparedData& data) {
  const auto& shape = data.input_shape;
  const auto count = [](int64_t n, const char* what) { return with_commas(n) + " " + what; };
  if (data.task == TaskKind::kLanguage) {
    return "text of " + count(static_cast<int64_t>(data.classes.size()), "different characters, windows of ") +
           std::to_string(shape[0]);
  }
  if (shape.size() == 1) return count(shape[0], "inputs");
  std::string sizes;
  for (const auto size : shape) sizes += (sizes.empty() ? "" : "x") + std::to_string(size);
  return "inputs of " + sizes;
}

std::vector<std::string> describe(const LoadedData& loaded, const PrepareOptions& options) {
  const PreparedData& data = loaded.data;
  std::string sizes = "data " + loaded.name + ": " + describe_examples(data);
  if (data.task == TaskKind::kClassification) sizes += ", " + std::to_string(data.classes.size()) + " classes";
  if (data.task == TaskKind::kRegression) sizes += ", regression";
  sizes += "; " + with_commas(data.train.size) + (data.task == TaskKind::kLanguage ? " windows" : " examples") +
           " to train, " + with_commas(data.validation.size) + " to validate, " + with_commas(data.test.size) +
           " to test";
  std::vector<std::string> notes{sizes};
  if (data.n_dropped > 0) {
    notes.push_back("data " + loaded.name + ": " + with_commas(data.n_dropped) + " rows without a value of '" +
                    (options.target.empty() ? "targets" : options.target) + "' are left out");
  }
  if (data.n_unknown > 0) {
    notes.push_back("data " + loaded.name + ": " + with_commas(data.n_unknown) +
                    " characters of the other parts are not in the training part; they count as one, (unknown)");
  }
  return notes;
}

PreparedData load_files(const SweepSpec& spec, Fields& fields, PrepareOptions& options, std::string& name) {
  if (fields.has("text")) return load_text(spec, fields, options, name);
  for (const auto& format : array_formats()) {
    if (fields.has(format)) return load_arrays(spec, format, fields, options, name);
  }
  return load_csv(spec, fields, options, name);
}

}  // namespace

std::string resolve(const SweepSpec& spec, const std::string& path) {
  const std::filesystem::path given(path);
  if (given.is_absolute() || spec.file.empty()) return path;
  return (std::filesystem::path(spec.file).parent_path() / given).string();
}

void read_common(Fields& fields, PrepareOptions& options) {
  const std::string task = fields.text("task", "");
  if (task == "classification") {
    options.task = TaskKind::kClassification;
  } else if (task == "regression") {
    options.task = TaskKind::kRegression;
  } else if (!task.empty()) {
    throw fields.error("task", "'" + task + "' is not a task",
                       cure_for(task, {"classification", "regression"}, "The tasks are"));
  }
  options.n_examples = fields.count("examples", 0);
}

PreparedData load_text(const SweepSpec& spec, Fields& fields, const PrepareOptions& options, std::string& name) {
  const std::string path = resolve(spec, fields.text("text", ""));
  const int64_t context = fields.count("context", kContext);
  fields.refuse_unknown();
  name = path;
  return prepare_text(read_bytes(path), context, options.split, path);
}

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
  if (setting->value.is_text()) {
    loaded.name = setting->value.as_text();
    loaded.data = load_embedded(loaded.name, setting->where, options);
  } else if (setting->value.is_map()) {
    Fields fields(setting->value, setting->where, "trial.dataset");
    std::string path;
    loaded.data = load_files(spec, fields, options, path);
    loaded.name = std::filesystem::path(path).filename().string();
  } else {
    throw InputError(setting->where, "trial.dataset", setting->value.to_json() + " is not a data set", kHowToName);
  }
  loaded.notes = describe(loaded, options);
  return loaded;
}

LoadedData load_dataset(const Value& dataset) {
  SweepSpec spec;
  spec.trial["dataset"].value = dataset;
  return load_data(spec);
}

}  // namespace lockstep::models
