#include "core/decisions.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include <lockstep/policy.h>

namespace lockstep {

namespace {

/// Of how many slots one is taken, at most, when the others are left out.
constexpr int64_t kSparse = 8;

/// The matrices of the history that a policy reads.
HistoryParts kept_by(const EarlyTermination& policy) {
  switch (policy.kind) {
    case PolicyKind::kMedianStopping:
      return {.mean_score = true};
    case PolicyKind::kBandit:
    case PolicyKind::kTruncationSelection:
      return {.best_score = true};
    case PolicyKind::kAsha:
      return {.score = true};
    case PolicyKind::kOwn:
      return policy.own->reads();
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

/// Room for the reports of trials of which nobody knows how many they will be, at first.
constexpr int64_t kFirstRoom = 64;

int64_t first_room(const std::vector<int32_t>& n_intervals) {
  const int64_t n = longest(n_intervals);
  return n == std::numeric_limits<int32_t>::max() ? kFirstRoom : n;
}

/// Of the earlier trials and the sweep's own.
size_t n_rows(int64_t n_earlier, const std::vector<int32_t>& n_intervals) {
  return static_cast<size_t>(n_earlier) + n_intervals.size();
}

/// `values` of the sweep's own trials, behind `fill` for each of the earlier ones.
template <class T>
std::vector<T> behind_earlier(size_t n_earlier, T fill, const std::vector<T>& values) {
  std::vector<T> out(n_earlier, fill);
  out.insert(out.end(), values.begin(), values.end());
  return out;
}

template <class T>
void fill(DeviceBuffer<T>& buffer, const T& value) {
  const std::vector<T> values(buffer.size(), value);
  buffer.upload(values.data(), values.size());
}

}  // namespace

Decisions::Decisions(const Backend& backend, const Context& context, Goal goal, const EarlyTermination& policy,
                     const Configurations& configurations, const std::vector<int32_t>& n_intervals, int64_t n_slots,
                     const std::optional<BracketPlan>& brackets, const Population& population, int64_t n_earlier)
    : backend_(backend),
      context_(context),
      n_earlier_(n_earlier),
      is_open_ended_(longest(n_intervals) == std::numeric_limits<int32_t>::max()),
      arena_(context.allocator ? *context.allocator : backend.allocator(), context.stream),
      pass_context_(context),
      brackets_(brackets),
      score_(backend, context, matrix_size(kept_by(policy).score, n_rows(n_earlier, n_intervals), first_room(n_intervals))),
      best_score_(backend, context, matrix_size(kept_by(policy).best_score, n_rows(n_earlier, n_intervals), first_room(n_intervals))),
      mean_score_(backend, context, matrix_size(kept_by(policy).mean_score, n_rows(n_earlier, n_intervals), first_room(n_intervals))),
      last_best_(backend, context, n_rows(n_earlier, n_intervals)),
      last_mean_(backend, context, kept_by(policy).mean_score ? n_rows(n_earlier, n_intervals) : 0),
      n_reported_(backend, context, n_rows(n_earlier, n_intervals)),
      state_(backend, context, n_rows(n_earlier, n_intervals)),
      n_intervals_(backend, context, n_rows(n_earlier, n_intervals)),
      draws_(backend, context, n_rows(n_earlier, n_intervals) * static_cast<size_t>(configurations.space().n_params())),
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
      n_at_age_(static_cast<size_t>(first_room(n_intervals)) + 2, 0),
      n_reported_in_slot_(static_cast<size_t>(n_slots), 0) {
  pass_context_.allocator = &arena_;
  options_.goal = goal;
  options_.policy = &policy;
  options_.brackets = brackets_ ? &*brackets_ : nullptr;

  view_.history = {n_earlier + configurations.n_trials(), first_room(n_intervals), score_.data(),     best_score_.data(),
                   mean_score_.data(),                    last_best_.data(),       last_mean_.data(), n_reported_.data(),
                   state_.data()};
  view_.first_trial = configurations.first_trial() - n_earlier;
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

  if (auto* const host = dynamic_cast<HostPolicy*>(policy.own.get())) {
    host_judge_ = std::make_unique<HostJudge>(*host, policy, backend, goal, configurations, n_slots, n_earlier);
  }

  std::iota(occupied_.begin(), occupied_.end(), 0);

  // The matrices and the lasts stay as they are: nothing beyond n_reported is read.
  lockstep::fill(n_reported_, int32_t{0});
  lockstep::fill(state_, TrialState::kWaiting);
  lockstep::fill(slot_trial_, int64_t{-1});
  lockstep::fill(metrics_, std::numeric_limits<double>::quiet_NaN());
  lockstep::fill(next_trial_, n_earlier);
  set_n_intervals(n_intervals);
  const auto n_earlier_draws = static_cast<size_t>(n_earlier * configurations.space().n_params());
  const std::vector<double> draws = behind_earlier(n_earlier_draws, 0.0, configurations.draws());
  draws_.upload(draws.data(), draws.size());
  specs_.upload(configurations.space().specs().data(), specs_.size());
  changeable_.upload(population.changeable.data(), population.changeable.size());
  cohort_.upload(population.cohort.data(), population.cohort.size());
}

void Decisions::report(std::span<const double> metrics) { metrics_.upload(metrics.data(), metrics.size()); }

void Decisions::set_n_intervals(const std::vector<int32_t>& n_intervals) {
  const std::vector<int32_t> all = behind_earlier(static_cast<size_t>(n_earlier_), int32_t{0}, n_intervals);
  n_intervals_.upload(all.data(), all.size());
  if (host_judge_) trial_n_intervals_ = n_intervals;
}

/// Shows a policy on the host what has been reported, and asks it.
void Decisions::ask_host(std::span<const int64_t> slots, std::span<const double> metrics) {
  if (slots.empty()) return;
  host_judge_->judge(slots, metrics, trial_n_intervals_);
}

DecisionLog Decisions::decide(int64_t abort_below) {
  options_.ages = ages_.data();
  options_.n_ages = static_cast<int64_t>(ages_.size());
  options_.abort_below = n_earlier_ + abort_below;
  options_.is_queue_empty = n_waiting_ == 0;
  if (host_judge_ && !ages_.empty()) {
    std::vector<double> metrics(metrics_.size());
    metrics_.download(metrics.data(), metrics.size());
    ask_host(host_judge_->slots(), metrics);
  }
  backend_.decide(pass_context_, view_, options_);
  const DecisionLog log = read_log();
  if (host_judge_) host_judge_->take(log.events);
  look_ahead(log.events);
  return log;
}

/// By the pass that records everybody's reports, over slots of its own and under a policy that stops nobody.
void Decisions::recall(std::span<const KnownTrial> trials) {
  if (trials.empty()) return;
  const size_t n = trials.size();
  size_t n_reports = 0;
  for (const KnownTrial& known : trials) n_reports = std::max(n_reports, known.reports.size());
  if (is_open_ended_) make_room(static_cast<int64_t>(n_reports));
  n_reports = std::min(n_reports, static_cast<size_t>(view_.history.n_intervals));

  DeviceBuffer<int64_t> slot_trial(backend_, context_, n);
  DeviceBuffer<double> metrics(backend_, context_, n);
  DeviceBuffer<double> reported(backend_, context_, n);
  DeviceBuffer<Event> events(backend_, context_, n);
  SweepView past = view_;
  past.n_slots = static_cast<int64_t>(n);
  past.slot_trial = slot_trial.data();
  past.metrics = metrics.data();
  past.reported = reported.data();
  past.events = events.data();
  const EarlyTermination keep_all;
  DecideOptions options;
  options.goal = options_.goal;
  options.policy = &keep_all;
  options.is_queue_empty = true;
  std::vector<int64_t> rows(n);
  std::vector<double> values(n);
  for (size_t i = 0; i < n_reports; ++i) {
    for (size_t slot = 0; slot < n; ++slot) {
      const bool has_reported = i < trials[slot].reports.size();
      rows[slot] = has_reported ? n_earlier_ + trials[slot].row : -1;
      values[slot] = has_reported ? trials[slot].reports[i] : std::numeric_limits<double>::quiet_NaN();
    }
    slot_trial.upload(rows.data(), n);
    metrics.upload(values.data(), n);
    backend_.decide(context_, past, options);
  }
  std::vector<TrialState> states(state_.size());
  state_.download(states.data(), states.size());
  for (const KnownTrial& known : trials) {
    states[static_cast<size_t>(n_earlier_ + known.row)] = known.state;
    if (host_judge_) host_judge_->recall(known.row, known.reports.first(std::min(known.reports.size(), n_reports)), known.state);
  }
  state_.upload(states.data(), states.size());
}

void Decisions::go_on(int64_t n_started, std::span<const Placement> running) {
  const int64_t next = n_earlier_ + n_started;
  next_trial_.upload(&next, 1);
  n_waiting_ -= n_started;
  std::vector<int64_t> slot_trial(slot_trial_.size(), -1);
  std::vector<int32_t> n_reported(n_reported_.size());
  n_reported_.download(n_reported.data(), n_reported.size());
  for (const auto& [slot, row] : running) {
    const auto place = static_cast<size_t>(slot);
    slot_trial[place] = n_earlier_ + row;
    if (host_judge_) host_judge_->place(slot, row);
    is_empty_[place] = 0;
    n_reported_in_slot_[place] = n_reported[static_cast<size_t>(n_earlier_ + row)];
  }
  slot_trial_.upload(slot_trial.data(), slot_trial.size());
}

DecisionLog Decisions::decide_some(std::span<const int64_t> slots, std::span<const double> metrics) {
  ages_.clear();
  for (const int64_t slot : slots) ages_.push_back(++n_reported_in_slot_[static_cast<size_t>(slot)]);
  std::sort(ages_.begin(), ages_.end());
  ages_.erase(std::unique(ages_.begin(), ages_.end()), ages_.end());
  if (!ages_.empty()) make_room(ages_.back());
  std::vector<int64_t> concluded;
  auto reported = slots.begin();
  for (int64_t slot = 0; slot < n_slots(); ++slot) {
    const bool has_reported = reported != slots.end() && *reported == slot;
    reported += has_reported ? 1 : 0;
    if (has_reported || (n_waiting_ > 0 && is_empty_[static_cast<size_t>(slot)])) concluded.push_back(slot);
  }
  occupied_slots_.upload(concluded.data(), concluded.size());
  report(metrics);
  options_.occupied = occupied_slots_.data();
  options_.n_occupied = static_cast<int64_t>(concluded.size());
  options_.ages = ages_.data();
  options_.n_ages = static_cast<int64_t>(ages_.size());
  options_.is_queue_empty = n_waiting_ == 0;
  if (host_judge_) ask_host(slots, metrics);
  backend_.decide(pass_context_, view_, options_);
  const DecisionLog log = read_log();
  if (host_judge_) host_judge_->take(log.events);
  for (const Event& event : log.events) {
    if (event.successor == event.trial) continue;
    const auto slot = static_cast<size_t>(event.slot);
    is_empty_[slot] = event.successor < 0 ? 1 : 0;
    n_reported_in_slot_[slot] = 0;
    n_waiting_ -= event.successor >= 0 ? 1 : 0;
  }
  return log;
}

void Decisions::end(int64_t slot, int64_t row, TrialState state) {
  const int64_t nobody = -1;
  backend_.copy_to_device(context_, slot_trial_.data() + slot, &nobody, sizeof nobody);
  backend_.copy_to_device(context_, state_.data() + n_earlier_ + row, &state, sizeof state);
  backend_.synchronize(context_);
  is_empty_[static_cast<size_t>(slot)] = 1;
  n_reported_in_slot_[static_cast<size_t>(slot)] = 0;
  if (host_judge_) host_judge_->end(slot, state);
}

/// A matrix's rows are intervals, so that what is there stays where it is.
void Decisions::make_room(int64_t n_intervals) {
  int64_t room = view_.history.n_intervals;
  if (n_intervals <= room) return;
  while (room < n_intervals) room *= 2;
  const auto grow = [&](DeviceBuffer<double>& matrix, double*& view) {
    if (matrix.size() == 0) return;
    std::vector<double> values(matrix.size());
    matrix.download(values.data(), values.size());
    DeviceBuffer<double> larger(backend_, context_, matrix_size(true, state_.size(), room));
    larger.upload(values.data(), values.size());
    matrix.swap(larger);
    view = matrix.data();
  };
  grow(score_, view_.history.score);
  grow(best_score_, view_.history.best_score);
  grow(mean_score_, view_.history.mean_score);
  view_.history.n_intervals = room;
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
  const bool is_host = backend_.kind == DeviceKind::kCpu;
  if (is_host && n_earlier_ == 0) return {{reported_.data(), reported_.size()}, {events_.data(), n}};
  log_events_.resize(n);
  events_.download(log_events_.data(), n);
  for (Event& event : log_events_) {
    for (int32_t* row : {&event.trial, &event.source, &event.successor}) {
      if (*row >= 0) *row -= static_cast<int32_t>(n_earlier_);
    }
  }
  if (is_host) return {{reported_.data(), reported_.size()}, log_events_};
  log_metrics_.resize(reported_.size());
  reported_.download(log_metrics_.data(), log_metrics_.size());
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
