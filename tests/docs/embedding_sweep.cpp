#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>

#include <lockstep/sweep_callbacks.h>
#include <lockstep/torch/ensemble.h>
#include <lockstep/torch/sweep.h>
#include <torch/torch.h>

/// A sweep as the page runs it.
int main() {
  torch::manual_seed(1);
  const auto inputs = torch::rand({64, 2});
  const lockstep::DataPart part{inputs, inputs.sum(1).gt(1).to(torch::kLong)};
  lockstep::SweepSpec spec;
  spec.search_space.add("lr", lockstep::uniform(0.1, 1));
  spec.objective = {.goal = lockstep::Goal::kMaximize, .primary_metric = "accuracy"};
  spec.limits.max_total_trials = 6;
  const lockstep::Metric accuracy{"accuracy", [](torch::Tensor out, torch::Tensor y) { return out.argmax(1).eq(y); }};
  const lockstep::FunctionTask task({"corners", part, part, part}, {accuracy}, [](const lockstep::TrialConfig& trial) {
    auto program = lockstep::trial_program(torch::nn::Linear(2, 2), torch::nn::CrossEntropyLoss());
    program.optimizer.lr = trial.tensor("lr");
    program.n_intervals = 5;
    return program;
  });
  BLOCK
  return sweep.result.best.metric > 0.5 ? 0 : 1;
}
