// An early-termination policy of one's own in a LibTorch program: a trial is stopped when it would not reach the best so far even
// if it went on gaining, until its end, as fast as it has done lately. The same sweep without a policy says what that costs.

#include <algorithm>
#include <cstdio>
#include <limits>
#include <memory>

#include <lockstep/policy.h>
#include <lockstep/torch/sweep.h>
#include <torch/torch.h>

constexpr int64_t kIntervals = 30;

/// For a metric that is to be as large as possible.
class Hopeless : public lockstep::HostPolicy {
 public:
  explicit Hopeless(int64_t window) : window_(window) {}
  std::string name() const override { return "hopeless"; }

  /// What all trials of an interval are measured by.
  void begin(const lockstep::TrialHistory& all) override {
    best_ = -std::numeric_limits<double>::infinity();
    for (const lockstep::TrialCurve& trial : all.trials()) {
      const double best = all.best(trial);
      if (all.is_better(best, best_)) best_ = best;
    }
  }

  std::optional<std::string> stop(const lockstep::TrialCurve& trial, const lockstep::TrialHistory& all) override {
    const int64_t n = trial.interval();
    if (n <= window_) return std::nullopt;
    const double now = all.best(trial), rate = (now - all.best(trial, n - window_)) / static_cast<double>(window_);
    const double hope = now + rate * static_cast<double>(kIntervals - n);
    if (hope >= best_) return std::nullopt;
    return "it would come to " + std::to_string(hope) + ", and the best has " + std::to_string(best_);
  }

 private:
  int64_t window_;
  double best_ = 0;
};

int main() {
  torch::manual_seed(1);
  // Which of two moons a point belongs to.
  const auto moons = [](int64_t n) {
    const auto label = torch::arange(n) % 2;
    const auto angle = 3.1416 * torch::rand({n});
    const auto x = torch::where(label == 0, angle.cos(), 1 - angle.cos());
    const auto y = torch::where(label == 0, angle.sin(), 0.5 - angle.sin());
    return lockstep::DataPart{torch::stack({x, y}, 1) + 0.15 * torch::randn({n, 2}), label};
  };
  const lockstep::Metric accuracy{"accuracy", [](torch::Tensor out, torch::Tensor y) { return out.argmax(1).eq(y); }, {}};
  const lockstep::FunctionTask task({"moons", moons(800), moons(400), moons(400)}, {accuracy},
                                    [](const lockstep::TrialConfig& trial) {
    torch::nn::Sequential net(torch::nn::Linear(2, 32), torch::nn::Tanh(), torch::nn::Linear(32, 2));
    lockstep::TrialProgram program;
    program.module = net.ptr();
    program.forward = [net](torch::Tensor x) mutable { return net->forward(x); };
    program.loss = [](torch::Tensor out, torch::Tensor y) { return torch::nn::functional::cross_entropy(out, y); };
    program.optimizer.lr = trial.tensor("lr");
    program.optimizer.momentum = trial.tensor("momentum");
    program.n_intervals = kIntervals;
    return program;
  });

  lockstep::SweepSpec spec;
  spec.search_space.add("lr", lockstep::loguniform(-9, 0)).add("momentum", lockstep::uniform(0, 0.95));
  spec.objective = {lockstep::Goal::kMaximize, "accuracy", {}};
  spec.limits.max_total_trials = 200;

  try {
    const auto all = lockstep::run_sweep(task, spec, {.seed = 7}).result;
    spec.early_termination = {.kind = lockstep::PolicyKind::kOwn, .own = std::make_shared<Hopeless>(5)};
    const auto some = lockstep::run_sweep(task, spec, {.seed = 7}).result;
    std::printf("without a policy: trial %ld, accuracy %.4f after %ld trial-epochs\n", all.best.trial, all.best.metric,
                all.progress.trial_intervals);
    std::printf("hopeless:         trial %ld, accuracy %.4f after %ld trial-epochs; %ld trials stopped, %.0f %% saved\n",
                some.best.trial, some.best.metric, some.progress.trial_intervals, some.progress.n_stopped, 100 * some.savings());
  } catch (const lockstep::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.exit_code());
  }
}
