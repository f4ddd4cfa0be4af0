#include "core/history.h"

namespace lockstep {

History::History(const Backend& backend, const Context& context, Goal goal, int64_t n_trials, int64_t n_intervals)
    : backend_(backend),
      context_(context),
      goal_(goal),
      metric_(backend, context, static_cast<size_t>(n_trials * n_intervals)),
      best_score_(backend, context, static_cast<size_t>(n_trials * n_intervals)),
      mean_score_(backend, context, static_cast<size_t>(n_trials * n_intervals)),
      n_reported_(backend, context, static_cast<size_t>(n_trials)),
      state_(backend, context, static_cast<size_t>(n_trials)),
      rows_(backend, context, static_cast<size_t>(n_trials)),
      reports_(backend, context, static_cast<size_t>(n_trials)),
      verdicts_(backend, context, static_cast<size_t>(n_trials)),
      view_{n_trials,           n_intervals,        metric_.data(), best_score_.data(),
            mean_score_.data(), n_reported_.data(), state_.data()} {
  // The matrices stay as they are: nothing beyond n_reported is read.
  const std::vector<int32_t> none(static_cast<size_t>(n_trials), 0);
  n_reported_.upload(none.data(), none.size());
  set_states(std::vector<TrialState>(static_cast<size_t>(n_trials), TrialState::kWaiting));
}

void History::set_states(const std::vector<TrialState>& states) { state_.upload(states.data(), states.size()); }

void History::record(std::span<const int64_t> rows, std::span<const double> metrics) {
  rows_.upload(rows.data(), rows.size());
  reports_.upload(metrics.data(), metrics.size());
  backend_.record_metrics(context_, goal_, view_, rows_.data(), reports_.data(), static_cast<int64_t>(rows.size()));
}

std::vector<Verdict> History::judge(const EarlyTermination& policy, std::span<const int64_t> rows) {
  std::vector<Verdict> verdicts(rows.size());
  if (rows.empty()) return verdicts;
  rows_.upload(rows.data(), rows.size());
  const auto judge_trials = policy.kind == PolicyKind::kBandit                ? backend_.bandit
                            : policy.kind == PolicyKind::kTruncationSelection ? backend_.truncation_selection
                                                                              : backend_.median_stopping;
  judge_trials(context_, goal_, policy, view_, rows_.data(), static_cast<int64_t>(rows.size()), verdicts_.data());
  verdicts_.download(verdicts.data(), verdicts.size());
  return verdicts;
}

}  // namespace lockstep
