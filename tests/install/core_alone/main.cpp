// A sweep over something that is no neural network: which step size minimises x^4 - 3x fastest, 64 of them side by side, each an
// interval of ten steps. Samples, runs the interval loop over an executor of its own, and prints what came out. With an argument it loads
// the CUDA backend instead, and says what became of that.
#include <cmath>
#include <cstdio>
#include <map>

#include <lockstep/backend.h>
#include <lockstep/sampling.h>
#include <lockstep/sweep.h>

class Descent : public lockstep::Executor {
 public:
  explicit Descent(const lockstep::Configurations& configurations) : configurations_(configurations) {}

  int64_t n_intervals(int64_t) const override { return 10; }
  void start(std::span<const lockstep::Placement> placements) override {
    for (const auto& [slot, trial] : placements) running_[trial] = {slot, 3.0};
  }
  void train_interval(double* metrics) override {
    for (auto& [trial, state] : running_) {
      const double step = configurations_.value(trial, 0).as_real();
      for (int i = 0; i < 10; ++i) state.x -= step * (4 * state.x * state.x * state.x - 3);
      metrics[state.slot] = std::pow(state.x, 4) - 3 * state.x;
    }
  }
  void retire(std::span<const int64_t> trials) override {
    for (const int64_t trial : trials) running_.erase(trial);
  }
  void keep(int64_t trial) override { kept_ = running_.at(trial).x; }
  std::optional<double> test_kept(int64_t) override { return std::nullopt; }
  double kept() const { return kept_; }

 private:
  struct State {
    int64_t slot = 0;
    double x = 0;
  };
  const lockstep::Configurations& configurations_;
  std::map<int64_t, State> running_;
  double kept_ = 0;
};

int main(int argc, char**) {
  if (argc > 1) {
    try {
      std::printf("%d devices\n", lockstep::cuda_backend().device_count());
    } catch (const lockstep::Error& error) {
      std::printf("%s\n", error.what());
    }
    return 0;
  }
  lockstep::SweepSpec spec;
  spec.search_space.add("step", lockstep::loguniform(-9, -1));
  spec.objective = {lockstep::Goal::kMinimize, "value", {}};
  spec.limits.max_total_trials = 64;
  spec.early_termination.kind = lockstep::PolicyKind::kMedianStopping;
  spec.early_termination.delay_evaluation = 2;
  lockstep::Context context;
  context.seed = 7;
  const lockstep::Configurations configurations = lockstep::sample(lockstep::host_backend(), context, spec);
  Descent descent(configurations);
  const lockstep::SweepResult result = lockstep::run_sweep(spec, configurations, descent, lockstep::host_backend(), context);
  std::printf("best of %ld: trial %ld, value %.4f at x = %.4f; %ld diverged, %ld stopped\n", static_cast<long>(result.progress.n_trials),
              static_cast<long>(result.best.trial), result.best.metric, descent.kept(),
              static_cast<long>(result.progress.n_diverged), static_cast<long>(result.progress.n_stopped));
  const double minimum = std::pow(0.75, 1.0 / 3);
  const bool found = std::abs(descent.kept() - minimum) < 1e-3 && result.progress.n_diverged > 0 && result.progress.n_stopped > 0;
  return found ? 0 : 1;
}
