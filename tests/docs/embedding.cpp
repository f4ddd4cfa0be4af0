#include <cmath>

#include <lockstep/torch/sweep.h>
#include <torch/torch.h>

using Net = torch::nn::Linear;

/// A sweep whose trials have what the page shows.
int main() {
  torch::manual_seed(1);
  const auto inputs = torch::rand({64, 2});
  const lockstep::DataPart part{inputs, inputs.sum(1).gt(1).to(torch::kLong)};
  lockstep::SweepSpec spec;
  for (const char* name : {"lr", "beta1", "beta2", "weight_decay"}) spec.search_space.add(name, lockstep::uniform(0.01, 0.1));
  spec.objective = {.goal = lockstep::Goal::kMaximize, .primary_metric = "accuracy"};
  spec.limits.max_total_trials = 6;
  const lockstep::Metric accuracy{"accuracy", [](torch::Tensor out, torch::Tensor y) { return out.argmax(1).eq(y); }};
  const lockstep::FunctionTask task({"corners", part, part, part}, {accuracy}, [](const lockstep::TrialConfig& trial) {
    Net net(2, 2);
    auto program = lockstep::trial_program(net, torch::nn::CrossEntropyLoss());
    program.optimizer.lr = trial.tensor("lr");
    for (const char* name : {"beta1", "beta2", "weight_decay"}) trial.tensor(name);
    program.n_intervals = 2;
    BLOCK
    return program;
  });
  return lockstep::run_sweep(task, spec).result.progress.n_finished == 6 ? 0 : 1;
}
