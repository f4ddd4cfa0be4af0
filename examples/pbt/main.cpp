// Population based training inside a program: 24 trials train side by side; every other epoch the worst quarter goes on with the weights
// of the best, and with a learning rate and a dropout rate that are changed a little. So a schedule is found, not only values.

#include <cstdio>
#include <map>
#include <vector>

#include <lockstep/sweep_callbacks.h>
#include <lockstep/torch/functional.h>
#include <lockstep/torch/sweep.h>
#include <torch/torch.h>

namespace nn = torch::nn;

struct NetImpl : nn::Module {
  explicit NetImpl(torch::Tensor dropout)
      : first(register_module("first", nn::Linear(2, 64))), second(register_module("second", nn::Linear(64, 64))),
        last(register_module("last", nn::Linear(64, 2))), p(dropout) {}
  torch::Tensor forward(torch::Tensor x) {
    x = lockstep::dropout(torch::relu(first(x)), p, is_training());
    x = lockstep::dropout(torch::relu(second(x)), p, is_training());
    return last(x);
  }
  nn::Linear first, second, last;
  torch::Tensor p;
};
TORCH_MODULE(Net);

/// Two arms of a spiral.
lockstep::DataPart spiral(int64_t n) {
  const auto label = torch::arange(n) % 2;
  const auto turn = 0.25 + 1.5 * torch::rand({n}), angle = 6.2832 * turn + 3.1416 * label;
  const auto x = torch::stack({turn * angle.cos(), turn * angle.sin()}, 1);
  return {x + 0.04 * torch::randn(x.sizes()), label};
}

int main() {
  torch::manual_seed(1);
  lockstep::SweepSpec spec;
  spec.search_space.add("lr", lockstep::loguniform(-8, -1)).add("dropout", lockstep::uniform(0, 0.5));
  spec.objective = {.goal = lockstep::Goal::kMaximize, .primary_metric = "accuracy"};
  spec.limits.max_total_trials = 24;
  spec.early_termination = {.kind = lockstep::PolicyKind::kPbt, .evaluation_interval = 2};

  const lockstep::Metric accuracy{.name = "accuracy", .per_example = [](torch::Tensor out, torch::Tensor y) { return out.argmax(1).eq(y); }};
  const lockstep::FunctionTask task({"spiral", spiral(1200), spiral(400), spiral(400)}, {accuracy}, [](const lockstep::TrialConfig& trial) {
    auto program = lockstep::trial_program(Net(trial.tensor("dropout")), nn::CrossEntropyLoss());
    program.optimizer.kind = lockstep::OptimizerKind::kAdam;
    program.optimizer.lr = trial.tensor("lr");
    program.n_intervals = 40;
    return program;
  });

  // The learning rates that a trial's weights have been through, its ancestors' included.
  std::map<int64_t, std::vector<double>> rates;
  lockstep::SweepCallbacks watch({.on_trial_start = [&](int64_t trial, const lockstep::Configuration& values) { rates[trial] = {values.number("lr")}; },
                                  .on_exploit = [&](const lockstep::TrialExploit& exploit) {
                                    rates[exploit.trial] = rates[exploit.source];
                                    rates[exploit.trial].push_back(exploit.draws[0]);
                                  }});
  try {
    const auto sweep = lockstep::run_sweep(task, spec, {.seed = 7, .observers = {&watch}});
    const auto& result = sweep.result;
    std::printf("best accuracy %.3f (test %.3f) after %ld takeovers among 24 trials; its weights learned at rates of", result.best.metric,
                *result.test_metric, long(result.progress.n_exploits));
    for (const double rate : rates[result.best.trial]) std::printf(" %.2g", rate);
    std::printf("\n");
  } catch (const lockstep::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.exit_code());
  }
}
