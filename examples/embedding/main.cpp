// A sweep inside a LibTorch program: 200 learning rates and two widths of a small classifier, trained as batches. The model is
// an ordinary module for one trial; reading the width as an integer and the learning rate as a tensor is all it takes. With a file's
// name as argument the best trial's model is saved there: best.safetensors or best.pt for Python, best.model for torch::load.

#include <cstdio>

#include <lockstep/torch/sweep.h>
#include <torch/torch.h>

struct NetImpl : torch::nn::Module {
  explicit NetImpl(int64_t hidden)
      : first(register_module("first", torch::nn::Linear(2, hidden))),
        second(register_module("second", torch::nn::Linear(hidden, 2))) {}
  torch::Tensor forward(torch::Tensor x) { return second(torch::relu(first(x))); }
  torch::nn::Linear first, second;
};
TORCH_MODULE(Net);

/// Two interleaved rings, which no linear model can tell apart.
lockstep::DataPart rings(int64_t n) {
  const auto label = torch::arange(n) % 2;
  const auto angle = torch::rand({n}) * 6.2832;
  const auto radius = 1 + label + 0.2 * torch::randn({n});
  return {torch::stack({radius * angle.cos(), radius * angle.sin()}, 1), label};
}

int main(int argc, char** argv) {
  torch::manual_seed(1);
  lockstep::SweepSpec spec;
  spec.search_space.add("lr", lockstep::loguniform(-7, 0)).add("hidden", lockstep::choice({16, 64}));
  spec.objective = {lockstep::Goal::kMaximize, "accuracy", {}};
  spec.limits.max_total_trials = 200;
  spec.early_termination.kind = lockstep::PolicyKind::kMedianStopping;
  spec.early_termination.delay_evaluation = 5;

  const lockstep::Metric accuracy{"accuracy", [](torch::Tensor out, torch::Tensor y) { return out.argmax(1).eq(y); }, {}};
  const lockstep::FunctionTask task({"rings", rings(800), rings(200), rings(200)}, {accuracy},
                                    [](const lockstep::TrialConfig& trial) {
    Net net(trial.integer("hidden"));
    lockstep::TrialProgram program;
    program.module = net.ptr();
    program.forward = [net](torch::Tensor x) mutable { return net->forward(x); };
    program.loss = [](torch::Tensor out, torch::Tensor y) { return torch::nn::functional::cross_entropy(out, y); };
    program.optimizer.lr = trial.tensor("lr");
    program.n_intervals = 20;
    return program;
  });

  try {
    const auto sweep = lockstep::run_sweep(task, spec, {.seed = 7});
    const auto& best = sweep.result.best;
    std::printf("best of 200: trial %ld, accuracy %.4f (test %.4f), lr %s, hidden %s; stopping saved %.0f %%\n", best.trial,
                best.metric, sweep.result.test_metric.value_or(0),
                sweep.configurations.value(best.trial, 0).to_string().c_str(),
                sweep.configurations.value(best.trial, 1).to_string().c_str(), 100 * sweep.result.savings());
    if (argc > 1) {
      const auto model = lockstep::restore_trial(task, sweep.configurations, spec.trial, best.trial, sweep.weights.front());
      lockstep::save_model(*model.module, argv[1], lockstep::model_format(argv[1]),
                           lockstep::model_metadata(sweep.configurations, spec.trial, best.trial, "accuracy", best.metric));
    }
  } catch (const lockstep::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.exit_code());
  }
}
