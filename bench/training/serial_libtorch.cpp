// A peer of bench/run: the same trials one after the other through plain LibTorch modules and torch::optim::SGD, one
// worker a core, as a scheduler of single trials would run them (but without its start-up costs).
#include <cmath>
#include <cstdio>
#include <thread>

#include <torch/torch.h>

#include "models/mlp.h"
#include "models/task_registry.h"
#include "training/stopwatch.h"

namespace {

using namespace lockstep;

/// Trials that one worker trains in an "epoch" of the contest: enough for the clock, for each costs the same.
constexpr int kTrialsPerWorker = 4;

struct Trial {
  models::Mlp mlp;
  torch::optim::SGD optimizer;
  Trial(const models::MlpOptions& options, double lr)
      : mlp(options), optimizer(mlp->parameters(), torch::optim::SGDOptions(lr).momentum(0.9)) {}
};

double train_epoch(Trial& trial, const DataSet& data, int64_t batch_size) {
  trial.mlp->train();
  const auto order = torch::randperm(data.train.size());
  for (int64_t begin = 0; begin < data.train.size(); begin += batch_size) {
    const auto rows = order.narrow(0, begin, std::min(batch_size, data.train.size() - begin));
    trial.optimizer.zero_grad();
    const auto output = trial.mlp->forward(data.train.inputs.index_select(0, rows));
    torch::nn::functional::cross_entropy(output, data.train.targets.index_select(0, rows)).backward();
    trial.optimizer.step();
  }
  trial.mlp->eval();
  torch::NoGradGuard no_grad;
  const auto output = trial.mlp->forward(data.validation.inputs);
  return output.argmax(1).eq(data.validation.targets).to(torch::kDouble).mean().item<double>();
}

void run(const bench::Contest& contest) {
  const auto spec = parse_sweep(
      "type: sweep\nsampling_algorithm: random\ntrial: {model: mlp, dataset: digits}\n"
      "search_space: {lr: {type: uniform, min_value: 0.0, max_value: 1.0}}\n"
      "objective: {goal: maximize, primary_metric: accuracy}\nlimits: {max_total_trials: 1}\n",
      "bench");
  const auto task = make_task(spec);
  const DataSet& data = task->data();
  models::MlpOptions options;
  options.n_inputs = data.train.inputs.size(1);
  options.hidden = {contest.width, contest.width};
  options.n_outputs = 10;
  std::vector<std::vector<std::unique_ptr<Trial>>> trials(static_cast<size_t>(contest.n_threads));
  for (auto& worker : trials) {
    for (int i = 0; i < kTrialsPerWorker; ++i) worker.push_back(std::make_unique<Trial>(options, std::exp(-7 + i)));
  }
  bench::time_epochs(contest, static_cast<int64_t>(contest.n_threads) * kTrialsPerWorker, [&] {
    std::vector<double> best(trials.size(), 0);
    std::vector<std::thread> workers;
    for (size_t w = 0; w < trials.size(); ++w) {
      workers.emplace_back([&, w] {
        at::set_num_threads(1);
        for (auto& trial : trials[w]) best[w] = std::max(best[w], train_epoch(*trial, data, contest.batch_size));
      });
    }
    for (auto& worker : workers) worker.join();
    return *std::max_element(best.begin(), best.end());
  });
}

}  // namespace

int main(int argc, char** argv) {
  const auto contest =
      lockstep::bench::parse_contest(argc, argv, "Trains MLPs on the digits one by one, one worker a core.");
  try {
    run(contest);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
