#include "torch/cohorts.h"

#include <algorithm>
#include <map>

#include <lockstep/error.h>

#include "torch/step_memory.h"

namespace lockstep {
namespace {

using Key = std::vector<double>;

/// The draws of one trial in some columns.
Key key_of(const Configurations& configurations, int64_t trial, const std::set<int64_t>& columns) {
  Key key;
  for (const auto column : columns) key.push_back(configurations.draw(trial, column));
  return key;
}

/// Builds a trial and trains it for one step.
std::unique_ptr<Tile> build_and_step(const TileSource& source, const DataPart& train, int64_t trial) {
  auto tile = std::make_unique<Tile>(source, std::vector<int64_t>{trial});
  tile->probe_step(train);
  if (tile->program().predict) tile->probe_prediction(train);  // otherwise it does what the step has done
  return tile;
}

/// A trial that has failed as a batch, for what `error` says, by itself. If it fails there too it is at fault otherwise,
/// and that first error is thrown.
std::unique_ptr<Tile> build_and_step_alone(const TileSource& source, const DataPart& train, int64_t trial,
                                           const c10::Error& error) {
  const std::set<int64_t> alone{trial};
  TileSource plain = source;
  plain.one_by_one = &alone;
  try {
    return build_and_step(plain, train, trial);
  } catch (const std::exception&) {
    throw error;
  }
}

/// Builds and steps one trial; fills in what the cohort is like.
void probe(const TileSource& source, const DataPart& train, int64_t trial, Cohort& cohort,
           std::set<std::string>& names_read) {
  std::unique_ptr<Tile> tile;
  cohort.trial_bytes = peak_memory_bytes([&] {
    try {
      tile = build_and_step(source, train, trial);
    } catch (const c10::OutOfMemoryError&) {
      throw;
    } catch (const c10::Error& error) {
      tile = build_and_step_alone(source, train, trial, error);
      const std::string reason = error.what_without_backtrace();
      cohort.one_by_one = reason.substr(0, reason.find('\n'));
    }
  });
  cohort.n_intervals = tile->program().n_intervals;
  cohort.steps_per_interval = tile->steps_per_interval();
  cohort.row_size = tile->row_size();
  cohort.row_bytes = tile->bytes();
  names_read.insert(tile->config().names_read().begin(), tile->config().names_read().end());
  cohort.structural = tile->config().structural_columns();
  cohort.key = key_of(source.configurations, trial, cohort.structural);
  for (const auto column : cohort.structural) {
    if (!cohort.description.empty()) cohort.description += ", ";
    cohort.description += source.configurations.space()[column].name + "=" +
                          source.configurations.value(trial, column).to_string();
  }
}

void refuse_unread_names(const TileSource& source, const std::set<std::string>& names_read) {
  const std::vector<std::string> known(names_read.begin(), names_read.end());
  const auto check = [&](const std::string& section, const std::string& name, const SourceLocation& where) {
    if (names_read.count(name) != 0) return;
    const std::string near = nearest_name(name, known);
    std::string cure = near.empty() ? "it reads" : "did you mean '" + near + "'? It reads";
    for (const auto& each : known) cure += (each == known.front() ? " " : ", ") + each;
    throw InputError(where, section + "." + name, "the task never reads this name", cure);
  };
  for (const auto& parameter : source.configurations.space().parameters()) {
    check("search_space", parameter.name, parameter.where);
  }
  for (const auto& [name, setting] : source.settings) check("trial", name, setting.where);
}

}  // namespace

std::vector<Cohort> find_cohorts(const TileSource& source, const DataPart& train) {
  const auto& configurations = source.configurations;
  std::vector<int64_t> all(static_cast<size_t>(configurations.n_trials()));
  for (size_t i = 0; i < all.size(); ++i) all[i] = configurations.first_trial() + static_cast<int64_t>(i);

  // What a trial reads may depend on what it has read (a depth decides how many widths there are), so only trials that
  // agree with the probed one in all that it read are known to be of its kind; each other group gets its own probe.
  std::vector<Cohort> cohorts;
  std::set<std::string> names_read;
  std::vector<std::vector<int64_t>> groups;
  if (!all.empty()) groups.push_back(std::move(all));
  while (!groups.empty()) {
    const auto group = std::move(groups.back());
    groups.pop_back();
    Cohort cohort;
    probe(source, train, group.front(), cohort, names_read);
    std::map<Key, std::vector<int64_t>> others;
    for (const auto trial : group) {
      Key key = key_of(configurations, trial, cohort.structural);
      (key == cohort.key ? cohort.trials : others[std::move(key)]).push_back(trial);
    }
    for (auto& [key, trials] : others) groups.push_back(std::move(trials));
    cohorts.push_back(std::move(cohort));
  }
  refuse_unread_names(source, names_read);
  std::sort(cohorts.begin(), cohorts.end(),
            [](const Cohort& a, const Cohort& b) { return a.trials.front() < b.trials.front(); });
  return cohorts;
}

Cohort find_cohort(const TileSource& source, const DataPart& train, int64_t trial) {
  Cohort cohort;
  std::set<std::string> names_read;  // the cohorts of the whole sweep have been checked
  probe(source, train, trial, cohort, names_read);
  cohort.trials.push_back(trial);
  return cohort;
}

bool belongs_to(const Cohort& cohort, const Configurations& configurations, int64_t trial) {
  return cohort.key == key_of(configurations, trial, cohort.structural);
}

}  // namespace lockstep
