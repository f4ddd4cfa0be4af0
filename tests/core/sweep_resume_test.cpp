// Sweeps that go on from their past, at every one of their intervals and under every policy: they must end as if nothing had
// happened.
#include <cmath>
#include <cstring>
#include <map>

#include <gtest/gtest.h>

#include "core/fake_executor.h"

namespace lockstep {
namespace {

constexpr int64_t kTrials = 24;
constexpr int64_t kSlots = 9;
constexpr int64_t kIntervals = 9;

/// Trials with weights that each interval changes, by a configuration that pbt may change too.
class WeightExecutor : public Executor {
 public:
  explicit WeightExecutor(const Configurations& configurations) : configurations_(configurations) {}

  int64_t capacity() const override { return capacity_now; }
  int64_t n_intervals(int64_t trial) const override { return kIntervals - trial % 3; }
  void start(std::span<const Placement> placements) override {
    for (const auto& [slot, trial] : placements) {
      trials_[trial] = {slot, 0.1 * static_cast<double>(trial % 7), configurations_.draw(trial, 0)};
    }
  }
  void train_interval(double* metrics) override {
    ++n_trained;
    for (auto& [id, trial] : trials_) {
      trial.weight = std::fmod(trial.weight * 1.7 + trial.draw + 0.01 * static_cast<double>(id), 3.0) + 0.01;
      metrics[trial.slot] = id == 5 && trial.weight > 2 ? std::nan("") : trial.weight;
    }
    if (after_interval) after_interval(n_trained);
  }
  void exploit(std::span<const Exploit> exploits) override {
    const auto before = trials_;
    for (const Exploit& each : exploits) {
      trials_.at(each.trial).weight = before.at(each.source).weight;
      trials_.at(each.trial).draw = each.draws[0];
    }
  }
  void retire(std::span<const int64_t> ended) override {
    for (const int64_t trial : ended) trials_.erase(trial);
  }
  void keep(int64_t trial) override { kept_ = trials_.at(trial).weight; }
  std::optional<double> test_kept(int64_t) override { return kept_; }

  void save(const ByteSink& sink) const override {
    const auto n = static_cast<int64_t>(trials_.size());
    sink(&kept_, sizeof kept_);
    sink(&n, sizeof n);
    for (const auto& [id, trial] : trials_) {
      sink(&id, sizeof id);
      sink(&trial.weight, sizeof trial.weight);
    }
  }
  void restore(const ByteSource& source, std::span<const Placement> placements,
               std::span<const Exploit> changed) override {
    int64_t n = 0;
    source(&kept_, sizeof kept_);
    source(&n, sizeof n);
    std::map<int64_t, double> weights;
    for (int64_t i = 0; i < n; ++i) {
      int64_t id = 0;
      source(&id, sizeof id);
      source(&weights[id], sizeof(double));
    }
    start(placements);
    for (const auto& [slot, trial] : placements) trials_.at(trial).weight = weights.at(trial);
    for (const Exploit& each : changed) trials_.at(each.trial).draw = each.draws[0];
  }

  int64_t n_trained = 0;
  int64_t capacity_now = kSlots;
  std::function<void(int64_t n_trained)> after_interval;

 private:
  struct Trial {
    int64_t slot = 0;
    double weight = 0;
    double draw = 0;
  };
  const Configurations& configurations_;
  std::map<int64_t, Trial> trials_;
  double kept_ = -1;
};

/// What a killed process would leave behind after each interval.
class Recorder : public RecordingObserver {
 public:
  explicit Recorder(const Executor& executor) : executor_(executor) {}
  void on_interval(const IntervalReport& report) override {
    RecordingObserver::on_interval(report);
    times.push_back(report.time);
    for (const MetricReport& each : report.metrics) metrics[{each.trial, each.interval}] = each.metric;
    if (!report.played_back) save(report.tick);
  }
  void on_cut(const IntervalReport& report) override {
    save(report.tick);
    cut_tick = report.tick;
  }

  SweepPast past(int64_t n_ticks) const {
    SweepPast out;
    out.n_slots = kSlots;
    out.times.assign(times.begin(), times.begin() + n_ticks);
    out.metric = [this](int64_t trial, int64_t interval) { return metrics.at({trial, interval}); };
    if (n_ticks == 0) return out;
    out.saved = [bytes = saved.at(n_ticks), at = size_t{0}](void* data, size_t size) mutable {
      ASSERT_LE(at + size, bytes.size());
      std::memcpy(data, bytes.data() + at, size);
      at += size;
    };
    return out;
  }

  std::vector<TickTime> times;
  std::map<std::pair<int64_t, int64_t>, double> metrics;
  std::map<int64_t, std::string> saved;
  int64_t cut_tick = 0;

 private:
  void save(int64_t tick) {
    std::string& bytes = saved[tick];
    if (!bytes.empty()) return;  // that of on_cut, when the trials were still there
    executor_.save([&](const void* data, size_t size) { bytes.append(static_cast<const char*>(data), size); });
  }
  const Executor& executor_;
};

/// A sweep's reports as text; what was aborted by a cut is left out, as it is no decision.
std::string text_of(const std::vector<IntervalReport>& reports, int64_t n_ticks) {
  std::string out;
  for (const IntervalReport& report : reports) {
    if (report.tick > n_ticks) break;
    out += "\ntick " + std::to_string(report.tick) + ":";
    for (const int64_t trial : report.started) out += " +" + std::to_string(trial);
    for (const auto& each : report.metrics) {
      out += " " + std::to_string(each.trial) + "@" + std::to_string(each.interval) + "=" + std::to_string(each.metric);
    }
    for (const auto& each : report.exploits) out += "\n  " + std::to_string(each.trial) + " " + each.reason;
    for (const auto& each : report.ends) {
      if (each.state != TrialState::kAborted) out += "\n  " + std::to_string(each.trial) + " " + each.reason;
    }
  }
  return out;
}

class SweepResume : public ::testing::TestWithParam<PolicyKind> {
 protected:
  SweepResume() {
    spec_ = loop_spec(Goal::kMaximize);
    EarlyTermination& policy = spec_.early_termination;
    policy.kind = GetParam();
    if (policy.kind == PolicyKind::kBandit) policy.slack_factor = 0.3;
    policy.truncation_percentage = 20;
    policy.reduction_factor = 2;
    SearchSpace space;
    space.add("x", uniform(0, 1));
    std::vector<double> draws;
    for (int64_t trial = 0; trial < kTrials; ++trial) draws.push_back(std::fmod(0.37 * static_cast<double>(trial), 1));
    configurations_ = Configurations(space, 0, kTrials, draws);
  }

  SweepResult run(WeightExecutor& executor, SweepObserver& observer, const SweepPast* past = nullptr,
                  const std::atomic<bool>* stop = nullptr) {
    Context context;
    context.allocator = &host_backend().allocator();
    context.seed = 3;
    SweepObserver* const observers[] = {&observer};
    return run_sweep(spec_, configurations_, executor, host_backend(), context, observers, stop, past);
  }

  SweepSpec spec_;
  Configurations configurations_;
};

TEST_P(SweepResume, EndsAsIfNothingHadHappenedFromEveryInterval) {
  WeightExecutor whole_executor(configurations_);
  Recorder whole(whole_executor);
  const SweepResult expected = run(whole_executor, whole);
  const auto n_ticks = static_cast<int64_t>(whole.reports.size());
  ASSERT_GT(n_ticks, 5);
  for (int64_t n_past = 0; n_past <= n_ticks; ++n_past) {
    const SweepPast past = whole.past(n_past);
    WeightExecutor executor(configurations_);
    executor.capacity_now = kSlots - 2;  // less memory than there was
    Recorder resumed(executor);
    const SweepResult result = run(executor, resumed, &past);
    EXPECT_EQ(executor.n_trained, n_ticks - n_past) << "what is past was trained again";
    EXPECT_EQ(text_of(resumed.reports, n_ticks), text_of(whole.reports, n_ticks)) << "after " << n_past;
    EXPECT_EQ(result.best.trial, expected.best.trial);
    EXPECT_EQ(result.best_draws, expected.best_draws);
    EXPECT_EQ(result.test_metric, expected.test_metric);
    EXPECT_EQ(result.progress.trial_intervals, expected.progress.trial_intervals);
    EXPECT_EQ(result.progress.trial_intervals_full, expected.progress.trial_intervals_full);
    EXPECT_EQ(result.progress.n_stopped, expected.progress.n_stopped);
    for (const IntervalReport& report : resumed.reports) EXPECT_EQ(report.played_back, report.tick <= n_past);
    if (HasFailure()) return;
  }
}

TEST_P(SweepResume, TakesUpTheTrialsThatAStopRequestAborted) {
  WeightExecutor whole_executor(configurations_);
  Recorder whole(whole_executor);
  const SweepResult expected = run(whole_executor, whole);
  const auto n_ticks = static_cast<int64_t>(whole.reports.size());
  for (const int64_t cut : {int64_t{1}, int64_t{4}, n_ticks - 1}) {
    std::atomic<bool> stop = false;
    WeightExecutor cut_executor(configurations_);
    cut_executor.after_interval = [&](int64_t n_trained) { stop = n_trained == cut; };
    Recorder first(cut_executor);
    EXPECT_EQ(run(cut_executor, first, nullptr, &stop).end, SweepEnd::kInterrupted);
    EXPECT_EQ(first.cut_tick, cut);
    EXPECT_EQ(text_of(first.reports, cut), text_of(whole.reports, cut)) << "the cut changed what had been decided";
    const SweepPast past = first.past(cut);
    WeightExecutor executor(configurations_);
    Recorder resumed(executor);
    const SweepResult result = run(executor, resumed, &past);
    EXPECT_EQ(text_of(resumed.reports, n_ticks), text_of(whole.reports, n_ticks));
    EXPECT_EQ(result.end, SweepEnd::kCompleted);
    EXPECT_EQ(result.progress.n_aborted, 0);
    EXPECT_EQ(result.test_metric, expected.test_metric);
  }
}

INSTANTIATE_TEST_SUITE_P(Policies, SweepResume,
                         ::testing::Values(PolicyKind::kNone, PolicyKind::kMedianStopping, PolicyKind::kBandit,
                                           PolicyKind::kTruncationSelection, PolicyKind::kSuccessiveHalving,
                                           PolicyKind::kHyperband, PolicyKind::kAsha, PolicyKind::kPbt));

TEST(SweepResumeTime, ATrialTimeoutThatWasMetIsMetAgain) {
  SweepSpec spec = loop_spec(Goal::kMaximize, 2);
  spec.limits.trial_timeout_s = 10;
  SweepPast past;
  past.n_slots = 2;
  past.times = {{0, 6}, {6, 12}};
  past.metric = [](int64_t, int64_t) { return 0.5; };
  Configurations configurations;
  SearchSpace space;
  space.add("x", uniform(0, 1));
  configurations = Configurations(space, 0, 3, {0.1, 0.2, 0.3});
  WeightExecutor executor(configurations);
  Recorder observer(executor);
  past.saved = [n = 0](void* data, size_t) mutable { std::memset(data, 0, sizeof(double)), ++n; };
  Context context;
  context.allocator = &host_backend().allocator();
  SweepObserver* const observers[] = {&observer};
  const SweepResult result =
      run_sweep(spec, configurations, executor, host_backend(), context, observers, nullptr, &past);
  EXPECT_EQ(observer.ends.at(0).reason, "aborted: limits.trial_timeout after interval 2");
  EXPECT_EQ(observer.ends.at(1).reason, "aborted: limits.trial_timeout after interval 2");
  EXPECT_EQ(observer.ends.at(2).state, TrialState::kFinished);
  EXPECT_GE(result.progress.elapsed_s, 12);
}

}  // namespace
}  // namespace lockstep
