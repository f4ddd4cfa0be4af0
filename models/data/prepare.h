#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/data/split.h"
#include "models/data/table.h"

namespace lockstep::models {

enum class TaskKind { kClassification, kRegression };

/// The part of the data that a file is for.
enum class FileRole { kSplit, kTrain, kValidation, kTest };

struct PrepareOptions {
  std::string target;
  std::optional<TaskKind> task;    ///< absent: inferred
  SplitOptions split;
  std::vector<FileRole> roles;     ///< of each file of the table; empty: all are split
};

/// One part, ready for training.
struct PreparedPart {
  std::vector<float> inputs;    ///< [n, n_inputs] row-major
  std::vector<int64_t> labels;  ///< classification: [n], class index
  std::vector<float> targets;   ///< regression: [n], standardised
  int64_t size = 0;
};

struct PreparedData {
  TaskKind task = TaskKind::kClassification;
  std::vector<std::string> input_names;  ///< one an input column; "colour=red" for a category
  std::vector<std::string> classes;      ///< classification: names, by index
  double target_mean = 0;                ///< regression: original = standardised * target_std + target_mean
  double target_std = 1;
  PreparedPart train;
  PreparedPart validation;
  PreparedPart test;  ///< empty when nothing is set aside for it
  int64_t n_dropped = 0;  ///< rows without a target
  int64_t n_inputs() const { return static_cast<int64_t>(input_names.size()); }
};

/// Turns a table into numbers. Everything that is learnt from data here is learnt from the training part alone.
///
/// - The task, where not given: classification when the target is text, or whole numbers of at most 50 different
///   values; regression otherwise. Rows without a target are dropped.
/// - Parts: classification is split class by class. With a training file of its own, only that one is split, into
///   training and (unless a file is given for it) validation part; without a test file the test part comes from it too.
/// - Number columns: a missing value becomes the training part's median; then the training part's mean is taken off and
///   the result divided by its standard deviation. A constant column becomes 0.
/// - Text columns: one input of 0 or 1 for each category of the training part, missing values being a category of their
///   own where the training part has some. A category that only other parts have is all zeros.
/// - A regression target is standardised too; a class becomes its index in ascending order.
///
/// Throws DataError when there is nothing to train on: no input columns, none that varies, one class, a constant
/// target, too few rows.
PreparedData prepare(const Table& table, const PrepareOptions& options);

}  // namespace lockstep::models
