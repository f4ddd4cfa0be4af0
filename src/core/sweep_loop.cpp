#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <set>
#include <stdexcept>

#include <lockstep/sweep.h>

#include "core/brackets.h"
#include "core/changed_configurations.h"
#include "core/decisions.h"
#include "core/driven_loop.h"
#include "core/early_termination.h"
#include "core/end_reasons.h"
#include "core/leaders.h"

namespace lockstep {

namespace {

/// How long to wait for trials that report when they please before a timeout and a stop request are looked at.
constexpr double kLongestWait = 0.1;

/// Who chooses configurations while the sweep runs, and where they are written.
struct Proposals {
  Proposer& proposer;
  Configurations& configurations;
};

/// One run of the interval loop. Trials are rows here, 0 the first; ids outside.
class SweepLoop final : public DrivenLoop {
 public:
  SweepLoop(const SweepSpec& spec, const Configurations& configurations, Executor& executor, const Backend& backend,
            const Context& context, std::span<SweepObserver* const> observers, const std::atomic<bool>* stop_requested,
            const SweepPast* past, const Proposals* proposals, std::span<const EarlierTrial> earlier)
      : spec_(checked(spec, proposals, executor.is_asynchronous())),
        configurations_(configurations),
        executor_(executor),
        observers_(with_proposer(observers, proposals)),
        stop_requested_(stop_requested),
        past_(past),
        proposals_(proposals ? std::optional<Proposals>(*proposals) : std::nullopt),
        earlier_(compares_with_earlier(spec.early_termination.kind) ? earlier : std::span<const EarlierTrial>()),
        is_asynchronous_(executor.is_asynchronous()),
        n_intervals_(read_n_intervals(configurations, executor)),
        size_(sweep_size(spec, configurations, executor, past)),
        decisions_(backend, context, spec.objective.goal, spec.early_termination, configurations, n_intervals_,
                   std::min(size_.n_slots, size_.n_trials), brackets(spec, size_),
                   population(spec, configurations, executor), static_cast<int64_t>(earlier_.size())),
        leaders_(spec.objective.goal, executor.n_kept()),
        n_other_metrics_(executor.other_metrics().size()) {
    progress_.n_trials = progress_.n_waiting = n_trials();
    if (is_asynchronous_) return;
    for (const int64_t n : n_intervals_) progress_.trial_intervals_left += n;
  }

  SweepResult run() {
    for (SweepObserver* observer : observers_) observer->on_start(spec_, configurations_);
    std::optional<SweepEnd> cut;
    recall_earlier();
    if (is_stop_requested()) cut = SweepEnd::kInterrupted;
    if (is_asynchronous_) {
      take_up_past();
      if (!cut && n_trials() > 0) find_newcomers(decisions_.decide_some({}, {}));
      if (cut) abort_cut_off(*cut);
      for (; !cut && has_work(); ++tick_) cut = step_when_reported();
    } else {
      if (!cut && n_trials() > 0) find_newcomers(decisions_.fill());
      for (tick_ = 1; !cut && has_work(); ++tick_) {
        if (tick_ == n_past_ticks() + 1) restore();
        cut = step();
      }
      // All of the sweep is past, but for its end.
      if (!cut && tick_ == n_past_ticks() + 1) restore();
    }
    return end_with(cut);
  }

  void begin() override {
    for (SweepObserver* observer : observers_) observer->on_start(spec_, configurations_);
    recall_earlier();
    tick_ = 1;
    if (n_trials() > 0) find_newcomers(decisions_.decide_some({}, {}));
  }

  std::vector<int64_t> start(int64_t n) override {
    const auto n_now = static_cast<std::ptrdiff_t>(std::min(n, static_cast<int64_t>(newcomers_.size())));
    if (n_now <= 0) return {};
    const std::vector<Placement> later(newcomers_.begin() + n_now, newcomers_.end());
    newcomers_.resize(static_cast<size_t>(n_now));
    IntervalReport report = driven_report();
    report.time.started_s = report.time.trained_s;
    if (proposals_) choose_configurations(report);
    start(report);
    newcomers_ = later;
    progress_.elapsed_s = report.time.trained_s;
    tell(report, std::nullopt);
    ++tick_;
    return report.started;
  }

  void take(const Arrivals& arrivals) override {
    IntervalReport report = driven_report();
    conclude_arrivals(arrivals, report);
    tell(report, std::nullopt);
    ++tick_;
  }

  std::optional<SweepEnd> cut_short() const override { return cut_short(elapsed_s()); }

  void cut(SweepEnd why) override {
    cut_ = why;
    if (running_.empty()) return;
    IntervalReport report = driven_report();
    progress_.elapsed_s = report.time.trained_s;
    tell(report, why);
    ++tick_;
  }

  SweepResult end() override { return end_with(cut_); }

  const Progress& progress() const override { return progress_; }

 private:
  /// A trial in a slot.
  struct Running {
    int64_t slot;
    int64_t row;
    int64_t n_reported = 0;
    double last_metric = std::numeric_limits<double>::quiet_NaN();
  };

  SweepResult end_with(std::optional<SweepEnd> cut) {
    progress_.elapsed_s = elapsed_s();
    SweepResult result;
    // A limit that is met when nothing is left to do has cut nothing.
    result.end = cut && progress_.n_waiting + n_cut_ > 0 ? *cut : SweepEnd::kCompleted;
    result.progress = progress_;
    result.best = progress_.best;
    result.leaders = leaders_.all();
    if (!result.leaders.empty()) {
      result.best_draws = result.leaders.front().draws;
      result.best_n_exploits = result.leaders.front().n_exploits;
      result.test_metric = executor_.test_kept(result.best.trial);
    }
    for (SweepObserver* observer : observers_) observer->on_end(result);
    return result;
  }

  /// Of what its driver does to the loop next. The trials train until then.
  IntervalReport driven_report() {
    IntervalReport report;
    report.tick = tick_;
    report.time.started_s = progress_.elapsed_s;
    report.time.trained_s = elapsed_s();
    return report;
  }

  /// One interval; says what cuts the sweep short after it.
  std::optional<SweepEnd> step() {
    IntervalReport report;
    report.tick = tick_;
    report.played_back = is_past();
    if (proposals_ && !newcomers_.empty()) choose_configurations(report);
    report.time.started_s = is_past() ? past_->times[past_index()].started_s : elapsed_s();
    start(report);
    if (is_past()) {
      play_back();
    } else {
      executor_.train_interval(decisions_.metrics());
    }
    report.time.trained_s = is_past() ? past_->times[past_index()].trained_s : elapsed_s();
    const DecisionLog log = decisions_.decide(n_timed_out(report.time.trained_s));
    for (Running& one : running_) note_report(one, log.metrics[static_cast<size_t>(one.slot)], report);
    note_others(report);
    progress_.trial_intervals_left -= static_cast<int64_t>(running_.size());
    conclude(log, report);
    const std::optional<SweepEnd> cut = is_past() ? std::nullopt : cut_short(report.time.trained_s);
    tell(report, cut);
    return cut;
  }

  /// What has been decided of an interval.
  void conclude(const DecisionLog& log, IntervalReport& report) {
    check_ratios(log);
    keep_best(report);
    find_changes(log);
    exploit(report);
    end_trials(report);
    find_newcomers(log);
    progress_.elapsed_s = report.time.trained_s;
    progress_.training_s += report.time.trained_s - report.time.started_s;
  }

  /// The observers, and all the more when the sweep is cut short.
  void tell(IntervalReport& report, std::optional<SweepEnd> cut) {
    if (is_asynchronous_) estimate_full();
    report.progress = progress_;
    if (cut) {
      for (SweepObserver* observer : observers_) observer->on_cut(report);
      abort_running(*cut, report);
      report.progress = progress_;
    }
    for (SweepObserver* observer : observers_) observer->on_interval(report);
  }

  /// What comes together of trials that report when they please.
  std::optional<SweepEnd> step_when_reported() {
    IntervalReport report;
    report.tick = tick_;
    if (proposals_ && !newcomers_.empty()) choose_configurations(report);
    report.time.started_s = elapsed_s();
    start(report);
    std::optional<SweepEnd> cut;
    Arrivals arrivals;
    do {
      arrivals = executor_.await(kLongestWait);
      report.time.trained_s = elapsed_s();
      cut = cut_short(report.time.trained_s);
    } while (!cut && arrivals.reports.empty() && arrivals.exits.empty());
    conclude_arrivals(arrivals, report);
    tell(report, cut);
    return cut;
  }

  void conclude_arrivals(const Arrivals& arrivals, IntervalReport& report) {
    end_by_themselves(arrivals.exits, report);
    conclude(decide_reports(arrivals.reports, report), report);
  }

  DecisionLog decide_reports(const std::vector<TrialReport>& reports, IntervalReport& report) {
    std::vector<double> metrics(static_cast<size_t>(decisions_.n_slots()), std::numeric_limits<double>::quiet_NaN());
    std::vector<int64_t> slots;
    auto one = running_.begin();  // both by ascending trial
    for (const TrialReport& each : reports) {
      while (one != running_.end() && id(one->row) < each.trial) ++one;
      if (one == running_.end() || id(one->row) != each.trial) {
        throw std::logic_error("trial " + std::to_string(each.trial) + " reports and does not run");
      }
      slots.push_back(one->slot);
      metrics[static_cast<size_t>(one->slot)] = each.metric;
      note_report(*one, each.metric, report);
    }
    std::sort(slots.begin(), slots.end());
    return decisions_.decide_some(slots, metrics);
  }

  void end_by_themselves(const std::vector<TrialExit>& exits, IntervalReport& report) {
    for (const TrialExit& exit : exits) {
      const auto one =
          std::find_if(running_.begin(), running_.end(), [&](const Running& each) { return id(each.row) == exit.trial; });
      if (one == running_.end()) {
        throw std::logic_error("trial " + std::to_string(exit.trial) + " ends and does not run");
      }
      decisions_.end(one->slot, one->row, exit.state);
      report.ends.push_back({exit.trial, one->n_reported, exit.state, one->last_metric, 0, exit.reason});
      count_end(report.ends.back());
      running_.erase(one);
    }
  }

  void count_end(const TrialEnd& end) {
    --progress_.n_running;
    switch (end.state) {
      case TrialState::kFinished: ++progress_.n_finished; break;
      case TrialState::kStopped: ++progress_.n_stopped; break;
      case TrialState::kDiverged: ++progress_.n_diverged; break;
      case TrialState::kFailed: ++progress_.n_failed; break;
      default: ++progress_.n_aborted; break;
    }
    if (end.state == TrialState::kStopped) stopped_at_.push_back(end.interval);
    if (end.state == TrialState::kFinished) most_reports_ = std::max(most_reports_, end.interval);
  }

  /// As far as can be said of trials of which nobody knows how often they would have reported.
  void estimate_full() {
    progress_.trial_intervals_full = progress_.trial_intervals;
    for (const int64_t at : stopped_at_) progress_.trial_intervals_full += std::max<int64_t>(0, most_reports_ - at);
  }

  /// Curves of earlier sweeps, for the policy to compare with.
  void recall_earlier() {
    std::vector<KnownTrial> known;
    for (size_t i = 0; i < earlier_.size(); ++i) {
      known.push_back({static_cast<int64_t>(i) - static_cast<int64_t>(earlier_.size()), earlier_[i].reports, earlier_[i].state});
    }
    decisions_.recall(known);
  }

  /// Of a sweep that was cut off and whose trials report when they please: puts what had ended where it would be, tells
  /// the observers as if it had happened in as many intervals as the longest trial had reports, and has the others started
  /// again, in slots of theirs.
  void take_up_past() {
    tick_ = 1;
    if (!past_ || past_->trials.empty()) return;
    std::vector<KnownTrial> known;
    for (const PastTrial& past : past_->trials) {
      newcomers_.push_back({static_cast<int64_t>(newcomers_.size()), past.trial});
      known.push_back({past.trial - id(0), past.reports, past.end ? past.end->state : TrialState::kRunning});
    }
    decisions_.recall(known);
    size_t n_ticks = 1;
    for (const PastTrial& past : past_->trials) n_ticks = std::max(n_ticks, past.reports.size());
    for (; tick_ <= static_cast<int64_t>(n_ticks); ++tick_) tell_past();
    std::vector<Placement> placements;
    std::vector<Placement> rows;
    for (Running& one : running_) {
      one.slot = static_cast<int64_t>(rows.size());
      rows.push_back({one.slot, one.row});
      placements.push_back({one.slot, id(one.row)});
    }
    decisions_.go_on(static_cast<int64_t>(past_->trials.size()), rows);
    if (!placements.empty() && !is_stop_requested()) executor_.start(placements);
  }

  void tell_past() {
    IntervalReport report;
    report.tick = tick_;
    report.played_back = true;
    report.time = {past_->elapsed_s, past_->elapsed_s};
    if (tick_ == 1) {
      if (proposals_) choose_configurations(report);
      start(report);
    }
    const auto interval = static_cast<size_t>(tick_);
    auto past = past_->trials.begin();
    std::erase_if(running_, [&](Running& one) {
      while (past->trial != id(one.row)) ++past;  // both by ascending trial
      if (past->reports.size() >= interval) note_report(one, past->reports[interval - 1], report);
      if (!past->end || past->reports.size() > interval) return false;
      report.ends.push_back(*past->end);
      count_end(report.ends.back());
      return true;
    });
    keep_best(report);
    estimate_full();
    progress_.elapsed_s = past_->elapsed_s;
    report.progress = progress_;
    for (SweepObserver* observer : observers_) observer->on_interval(report);
  }

  /// A stop request before anything new has happened: the trials that were to go on are aborted once more.
  void abort_cut_off(SweepEnd cut) {
    if (running_.empty()) return;
    IntervalReport report;
    report.tick = tick_;
    report.time = {past_->elapsed_s, past_->elapsed_s};
    tell(report, cut);
  }

  static const SweepSpec& checked(const SweepSpec& spec, const Proposals* proposals, bool is_asynchronous) {
    if (proposals) check_proposed(spec);
    if (is_asynchronous) check_asynchronous(spec);
    try {
      check_early_termination(spec.early_termination);
    } catch (const InputError& error) {
      throw at_policy(error, spec);
    }
    return spec;
  }

  static std::vector<SweepObserver*> with_proposer(std::span<SweepObserver* const> observers,
                                                   const Proposals* proposals) {
    std::vector<SweepObserver*> all;
    if (proposals) all.push_back(&proposals->proposer);
    all.insert(all.end(), observers.begin(), observers.end());
    return all;
  }

  static int32_t n_intervals_of(int64_t trial, const Executor& executor) {
    const int64_t n = executor.n_intervals(trial);
    if (n < 1 || n > std::numeric_limits<int32_t>::max()) {
      throw TaskError("trial " + std::to_string(trial) + " is to train " + std::to_string(n) + " intervals; " +
                      (n < 1 ? "a trial trains at least 1" : "that is more than can be counted"));
    }
    return static_cast<int32_t>(n);
  }

  static std::vector<int32_t> read_n_intervals(const Configurations& configurations, const Executor& executor) {
    std::vector<int32_t> result;
    if (executor.is_asynchronous()) {
      result.assign(static_cast<size_t>(configurations.n_trials()), std::numeric_limits<int32_t>::max());
      return result;
    }
    for (int64_t row = 0; row < configurations.n_trials(); ++row) {
      result.push_back(n_intervals_of(configurations.first_trial() + row, executor));
    }
    return result;
  }

  /// Has the newcomers' configurations chosen, or in the past chosen again, where what they had counts: then the proposer
  /// is in the state that it was in.
  void choose_configurations(IntervalReport& report) {
    const auto n = static_cast<int64_t>(newcomers_.size());
    const std::vector<double> draws = proposals_->proposer.propose(n);
    const auto n_params = static_cast<std::ptrdiff_t>(configurations_.space().n_params());
    if (std::ssize(draws) != n * n_params) {
      throw InputError({}, "proposer", "gave " + std::to_string(draws.size()) + " draws for " + std::to_string(n) +
                       " trials of " + std::to_string(n_params) + " hyperparameters", "give one a hyperparameter, row after row");
    }
    auto proposed = draws.begin();
    for (const auto& [slot, trial] : newcomers_) {
      TrialConfiguration chosen{trial, {proposed, proposed + n_params}};
      if (is_past()) chosen.draws = past_->draws(trial);
      if (report.played_back && is_asynchronous_) chosen.draws = past_->trials[static_cast<size_t>(trial - id(0))].draws;
      proposals_->configurations.replace(trial, chosen.draws);
      report.proposals.push_back(std::move(chosen));
      proposed += n_params;
    }
    executor_.configure(report.proposals);
    if (is_asynchronous_) return;
    bool changed = false;
    for (const Placement& each : newcomers_) {
      const int32_t now = n_intervals_of(each.trial, executor_);
      if (now > size_.n_intervals) {
        throw TaskError("trial " + std::to_string(each.trial) + " is to train " + std::to_string(now) +
                        " intervals, and the sweep was planned for " + std::to_string(size_.n_intervals) +
                        " at most, by its ranges' ends; search a hyperparameter that sets it between bounds");
      }
      int32_t& before = n_intervals_[static_cast<size_t>(each.trial - id(0))];
      progress_.trial_intervals_left += now - before;
      changed = changed || now != before;
      before = now;
    }
    if (changed) decisions_.set_n_intervals(n_intervals_);
  }

  static std::optional<BracketPlan> brackets(const SweepSpec& spec, const SweepSize& size) {
    try {
      return plan_brackets(spec.early_termination, size);
    } catch (const InputError& error) {
      throw at_policy(error, spec);
    }
  }

  static Population population(const SweepSpec& spec, const Configurations& configurations, const Executor& executor) {
    Population result;
    if (spec.early_termination.kind != PolicyKind::kPbt) return result;
    for (int64_t param = 0; param < configurations.space().n_params(); ++param) {
      result.changeable.push_back(executor.structural(param) ? 0 : 1);
    }
    for (int64_t row = 0; row < configurations.n_trials(); ++row) {
      result.cohort.push_back(static_cast<int32_t>(executor.cohort(configurations.first_trial() + row)));
    }
    return result;
  }

  /// With the slots that it had before, whatever memory says now: decisions hang on them.
  static SweepSize sweep_size(const SweepSpec& spec, const Configurations& configurations, const Executor& executor,
                              const SweepPast* past) {
    SweepSize size = lockstep::sweep_size(spec, configurations, executor);
    if (past) size.n_slots = past->n_slots;
    return size;
  }

  int64_t n_past_ticks() const { return past_ ? static_cast<int64_t>(past_->times.size()) : 0; }
  bool is_past() const { return tick_ <= n_past_ticks(); }
  size_t past_index() const { return static_cast<size_t>(tick_ - 1); }
  bool has_work() const { return !(newcomers_.empty() && running_.empty()); }

  /// What the running trials reported then.
  void play_back() {
    std::vector<double> metrics(static_cast<size_t>(decisions_.n_slots()), std::numeric_limits<double>::quiet_NaN());
    for (const Running& one : running_) {
      metrics[static_cast<size_t>(one.slot)] = past_->metric(id(one.row), one.n_reported + 1);
    }
    decisions_.report(metrics);
  }

  /// Takes up the training where the past ends.
  void restore() {
    if (n_past_ticks() == 0) return;
    std::vector<Placement> placements;
    std::vector<Exploit> changed;
    for (const Running& one : running_) {
      placements.push_back({one.slot, id(one.row)});
      if (const auto* now = changed_.find(id(one.row))) changed.push_back({id(one.row), id(one.row), now->draws});
    }
    executor_.restore(past_->saved, placements, changed);
  }

  int64_t n_trials() const { return configurations_.n_trials(); }
  int64_t id(int64_t row) const { return configurations_.first_trial() + row; }
  bool is_stop_requested() const { return stop_requested_ && stop_requested_->load(); }
  double elapsed_s() const {
    const double past_s = n_past_ticks() > 0 ? past_->times.back().trained_s : past_ ? past_->elapsed_s : 0;
    return past_s + std::chrono::duration<double>(std::chrono::steady_clock::now() - started_at_).count();
  }

  std::optional<SweepEnd> cut_short(double now_s) const {
    if (is_stop_requested()) return SweepEnd::kInterrupted;
    if (spec_.limits.timeout_s > 0 && now_s >= spec_.limits.timeout_s) return SweepEnd::kTimeout;
    return std::nullopt;
  }

  /// Rows below this have run for limits.trial_timeout: a prefix, as rows start in order.
  int64_t n_timed_out(double now_s) {
    if (spec_.limits.trial_timeout_s > 0) {
      const double latest = now_s - spec_.limits.trial_timeout_s;
      while (n_timed_out_ < start_times_s_.size() && start_times_s_[n_timed_out_] <= latest) ++n_timed_out_;
    }
    return static_cast<int64_t>(n_timed_out_);
  }

  /// Who has been given a slot that was somebody else's, or nobody's.
  void find_newcomers(const DecisionLog& log) {
    for (const Event& event : log.events) {
      if (event.successor < 0 || event.successor == event.trial) continue;
      newcomers_.push_back({event.slot, id(event.successor)});
    }
  }

  void start(IntervalReport& report) {
    if (newcomers_.empty()) return;
    for (const auto& [slot, trial] : newcomers_) {
      report.started.push_back(trial);
      running_.push_back({slot, trial - id(0)});  // by ascending trial: later ones are started later
      start_times_s_.push_back(report.time.started_s);
      if (!is_asynchronous_) progress_.trial_intervals_full += n_intervals_[trial - id(0)];
    }
    const auto n = static_cast<int64_t>(newcomers_.size());
    progress_.n_waiting -= n;
    progress_.n_running += n;
    if (!is_past() && !report.played_back) executor_.start(newcomers_);
    newcomers_.clear();
  }

  /// A ratio of a best that is not above 0 means nothing, and no decision may hang on it.
  void check_ratios(const DecisionLog& log) const {
    for (const Event& event : log.events) {
      if (!event.verdict.is_undefined) continue;
      char best[40];
      std::snprintf(best, sizeof(best), "%.6g", event.verdict.best);
      throw InputError({spec_.file}, "early_termination.slack_factor",
                       "the best " + spec_.objective.primary_metric + " at interval " + std::to_string(event.interval) +
                           " is " + best + ", and a ratio means nothing for a best that is not above 0",
                       "write slack_amount instead, in the metric's unit");
    }
  }

  void note_report(Running& one, double metric, IntervalReport& report) {
    one.last_metric = metric;
    report.metrics.push_back({id(one.row), ++one.n_reported, metric});
    ++progress_.trial_intervals;
    if (leaders_.note(report.metrics.back())) new_leaders_.push_back(id(one.row));
  }

  void note_others(IntervalReport& report) {
    if (is_past() || n_other_metrics_ == 0) return;
    for (const MetricReport& each : report.metrics) {
      const std::vector<double> others = executor_.others(each.trial);
      report.other_metrics.insert(report.other_metrics.end(), others.begin(), others.end());
    }
  }

  /// Once an interval: the executor keeps the leaders' weights while it has them.
  void keep_best(const IntervalReport& report) {
    if (new_leaders_.empty()) return;
    const bool trains = !is_past() && !report.played_back;
    std::erase_if(kept_, [&](int64_t trial) {
      const bool has_left = !leaders_.contains(trial);
      if (has_left && trains) executor_.discard(trial);
      return has_left;
    });
    for (Leader& leader : leaders_.all()) {
      const int64_t trial = leader.best.trial;
      if (std::find(new_leaders_.begin(), new_leaders_.end(), trial) == new_leaders_.end()) continue;
      if (trains) executor_.keep(trial);
      kept_.insert(trial);
      const ChangedConfiguration configuration = configuration_of(configurations_, trial, changed_.find(trial));
      leader.draws = configuration.draws;
      leader.n_exploits = configuration.n_exploits;
    }
    new_leaders_.clear();
    progress_.best = leaders_.all().front().best;
  }

  /// The trials that do not simply go on, by ascending trial.
  void find_changes(const DecisionLog& log) {
    changes_.clear();
    for (const Event& event : log.events) {
      if (event.trial >= 0) changes_.push_back(&event);
    }
    std::sort(changes_.begin(), changes_.end(), [](const Event* a, const Event* b) { return a->trial < b->trial; });
  }

  /// Before anybody is retired: a trial may take over the weights of one that ends.
  void exploit(IntervalReport& report) {
    if (spec_.early_termination.kind != PolicyKind::kPbt) return;
    std::vector<double> draws;
    const auto n_params = static_cast<std::ptrdiff_t>(configurations_.space().n_params());
    for (const Event* const change : changes_) {
      const Event& event = *change;
      if (event.decision != Decision::kExploit) continue;
      if (draws.empty()) draws = decisions_.slot_draws();
      const auto row = draws.begin() + event.slot * n_params;
      report.exploits.push_back({id(event.trial), event.interval, id(event.source), {row, row + n_params}, event.metric,
                                 event.verdict.threshold,
                                 exploit_reason(spec_.objective.goal, spec_.early_termination, event.interval,
                                                event.verdict, id(event.source))});
      changed_.apply(report.exploits.back());
    }
    if (report.exploits.empty()) return;
    progress_.n_exploits += static_cast<int64_t>(report.exploits.size());
    if (is_past()) return;
    std::vector<Exploit> exploits;
    for (const TrialExploit& each : report.exploits) exploits.push_back({each.trial, each.source, each.draws});
    executor_.exploit(exploits);
  }

  void end_trials(IntervalReport& report) {
    std::vector<int64_t> ended;
    for (const Event* const change : changes_) {
      const Event& event = *change;
      if (event.successor == event.trial) continue;
      ended.push_back(id(event.trial));
      report.ends.push_back(end_of(event));
      count_end(report.ends.back());
      if (is_asynchronous_) continue;
      // Without a policy it would have ended here just the same, or trained on.
      const int64_t untrained = n_intervals_[event.trial] - event.interval;
      progress_.trial_intervals_left -= untrained;
      if (event.decision != Decision::kStop) progress_.trial_intervals_full -= untrained;
    }
    if (ended.empty()) return;
    if (!is_past()) executor_.retire(ended);
    // Both by ascending trial.
    auto next = ended.begin();
    std::erase_if(running_, [&](const Running& one) {
      const bool has_ended = next != ended.end() && *next == id(one.row);
      next += has_ended ? 1 : 0;
      return has_ended;
    });
  }

  /// The end of a trial, in words.
  TrialEnd end_of(const Event& event) const {
    TrialEnd end;
    end.trial = id(event.trial);
    end.interval = event.interval;
    end.metric = event.metric;
    switch (event.decision) {
      case Decision::kStop:
        end.state = TrialState::kStopped;
        end.threshold = event.verdict.threshold;
        end.reason = stop_reason(spec_.objective.goal, spec_.early_termination, end.trial, event.interval, event.verdict);
        return end;
      case Decision::kFinish:
        end.state = TrialState::kFinished;
        end.reason = finish_reason(event.interval);
        return end;
      case Decision::kDiverge:
        end.state = TrialState::kDiverged;
        end.reason = divergence_reason(event.interval, event.metric);
        return end;
      case Decision::kAbort:
        end.state = TrialState::kAborted;
        end.reason = abort_reason(AbortCause::kTrialTimeout, event.interval);
        return end;
      case Decision::kContinue:
      case Decision::kExploit:
        break;
    }
    throw std::logic_error("trial " + std::to_string(end.trial) + " lost its slot without an end");
  }

  /// Ends the trials that were to go on.
  void abort_running(SweepEnd cut, IntervalReport& report) {
    std::vector<int64_t> aborted;
    const AbortCause cause = cut == SweepEnd::kInterrupted ? AbortCause::kInterrupt : AbortCause::kTimeout;
    for (const Running& one : running_) {
      report.ends.push_back({id(one.row), one.n_reported, TrialState::kAborted, one.last_metric, 0,
                             abort_reason(cause, one.n_reported)});
      count_end(report.ends.back());
      aborted.push_back(id(one.row));
      if (is_asynchronous_) continue;
      const int64_t untrained = n_intervals_[static_cast<size_t>(one.row)] - one.n_reported;
      progress_.trial_intervals_left -= untrained;
      progress_.trial_intervals_full -= untrained;
    }
    if (aborted.empty()) return;
    n_cut_ = static_cast<int64_t>(aborted.size());
    executor_.retire(aborted);
    running_.clear();
    std::sort(report.ends.begin(), report.ends.end(),
              [](const TrialEnd& a, const TrialEnd& b) { return a.trial < b.trial; });
  }

  const SweepSpec& spec_;
  const Configurations& configurations_;
  Executor& executor_;
  const std::vector<SweepObserver*> observers_;
  const std::atomic<bool>* stop_requested_;
  const SweepPast* past_;
  const std::optional<Proposals> proposals_;  ///< none: all configurations are known
  const std::span<const EarlierTrial> earlier_;  ///< that the policy compares with
  const bool is_asynchronous_;  ///< trials report when they please
  const std::chrono::steady_clock::time_point started_at_ = std::chrono::steady_clock::now();

  int64_t tick_ = 0;  ///< the interval of the loop that is under way, from 1
  std::vector<int32_t> n_intervals_;
  SweepSize size_;
  Decisions decisions_;
  std::vector<Running> running_;      ///< by ascending trial
  std::vector<const Event*> changes_; ///< of the interval's log
  std::vector<Placement> newcomers_;  ///< who has a slot and starts before the next interval, or when its driver says so
  std::vector<double> start_times_s_; ///< by row, of those started
  size_t n_timed_out_ = 0;
  int64_t n_cut_ = 0;  ///< trials that the sweep's own end aborted
  Progress progress_;
  ChangedConfigurations changed_;
  Leaders leaders_;
  std::vector<int64_t> new_leaders_;  ///< in this interval, with a new best report
  std::set<int64_t> kept_;            ///< whose weights the executor keeps
  const size_t n_other_metrics_;
  std::optional<SweepEnd> cut_;  ///< by its driver
  // Of trials that report when they please.
  std::vector<int64_t> stopped_at_;  ///< after how many reports
  int64_t most_reports_ = 0;         ///< of a trial that finished
};

}  // namespace

double SweepResult::savings() const {
  if (progress.trial_intervals_full == 0) return 0;
  return 1 - static_cast<double>(progress.trial_intervals) / static_cast<double>(progress.trial_intervals_full);
}

SweepResult run_sweep(const SweepSpec& spec, const Configurations& configurations, Executor& executor,
                      const Backend& backend, const Context& context, std::span<SweepObserver* const> observers,
                      const std::atomic<bool>* stop_requested, const SweepPast* past,
                      std::span<const EarlierTrial> earlier) {
  return SweepLoop(spec, configurations, executor, backend, context, observers, stop_requested, past, nullptr, earlier)
      .run();
}

SweepResult run_sweep(const SweepSpec& spec, Configurations& configurations, Proposer& proposer, Executor& executor,
                      const Backend& backend, const Context& context, std::span<SweepObserver* const> observers,
                      const std::atomic<bool>* stop_requested, const SweepPast* past,
                      std::span<const EarlierTrial> earlier) {
  const Proposals proposals{proposer, configurations};
  return SweepLoop(spec, configurations, executor, backend, context, observers, stop_requested, past, &proposals, earlier)
      .run();
}

std::unique_ptr<DrivenLoop> make_driven_loop(const SweepSpec& spec, Configurations& configurations, Proposer* proposer,
                                             Executor& executor, const Backend& backend, const Context& context,
                                             std::span<SweepObserver* const> observers,
                                             std::span<const EarlierTrial> earlier) {
  std::optional<Proposals> proposals;
  if (proposer) proposals.emplace(Proposals{*proposer, configurations});
  return std::make_unique<SweepLoop>(spec, configurations, executor, backend, context, observers, nullptr, nullptr,
                                     proposals ? &*proposals : nullptr, earlier);
}

}  // namespace lockstep
