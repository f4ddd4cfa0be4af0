#include "store/optuna_import.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include <lockstep/error.h>

#include "store/metric_value.h"
#include "store/optuna_distribution.h"
#include "store/optuna_study.h"
#include "store/search_space_json.h"
#include "store/sqlite.h"
#include "store/trial_state.h"

namespace lockstep {

namespace {

struct StudyParam {
  double draw = 0;
  std::string distribution;  ///< Optuna's JSON
};

struct StudyTrial {
  int64_t number = 0;
  std::string state;
  std::string start, complete;  ///< "": not there
  std::optional<double> value;  ///< finite or not
  std::map<std::string, StudyParam> params;
  std::vector<double> reports;
  std::vector<int64_t> steps;
  std::string our_state, reason;  ///< of an export of ours; JSON
};

/// Everything that the study's tables say.
struct StudyTables {
  std::vector<StudyTrial> trials;
  std::vector<std::string> param_names;  ///< in the order in which they first appear
  std::string metric;
  std::string our_space, our_sweep;  ///< of an export of ours, or a sweep; JSON
};

using Rows = std::map<int64_t, size_t>;

/// Calls `read` with each row of a query on one study's trials whose first column is the trial_id.
template <typename Read>
void for_each_row(Database& database, const char* sql, int64_t study_id, const Rows& rows, StudyTables& tables,
                  const Read& read) {
  Statement query(database, sql);
  query.bind(1, study_id);
  while (query.step()) {
    const auto row = rows.find(query.integer(0));
    if (row != rows.end()) read(query, tables.trials[row->second]);
  }
}

std::string attribute(Database& database, const char* sql, int64_t study_id) {
  Statement query(database, sql);
  query.bind(1, study_id);
  std::string json;
  while (query.step()) json = query.text(0);
  return json;
}

StudyTables read_tables(Database& database, int64_t study_id) {
  StudyTables tables;
  Rows rows;
  {
    Statement query(database,
                    "SELECT trial_id, number, state, datetime_start, datetime_complete FROM trials WHERE study_id = ? "
                    "ORDER BY number");
    query.bind(1, study_id);
    while (query.step()) {
      rows[query.integer(0)] = tables.trials.size();
      StudyTrial trial;
      trial.number = query.integer(1);
      trial.state = query.text(2);
      trial.start = query.text(3);
      trial.complete = query.text(4);
      tables.trials.push_back(std::move(trial));
    }
  }
  std::set<std::string> names;
  for_each_row(database,
               "SELECT trial_id, param_name, param_value, distribution_json FROM trial_params JOIN trials USING (trial_id) "
               "WHERE study_id = ? ORDER BY param_id",
               study_id, rows, tables, [&](const Statement& query, StudyTrial& trial) {
                 if (names.insert(query.text(1)).second) tables.param_names.push_back(query.text(1));
                 const double draw = query.is_null(2) ? NAN : query.real(2);
                 trial.params[query.text(1)] = {draw, query.text(3)};
               });
  for_each_row(database,
               "SELECT trial_id, value, value_type FROM trial_values JOIN trials USING (trial_id) "
               "WHERE study_id = ? AND objective = 0",
               study_id, rows, tables,
               [](const Statement& query, StudyTrial& trial) { trial.value = metric_value(query, 1, 2); });
  for_each_row(database,
               "SELECT trial_id, step, intermediate_value, intermediate_value_type FROM trial_intermediate_values "
               "JOIN trials USING (trial_id) WHERE study_id = ? ORDER BY trial_id, step",
               study_id, rows, tables, [](const Statement& query, StudyTrial& trial) {
                 trial.steps.push_back(query.integer(1));
                 trial.reports.push_back(metric_value(query, 2, 3));
               });
  for_each_row(database,
               "SELECT trial_id, \"key\", value_json FROM trial_user_attributes JOIN trials USING (trial_id) "
               "WHERE study_id = ? AND \"key\" IN ('lockstep:state', 'lockstep:reason')",
               study_id, rows, tables, [](const Statement& query, StudyTrial& trial) {
                 (query.text(1) == "lockstep:state" ? trial.our_state : trial.reason) = query.text(2);
               });
  tables.metric = attribute(
      database, "SELECT value_json FROM study_system_attributes WHERE study_id = ? AND \"key\" = 'study:metric_names'",
      study_id);
  tables.our_space = attribute(
      database, "SELECT value_json FROM study_user_attributes WHERE study_id = ? AND \"key\" = 'lockstep:search_space'",
      study_id);
  tables.our_sweep = attribute(
      database, "SELECT value_json FROM study_user_attributes WHERE study_id = ? AND \"key\" = 'lockstep:sweep'", study_id);
  return tables;
}

/// The text that a JSON attribute holds, or `otherwise`.
std::string text_of(const std::string& json, const std::string& otherwise) {
  const auto parsed = nlohmann::json::parse(json, nullptr, false);
  return parsed.is_string() ? parsed.get<std::string>() : otherwise;
}

/// Two distributions of one hyperparameter, as trials of one study may have them: a range that holds both. nullopt where
/// they are of different kinds.
std::optional<Distribution> widened(const Distribution& a, const Distribution& b) {
  const DistributionKind kind = a.spec.kind;
  if (kind == DistributionKind::kChoice || b.spec.kind == DistributionKind::kChoice) {
    if (kind == b.spec.kind && a.values == b.values) return a;
    return std::nullopt;
  }
  if (a.is_integer() != b.is_integer()) return std::nullopt;
  const auto last = [](const Distribution& one) {
    return one.spec.kind == DistributionKind::kInt ? one.spec.a + one.spec.q * static_cast<double>(one.spec.count - 1)
                                                   : one.spec.b;
  };
  const double low = std::min(a.spec.a, b.spec.a), high = std::max(last(a), last(b));
  const bool same_kind = kind == b.spec.kind;
  const bool same_step = same_kind && a.spec.q == b.spec.q;
  if (a.is_integer()) {
    const auto first = static_cast<int64_t>(low), end = static_cast<int64_t>(high);
    if (same_kind && kind == DistributionKind::kLogInt) return log_int_range(first, end);
    const bool same_lattice = same_step && std::fmod(a.spec.a - b.spec.a, a.spec.q) == 0;
    return int_range(first, end, same_lattice ? static_cast<int64_t>(a.spec.q) : 1);
  }
  if (same_kind && kind == DistributionKind::kLogUniformValues) return log_uniform_values(low, high);
  if (same_step && kind == DistributionKind::kQUniform) return quniform(low, high, a.spec.q);
  return uniform(low, high);
}

/// The distributions that trials give each hyperparameter, parsed once for each text, and put together.
class TrialDistributions {
 public:
  /// nullopt: unreadable, or of another kind than an earlier trial's.
  const std::optional<Distribution>& of(const std::string& json) {
    const auto [found, is_new] = parsed_.try_emplace(json);
    if (is_new) found->second = distribution_from_optuna(json);
    return found->second;
  }

  void add(const std::string& name, const std::string& json) {
    if (!seen_.insert(name + '\0' + json).second) return;
    const std::optional<Distribution>& distribution = of(json);
    if (!distribution) return;
    const auto [whole, is_new] = whole_.try_emplace(name, *distribution);
    if (is_new) return;
    if (const auto both = widened(whole->second, *distribution)) whole->second = *both;
  }
  const Distribution* find(const std::string& name) const {
    const auto found = whole_.find(name);
    return found == whole_.end() ? nullptr : &found->second;
  }

 private:
  std::map<std::string, std::optional<Distribution>> parsed_;
  std::set<std::string> seen_;
  std::map<std::string, Distribution> whole_;
};

bool counts(const StudyTrial& trial) { return trial.value && std::isfinite(*trial.value); }

/// The space of an export of ours; empty where there is none that can be read.
SearchSpace recorded_space(const StudyTables& tables) {
  if (tables.our_space.empty()) return {};
  try {
    return search_space_from_json(tables.our_space);
  } catch (const Error&) {
    return {};
  }
}

SearchSpace make_space(const StudyTables& tables, std::vector<std::string>& notes) {
  const SearchSpace ours = recorded_space(tables);
  TrialDistributions distributions;
  int64_t n_counted = 0;
  std::map<std::string, int64_t> n_with;
  for (const StudyTrial& trial : tables.trials) {
    for (const auto& [name, param] : trial.params) distributions.add(name, param.distribution);
    if (!counts(trial)) continue;
    ++n_counted;
    for (const auto& [name, param] : trial.params) ++n_with[name];
  }
  SearchSpace space;
  const auto add = [&](const std::string& name, const Distribution* distribution) {
    if (n_counted > 0 && n_with[name] < n_counted) {
      notes.push_back("hyperparameter left out: '" + name + "': only " + std::to_string(n_with[name]) + " of " +
                      std::to_string(n_counted) + " trials with a value have it");
    } else if (name.empty() || !distribution) {
      notes.push_back("hyperparameter left out: '" + name + "': its distribution cannot be read");
    } else {
      space.add(name, *distribution);
    }
  };
  for (const Parameter& parameter : ours.parameters()) {
    if (n_with.contains(parameter.name) || n_counted == 0) add(parameter.name, &parameter.distribution);
  }
  for (const std::string& name : tables.param_names) {
    if (!ours.find(name)) add(name, distributions.find(name));
  }
  return space;
}

/// Whether some complete trial's value is none of its reports: then these are of something else.
const StudyTrial* find_other_metric(const StudyTables& tables) {
  for (const StudyTrial& trial : tables.trials) {
    if (trial.state != "COMPLETE" || !counts(trial) || trial.reports.empty()) continue;
    if (std::find(trial.reports.begin(), trial.reports.end(), *trial.value) == trial.reports.end()) return &trial;
  }
  return nullptr;
}

/// The trial's draws, or why it has none.
std::string read_draws(const StudyTrial& trial, const SearchSpace& space, TrialDistributions& distributions,
                       std::vector<double>& draws) {
  for (const Parameter& parameter : space.parameters()) {
    const auto found = trial.params.find(parameter.name);
    if (found == trial.params.end()) return "it has no hyperparameter '" + parameter.name + "'";
    const double draw = found->second.draw;
    const Distribution& distribution = parameter.distribution;
    const auto& own = distributions.of(found->second.distribution);
    const std::string refused = "its '" + parameter.name + "' is none of the hyperparameter's values";
    if (!std::isfinite(draw)) return refused;
    if (distribution.is_integer() && (draw != std::floor(draw) || std::abs(draw) > 0x1p53)) return refused;
    if (distribution.spec.kind != DistributionKind::kChoice) {
      if (own && own->spec.kind == DistributionKind::kChoice) return refused;
    } else if (draw < 0 || draw != std::floor(draw) || draw >= static_cast<double>(distribution.values.size()) ||
               !own || own->values.size() != distribution.values.size()) {
      return refused;
    }
    draws.push_back(draw);
  }
  return "";
}

TrialState state_of(const StudyTrial& trial) {
  const TrialState recorded = parse_state(trial.state, text_of(trial.our_state, ""));
  if (trial.state == "COMPLETE") return counts(trial) ? TrialState::kFinished : TrialState::kDiverged;
  if (trial.state == "PRUNED") return TrialState::kStopped;
  if (trial.state != "FAIL") return TrialState::kAborted;
  if (!trial.our_state.empty()) return recorded;
  const bool has_diverged = !trial.reports.empty() && !std::isfinite(trial.reports.back());
  return has_diverged ? TrialState::kDiverged : TrialState::kFailed;
}

std::string reason_of(const StudyTrial& trial, TrialState state) {
  const std::string recorded = text_of(trial.reason, "");
  if (!recorded.empty()) return recorded;
  if (trial.state == "RUNNING") return "aborted: it was still running when it was recorded";
  return std::string(state_word(state)) + ": " + trial.state + " in the study";
}

/// Times are read as UTC. A trial without one stands where the study began.
void set_times(const StudyTrial& trial, UtcTime study_start, ImportedTrial& out) {
  if (!trial.complete.empty()) out.complete = parse_utc(trial.complete);
  out.start = !trial.start.empty() ? parse_utc(trial.start) : out.complete.value_or(study_start);
}

UtcTime first_time(const StudyTables& tables) {
  std::optional<UtcTime> first;
  for (const StudyTrial& trial : tables.trials) {
    for (const std::string& text : {trial.start, trial.complete}) {
      if (!text.empty()) first = std::min(first.value_or(parse_utc(text)), parse_utc(text));
    }
  }
  return first.value_or(std::chrono::system_clock::now());
}

void read_our_sweep(const std::string& text, ImportedSweep& sweep) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return;
  const auto number = [&json](const char* key) -> std::optional<double> {
    const auto found = json.find(key);
    if (found == json.end() || !found->is_number()) return std::nullopt;
    return found->get<double>();
  };
  sweep.test_value = number("test_metric");
  sweep.elapsed_s = number("elapsed_s");
  if (const auto full = number("trial_intervals_without_policy"); full && *full >= 0 && *full <= 0x1p53) {
    sweep.trial_intervals_full = static_cast<int64_t>(*full);
  }
  if (const auto seed = json.find("seed"); seed != json.end() && seed->is_number_unsigned()) {
    sweep.seed = seed->get<uint64_t>();
  }
  if (const auto device = json.find("device"); device != json.end() && device->is_string()) {
    sweep.device = device->get<std::string>();
  }
}

std::string metric_of(const StudyTables& tables) {
  const auto names = nlohmann::json::parse(tables.metric, nullptr, false);
  return names.is_array() && names.size() == 1 && names[0].is_string() ? names[0].get<std::string>() : "value";
}

void check_study(const std::string& path, const OptunaStudy& study) {
  if (study.goal) return;
  if (study.n_objectives > 1) {
    throw DataError(path + ": study '" + study.name + "' has " + std::to_string(study.n_objectives) +
                    " objectives, and a sweep has one metric; choose a study with one objective with --study");
  }
  throw DataError(path + ": study '" + study.name + "' does not say whether to maximize or minimize; it is damaged, or " +
                  "no trial was ever asked for; choose another with --study");
}

ImportedSweep read(const std::string& path, const std::string& wanted) {
  Database database(path, Database::Mode::kRead);
  const OptunaStudy study = find_optuna_study(database, wanted);
  check_study(path, study);
  database.execute("BEGIN");  // one snapshot of a study that may still be written to
  StudyTables tables = read_tables(database, study.id);
  database.execute("COMMIT");

  ImportedSweep sweep;
  sweep.source = path + ", study '" + study.name + "'";
  sweep.name = study.name;
  sweep.goal = *study.goal;
  sweep.metric = metric_of(tables);
  read_our_sweep(tables.our_sweep, sweep);
  sweep.space = make_space(tables, sweep.notes);
  const StudyTrial* other = find_other_metric(tables);
  if (other) {
    sweep.notes.push_back("all intermediate values left out: trial " + std::to_string(other->number) +
                          "'s value is none of its own, so they are of something else than the objective");
  }
  const UtcTime study_start = first_time(tables);
  TrialDistributions distributions;
  int64_t n_renumbered = 0, n_single = 0;
  for (StudyTrial& trial : tables.trials) {
    const std::string label = "trial " + std::to_string(trial.number);
    ImportedTrial out;
    out.number = trial.number;
    std::string why = trial.state == "WAITING" ? "waiting, so never started" : "";
    if (why.empty()) why = read_draws(trial, sweep.space, distributions, out.draws);
    if (why.empty() && !(out.number >= 0 && out.number <= kMaxTrialNumber)) why = "its number is out of range";
    if (why.empty() && !sweep.trials.empty() && sweep.trials.back().number == out.number) {
      why = "another trial has its number";
    }
    if (!why.empty()) {
      sweep.left_out.add(why, label);
      continue;
    }
    if (other) {
      trial.reports.clear();
      trial.steps.clear();
      if (trial.state != "COMPLETE") trial.value.reset();  // a pruned trial's value is its last intermediate one
    }
    out.state = state_of(trial);
    out.reason = reason_of(trial, out.state);
    set_times(trial, study_start, out);
    if (counts(trial) && (out.state == TrialState::kFinished || out.state == TrialState::kStopped)) out.value = trial.value;
    for (size_t i = 0; i < trial.steps.size(); ++i) {
      if (trial.steps[i] == static_cast<int64_t>(i) + 1) continue;
      ++n_renumbered;
      break;
    }
    out.reports = std::move(trial.reports);
    if (out.reports.empty() && trial.value) {
      out.reports = {*trial.value};
      ++n_single;
    }
    sweep.trials.push_back(std::move(out));
  }
  if (n_renumbered > 0) {
    sweep.notes.push_back("intervals are numbered 1, 2, ... in the order of the steps, which were others in " +
                          std::to_string(n_renumbered) + (n_renumbered == 1 ? " trial" : " trials"));
  }
  if (n_single > 0) {
    sweep.notes.push_back("without intermediate values, so that the value is the only report: " +
                          std::to_string(n_single) + (n_single == 1 ? " trial" : " trials"));
  }
  return sweep;
}

}  // namespace

ImportedSweep import_optuna_study(const std::string& path, const std::string& study) {
  ImportedSweep sweep;
  try {
    sweep = read(path, study);
  } catch (const OutputError& failure) {
    throw DataError(failure.what());  // it is read from here
  }
  if (sweep.trials.empty()) {
    std::string message = sweep.source + ": no trial can be imported";
    for (const std::string& line : sweep.left_out.lines("left out")) message += "\n  " + line;
    for (const std::string& note : sweep.notes) message += "\n  " + note;
    throw DataError(message + "\nname a study with trials that were run");
  }
  return sweep;
}

}  // namespace lockstep
