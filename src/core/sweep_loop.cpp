#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <stdexcept>

#include <lockstep/sweep.h>

#include "core/early_termination.h"
#include "core/end_reasons.h"
#include "core/history.h"

namespace lockstep {

namespace {

/// One run of the interval loop. Trials are rows here, 0 the first; ids outside.
class SweepLoop {
 public:
  SweepLoop(const SweepSpec& spec, const Configurations& configurations, Executor& executor, const Backend& backend,
            const Context& context, std::span<SweepObserver* const> observers, const std::atomic<bool>* stop_requested)
      : spec_(spec),
        configurations_(configurations),
        executor_(executor),
        observers_(observers),
        stop_requested_(stop_requested),
        n_intervals_(read_n_intervals(configurations, executor)),
        n_reported_(n_intervals_.size(), 0),
        states_(n_intervals_.size(), TrialState::kWaiting),
        history_(backend, context, spec.objective.goal, configurations.n_trials(),
                 n_intervals_.empty() ? 0 : *std::max_element(n_intervals_.begin(), n_intervals_.end())) {
    try {
      check_early_termination(spec.early_termination);
    } catch (const InputError& error) {
      throw error.at({spec.file}, "early_termination");
    }
    n_in_state_[static_cast<size_t>(TrialState::kWaiting)] = n_trials();
    for (const int64_t n : n_intervals_) progress_.trial_intervals_left += n;
  }

  SweepResult run() {
    for (SweepObserver* observer : observers_) observer->on_start(spec_, configurations_);
    std::optional<SweepEnd> cut;
    if (is_stop_requested()) cut = SweepEnd::kInterrupted;
    for (int64_t tick = 1; !cut && has_work(); ++tick) {
      IntervalReport report;
      report.tick = tick;
      start_waiting(report);
      train(report);
      update_best(report);
      decide(report);
      cut = cut_short();
      if (cut) abort_running(*cut, report);
      retire(report);
      update_progress();
      report.progress = progress_;
      for (SweepObserver* observer : observers_) observer->on_interval(report);
    }
    update_progress();
    SweepResult result;
    // A limit that is met when nothing is left to do has cut nothing.
    result.end = cut && progress_.n_waiting + progress_.n_aborted > 0 ? *cut : SweepEnd::kCompleted;
    result.progress = progress_;
    result.best = progress_.best;
    if (result.best.trial >= 0) result.test_metric = executor_.test_kept();
    for (SweepObserver* observer : observers_) observer->on_end(result);
    return result;
  }

 private:
  static std::vector<int64_t> read_n_intervals(const Configurations& configurations, const Executor& executor) {
    std::vector<int64_t> result;
    for (int64_t row = 0; row < configurations.n_trials(); ++row) {
      const int64_t trial = configurations.first_trial() + row;
      result.push_back(executor.n_intervals(trial));
      if (result.back() < 1) {
        throw TaskError("trial " + std::to_string(trial) + " is to train " + std::to_string(result.back()) +
                        " intervals; a trial trains at least 1");
      }
    }
    return result;
  }

  int64_t n_trials() const { return configurations_.n_trials(); }
  int64_t id(int64_t row) const { return configurations_.first_trial() + row; }
  std::vector<int64_t> ids(const std::vector<int64_t>& rows) const {
    std::vector<int64_t> result;
    for (const int64_t row : rows) result.push_back(id(row));
    return result;
  }
  int64_t& n_in(TrialState state) { return n_in_state_[static_cast<size_t>(state)]; }
  bool has_work() const { return next_row_ < n_trials() || !running_.empty(); }
  bool is_stop_requested() const { return stop_requested_ && stop_requested_->load(); }
  double elapsed_s() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - started_at_).count();
  }

  void set_state(int64_t row, TrialState state) {
    --n_in(states_[row]);
    states_[row] = state;
    ++n_in(state);
  }

  void start_waiting(IntervalReport& report) {
    const int64_t limit = spec_.limits.max_concurrent_trials;
    const int64_t n_slots = limit > 0 ? limit : n_trials();
    std::vector<int64_t> rows;
    while (next_row_ < n_trials() && static_cast<int64_t>(running_.size()) < n_slots) {
      const int64_t row = next_row_++;
      set_state(row, TrialState::kRunning);
      progress_.trial_intervals_full += n_intervals_[row];
      running_.push_back(row);  // by ascending id: later trials are started later
      rows.push_back(row);
    }
    report.started = ids(rows);
    if (!rows.empty()) executor_.start(report.started);
    // The ends of the interval before, too: nothing reads the states in between.
    history_.set_states(states_);
  }

  void train(IntervalReport& report) {
    const auto reports = executor_.train_interval();
    const bool complete = std::equal(reports.begin(), reports.end(), running_.begin(), running_.end(),
                                     [this](const auto& pair, int64_t row) { return pair.first == id(row); });
    if (!complete) {
      throw std::logic_error("Executor::train_interval reported " + std::to_string(reports.size()) +
                             " trials that are not the " + std::to_string(running_.size()) +
                             " running ones by ascending id");
    }
    std::vector<double> metrics;
    for (size_t i = 0; i < reports.size(); ++i) {
      const int64_t row = running_[i];
      ++n_reported_[row];
      ++progress_.trial_intervals;
      --progress_.trial_intervals_left;
      metrics.push_back(reports[i].second);
      report.metrics.push_back({id(row), n_reported_[row], reports[i].second});
    }
    history_.record(running_, metrics);
  }

  /// The best report so far by metric, then id, then interval; the executor keeps its weights while it still has them.
  void update_best(const IntervalReport& report) {
    BestTrial& best = progress_.best;
    const double sign = spec_.objective.goal == Goal::kMaximize ? 1 : -1;
    bool changed = false;
    for (const MetricReport& candidate : report.metrics) {
      if (!std::isfinite(candidate.metric)) continue;
      const double gain = best.trial < 0 ? 1 : sign * candidate.metric - sign * best.metric;
      if (gain > 0 || (gain == 0 && candidate.trial < best.trial)) {
        best = {candidate.trial, candidate.interval, candidate.metric};
        changed = true;
      }
    }
    if (changed) executor_.keep(best.trial);
  }

  /// Ends trials that diverged, reached their last interval, or are stopped by the policy.
  void decide(IntervalReport& report) {
    std::vector<int64_t> judged;
    if (spec_.early_termination.kind != PolicyKind::kNone) {
      for (size_t i = 0; i < running_.size(); ++i) {
        const int64_t row = running_[i];
        if (std::isfinite(report.metrics[i].metric) && n_reported_[row] < n_intervals_[row]) judged.push_back(row);
      }
    }
    const std::vector<Verdict> verdicts = history_.judge(spec_.early_termination, judged);
    check_ratios(judged, verdicts);

    size_t next_verdict = 0;
    for (size_t i = 0; i < running_.size(); ++i) {
      const int64_t row = running_[i];
      const int64_t interval = n_reported_[row];
      const double metric = report.metrics[i].metric;
      const Verdict* verdict = nullptr;
      if (next_verdict < judged.size() && judged[next_verdict] == row) verdict = &verdicts[next_verdict++];
      if (!std::isfinite(metric)) {
        end_trial(row, TrialState::kDiverged, metric, 0, divergence_reason(interval, metric), report);
      } else if (interval == n_intervals_[row]) {
        end_trial(row, TrialState::kFinished, metric, 0, finish_reason(interval), report);
      } else if (verdict && verdict->judged && verdict->stop) {
        end_trial(row, TrialState::kStopped, metric, verdict->threshold,
                  stop_reason(spec_.objective.goal, spec_.early_termination, interval, *verdict), report);
      }
    }
  }

  /// A ratio of a best that is not above 0 means nothing, and no decision may hang on it.
  void check_ratios(const std::vector<int64_t>& judged, const std::vector<Verdict>& verdicts) const {
    if (spec_.early_termination.kind != PolicyKind::kBandit || !spec_.early_termination.slack_factor) return;
    for (size_t i = 0; i < judged.size(); ++i) {
      if (!verdicts[i].judged || verdicts[i].best > 0) continue;
      char best[40];
      std::snprintf(best, sizeof(best), "%.6g", verdicts[i].best);
      throw InputError({spec_.file}, "early_termination.slack_factor",
                       "the best " + spec_.objective.primary_metric + " at interval " +
                           std::to_string(n_reported_[judged[i]]) + " is " + best +
                           ", and a ratio means nothing for a best that is not above 0",
                       "write slack_amount instead, in the metric's unit");
    }
  }

  void end_trial(int64_t row, TrialState state, double metric, double threshold, std::string reason,
                 IntervalReport& report) {
    set_state(row, state);
    const int64_t untrained = n_intervals_[row] - n_reported_[row];
    progress_.trial_intervals_left -= untrained;
    // Without a policy it would have ended here just the same.
    if (state != TrialState::kStopped) progress_.trial_intervals_full -= untrained;
    report.ends.push_back({id(row), n_reported_[row], state, metric, threshold, std::move(reason)});
  }

  std::optional<SweepEnd> cut_short() const {
    if (is_stop_requested()) return SweepEnd::kInterrupted;
    if (spec_.limits.timeout_s > 0 && elapsed_s() >= spec_.limits.timeout_s) return SweepEnd::kTimeout;
    return std::nullopt;
  }

  void abort_running(SweepEnd cause, IntervalReport& report) {
    const char* reason = cause == SweepEnd::kTimeout ? "aborted: the sweep reached limits.timeout after interval "
                                                     : "aborted: the sweep was interrupted after interval ";
    for (size_t i = 0; i < running_.size(); ++i) {
      const int64_t row = running_[i];
      if (states_[row] != TrialState::kRunning) continue;
      end_trial(row, TrialState::kAborted, report.metrics[i].metric, 0, reason + std::to_string(n_reported_[row]),
                report);
    }
    std::sort(report.ends.begin(), report.ends.end(),
              [](const TrialEnd& a, const TrialEnd& b) { return a.trial < b.trial; });
  }

  void retire(const IntervalReport& report) {
    if (report.ends.empty()) return;
    std::vector<int64_t> ended;
    for (const TrialEnd& end : report.ends) ended.push_back(end.trial);
    executor_.retire(ended);
    std::erase_if(running_, [this](int64_t row) { return states_[row] != TrialState::kRunning; });
  }

  void update_progress() {
    progress_.n_trials = n_trials();
    progress_.n_waiting = n_in(TrialState::kWaiting);
    progress_.n_running = n_in(TrialState::kRunning);
    progress_.n_stopped = n_in(TrialState::kStopped);
    progress_.n_finished = n_in(TrialState::kFinished);
    progress_.n_diverged = n_in(TrialState::kDiverged);
    progress_.n_aborted = n_in(TrialState::kAborted);
    progress_.elapsed_s = elapsed_s();
  }

  const SweepSpec& spec_;
  const Configurations& configurations_;
  Executor& executor_;
  std::span<SweepObserver* const> observers_;
  const std::atomic<bool>* stop_requested_;
  const std::chrono::steady_clock::time_point started_at_ = std::chrono::steady_clock::now();

  std::vector<int64_t> n_intervals_;
  std::vector<int64_t> n_reported_;
  std::vector<TrialState> states_;
  std::array<int64_t, 6> n_in_state_ = {};
  History history_;
  std::vector<int64_t> running_;  ///< ascending
  int64_t next_row_ = 0;          ///< the first that waits
  Progress progress_;
};

}  // namespace

double SweepResult::savings() const {
  if (progress.trial_intervals_full == 0) return 0;
  return 1 - static_cast<double>(progress.trial_intervals) / static_cast<double>(progress.trial_intervals_full);
}

SweepResult run_sweep(const SweepSpec& spec, const Configurations& configurations, Executor& executor,
                      const Backend& backend, const Context& context, std::span<SweepObserver* const> observers,
                      const std::atomic<bool>* stop_requested) {
  return SweepLoop(spec, configurations, executor, backend, context, observers, stop_requested).run();
}

}  // namespace lockstep
