#include "core/decisions.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace lockstep {

namespace {

/// Of how many slots one is taken, at most, when the others are left out.
constexpr int64_t kSparse = 8;

/// The matrices of the history that a policy reads.
struct Kept {
  bool score = false;
  bool best_score = false;
  bool mean_score = false;
};

Kept kept_by(PolicyKind kind) {
  switch (kind) {
    case PolicyKind::kMedianStopping:
      return {.mean_score = true};
    case PolicyKind::kBandit:
    case PolicyKind::kTruncationSelection:
      return {.best_score = true};
    case PolicyKind::kAsha:
      return {.score = true};
    case PolicyKind::kNone:
    case PolicyKind::kSuccessiveHalving:
    case PolicyKind::kHyperband:
    case PolicyKind::kPbt:
      return {};
  }
  return {};
}

size_t matrix_size(bool is_kept, size_t n_trials, int64_t n_intervals) {
  return is_kept ? n_trials * static_cast<size_t>(n_intervals) : 0;
}

int64_t longest(const std::vector<int32_t>& n_intervals) {
  return n_intervals.empty() ? 0 : *std::max_element(n_intervals.begin(), n_intervals.end());
}

template <class T>
void fill(DeviceBuffer<T>& buffer, const T& value) {
  const std::vector<T> values(buffer.size(), value);
  buffer.upload(values.data(), values.size());
}

}  // namespace

Decisions::Decisions(const Backend& backend, const Context& context, Goal goal, const EarlyTermination& policy,
                     const Configurations& configurations, const std::vector<int32_t>& n_intervals, int64_t n_slots,
                     const std::optional<BracketPlan>& brackets, const Population& population)
    : backend_(backend),
      arena_(context.allocator ? *context.allocator : backend.allocator(), context.stream),
      pass_context_(context),
      brackets_(brackets),
      score_(backend, context, matrix_size(kept_by(policy.kind).score, n_intervals.size(), longest(n_intervals))),
      best_score_(backend, context, matrix_size(kept_by(policy.kind).best_score, n_intervals.size(), longest(n_intervals))),
      mean_score_(backend, context, matrix_size(kept_by(policy.kind).mean_score, n_intervals.size(), longest(n_intervals))),
      last_best_(backend, context, n_intervals.size()),
      last_mean_(backend, context, kept_by(policy.kind).mean_score ? n_intervals.size() : 0),
      n_reported_(backend, context, n_intervals.size()),
      state_(backend, context, n_intervals.size()),
      n_intervals_(backend, context, n_intervals.size()),
      draws_(backend, context, configurations.draws().size()),
      slot_trial_(backend, context, static_cast<size_t>(n_slots)),
      metrics_(backend, context, static_cast<size_t>(n_slots)),
      slot_draws_(backend, context, static_cast<size_t>(n_slots * configurations.space().n_params())),
      reported_(backend, context, static_cast<size_t>(n_slots)),
      events_(backend, context, static_cast<size_t>(n_slots)),
      n_events_(backend, context, 1),
      next_trial_(backend, context, 1),
      occupied_slots_(backend, context, static_cast<size_t>(n_slots)),
      specs_(backend, context, population.cohort.empty() ? 0 : configurations.space().specs().size()),
      changeable_(backend, context, population.changeable.size()),
      cohort_(backend, context, population.cohort.size()),
      n_waiting_(configurations.n_trials()),
      occupied_(static_cast<size_t>(n_slots)),
      is_empty_(static_cast<size_t>(n_slots), 1),
      n_empty_(n_slots),
      n_at_age_(static_cast<size_t>(longest(n_intervals)) + 2, 0) {
  pass_context_.allocator = &arena_;
  options_.goal = goal;
  options_.policy = &policy;
  options_.brackets = brackets_ ? &*brackets_ : nullptr;

  view_.history = {configurations.n_trials(), longest(n_intervals), score_.data(),     best_score_.data(),
                   mean_score_.data(),        last_best_.data(),    last_mean_.data(), n_reported_.data(),
                   state_.data()};
  view_.first_trial = configurations.first_trial();
  view_.n_intervals = n_intervals_.data();
  view_.n_slots = n_slots;
  view_.slot_trial = slot_trial_.data();
  view_.metrics = metrics_.data();
  view_.next_trial = next_trial_.data();
  view_.n_params = configurations.space().n_params();
  view_.draws = draws_.data();
  view_.slot_draws = slot_draws_.data();
  view_.reported = reported_.data();
  view_.events = events_.data();
  view_.n_events = n_events_.data();
  view_.specs = specs_.data();
  view_.changeable = changeable_.data();
  view_.cohort = cohort_.data();

  std::iota(occupied_.begin(), occupied_.end(), 0);

  // The matrices and the lasts stay as they are: nothing beyond n_reported is read.
  lockstep::fill(n_reported_, int32_t{0});
  lockstep::fill(state_, TrialState::kWaiting);
  lockstep::fill(slot_trial_, int64_t{-1});
  lockstep::fill(metrics_, std::numeric_limits<double>::quiet_NaN());
  lockstep::fill(next_trial_, int64_t{0});
  n_intervals_.upload(n_intervals.data(), n_intervals.size());
  draws_.upload(configurations.draws().data(), configurations.draws().size());
  specs_.upload(configurations.space().specs().data(), specs_.size());
  changeable_.upload(population.changeable.data(), population.changeable.size());
  cohort_.upload(population.cohort.data(), population.cohort.size());
}

void Decisions::report(std::span<const double> metrics) { metrics_.upload(metrics.data(), metrics.size()); }

void Decisions::set_n_intervals(const std::vector<int32_t>& n_intervals) {
  n_intervals_.upload(n_intervals.data(), n_intervals.size());
}

DecisionLog Decisions::decide(int64_t abort_below) {
  options_.ages = ages_.data();
  options_.n_ages = static_cast<int64_t>(ages_.size());
  options_.abort_below = abort_below;
  options_.is_queue_empty = n_waiting_ == 0;
  backend_.decide(pass_context_, view_, options_);
  const DecisionLog log = read_log();
  look_ahead(log.events);
  return log;
}

std::vector<double> Decisions::slot_draws() const {
  std::vector<double> draws(slot_draws_.size());
  slot_draws_.download(draws.data(), draws.size());
  return draws;
}

DecisionLog Decisions::read_log() {
  int64_t n_events = 0;
  n_events_.download(&n_events, 1);
  const auto n = static_cast<size_t>(n_events);
  // The host's own memory is read where it is.
  if (backend_.kind == DeviceKind::kCpu) return {{reported_.data(), reported_.size()}, {events_.data(), n}};
  log_metrics_.resize(reported_.size());
  reported_.download(log_metrics_.data(), log_metrics_.size());
  log_events_.resize(n);
  events_.download(log_events_.data(), n);
  return {log_metrics_, log_events_};
}

/// Which intervals the trials in the slots will report next, who waits still, and which slots are done with.
void Decisions::look_ahead(std::span<const Event> events) {
  int64_t n_new = 0;
  for (const Event& event : events) {
    if (event.successor == event.trial) continue;
    n_at_age_[static_cast<size_t>(event.interval)] -= event.trial >= 0 ? 1 : 0;
    n_new += event.successor >= 0 ? 1 : 0;
    uint8_t& is_empty = is_empty_[static_cast<size_t>(event.slot)];
    n_empty_ -= is_empty;
    is_empty = event.successor < 0 ? 1 : 0;
    n_empty_ += is_empty;
  }
  n_waiting_ -= n_new;
  // Everybody else is an interval older. Nobody has reached the last place.
  std::copy_backward(n_at_age_.begin(), n_at_age_.end() - 1, n_at_age_.end());
  n_at_age_[1] = n_new;
  ages_.clear();
  for (size_t age = 1; age < n_at_age_.size(); ++age) {
    if (n_at_age_[age] > 0) ages_.push_back(static_cast<int64_t>(age));
  }
  // Neighbouring slots are worked through together, so that leaving some out pays when few trials are left; then by
  // halves, so that writing the list costs less than what it saves.
  const auto n_listed = static_cast<int64_t>(occupied_.size());
  const int64_t n_live = n_listed - n_empty_;
  const bool is_sparse = options_.occupied ? 2 * n_live <= n_listed : kSparse * n_live <= n_listed;
  if (n_waiting_ == 0 && is_sparse && n_empty_ > 0) leave_out_empty_slots();
}

void Decisions::leave_out_empty_slots() {
  std::erase_if(occupied_, [this](int64_t slot) { return is_empty_[static_cast<size_t>(slot)] != 0; });
  n_empty_ = 0;
  occupied_slots_.upload(occupied_.data(), occupied_.size());
  options_.occupied = occupied_slots_.data();
  options_.n_occupied = static_cast<int64_t>(occupied_.size());
}

}  // namespace lockstep
