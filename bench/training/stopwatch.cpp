#include "training/stopwatch.h"

#include <thread>

#include <CLI/CLI.hpp>

#include "timing.h"

namespace lockstep::bench {

Contest parse_contest(int argc, char** argv, const char* description) {
  refuse_debug_build();
  Contest contest;
  CLI::App app(description);
  app.add_option("--width", contest.width, "Units of each of the two hidden layers")->capture_default_str();
  app.add_option("--trials", contest.n_trials, "Trials that train at the same time")->capture_default_str();
  app.add_option("--batch-size", contest.batch_size, "Examples a step")->capture_default_str();
  app.add_option("--min-seconds", contest.min_seconds, "Time whole epochs until so much has gone by")
      ->capture_default_str();
  app.add_option("--threads", contest.n_threads, "Threads; 0: one a core")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
  if (contest.n_threads <= 0) contest.n_threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  return contest;
}

void time_epochs(const Contest& contest, int64_t trials_per_epoch, const std::function<double()>& epoch) {
  double best = 0;
  const Repetitions epochs = repeat(contest.min_seconds, [&] { best = std::max(best, epoch()); });
  std::printf(
      "{\"trial_epochs_per_s\": %.4f, \"epochs\": %lld, \"seconds\": %.4f, \"best_validation_accuracy\": %.4f}\n",
      static_cast<double>(epochs.n * trials_per_epoch) / epochs.seconds, static_cast<long long>(epochs.n),
      epochs.seconds, best);
}

}  // namespace lockstep::bench
