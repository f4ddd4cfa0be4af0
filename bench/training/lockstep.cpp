// Lockstep's side of bench/run: a sweep of the learning rate of a workload, through the public API.
#include <cmath>
#include <cstdio>
#include <vector>

#include <lockstep/backend.h>
#include <lockstep/torch/device.h>
#include <lockstep/torch/executor.h>
#include <lockstep/torch/sweep.h>

#include "training/stopwatch.h"
#include "training/workloads.h"

namespace {

using namespace lockstep;

TrialProgram program_of(const bench::Contest& contest, const models::BuiltModel& model, const TrialConfig& config) {
  TrialProgram program;
  program.module = model.module;
  program.forward = model.forward;
  program.loss = bench::loss;
  program.batch_size = contest.batch_size;
  program.n_intervals = 1'000'000;
  program.optimizer.kind = contest.adam ? OptimizerKind::kAdam : OptimizerKind::kSgd;
  program.optimizer.lr = config.tensor("lr");
  if (!contest.adam) program.optimizer.momentum = config.tensor("momentum");
  return program;
}

void run(const bench::Contest& contest) {
  const bench::Workload workload = bench::make_workload(contest);
  const FunctionTask task(workload.data, {{"accuracy", bench::is_right, {}}}, [&](const TrialConfig& config) {
    return program_of(contest, workload.build(), config);
  });
  SearchSpace space;
  space.add("lr", loguniform(std::log(contest.smallest_lr), std::log(contest.largest_lr)));
  Context context;
  context.seed = 1;
  const Configurations configurations = sample_random(host_backend(), context, space, 0, contest.n_trials);
  std::map<std::string, Setting> settings;
  if (!contest.adam) settings["momentum"].value = Value(bench::kMomentum);
  TorchExecutorOptions options;
  options.device = torch_device(parse_device(contest.device).value_or(Device()));
  options.record_steps = !contest.eager;
  options.n_threads = contest.n_threads;
  options.tile_size = contest.tile_size;
  const auto executor =
      make_torch_executor(task, configurations, settings, {Goal::kMaximize, "accuracy", {}}, options);
  if (contest.verbose) {
    for (const auto& note : executor->notes()) std::fprintf(stderr, "%s\n", note.c_str());
  }
  std::vector<Placement> placements;
  for (int64_t trial = 0; trial < contest.n_trials; ++trial) placements.push_back({trial, trial});
  executor->start(placements);
  const auto accuracies =
      torch::zeros({contest.n_trials}, torch::dtype(torch::kDouble).device(options.device));
  bench::time_epochs(contest, workload.data, contest.n_trials, [&] {
    executor->train_interval(accuracies.mutable_data_ptr<double>());
    return accuracies.max().item<double>();
  });
}

}  // namespace

int main(int argc, char** argv) {
  const auto contest = lockstep::bench::parse_contest(argc, argv, "Trains a workload's trials as batches.");
  try {
    run(contest);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
