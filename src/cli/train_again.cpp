#include "cli/train_again.h"

#include <algorithm>
#include <charconv>
#include <map>

#include <lockstep/error.h>

#include "core/device_buffer.h"

namespace lockstep::cli {

namespace {

/// Until when each trial is needed, by its intervals: the wanted ones and, up to an exploit, their sources. Trials that took
/// over weights were compared at equal age, so all of them can start together.
std::map<int64_t, int64_t> needed_until(const std::map<int64_t, const TrialRecord*>& trials,
                                        const std::map<int64_t, int64_t>& wanted) {
  std::map<int64_t, int64_t> needed;
  std::vector<std::pair<int64_t, int64_t>> open(wanted.begin(), wanted.end());
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

void train_again(const SweepRecord& record, Training& training, const std::map<int64_t, int64_t>& n_intervals,
                 const AfterInterval& after_interval) {
  std::map<int64_t, const TrialRecord*> trials;
  for (const TrialRecord& each : record.trials) trials[each.number] = &each;
  auto needed = needed_until(trials, n_intervals);

  std::vector<Placement> placements;
  for (const auto& [id, until] : needed) placements.push_back({static_cast<int64_t>(placements.size()), id});
  Executor& executor = training.executor();
  const Context context = training.context();
  DeviceBuffer<double> reports(training.backend(), context, placements.size());
  std::vector<double> host(placements.size());
  executor.start(placements);
  for (int64_t n = 1; !needed.empty(); ++n) {
    executor.train_interval(reports.data());
    reports.download(host.data(), host.size());
    std::map<int64_t, double> wanted;
    for (const auto& [slot, id] : placements) {
      if (needed.count(id) != 0 && n_intervals.count(id) != 0) wanted[id] = host[static_cast<size_t>(slot)];
    }
    std::vector<int64_t> done = after_interval(n, wanted);
    std::vector<Exploit> exploits;
    for (const auto& [id, until] : needed) {
      for (const ExploitRecord& exploit : trials.at(id)->exploits) {
        if (exploit.interval == n && n < until) exploits.push_back({id, exploit.source, exploit.draws});
      }
      if (until == n && std::find(done.begin(), done.end(), id) == done.end()) done.push_back(id);
    }
    if (!exploits.empty()) executor.exploit(exploits);
    if (!done.empty()) executor.retire(done);
    for (const int64_t id : done) needed.erase(id);
  }
}

std::vector<double> train_again(const SweepRecord& record, Training& training, const TrialRecord& trial,
                                int64_t n_intervals) {
  std::vector<double> metrics;
  train_again(record, training, {{trial.number, n_intervals}}, [&](int64_t n, const std::map<int64_t, double>& reports) {
    metrics.push_back(reports.at(trial.number));
    if (n == n_intervals) training.executor().keep(trial.number);
    return std::vector<int64_t>();
  });
  return metrics;
}

}  // namespace lockstep::cli
