#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "models/data/arrays.h"
#include "models/data/bytes.h"
#include "models/data/cifar.h"
#include "models/data/formats.h"
#include "models/data/idx.h"
#include "models/data/npy.h"
#include "models/data/zip.h"

namespace lockstep::models {

namespace {

/// Inputs and targets as one file, or a pair of them, holds them.
struct Loaded {
  std::string inputs_name;
  std::string targets_name;
  Array inputs;
  Array targets;
};

Array array_of(NpyArray npy) { return {std::move(npy.shape), {}, std::move(npy.values)}; }

constexpr const char* kName[] = {"name the file with one example a row", "name the file with one target an example"};

Loaded load_npy(const SweepSpec& spec, Fields& fields) {
  Loaded out;
  out.inputs_name = resolve(spec, fields.needed_text("inputs", kName[0]));
  out.targets_name = resolve(spec, fields.needed_text("targets", kName[1]));
  fields.refuse_unknown();
  out.inputs = array_of(read_npy(read_bytes(out.inputs_name), out.inputs_name));
  out.targets = array_of(read_npy(read_bytes(out.targets_name), out.targets_name));
  return out;
}

Loaded load_idx(const SweepSpec& spec, Fields& fields) {
  Loaded out;
  out.inputs_name = resolve(spec, fields.needed_text("inputs", kName[0]));
  out.targets_name = resolve(spec, fields.needed_text("targets", kName[1]));
  fields.refuse_unknown();
  out.inputs = read_idx(read_bytes(out.inputs_name), out.inputs_name);
  out.targets = read_idx(read_bytes(out.targets_name), out.targets_name);
  return out;
}

/// @param first_file of the sweep's training data, which a map without `file` means too
Loaded load_npz(const SweepSpec& spec, Fields& fields, std::string& first_file) {
  const std::string given = fields.text("file", first_file);
  if (given.empty()) throw fields.error("file", "is needed but not given", "name the NPZ file");
  if (first_file.empty()) first_file = given;
  const std::string inputs = fields.needed_text("inputs", "name the file's array with one example a row");
  const std::string targets = fields.needed_text("targets", "name the file's array with one target an example");
  fields.refuse_unknown();
  const std::string path = resolve(spec, given);
  const std::string bytes = read_bytes(path);
  const ZipReader zip(bytes, path);
  const auto read = [&](const std::string& array) {
    const auto& members = zip.names();
    const std::string member = array + ".npy";
    if (std::find(members.begin(), members.end(), member) == members.end()) {
      std::vector<std::string> arrays;
      for (const auto& each : members) arrays.push_back(each.ends_with(".npy") ? each.substr(0, each.size() - 4) : each);
      throw DataError(path + ": has no array '" + array + "'; " + cure_for(array, arrays, "it has"));
    }
    return array_of(read_npy(zip.read(member), path + ", " + array));
  };
  return {path + ", " + inputs, path + ", " + targets, read(inputs), read(targets)};
}

Loaded load_cifar(const SweepSpec& spec, const std::string& path, CifarLabel label) {
  const std::string resolved = resolve(spec, path);
  CifarImages images = read_cifar(read_bytes(resolved), label, resolved);
  const auto n = static_cast<int64_t>(images.labels.size());
  return {resolved, resolved, std::move(images.images), {{n}, {}, std::move(images.labels)}};
}

void check(const Loaded& loaded) {
  const auto& [inputs_name, targets_name, inputs, targets] = loaded;
  if (inputs.shape.empty() || inputs.size() == 0) {
    throw DataError(inputs_name + ": shape " + shape_text(inputs.shape) + " holds no examples; the data set is empty");
  }
  const int64_t n = inputs.shape[0];
  if (static_cast<int64_t>(targets.size()) != n || targets.shape.empty() || targets.shape[0] != n) {
    throw DataError(targets_name + ": shape " + shape_text(targets.shape) + " does not go with inputs of shape " +
                    shape_text(inputs.shape) + "; there must be one target an example, (" + std::to_string(n) + ",)");
  }
  for (const auto& [array, name] : {std::pair{&inputs, &inputs_name}, std::pair{&targets, &targets_name}}) {
    const auto bad =
        std::find_if(array->numbers.begin(), array->numbers.end(), [](double value) { return std::isinf(value); });
    if (bad == array->numbers.end()) continue;
    const int64_t width = static_cast<int64_t>(array->size()) / n;
    const int64_t at = bad - array->numbers.begin();
    throw DataError(*name + ": row " + std::to_string(at / width) + ", column " + std::to_string(at % width) +
                    " (from 0) is infinite; correct it, or use NaN where a value is missing");
  }
}

/// An array's numbers, which are taken from it. Its shape stays.
std::vector<double> take_numbers(Array& array) {
  if (array.bytes.empty()) return std::move(array.numbers);
  std::vector<double> out(array.size());
  for (size_t i = 0; i < out.size(); ++i) out[i] = array[i];
  return out;
}

/// Behind what is there already.
void append(Loaded loaded, Examples& all) {
  check(loaded);
  Array& inputs = loaded.inputs;
  const int64_t n = inputs.shape[0];
  all.file_rows.push_back(n);
  const auto targets = take_numbers(loaded.targets);
  all.targets.insert(all.targets.end(), targets.begin(), targets.end());
  if (all.inputs.shape.empty()) {
    all.name = loaded.inputs_name;
    all.inputs = std::move(inputs);
    return;
  }
  if (!std::equal(inputs.shape.begin() + 1, inputs.shape.end(), all.inputs.shape.begin() + 1, all.inputs.shape.end())) {
    throw DataError(loaded.inputs_name + ": shape " + shape_text(inputs.shape) + " does not go with " +
                    shape_text(all.inputs.shape) + " of " + all.name + "; examples must have the same shape in all files");
  }
  all.inputs.shape[0] += n;
  if (all.inputs.bytes.empty() || inputs.bytes.empty()) {
    all.inputs.numbers = take_numbers(all.inputs);
    all.inputs.bytes.clear();
    const auto numbers = take_numbers(inputs);
    all.inputs.numbers.insert(all.inputs.numbers.end(), numbers.begin(), numbers.end());
  } else {
    all.inputs.bytes += inputs.bytes;
  }
}

/// A column an input, for arrays [n] and [n, n_inputs].
Table table_of(const Examples& examples) {
  Table table;
  table.name = examples.name;
  table.n_rows = examples.inputs.shape[0];
  table.file_rows = examples.file_rows;
  const auto n = static_cast<size_t>(table.n_rows);
  const size_t width = examples.inputs.size() / n;
  for (size_t c = 0; c < width; ++c) {
    Column& column = table.columns.emplace_back();
    column.name = "x" + std::to_string(c);
    column.numbers.reserve(n);
    for (size_t row = 0; row < n; ++row) column.numbers.push_back(examples.inputs[row * width + c]);
  }
  Column& target = table.columns.emplace_back();
  target.name = "y";
  target.numbers = examples.targets;
  return table;
}

/// Of the inputs' dimensions, where `layout` is not given: an IDX file of three dimensions holds images, an array of three
/// sequences; four are images everywhere. Gives images without channels one.
void choose_layout(const std::string& format, Fields& fields, Examples& examples) {
  auto& shape = examples.inputs.shape;
  const size_t by_dims = shape.size() == 4 || (shape.size() == 3 && format == "idx") ? 1 : shape.size() == 3 ? 3 : 0;
  const std::vector<std::string> names{"other", "images", "channels_last", "sequences"};  // Layout's order
  const size_t chosen = fields.one_of("layout", names, by_dims);
  const size_t wanted[][2] = {{1, SIZE_MAX}, {3, 4}, {4, 4}, {3, 3}};
  if (shape.size() < wanted[chosen][0] || shape.size() > wanted[chosen][1]) {
    throw fields.error("layout", "'" + names[chosen] + "' does not go with inputs of shape " + shape_text(shape),
                       chosen == 1   ? "images are (n, height, width) or (n, channels, height, width)"
                       : chosen == 2 ? "such images are (n, height, width, channels)"
                                     : "sequences are (n, steps, features)");
  }
  examples.layout = static_cast<Layout>(chosen);
  if (examples.layout == Layout::kImages && shape.size() == 3) shape.insert(shape.begin() + 1, 1);
}

}  // namespace

const std::vector<std::string>& array_formats() {
  static const std::vector<std::string> names = {"npy", "npz", "idx", "cifar"};
  return names;
}

PreparedData load_arrays(const SweepSpec& spec, const std::string& format, Fields& fields, PrepareOptions& options,
                         std::string& name) {
  const bool cifar = format == "cifar";
  const auto label =
      cifar ? static_cast<CifarLabel>(fields.one_of("labels", {"only", "coarse", "fine"}, 0)) : CifarLabel::kOnly;
  Examples examples;
  std::string first_file;
  // Refuse fields before files are read, which may take long.
  const std::pair<std::string, FileRole> parts[] = {
      {format, FileRole::kSplit}, {"validation", FileRole::kValidation}, {"test", FileRole::kTest}};
  for (const auto& [part, role] : parts) {
    const Value* value = fields.find(part);
    if (value == nullptr || cifar || value->is_map()) continue;
    throw fields.error(part, value->to_json() + " does not name inputs and targets",
                       format == "npz" ? "write {file: data.npz, inputs: x, targets: y}, with the names of its arrays"
                                       : "write {inputs: x." + format + ", targets: y." + format + "}");
  }
  read_common(fields, options);
  if (!cifar) fields.find("layout");
  fields.refuse_unknown();

  for (const auto& [part, role] : parts) {
    const Value* value = fields.find(part);
    if (value == nullptr) continue;
    if (cifar) {
      for (const auto& path : fields.texts(part)) {
        append(load_cifar(spec, path, label), examples);
        options.roles.push_back(role);
      }
      if (examples.file_rows.empty()) throw fields.error(part, "names no files", "name one file or a list of them");
      continue;
    }
    Fields inner = fields.inner(part, *value);
    append(format == "npy"   ? load_npy(spec, inner)
           : format == "npz" ? load_npz(spec, inner, first_file)
                             : load_idx(spec, inner),
           examples);
    options.roles.push_back(role);
  }
  name = examples.name;
  if (examples.inputs.shape.size() < 3) {
    if (fields.has("layout")) choose_layout(format, fields, examples);
    options.target = "y";
    return prepare(table_of(examples), options);
  }
  if (cifar) {
    examples.layout = Layout::kImages;
  } else {
    choose_layout(format, fields, examples);
  }
  return prepare_examples(examples, options);
}

}  // namespace lockstep::models
