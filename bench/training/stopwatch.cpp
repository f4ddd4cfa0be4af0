#include "training/stopwatch.h"

#include <algorithm>
#include <fstream>
#include <thread>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "timing.h"

namespace lockstep::bench {

namespace {

void read_workload(const nlohmann::json& workload, Contest& contest) {
  if (contest.n_trials <= 0) contest.n_trials = workload.at("trials");
  contest.batch_size = workload.at("batch_size");
  contest.adam = workload.at("optimizer") == "adam";
  contest.smallest_lr = workload.at("lr").at(0);
  contest.largest_lr = workload.at("lr").at(1);
  contest.n_train = workload.value("train", 0);
  contest.n_validation = workload.value("validation", 0);
}

}  // namespace

Contest parse_contest(int argc, char** argv, const char* description) {
  refuse_debug_build();
  const auto workloads = nlohmann::json::parse(std::ifstream(LOCKSTEP_BENCH_WORKLOADS));
  std::vector<std::string> names;
  for (const auto& [name, workload] : workloads.items()) names.push_back(name);
  Contest contest;
  CLI::App app(description);
  app.add_option("--workload", contest.workload, "What to train")->check(CLI::IsMember(names))->capture_default_str();
  app.add_option("--width", contest.width, "mlp: units of each of the two hidden layers")->capture_default_str();
  app.add_option("--trials", contest.n_trials, "Trials that train at the same time; 0: as workloads.json has it");
  app.add_option("--min-seconds", contest.min_seconds, "Time whole epochs until so much has gone by")
      ->capture_default_str();
  app.add_option("--threads", contest.n_threads, "Threads; 0: one a core")->capture_default_str();
  app.add_option("--device", contest.device, "Lockstep: cpu or cuda")->capture_default_str();
  app.add_flag("--eager", contest.eager, "Lockstep on a GPU: launch every kernel of every step anew");
  app.add_flag("--verbose", contest.verbose, "Lockstep: say what it plans");
  app.add_option("--tile", contest.tile_size, "Lockstep: trials in one batched module; 0: as it plans")
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
  if (contest.n_threads <= 0) contest.n_threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  read_workload(workloads.at(contest.workload), contest);
  return contest;
}

void time_epochs(const Contest& contest, const DataSet& data, int64_t trials_per_epoch,
                 const std::function<double()>& epoch) {
  double best = 0;
  const Repetitions epochs = repeat(contest.min_seconds, [&] { best = std::max(best, epoch()); });
  const nlohmann::json result = {
      {"trial_epochs_per_s", static_cast<double>(epochs.n * trials_per_epoch) / epochs.seconds},
      {"best_validation_accuracy", best},
      {"train_examples", data.train.size()},
      {"validation_examples", data.validation.size()},
  };
  std::printf("%s\n", result.dump().c_str());
}

}  // namespace lockstep::bench
