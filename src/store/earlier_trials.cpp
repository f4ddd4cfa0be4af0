#include "store/earlier_trials.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include <lockstep/error.h>

#include "core/prior_sweep.h"

namespace lockstep {

namespace {

namespace fs = std::filesystem;

/// What importers call a metric that their record has no name for.
constexpr const char* kNoName = "value";

/// Constants of an earlier sweep's training; none where its file cannot be read any more.
std::map<std::string, Setting> settings_of(const SweepRecord& record) {
  if (record.is_imported()) return {};
  try {
    return parse_sweep(record.spec_text, record.spec_file).trial;
  } catch (const Error&) {
    return {};
  }
}

/// What a record's trials reported, as far as these are reports of intervals. An import gives a trial of which it knows the
/// value alone that as its only report, which must not be compared with what others have after one interval.
std::vector<double> reports_of(const EarlierSweep& sweep, const TrialRecord& trial, int64_t longest) {
  const auto found = sweep.reports.find(trial.number);
  if (found == sweep.reports.end()) return {};
  const bool is_value_alone = sweep.record.is_imported() && trial.n_intervals == 1 &&
                              (longest == 1 || trial.state == TrialState::kFinished);
  if (is_value_alone) return {};
  std::vector<double> reports = found->second;
  // A sweep that runs may have reported more since its trials were read.
  reports.resize(std::min(reports.size(), static_cast<size_t>(trial.n_intervals)));
  for (double& each : reports) {
    if (!std::isfinite(each)) each = std::numeric_limits<double>::quiet_NaN();
  }
  return reports;
}

/// Of `sweep`, which must outlive it.
PriorSweep prior(const EarlierSweep& sweep) {
  const SweepRecord& record = sweep.record;
  PriorSweep out{.name = record.directory, .option = "--warm-start", .space = record.search_space};
  out.settings = settings_of(record);
  out.objective = {record.goal, record.primary_metric, {}};
  out.has_metric_name = !(record.is_imported() && record.primary_metric == kNoName);
  out.has_ended = record.end != RecordedEnd::kNone;
  int64_t longest = 0;
  for (const TrialRecord& trial : record.trials) longest = std::max(longest, trial.n_intervals);
  for (const TrialRecord& trial : record.trials) {
    out.trials.push_back({trial.number, trial.hyperparameters, reports_of(sweep, trial, longest), trial.value, trial.state,
                          trial.n_exploits_before_best()});
  }
  return out;
}

}  // namespace

std::vector<EarlierSweep> load_earlier_sweeps(const std::vector<std::string>& directories, const SweepSpec& spec) {
  std::vector<EarlierSweep> out;
  std::set<fs::path> seen;
  for (const std::string& directory : directories) {
    std::error_code ignored;
    if (fs::is_regular_file(directory, ignored)) {
      throw OutputError(directory + ": it is a file; read a study or a CSV of trials by `lockstep import " + directory +
                        " -o DIR`, and name DIR");
    }
    EarlierSweep sweep{load_results(directory), load_reports(directory)};
    if (!seen.insert(fs::weakly_canonical(directory, ignored)).second) {
      throw InputError({directory}, "--warm-start", "is named twice, and its trials would count twice", "name it once");
    }
    check_objective(prior(sweep), spec.objective);
    out.push_back(std::move(sweep));
  }
  return out;
}

WarmStart match_earlier_trials(const std::vector<EarlierSweep>& sweeps, const SweepSpec& spec,
                               std::optional<int64_t> n_intervals) {
  std::vector<PriorSweep> priors;
  for (const EarlierSweep& sweep : sweeps) priors.push_back(prior(sweep));
  return learn_from(priors, spec, n_intervals);
}

}  // namespace lockstep
