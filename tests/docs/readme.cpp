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

lockstep::DataPart corners(int64_t n) {
  const auto inputs = torch::rand({n, 2});
  return {inputs, inputs.sum(1).gt(1).to(torch::kLong)};
}

int main() {
  torch::manual_seed(1);
  lockstep::SweepSpec spec;
  spec.objective = {lockstep::Goal::kMaximize, "accuracy", {}};
  spec.limits.max_total_trials = 40;
  const lockstep::DataSet data{"corners", corners(400), corners(100), corners(100)};
  const lockstep::Metric accuracy{"accuracy", [](torch::Tensor out, torch::Tensor y) { return out.argmax(1).eq(y); }, {}};
  BLOCK
  std::printf("README.md: accuracy %.3f\n", sweep.result.best.metric);
  return sweep.result.best.metric > 0.75 ? 0 : 1;
}
