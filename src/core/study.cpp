#include <lockstep/study.h>

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include <lockstep/sampling.h>

#include "core/driven_loop.h"
#include "core/end_reasons.h"

namespace lockstep {

namespace {

constexpr int64_t kMaxTrials = 1'000'000;

/// Trials that somebody else trains.
class TrainedElsewhere final : public Executor {
 public:
  bool is_asynchronous() const override { return true; }
  int64_t n_intervals(int64_t) const override { throw std::logic_error("nobody knows how often a trial will report"); }
  void configure(std::span<const TrialConfiguration>) override {}
  void start(std::span<const Placement>) override {}
  void train_interval(double*) override { throw std::logic_error("trials are trained elsewhere"); }
  void retire(std::span<const int64_t>) override {}
  void keep(int64_t) override {}
  std::optional<double> test_kept(int64_t) override { return std::nullopt; }
};

SweepSpec checked(SweepSpec spec, const StudyOptions& options) {
  if (spec.search_space.n_params() == 0) {
    throw InputError({spec.file}, "search_space", "is empty", "add hyperparameters: spec.search_space.add(\"x\", uniform(0, 1))");
  }
  check_sampling(spec.sampling, spec.search_space);
  if (spec.sampling.algorithm == SamplingAlgorithm::kBayesian && !options.proposer) {
    throw InputError({spec.file}, "sampling_algorithm",
                     "is bayesian, whose proposer was not given", "set StudyOptions::proposer = make_proposer(spec, seed)");
  }
  // A grid has an end of its own.
  if (spec.limits.max_total_trials == 0 && spec.sampling.algorithm == SamplingAlgorithm::kGrid) {
    spec.limits.max_total_trials = max_trials(spec.sampling, spec.search_space);
  }
  if (trial_count(spec) < 1 || trial_count(spec) > kMaxTrials) {
    throw InputError({spec.file}, "limits.max_total_trials", "is " + std::to_string(spec.limits.max_total_trials),
                     "write how many trials the study may have at most, 1 to " + std::to_string(kMaxTrials));
  }
  // Whoever asks says how many there are at once. A report costs time by the places that there are.
  if (spec.limits.max_concurrent_trials == 0) spec.limits.max_concurrent_trials = std::min(trial_count(spec), Study::kMaxAtOnce);
  return spec;
}

uint64_t seed_of(const SweepSpec& spec, const StudyOptions& options) { return spec.sampling.seed.value_or(options.seed); }

Context seeded(Context context, uint64_t seed) {
  context.seed = seed;
  return context;
}

}  // namespace

struct Study::State final : SweepObserver {
  /// A trial that was asked for.
  struct Known {
    double started_s = 0;
    int64_t n_reports = 0;
    bool is_closed = false;       ///< finished or failed by the caller
    std::optional<TrialEnd> end;
  };

  State(SweepSpec of, StudyOptions given, const Backend& backend, const Context& where)
      : options(std::move(given)),
        spec(checked(std::move(of), options)),
        context(seeded(where, seed_of(spec, options))),
        configurations(sample(backend, context, spec)),
        observers(options.observers) {
    // Last, so that the others have seen what the caller of `report` comes to know.
    observers.push_back(this);
    loop = make_driven_loop(spec, configurations, options.proposer.get(), trained_elsewhere, backend, context, observers,
                            options.earlier);
    loop->begin();
  }

  void on_interval(const IntervalReport& report) override {
    for (const int64_t trial : report.started) trials[trial].started_s = report.time.started_s;
    for (const MetricReport& each : report.metrics) trials[each.trial].n_reports = each.interval;
    for (const TrialEnd& end : report.ends) trials[end.trial].end = end;
  }

  /// A step of the study; what it throws ends it.
  template <class Step>
  auto run(const Step& step) {
    if (is_broken) throw std::logic_error("Study: it was ended by an exception that an observer, a proposer or a policy threw");
    is_broken = true;
    if constexpr (std::is_void_v<decltype(step())>) {
      step();
      is_broken = false;
    } else {
      auto out = step();
      is_broken = false;
      return out;
    }
  }

  Known& find(int64_t trial) {
    const auto found = trials.find(trial);
    if (found != trials.end()) return found->second;
    throw InputError({}, "trial " + std::to_string(trial), "was not asked for",
                     trials.empty() ? "ask() gives trials" : "name one that ask() gave");
  }

  void require_running(int64_t trial, const char* what) {
    const Known& known = find(trial);
    if (!known.end) return;
    throw InputError({}, "trial " + std::to_string(trial),
                     std::string("has ended (") + known.end->reason + "), and " + what,
                     "leave it alone once report() has returned true, or it was finished");
  }

  bool was_cut_off(const Known& known) const {
    return known.end && known.end->state == TrialState::kAborted && !known.is_closed;
  }

  void look_at_timeout() {
    if (is_over) return;
    if (const auto why = loop->cut_short()) cut(*why);
  }

  void cut(SweepEnd why) {
    is_over = true;
    loop->cut(why);
  }

  /// Trials that have run for limits.trial_timeout, of those that have just reported and go on.
  void end_timed_out(const std::vector<TrialReport>& reports) {
    if (spec.limits.trial_timeout_s <= 0) return;
    Arrivals late;
    for (const TrialReport& each : reports) {
      const Known& known = find(each.trial);
      if (known.end || loop->progress().elapsed_s - known.started_s < spec.limits.trial_timeout_s) continue;
      late.exits.push_back({each.trial, TrialState::kAborted, abort_reason(AbortCause::kTrialTimeout, known.n_reports)});
    }
    if (!late.exits.empty()) loop->take(late);
  }

  void report(std::vector<TrialReport> reports) {
    std::sort(reports.begin(), reports.end(), [](const auto& a, const auto& b) { return a.trial < b.trial; });
    run([this] { look_at_timeout(); });
    // What was cut off while it was worked on has its end to be told.
    std::erase_if(reports, [this](const TrialReport& each) { return was_cut_off(find(each.trial)); });
    for (size_t i = 0; i < reports.size(); ++i) {
      require_running(reports[i].trial, "reports once more");
      if (i > 0 && reports[i].trial == reports[i - 1].trial) {
        throw InputError({}, "trial " + std::to_string(reports[i].trial), "reports twice at once",
                         "report one interval of it after another");
      }
    }
    if (reports.empty()) return;
    run([&] {
      loop->take({reports, {}});
      end_timed_out(reports);
    });
  }

  void close(int64_t trial, TrialState state, const std::string& reason) {
    Known& known = find(trial);
    if (known.is_closed) {
      throw InputError({}, "trial " + std::to_string(trial), "was ended before (" + known.end->reason + ")",
                       "finish or fail a trial once");
    }
    run([&] {
      look_at_timeout();
      if (!known.end) loop->take({{}, {{trial, state, reason}}});
    });
    known.is_closed = true;
  }

  Trial trial(int64_t id) const { return Trial(id, configurations.configuration(id)); }

  std::mutex mutex;
  StudyOptions options;
  const SweepSpec spec;
  const Context context;
  Configurations configurations;
  TrainedElsewhere trained_elsewhere;
  std::vector<SweepObserver*> observers;
  std::unique_ptr<DrivenLoop> loop;
  std::unordered_map<int64_t, Known> trials;
  bool is_over = false;    ///< no more trials are given
  bool is_broken = false;  ///< or inside of a step
  std::optional<SweepResult> result;
};

Study::Study(SweepSpec spec, StudyOptions options, const Backend& backend, const Context& context)
    : state_(std::make_unique<State>(std::move(spec), std::move(options), backend, context)) {}

Study::~Study() {
  if (!state_ || state_->is_broken) return;
  try {
    end();
  } catch (...) {
  }
}

Study::Study(Study&&) noexcept = default;

Study& Study::operator=(Study&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

std::optional<Trial> Study::ask() {
  std::vector<Trial> trials = ask(1);
  if (trials.empty()) return std::nullopt;
  return std::move(trials.front());
}

std::vector<Trial> Study::ask(int64_t n) {
  const std::lock_guard lock(state_->mutex);
  return state_->run([&] {
    std::vector<Trial> out;
    state_->look_at_timeout();
    if (state_->is_over) return out;
    for (const int64_t id : state_->loop->start(n)) out.push_back(state_->trial(id));
    return out;
  });
}

bool Study::report(int64_t trial, double metric) { return report({{trial, metric}}).front(); }

std::vector<bool> Study::report(const std::vector<TrialReport>& reports) {
  const std::lock_guard lock(state_->mutex);
  for (const TrialReport& each : reports) state_->find(each.trial);
  state_->report(reports);
  std::vector<bool> out;
  for (const TrialReport& each : reports) out.push_back(state_->find(each.trial).end.has_value());
  return out;
}

void Study::finish(int64_t trial) {
  const std::lock_guard lock(state_->mutex);
  state_->close(trial, TrialState::kFinished, told_finish_reason(state_->find(trial).n_reports));
}

void Study::tell(int64_t trial, double metric) {
  report(trial, metric);
  finish(trial);
}

void Study::fail(int64_t trial, const std::string& reason) {
  const std::lock_guard lock(state_->mutex);
  state_->close(trial, TrialState::kFailed, "failed" + (reason.empty() ? "" : ": " + reason));
}

std::optional<TrialEnd> Study::end_of(int64_t trial) const {
  const std::lock_guard lock(state_->mutex);
  return state_->find(trial).end;
}

int64_t Study::n_running() const {
  const std::lock_guard lock(state_->mutex);
  return state_->loop->progress().n_running;
}

std::optional<Study::Best> Study::best() const {
  const std::lock_guard lock(state_->mutex);
  const BestTrial& best = state_->loop->progress().best;
  if (best.trial < 0) return std::nullopt;
  return Best{state_->trial(best.trial), best.metric, best.interval};
}

Progress Study::progress() const {
  const std::lock_guard lock(state_->mutex);
  return state_->loop->progress();
}

void Study::stop() {
  const std::lock_guard lock(state_->mutex);
  if (state_->is_over) return;
  state_->run([&] { state_->cut(SweepEnd::kInterrupted); });
}

SweepResult Study::end() {
  const std::lock_guard lock(state_->mutex);
  if (state_->result) return *state_->result;
  return state_->run([&] {
    if (!state_->is_over) state_->cut(SweepEnd::kInterrupted);
    state_->result = state_->loop->end();
    return *state_->result;
  });
}

}  // namespace lockstep
