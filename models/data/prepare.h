#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <lockstep/models/dataset.h>

#include "models/data/split.h"
#include "models/data/table.h"

namespace lockstep::models {

/// The part of the data that a file is for.
enum class FileRole { kSplit, kTrain, kValidation, kTest };

struct PrepareOptions {
  std::string target;              ///< of a table: the column
  std::optional<TaskKind> task;    ///< absent: inferred
  SplitOptions split;
  std::vector<FileRole> roles;     ///< of each file; empty: all are split
  int64_t n_examples = 0;          ///< of what is split, this many are taken at random; 0: all
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
