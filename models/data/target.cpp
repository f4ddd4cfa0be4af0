#include "models/data/target.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include <lockstep/error.h>

namespace lockstep::models {

namespace {

constexpr size_t kMostWholeNumberClasses = 50;

bool looks_like_classes(const Column& column, const std::vector<int64_t>& rows) {
  std::set<double> different;
  for (const auto row : rows) {
    const double value = column.numbers[static_cast<size_t>(row)];
    if (value != std::floor(value)) return false;
    different.insert(value);
    if (different.size() > kMostWholeNumberClasses) return false;
  }
  return true;
}

std::string number_text(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  return std::string(text, end);
}

/// Renumbers the categories that occur, in ascending order of their names.
void label_texts(const Column& column, Target& target) {
  std::map<std::string, int64_t> index;
  for (const auto row : target.rows) {
    index[column.categories[static_cast<size_t>(column.codes[static_cast<size_t>(row)])]];
  }
  for (auto& [text, i] : index) {
    i = static_cast<int64_t>(target.classes.size());
    target.classes.push_back(text);
  }
  std::vector<int64_t> of_code;
  for (const auto& text : column.categories) of_code.push_back(index.count(text) != 0 ? index.at(text) : -1);
  for (const auto row : target.rows) {
    target.labels.push_back(of_code[static_cast<size_t>(column.codes[static_cast<size_t>(row)])]);
  }
}

void label_numbers(const Column& column, Target& target) {
  std::map<double, int64_t> index;
  for (const auto row : target.rows) index[column.numbers[static_cast<size_t>(row)]];
  for (auto& [value, i] : index) {
    i = static_cast<int64_t>(target.classes.size());
    target.classes.push_back(number_text(value));
  }
  for (const auto row : target.rows) target.labels.push_back(index.at(column.numbers[static_cast<size_t>(row)]));
}

}  // namespace

Target read_target(const Column& column, std::optional<TaskKind> task, const std::string& name) {
  const std::string place = name + ": target '" + column.name + "'";
  Target target;
  const auto n_rows = static_cast<int64_t>(column.is_text ? column.codes.size() : column.numbers.size());
  for (int64_t row = 0; row < n_rows; ++row) {
    const auto i = static_cast<size_t>(row);
    if (column.is_text ? column.codes[i] >= 0 : !std::isnan(column.numbers[i])) target.rows.push_back(row);
  }
  if (target.rows.empty()) throw DataError(place + " has no values; name a column that has, with `target:`");
  if (task == TaskKind::kRegression && column.is_text) {
    throw DataError(place + " is text ('" + column.categories.front() +
                    "'), but `task: regression` needs numbers; say `task: classification`, or correct the column");
  }
  const bool classes = column.is_text || looks_like_classes(column, target.rows);
  target.task = task.value_or(classes ? TaskKind::kClassification : TaskKind::kRegression);
  if (target.task == TaskKind::kRegression) {
    for (const auto row : target.rows) target.values.push_back(column.numbers[static_cast<size_t>(row)]);
    return target;
  }
  column.is_text ? label_texts(column, target) : label_numbers(column, target);
  if (target.classes.size() < 2) {
    throw DataError(place + " has only one class ('" + target.classes.front() + "'); classification needs two");
  }
  return target;
}

}  // namespace lockstep::models
