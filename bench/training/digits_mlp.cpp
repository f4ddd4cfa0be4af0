// Lockstep's side of bench/run: a sweep of the learning rate of an MLP 64-h-h-10 on the digits, through the public API.
#include <algorithm>
#include <cstdio>
#include <vector>

#include <lockstep/backend.h>
#include <lockstep/torch/executor.h>

#include "models/task_registry.h"
#include "training/stopwatch.h"

namespace {

using namespace lockstep;

SweepSpec sweep_of(const bench::Contest& contest) {
  const std::string text = "type: sweep\nsampling_algorithm: random\n"
                           "trial: {model: mlp, dataset: digits, depth: 2, momentum: 0.9, epochs: 1000000, hidden: " +
                           std::to_string(contest.width) + ", batch_size: " + std::to_string(contest.batch_size) +
                           "}\n"
                           "search_space: {lr: {type: loguniform, min_value: -7, max_value: -2.3}}\n"
                           "objective: {goal: maximize, primary_metric: accuracy}\n"
                           "limits: {max_total_trials: " +
                           std::to_string(contest.n_trials) + "}\n";
  return parse_sweep(text, "bench");
}

void run(const bench::Contest& contest) {
  const SweepSpec spec = sweep_of(contest);
  const auto task = make_task(spec);
  Context context;
  context.seed = 1;
  const Configurations configurations = sample_random(host_backend(), context, spec.search_space, 0, contest.n_trials);
  TorchExecutorOptions options;
  options.n_threads = contest.n_threads;
  const auto executor = make_torch_executor(*task, configurations, spec.trial, spec.objective, options);
  std::vector<Placement> placements;
  for (int64_t trial = 0; trial < contest.n_trials; ++trial) placements.push_back({trial, trial});
  executor->start(placements);
  std::vector<double> accuracies(placements.size());
  bench::time_epochs(contest, contest.n_trials, [&] {
    executor->train_interval(accuracies.data());
    return *std::max_element(accuracies.begin(), accuracies.end());
  });
}

}  // namespace

int main(int argc, char** argv) {
  const auto contest = lockstep::bench::parse_contest(argc, argv, "Trains MLPs on the digits as one batch.");
  try {
    run(contest);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
