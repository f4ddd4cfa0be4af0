// A peer of bench/run: the same trials one after the other through plain LibTorch modules and torch::optim, one
// worker a core, as a scheduler of single trials would run them (but without its start-up costs).
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

#include <torch/torch.h>

#include "training/stopwatch.h"
#include "training/workloads.h"

namespace {

using namespace lockstep;

/// Trials that one worker trains in an "epoch" of the contest: enough for the clock, for each costs the same.
constexpr int kTrialsPerWorker = 4;

struct Trial {
  models::BuiltModel model;
  std::unique_ptr<torch::optim::Optimizer> optimizer;
  Trial(const bench::Contest& contest, models::BuiltModel a_model, double lr) : model(std::move(a_model)) {
    const auto parameters = model.module->parameters();
    if (contest.adam) {
      optimizer = std::make_unique<torch::optim::Adam>(parameters, torch::optim::AdamOptions(lr));
    } else {
      optimizer = std::make_unique<torch::optim::SGD>(
          parameters, torch::optim::SGDOptions(lr).momentum(bench::kMomentum));
    }
  }
};

double train_epoch(Trial& trial, const DataSet& data, int64_t batch_size) {
  trial.model.module->train();
  const auto order = torch::randperm(data.train.size());
  for (int64_t begin = 0; begin < data.train.size(); begin += batch_size) {
    const auto rows = order.narrow(0, begin, std::min(batch_size, data.train.size() - begin));
    trial.optimizer->zero_grad();
    const auto output = trial.model.forward(data.train.inputs.index_select(0, rows));
    bench::loss(output, data.train.targets.index_select(0, rows)).backward();
    trial.optimizer->step();
  }
  trial.model.module->eval();
  torch::NoGradGuard no_grad;
  const auto output = trial.model.forward(data.validation.inputs);
  return bench::is_right(output, data.validation.targets).to(torch::kDouble).mean().item<double>();
}

void run(const bench::Contest& contest) {
  torch::manual_seed(1);
  const bench::Workload workload = bench::make_workload(contest);
  const double ratio = contest.largest_lr / contest.smallest_lr;
  std::vector<std::vector<std::unique_ptr<Trial>>> trials(static_cast<size_t>(contest.n_threads));
  for (auto& worker : trials) {
    for (int i = 0; i < kTrialsPerWorker; ++i) {
      const double lr = contest.smallest_lr * std::pow(ratio, static_cast<double>(i) / (kTrialsPerWorker - 1));
      worker.push_back(std::make_unique<Trial>(contest, workload.build(), lr));
    }
  }
  bench::time_epochs(contest, workload.data, static_cast<int64_t>(contest.n_threads) * kTrialsPerWorker, [&] {
    std::vector<double> best(trials.size(), 0);
    std::vector<std::thread> workers;
    for (size_t w = 0; w < trials.size(); ++w) {
      workers.emplace_back([&, w] {
        at::set_num_threads(1);
        for (auto& trial : trials[w]) {
          best[w] = std::max(best[w], train_epoch(*trial, workload.data, contest.batch_size));
        }
      });
    }
    for (auto& worker : workers) worker.join();
    return *std::max_element(best.begin(), best.end());
  });
}

}  // namespace

int main(int argc, char** argv) {
  const auto contest =
      lockstep::bench::parse_contest(argc, argv, "Trains a workload's trials one by one, one worker a core.");
  try {
    run(contest);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
