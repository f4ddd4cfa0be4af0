// An ensemble of a sweep's best trials: their weights are kept while the sweep runs, and one batched module predicts with all of them.

#include <cstdio>

#include <lockstep/torch/ensemble.h>
#include <lockstep/torch/sweep.h>
#include <torch/torch.h>

namespace nn = torch::nn;

struct NetImpl : nn::Module {
  explicit NetImpl(int64_t width)
      : first(register_module("first", nn::Linear(10, width))), second(register_module("second", nn::Linear(width, width))),
        last(register_module("last", nn::Linear(width, 5))) {}
  torch::Tensor forward(torch::Tensor x) { return last(torch::relu(second(torch::relu(first(x))))); }
  nn::Linear first, second, last;
};
TORCH_MODULE(Net);

/// Five classes by a random network's opinion, some of them wrong: so that single networks overfit.
lockstep::DataPart labelled(int64_t n, Net& teacher) {
  const torch::NoGradGuard no_grad;
  const auto x = torch::randn({n, 10});
  const auto y = (4 * teacher(x) + 0.5 * torch::randn({n, 5})).argmax(1);
  return {x, y};
}

double share_right(const torch::Tensor& scores, const torch::Tensor& y) { return scores.argmax(-1).eq(y).to(torch::kFloat).mean().item<double>(); }

int main() {
  torch::manual_seed(1);
  Net teacher(32);
  lockstep::SweepSpec spec;
  spec.search_space.add("lr", lockstep::loguniform(-7, -2)).add("width", lockstep::choice({32, 64}));
  spec.search_space.add("weight_decay", lockstep::loguniform(-10, -3));
  spec.objective = {.goal = lockstep::Goal::kMaximize, .primary_metric = "accuracy"};
  spec.limits.max_total_trials = 64;

  const lockstep::Metric accuracy{.name = "accuracy", .per_example = [](torch::Tensor out, torch::Tensor y) { return out.argmax(1).eq(y); }};
  const lockstep::FunctionTask task({"teacher", labelled(800, teacher), labelled(400, teacher), labelled(4000, teacher)}, {accuracy},
                                    [](const lockstep::TrialConfig& trial) {
    auto program = lockstep::trial_program(Net(trial.integer("width")), nn::CrossEntropyLoss());
    program.optimizer.kind = lockstep::OptimizerKind::kAdamW;
    program.optimizer.lr = trial.tensor("lr");
    program.optimizer.weight_decay = trial.tensor("weight_decay");
    program.n_intervals = 20;
    return program;
  });

  try {
    const auto sweep = lockstep::run_sweep(task, spec, {.seed = 7, .n_kept = 10});
    const lockstep::Ensemble ensemble(task, sweep);
    const auto& test = task.data().test;
    const auto outputs = ensemble.forward(test.inputs);  // [10, 4000, 5], the best trial first
    std::printf("test accuracy: the best trial %.3f, the ten best one by one %.3f on average, together %.3f\n", share_right(outputs[0], test.targets),
                share_right(outputs, test.targets), share_right(outputs.softmax(-1).mean(0), test.targets));
    return share_right(outputs.softmax(-1).mean(0), test.targets) > share_right(outputs[0], test.targets) ? 0 : 1;
  } catch (const lockstep::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.exit_code());
  }
}
