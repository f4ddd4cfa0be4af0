#include <lockstep/torch/sweep.h>

#include <future>
#include <mutex>

#include <lockstep/bayesian.h>
#include <lockstep/error.h>
#include <lockstep/sampling.h>

#include "torch/device_context.h"

namespace lockstep {

Value TaskSweep::best_value(const std::string& name) const {
  const std::optional<int64_t> column = configurations.space().find(name);
  if (!column) throw InputError("'" + name + "' was not searched");
  if (result.best.trial < 0) throw InputError("no trial has a finite metric, so there is no best " + name);
  return configurations.space()[*column].distribution.decode(result.best_draws[static_cast<size_t>(*column)]);
}

Configurations TaskSweep::leading_configurations() const {
  Configurations out = configurations;
  for (const Leader& leader : result.leaders) out.replace(leader.best.trial, leader.draws);
  return out;
}

TaskSweep run_sweep(const Task& task, const SweepSpec& spec, SweepOptions options) {
  TaskSweep out;
  out.seed = spec.sampling.seed.value_or(options.seed);
  out.settings = spec.trial;
  const Context context = device_context(options.device, out.seed);
  const Backend& backend = backend_of(options.device);
  // Of what is chosen as the sweep runs: those of Bayesian sampling, which reach the ends of every range.
  SweepSpec provisional = spec;
  if (options.proposer) provisional.sampling.algorithm = SamplingAlgorithm::kBayesian;
  out.configurations = sample(backend, context, provisional);
  const std::unique_ptr<Proposer> bayesian = options.proposer ? nullptr : make_proposer(spec, out.seed, options.earlier);
  Proposer* const proposer = options.proposer ? options.proposer : bayesian.get();

  TorchExecutorOptions& training = options.executor;
  training.seed = out.seed;
  training.device = options.device;
  training.n_kept = options.n_kept;
  training.other_metrics = options.other_metrics;
  training.configurations_change = proposer != nullptr;
  const auto executor = make_torch_executor(task, out.configurations, spec.trial, spec.objective, training);
  out.result = proposer ? run_sweep(spec, out.configurations, *proposer, *executor, backend, context, options.observers,
                                    options.stop_requested, nullptr, options.earlier)
                        : run_sweep(spec, out.configurations, *executor, backend, context, options.observers,
                                    options.stop_requested, nullptr, options.earlier);
  for (const Leader& leader : out.result.leaders) out.weights.push_back(executor->kept_weights(leader.best.trial));
  if (out.result.leaders.empty()) return out;
  out.validation_metrics = executor->kept_metrics(out.result.best.trial, task.data().validation);
  out.test_metrics = executor->kept_metrics(out.result.best.trial, task.data().test);
  return out;
}

struct RunningSweep::State : SweepObserver {
  void on_interval(const IntervalReport& report) override {
    const std::lock_guard lock(mutex);
    progress = report.progress;
  }

  std::mutex mutex;
  Progress progress;  // under the mutex
  std::atomic<bool> stop = false;
  std::future<TaskSweep> result;
};

namespace {

/// Passes the caller's own request to stop on to the sweep.
class StopWith : public SweepObserver {
 public:
  StopWith(const std::atomic<bool>& asked, std::atomic<bool>& stop) : asked_(asked), stop_(stop) {}
  void on_start(const SweepSpec&, const Configurations&) override { pass_on(); }
  void on_interval(const IntervalReport&) override { pass_on(); }

 private:
  void pass_on() {
    if (asked_) stop_ = true;
  }
  const std::atomic<bool>& asked_;
  std::atomic<bool>& stop_;
};

}  // namespace

RunningSweep::RunningSweep(const Task& task, SweepSpec spec, SweepOptions options) : state_(std::make_unique<State>()) {
  state_->result = std::async(std::launch::async, [&task, state = state_.get(), spec = std::move(spec), options]() mutable {
    options.observers.insert(options.observers.begin(), state);
    std::optional<StopWith> stop_with;
    if (options.stop_requested) options.observers.push_back(&stop_with.emplace(*options.stop_requested, state->stop));
    options.stop_requested = &state->stop;
    return run_sweep(task, spec, options);
  });
}

RunningSweep::~RunningSweep() {
  if (!state_) return;
  stop();
  if (state_->result.valid()) state_->result.wait();
}

RunningSweep::RunningSweep(RunningSweep&&) noexcept = default;

RunningSweep& RunningSweep::operator=(RunningSweep&& other) noexcept {
  RunningSweep ended(std::move(*this));
  state_ = std::move(other.state_);
  return *this;
}

Progress RunningSweep::progress() const {
  const std::lock_guard lock(state_->mutex);
  return state_->progress;
}

bool RunningSweep::is_done() const {
  return !state_->result.valid() || state_->result.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

void RunningSweep::stop() { state_->stop = true; }

TaskSweep RunningSweep::get() { return state_->result.get(); }

}  // namespace lockstep
