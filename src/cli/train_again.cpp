#include "cli/train_again.h"

#include <algorithm>
#include <charconv>
#include <map>

#include <lockstep/error.h>

#include "core/device_buffer.h"

namespace lockstep::cli {

namespace {

/// Until when each trial is needed, by its intervals: `trial` itself and, up to an exploit, its source. Trials that took
/// over weights were compared at equal age, so all of them can start together.
std::map<int64_t, int64_t> needed_until(const std::map<int64_t, const TrialRecord*>& trials, int64_t trial, int64_t n) {
  std::map<int64_t, int64_t> needed;
  std::vector<std::pair<int64_t, int64_t>> open{{trial, n}};
  while (!open.empty()) {
    const auto [id, until] = open.back();
    open.pop_back();
    int64_t& known = needed[id];
    if (until <= known) continue;
    known = until;
    for (const ExploitRecord& exploit : trials.at(id)->exploits) {
      if (exploit.interval < until) open.push_back({exploit.source, exploit.interval});
    }
  }
  return needed;
}

}  // namespace

const TrialRecord& find_trial(const SweepRecord& record, const std::string& text) {
  if (text == "best") {
    if (const TrialRecord* best = record.best()) return *best;
    throw InputError("no trial has reported a finite " + record.primary_metric + ", so there is no best one");
  }
  int64_t number = -1;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || end != text.data() + text.size()) {
    throw InputError("'" + text + "' is no trial; give a trial's number, or best");
  }
  for (const TrialRecord& trial : record.trials) {
    if (trial.number == number) return trial;
  }
  const std::string known = record.trials.empty() ? "it has started none"
                                                  : "it has started trials " +
                                                        std::to_string(record.trials.front().number) + " to " +
                                                        std::to_string(record.trials.back().number);
  throw InputError(record.directory + " has no trial " + text + "; " + known);
}

std::vector<double> train_again(const SweepRecord& record, Training& training, const TrialRecord& trial,
                                int64_t n_intervals) {
  std::map<int64_t, const TrialRecord*> trials;
  for (const TrialRecord& each : record.trials) trials[each.number] = &each;
  const auto needed = needed_until(trials, trial.number, n_intervals);

  std::vector<Placement> placements;
  int64_t slot = 0;
  for (const auto& [id, until] : needed) {
    if (id == trial.number) slot = static_cast<int64_t>(placements.size());
    placements.push_back({static_cast<int64_t>(placements.size()), id});
  }
  Executor& executor = training.executor();
  const Context context = training.context();
  DeviceBuffer<double> reports(training.backend(), context, placements.size());
  std::vector<double> host(placements.size());
  std::vector<double> metrics;
  executor.start(placements);
  for (int64_t n = 1; n <= n_intervals; ++n) {
    executor.train_interval(reports.data());
    reports.download(host.data(), host.size());
    metrics.push_back(host[static_cast<size_t>(slot)]);
    std::vector<Exploit> exploits;
    std::vector<int64_t> done;
    for (const auto& [id, until] : needed) {
      for (const ExploitRecord& exploit : trials.at(id)->exploits) {
        if (exploit.interval == n && n < until) exploits.push_back({id, exploit.source, exploit.draws});
      }
      if (until == n && id != trial.number) done.push_back(id);
    }
    if (!exploits.empty()) executor.exploit(exploits);
    if (!done.empty()) executor.retire(done);
  }
  executor.keep(trial.number);
  return metrics;
}

}  // namespace lockstep::cli
