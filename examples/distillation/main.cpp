// What one sweep has learned, used by the next: many short trials of a small network are the observations from which Bayesian sampling
// begins when a large one is tuned with few trials.

#include <algorithm>
#include <cstdio>
#include <vector>

#include <lockstep/torch/sweep.h>
#include <lockstep/warm_start.h>
#include <torch/torch.h>

namespace nn = torch::nn;

struct NetImpl : nn::Module {
  explicit NetImpl(int64_t width)
      : first(register_module("first", nn::Linear(8, width))), second(register_module("second", nn::Linear(width, width))),
        last(register_module("last", nn::Linear(width, 1))) {}
  torch::Tensor forward(torch::Tensor x) { return last(torch::tanh(second(torch::tanh(first(x))))).squeeze(1); }
  nn::Linear first, second, last;
};
TORCH_MODULE(Net);

/// A smooth function of eight numbers.
lockstep::DataPart examples(int64_t n) {
  const auto x = torch::randn({n, 8});
  return {x, (x.select(1, 0) * x.select(1, 1) + (2 * x.select(1, 2)).sin() + 0.3 * x.slice(1, 3).sum(1)) / 2};
}

lockstep::SweepSpec spec_of(int64_t n_trials) {
  lockstep::SweepSpec spec;
  spec.search_space.add("lr", lockstep::loguniform(-10, 0)).add("momentum", lockstep::uniform(0, 0.99));
  spec.search_space.add("weight_decay", lockstep::loguniform(-14, -2));
  spec.objective = {.goal = lockstep::Goal::kMinimize, .primary_metric = "loss"};
  spec.limits.max_total_trials = n_trials;
  return spec;
}

int main() {
  torch::manual_seed(1);
  const lockstep::DataSet data{"function", examples(1024), examples(512), {}};
  const lockstep::Metric loss{.name = "loss", .per_example = [](torch::Tensor out, torch::Tensor y) { return (out - y).square(); }};
  const auto task_of = [&](int64_t width) {
    return lockstep::FunctionTask(data, {loss}, [width](const lockstep::TrialConfig& trial) {
      auto program = lockstep::trial_program(Net(width), nn::MSELoss());
      program.optimizer.lr = trial.tensor("lr");
      program.optimizer.momentum = trial.tensor("momentum");
      program.optimizer.weight_decay = trial.tensor("weight_decay");
      program.n_intervals = 8;
      return program;
    });
  };
  const auto small = task_of(16), large = task_of(96);

  try {
    lockstep::SweepHistory history;
    const auto first = lockstep::run_sweep(small, spec_of(200), {.seed = 3, .observers = {&history}});
    std::printf("the small network's best of 200: loss %.4f\n", first.result.best.metric);

    lockstep::SweepSpec next = spec_of(12);
    next.sampling.algorithm = lockstep::SamplingAlgorithm::kBayesian;
    next.limits.max_concurrent_trials = 4;
    const lockstep::WarmStart known = history.warm_start(next, 8);
    for (const auto& note : known.notes) std::printf("%s\n", note.c_str());
    std::vector<double> with, without;  // the best loss of three sweeps of 12 trials each
    for (const uint64_t seed : {11, 12, 13}) {
      with.push_back(lockstep::run_sweep(large, next, {.seed = seed, .earlier = known.trials}).result.best.metric);
      without.push_back(lockstep::run_sweep(large, next, {.seed = seed}).result.best.metric);
    }
    std::sort(with.begin(), with.end());
    std::sort(without.begin(), without.end());
    std::printf("the large one's best of 12, median of three sweeps: loss %.4f with what is known, %.4f without\n", with[1], without[1]);
    return with[1] < without[1] ? 0 : 1;
  } catch (const lockstep::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.exit_code());
  }
}
