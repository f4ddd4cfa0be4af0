#include "models/data/parts.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <lockstep/error.h>

namespace lockstep::models {

Moments moments_of(const std::vector<double>& values) {
  Moments out;
  if (values.empty()) return out;
  for (const double value : values) out.mean += value;
  out.mean /= static_cast<double>(values.size());
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  if (*low == *high) return out;  // rounding of the mean must not make a constant look as if it varied
  for (const double value : values) out.std += (value - out.mean) * (value - out.mean);
  out.std = std::sqrt(out.std / static_cast<double>(values.size()));
  return out;
}

namespace {

std::vector<int64_t> take_examples(const std::vector<int64_t>& all, const PrepareOptions& options,
                                   const std::string& name) {
  const auto n = static_cast<int64_t>(all.size());
  if (options.n_examples > n) {
    throw DataError(name + ": `examples: " + std::to_string(options.n_examples) + "` asks for more than the " +
                    std::to_string(n) + " that there are; give at most as many, or leave it out");
  }
  std::vector<int64_t> out;
  for (const auto i : sample_rows(n, options.n_examples, options.split.seed)) out.push_back(all[static_cast<size_t>(i)]);
  return out;
}

/// As `choose_parts`, but parts may be empty.
Split assign(const std::string& name, const std::vector<int64_t>& file_rows, const Target& target,
             const PrepareOptions& options) {
  std::vector<FileRole> roles = options.roles;
  if (roles.empty()) roles.assign(std::max<size_t>(1, file_rows.size()), FileRole::kSplit);
  SplitOptions split_options = options.split;
  const auto given = [&](FileRole role) { return std::find(roles.begin(), roles.end(), role) != roles.end(); };
  if (given(FileRole::kTest)) split_options.test_fraction = 0;

  Split parts;
  std::vector<int64_t> to_split;
  size_t file = 0;
  int64_t file_end = file_rows.empty() ? std::numeric_limits<int64_t>::max() : file_rows.front();
  for (size_t i = 0; i < target.rows.size(); ++i) {
    while (target.rows[i] >= file_end) file_end += file_rows[++file];
    const FileRole role = roles[file];
    auto& part = role == FileRole::kTest ? parts.test : role == FileRole::kValidation ? parts.validation : to_split;
    part.push_back(static_cast<int64_t>(i));
  }
  if (options.n_examples > 0) to_split = take_examples(to_split, options, name);
  if (given(FileRole::kValidation) && split_options.test_fraction == 0) {
    parts.train = std::move(to_split);
    return parts;
  }
  // A validation file, but none for the test: what is split off is the test part.
  const bool test_only = given(FileRole::kValidation);
  if (test_only) {
    split_options.validation_fraction = split_options.test_fraction;
    split_options.test_fraction = 0;
  }

  Split split;
  if (target.task == TaskKind::kClassification) {
    std::vector<int64_t> labels;
    for (const auto i : to_split) labels.push_back(target.labels[static_cast<size_t>(i)]);
    split = split_stratified(labels, target.classes, split_options, name);
  } else {
    split = split_rows(static_cast<int64_t>(to_split.size()), split_options, name);
  }
  const auto take = [&](const std::vector<int64_t>& chosen, std::vector<int64_t>& part) {
    for (const auto i : chosen) part.push_back(to_split[static_cast<size_t>(i)]);
  };
  take(split.train, parts.train);
  take(split.validation, test_only ? parts.test : parts.validation);
  take(split.test, parts.test);
  return parts;
}

}  // namespace

Split choose_parts(const std::string& name, const std::vector<int64_t>& file_rows, const Target& target,
                   const PrepareOptions& options) {
  Split parts = assign(name, file_rows, target, options);
  if (parts.train.empty() || parts.validation.empty()) {
    throw DataError(name + ": the " + (parts.train.empty() ? "training" : "validation") +
                    " part is empty; no row of its file has a value of the target");
  }
  return parts;
}

void fit_target(const Target& target, const std::vector<int64_t>& train, const std::string& name,
                const std::string& target_name, PreparedData& out) {
  out.task = target.task;
  out.classes = target.classes;
  if (target.task != TaskKind::kRegression) return;
  std::vector<double> values;
  for (const auto i : train) values.push_back(target.values[static_cast<size_t>(i)]);
  const Moments moments = moments_of(values);
  if (moments.std == 0) {
    throw DataError(name + ": target '" + target_name + "' is " + std::to_string(moments.mean) +
                    " in the whole training part; there is nothing to learn");
  }
  out.target_mean = moments.mean;
  out.target_std = moments.std;
}

void encode_targets(const Target& target, const std::vector<int64_t>& part, const PreparedData& fitted,
                    PreparedPart& out) {
  out.size = static_cast<int64_t>(part.size());
  for (const auto i : part) {
    if (target.task == TaskKind::kClassification) {
      out.labels.push_back(target.labels[static_cast<size_t>(i)]);
    } else {
      const double value = target.values[static_cast<size_t>(i)];
      out.targets.push_back(static_cast<float>((value - fitted.target_mean) / fitted.target_std));
    }
  }
}

}  // namespace lockstep::models
