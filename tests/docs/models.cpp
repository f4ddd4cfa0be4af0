#include <lockstep/torch/export.h>
#include <lockstep/torch/sweep.h>
#include <torch/torch.h>

struct NetImpl : torch::nn::Module {
  explicit NetImpl(int64_t hidden) : layer(register_module("layer", torch::nn::Linear(2, hidden))) {}
  torch::Tensor forward(torch::Tensor x) { return layer(x).relu().sum(1, true); }
  torch::nn::Linear layer;
};
TORCH_MODULE(Net);

/// A sweep of one regression, whose best trial is written, and read again as the page has it.
int main() {
  torch::manual_seed(1);
  const auto inputs = torch::rand({64, 2});
  const lockstep::DataPart part{inputs, inputs.sum(1, true)};
  lockstep::SweepSpec spec;
  spec.search_space.add("lr", lockstep::loguniform(-7, -3));
  spec.objective = {lockstep::Goal::kMinimize, "loss", {}};
  spec.limits.max_total_trials = 2;
  const lockstep::Metric loss{"loss", [](torch::Tensor out, torch::Tensor y) { return (out - y).square(); }, {}};
  const lockstep::FunctionTask task({"sums", part, part, part}, {loss}, [](const lockstep::TrialConfig& trial) {
    Net net(64);
    lockstep::TrialProgram program;
    program.module = net.ptr();
    program.forward = [net](torch::Tensor x) mutable { return net->forward(x); };
    program.loss = [](torch::Tensor out, torch::Tensor y) { return torch::mse_loss(out, y); };
    program.optimizer.lr = trial.tensor("lr");
    return program;
  });
  const auto sweep = lockstep::run_sweep(task, spec, {.seed = 7});
  const auto restored = lockstep::restore_trial(task, sweep.configurations, spec.trial, sweep.result.best.trial, sweep.weights.front());
  lockstep::save_model(*restored.module, "best.model", lockstep::ModelFormat::kLibTorch);
  BLOCK
  return 0;
}
