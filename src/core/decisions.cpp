#include "core/decisions.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace lockstep {

namespace {

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

/// Whether nobody was in the slot, and nobody came.
bool is_empty(const Event& event) { return (event.trial < 0) & (event.successor < 0); }

}  // namespace

Decisions::Decisions(const Backend& backend, const Context& context, Goal goal, const EarlyTermination& policy,
                     const Configurations& configurations, const std::vector<int32_t>& n_intervals, int64_t n_slots,
                     const std::optional<BracketPlan>& brackets, const Population& population)
    : backend_(backend),
      context_(context),
      arena_(context.allocator ? *context.allocator : backend.allocator(), context.stream),
      pass_context_(context),
      brackets_(brackets),
      score_(backend, context, matrix_size(kept_by(policy.kind).score, n_intervals.size(), longest(n_intervals))),
      best_score_(backend, context, matrix_size(kept_by(policy.kind).best_score, n_intervals.size(), longest(n_intervals))),
      mean_score_(backend, context, matrix_size(kept_by(policy.kind).mean_score, n_intervals.size(), longest(n_intervals))),
      last_best_(backend, context, n_intervals.size()),
      last_mean_(backend, context, n_intervals.size()),
      n_reported_(backend, context, n_intervals.size()),
      state_(backend, context, n_intervals.size()),
      n_intervals_(backend, context, n_intervals.size()),
      draws_(backend, context, configurations.draws().size()),
      slot_trial_(backend, context, static_cast<size_t>(n_slots)),
      metrics_(backend, context, static_cast<size_t>(n_slots)),
      slot_draws_(backend, context, static_cast<size_t>(n_slots * configurations.space().n_params())),
      fresh_(backend, context, static_cast<size_t>(n_slots)),
      events_(backend, context, static_cast<size_t>(n_slots)),
      next_trial_(backend, context, 1),
      occupied_slots_(backend, context, static_cast<size_t>(n_slots)),
      specs_(backend, context, population.cohort.empty() ? 0 : configurations.space().specs().size()),
      changeable_(backend, context, population.changeable.size()),
      cohort_(backend, context, population.cohort.size()),
      n_waiting_(configurations.n_trials()),
      occupied_(static_cast<size_t>(n_slots)),
      has_age_(static_cast<size_t>(longest(n_intervals)) + 1, 0) {
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
  view_.fresh = fresh_.data();
  view_.events = events_.data();
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

std::span<const Event> Decisions::decide(int64_t abort_below) {
  options_.ages = ages_.data();
  options_.n_ages = static_cast<int64_t>(ages_.size());
  options_.abort_below = abort_below;
  options_.is_queue_empty = n_waiting_ == 0;
  backend_.decide(pass_context_, view_, options_);
  const std::span<const Event> log = read_log();
  look_ahead(log);
  return log;
}

std::vector<double> Decisions::slot_draws() const {
  std::vector<double> draws(slot_draws_.size());
  slot_draws_.download(draws.data(), draws.size());
  return draws;
}

std::span<const Event> Decisions::read_log() {
  // The host's own memory is read where it is.
  if (backend_.kind == DeviceKind::kCpu) return {events_.data(), events_.size()};
  log_.resize(events_.size());
  events_.download(log_.data(), log_.size());
  return log_;
}

/// Which intervals the trials in the slots will report next, who waits still, and which slots are done with.
void Decisions::look_ahead(std::span<const Event> log) {
  std::fill(has_age_.begin(), has_age_.end(), 0);
  size_t n_empty = 0;
  for (const int64_t slot : occupied_) {
    const Event& event = log[static_cast<size_t>(slot)];
    n_empty += is_empty(event) ? 1 : 0;
    const bool is_new = event.successor != event.trial;
    n_waiting_ -= (event.successor >= 0) & is_new ? 1 : 0;
    const int32_t age = is_new ? 1 : event.interval + 1;
    has_age_[event.successor >= 0 ? static_cast<size_t>(age) : 0] = 1;  // 0 is nobody's
  }
  ages_.clear();
  for (size_t age = 1; age < has_age_.size(); ++age) {
    if (has_age_[age]) ages_.push_back(static_cast<int64_t>(age));
  }
  // By halves, so that writing the list costs less than what it saves.
  if (n_waiting_ == 0 && n_empty > 0 && 2 * n_empty >= occupied_.size()) leave_out_empty_slots(log);
}

/// Of slots that have been empty for an interval, and nobody will come into them.
void Decisions::leave_out_empty_slots(std::span<const Event> log) {
  std::erase_if(occupied_, [log](int64_t slot) { return is_empty(log[static_cast<size_t>(slot)]); });
  occupied_slots_.upload(occupied_.data(), occupied_.size());
  options_.occupied = occupied_slots_.data();
  options_.n_occupied = static_cast<int64_t>(occupied_.size());
}

}  // namespace lockstep
