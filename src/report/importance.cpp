#include "report/importance.h"

#include <algorithm>
#include <numeric>

#include "report/forest.h"

namespace lockstep {

namespace {

/// From 0 to 1, the same for equal values.
std::vector<double> ranks(const std::vector<const TrialRecord*>& trials) {
  std::vector<size_t> order(trials.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return *trials[a]->value < *trials[b]->value; });
  std::vector<double> result(trials.size());
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && *trials[order[end]]->value == *trials[order[begin]]->value) ++end;
    for (size_t i = begin; i < end; ++i) {
      result[order[i]] = static_cast<double>(begin + end) / static_cast<double>(2 * order.size());
    }
  }
  return result;
}

ForestColumn column_of(const Distribution& distribution, size_t param, const std::vector<const TrialRecord*>& trials) {
  if (distribution.spec.kind != DistributionKind::kChoice) {
    std::vector<double> values;
    for (const TrialRecord* trial : trials) values.push_back(trial->hyperparameters[param].as_real());
    return ordered_column(values);
  }
  const auto& choices = distribution.values;
  const bool all_numbers = std::all_of(choices.begin(), choices.end(), [](const Value& value) { return value.is_number(); });
  if (all_numbers && choices.size() > kMaxForestBins) {
    std::vector<double> values;
    for (const TrialRecord* trial : trials) values.push_back(trial->hyperparameters[param].as_real());
    return ordered_column(values);
  }
  std::vector<int64_t> categories;
  for (const TrialRecord* trial : trials) {
    categories.push_back(std::find(choices.begin(), choices.end(), trial->hyperparameters[param]) - choices.begin());
  }
  return category_column(categories, static_cast<int64_t>(choices.size()) + 1);  // the last: none of them
}

}  // namespace

Importance hyperparameter_importance(const SweepRecord& record) {
  Importance result;
  std::vector<const TrialRecord*> trials;
  for (const TrialRecord& trial : record.trials) {
    if (trial.value) trials.push_back(&trial);
  }
  result.n_trials = static_cast<int64_t>(trials.size());
  result.n_left_out = static_cast<int64_t>(record.trials.size() - trials.size());
  if (result.n_trials < kImportanceMinTrials) {
    result.reason = "it takes " + std::to_string(kImportanceMinTrials) + " trials with a finite " + record.primary_metric +
                    ", and there are " + std::to_string(result.n_trials);
    return result;
  }
  std::vector<ForestColumn> columns;
  for (int64_t param = 0; param < record.search_space.n_params(); ++param) {
    columns.push_back(column_of(record.search_space[param].distribution, static_cast<size_t>(param), trials));
  }
  const ForestVariance forest = forest_variance(columns, ranks(trials));
  if (forest.total <= 0) {
    result.reason = "no hyperparameter changed the " + record.primary_metric;
    return result;
  }
  double sum = 0;
  for (const double variance : forest.of_columns) sum += variance / forest.total;
  // The total is of a sample: where nothing is left for what they explain together, the shares could exceed it a little.
  const double scale = 1 / (forest.total * std::max(1.0, sum));
  for (size_t param = 0; param < columns.size(); ++param) {
    result.shares.push_back({record.search_space[static_cast<int64_t>(param)].name, forest.of_columns[param] * scale});
  }
  std::stable_sort(result.shares.begin(), result.shares.end(),
                   [](const Importance::Share& a, const Importance::Share& b) { return a.share > b.share; });
  result.together = std::max(0.0, 1 - sum);
  result.held_out_r2 = forest.held_out_r2;
  return result;
}

}  // namespace lockstep
