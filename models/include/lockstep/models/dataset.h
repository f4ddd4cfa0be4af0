#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <lockstep/sweep_spec.h>
#include <lockstep/value.h>

namespace lockstep::models {

/// What is predicted: a class, a number, or each next character of a text.
enum class TaskKind { kClassification, kRegression, kLanguage };

/// One part of a data set, ready for training, in host memory.
struct PreparedPart {
  std::vector<float> inputs;    ///< [n, input_shape...] row-major; none with language
  std::vector<int64_t> tokens;  ///< language: [n, context], characters by their index
  std::vector<int64_t> labels;  ///< classification: [n], class index; language: [n, context], each next character
  std::vector<float> targets;   ///< regression: [n], standardised
  int64_t size = 0;
};

struct PreparedData {
  TaskKind task = TaskKind::kClassification;
  /// Of one example: {n_inputs} of a table, {channels, height, width} of images, {steps, features} of sequences, {context}
  /// of a text; arrays with more dimensions keep theirs.
  std::vector<int64_t> input_shape;
  std::vector<std::string> input_names;  ///< tables: one an input column; "colour=red" for a category
  std::vector<std::string> classes;      ///< classification: names, by index; language: characters (UTF-8)
  double target_mean = 0;                ///< regression: original = standardised * target_std + target_mean
  double target_std = 1;
  PreparedPart train;
  PreparedPart validation;
  PreparedPart test;  ///< empty when nothing is set aside for it
  int64_t n_dropped = 0;  ///< rows without a target
  int64_t n_unknown = 0;  ///< language: characters that the training part has none of
  /// Numbers of one example.
  int64_t n_inputs() const {
    int64_t out = 1;
    for (const auto size : input_shape) out *= size;
    return out;
  }
};

/// A data set as a sweep's `trial:` block asks for it.
struct LoadedData {
  std::string name;
  PreparedData data;
  std::vector<std::string> notes;  ///< what a user should know: sizes, how the task was inferred, rows dropped
};

/// The names of `trial:` that `load_data` looks at. Constants: a sweep trains on one data set.
const std::vector<std::string>& data_setting_names();

/// Loads what `trial.dataset` names, split by `validation_fraction` (0.2), `test_fraction` (0.2) and `split_seed` (0):
///
///     dataset: digits                                             # or letter, california; genesis, a text
///     dataset: {csv: wine.csv, target: quality}                   # split by the fractions
///     dataset: {train: a.csv, test: b.csv, target: label}         # also validation:
///     dataset: {npy: {inputs: x.npy, targets: y.npy}}             # also validation: and test:, maps like it
///     dataset: {npz: {file: data.npz, inputs: x, targets: y}}
///     dataset: {idx: {inputs: images.idx.gz, targets: labels.idx.gz}, examples: 10000}
///     dataset: {cifar: [data_batch_1.bin, data_batch_2.bin], test: test_batch.bin}
///     dataset: {text: book.txt, context: 64}
///
/// Everything that is learnt from data here (means, deviations, medians, categories, the vocabulary) is learnt from the
/// training part. docs/sweep-file.md says what else each format takes. Files may be gzipped; relative paths start at
/// the sweep file's folder. Throws InputError for a setting, DataError for a file.
LoadedData load_data(const SweepSpec& spec);

/// The same for a program that has no sweep file: `Value("digits")`, or a map with the entries above; relative paths start
/// at the working directory. `to_tensors` (supervised_task.h) makes a DataSet of it.
LoadedData load_dataset(const Value& dataset);

}  // namespace lockstep::models
