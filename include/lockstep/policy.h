#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <lockstep/configurations.h>
#include <lockstep/decision.h>
#include <lockstep/device.h>

namespace lockstep {

/// The matrices of the history (`HistoryView`) that a policy reads, and which are kept for it.
struct HistoryParts {
  bool score = false;
  bool best_score = false;
  bool mean_score = false;
};

/// An early-termination policy of a program's own: `spec.early_termination = {.kind = PolicyKind::kOwn, .own = ...}`.
/// `evaluation_interval` and `delay_evaluation` say at which intervals it acts. Most want a `HostPolicy`; this one judges
/// on the device, without a wait of the host. What it decides must be a function of what it is shown: a sweep that resumes
/// takes its decisions again.
class Policy {
 public:
  virtual ~Policy() = default;

  /// What reasons begin with: "NAME at interval 6: ...".
  virtual std::string name() const { return "own policy"; }
  /// What `judge` reads of the history beside `last_best`, `n_reported` and `state`. Asked once, before the sweep.
  virtual HistoryParts reads() const { return {}; }

  /// Judges the trials that have just reported, where an interval among them is one to act at: sets `stop` of a slot whose
  /// trial is to end, and `judged` where `value` and `threshold` are to stand in the reason. The history holds the reports
  /// of this interval; nobody's state has changed by it, but that of those that diverged. Verdicts on others, and on trials
  /// that diverged or were at their last interval, are not looked at. Enqueues its work on the context's stream, and waits
  /// for nothing if the sweep is to wait for nothing. What it throws ends the sweep.
  /// @param options `ages` are the intervals that have just been reported, in host memory; `occupied` the slots at issue
  /// @param verdicts [n_slots] in device memory, zero
  virtual void judge(const Context& context, const SweepView& sweep, const DecideOptions& options, Verdict* verdicts) = 0;

  /// Why `judge` stopped a trial, in words that follow the interval: "RMSE doubled". "": what the verdict says.
  virtual std::string reason(int64_t /*trial*/, int64_t /*interval*/, const Verdict&) const { return ""; }
};

/// What a trial has come to, as a policy sees it.
struct TrialCurve {
  int64_t trial = 0;                          ///< id; below 0: of an earlier sweep
  TrialState state = TrialState::kRunning;    ///< before this interval's decisions, but that it diverged
  std::vector<double> reports;                ///< the metric at intervals 1, 2, ..., as reported

  /// The interval that it has reached; 0: it has not reported.
  int64_t interval() const { return static_cast<int64_t>(reports.size()); }
};

/// All that a sweep's trials have reported, in host memory.
class TrialHistory {
 public:
  /// `configurations` must outlive it.
  TrialHistory(Goal goal, const Configurations& configurations) : goal_(goal), configurations_(&configurations) {}

  Goal goal() const { return goal_; }
  /// Whether the metric `a` is better than `b`. One that is not finite never is, and any that is finite is better than it.
  bool is_better(double a, double b) const;
  /// The best report of a trial over its intervals 1..n that is finite; NaN: there is none.
  double best(const TrialCurve& trial, int64_t n) const;
  double best(const TrialCurve& trial) const { return best(trial, trial.interval()); }

  /// Every trial that has started, by ascending id: those of earlier sweeps first.
  const std::vector<TrialCurve>& trials() const { return trials_; }
  /// The metrics at an interval of all trials that have reached it, by ascending id.
  std::vector<double> at(int64_t interval) const;
  /// The configuration of a trial of this sweep; an empty one for those of earlier ones.
  Configuration configuration(int64_t trial) const;

  /// Appends a trial, whose id is above all others': for tests of a policy.
  void add(TrialCurve trial) { trials_.push_back(std::move(trial)); }

 private:
  friend class HostJudge;

  Goal goal_;
  const Configurations* configurations_;
  std::vector<TrialCurve> trials_;
};

/// A policy in plain C++, on the host: it sees each trial's curve, and everybody else's.
///
///     class Patience : public lockstep::HostPolicy {
///       std::optional<std::string> stop(const TrialCurve& trial, const TrialHistory& all) override {
///         if (trial.interval() <= 5) return std::nullopt;
///         if (all.is_better(all.best(trial), all.best(trial, trial.interval() - 5))) return std::nullopt;
///         return "no better for 5 intervals";
///       }
///     };
///
/// One object serves one sweep at a time.
class HostPolicy : public Policy {
 public:
  /// Called before the trials of an interval are judged, over what they all will see: for what hangs on no single trial.
  virtual void begin(const TrialHistory& /*all*/) {}
  /// Whether a trial that has just reached an interval to act at is to stop, and why: words that follow the interval, which
  /// may be empty. Asked of one after another, by ascending id, over one snapshot.
  virtual std::optional<std::string> stop(const TrialCurve& trial, const TrialHistory& all) = 0;

  void judge(const Context& context, const SweepView& sweep, const DecideOptions& options, Verdict* verdicts) final;
  std::string reason(int64_t trial, int64_t interval, const Verdict& verdict) const final;

 private:
  friend class HostJudge;

  const Backend* backend_ = nullptr;
  std::vector<Verdict> verdicts_;             ///< [n_slots] of the interval under way
  std::map<int64_t, std::string> reasons_;    ///< of those that it stops, by id
};

}  // namespace lockstep
