#include "torch/tile_planner.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <limits>
#include <map>

#ifdef __linux__
#include <unistd.h>
#endif

#include "torch/minibatch.h"
#include "torch/step_memory.h"

namespace lockstep {
namespace {

/// What one tile's rows, gradients and activations may take together: a few times a core's second-level cache, with the
/// third level catching the rest. Where the search for a tile size begins.
constexpr int64_t kTileBytes = 6 << 20;
/// A measured tile trains this often: once to warm up, and then the fastest counts.
constexpr int kSteps = 4;
/// Measuring may take this part of a cohort's training.
constexpr double kMeasuringShare = 0.01;
/// A larger or smaller tile must be this much faster.
constexpr double kGain = 0.98;

/// Seconds that a trial's step takes in a tile of this size on every worker at once: the mean over workers.
double measure(const TileSource& source, const DataPart& train, const Cohort& cohort, int64_t size, WorkerPool& workers) {
  std::vector<double> seconds(static_cast<size_t>(workers.n_threads()));
  workers.run(workers.n_threads(), [&](int64_t worker) {
    const std::vector<int64_t> trials(cohort.trials.begin(), cohort.trials.begin() + size);
    Tile tile(source, trials);
    tile.probe_step(train);  // to warm up
    double fastest = std::numeric_limits<double>::infinity();
    for (int step = 1; step < kSteps; ++step) {
      const auto begin = std::chrono::steady_clock::now();
      tile.probe_step(train);
      fastest = std::min(fastest, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    }
    seconds[static_cast<size_t>(worker)] = fastest / static_cast<double>(size);
  });
  double sum = 0;
  for (const double each : seconds) sum += each;
  return sum / static_cast<double>(seconds.size());
}

}  // namespace

std::string TilePlan::measurements() const {
  std::string out;
  for (const auto& [size, seconds] : measured) {
    char text[64];
    std::snprintf(text, sizeof text, "%s%lld: %.3g us", out.empty() ? "measured: " : ", ", static_cast<long long>(size),
                  seconds * 1e6);
    out += text;
  }
  return out.empty() ? out : out + " a trial's step";
}

int64_t guess_tile(const Cohort& cohort, int64_t most) {
  return std::clamp<int64_t>(kTileBytes / std::max<int64_t>(1, cohort.trial_bytes), 1, std::max<int64_t>(1, most));
}

TilePlan plan_tile(const TileSource& source, const DataPart& train, const Cohort& cohort, int64_t most,
                   WorkerPool& workers) {
  most = std::max<int64_t>(1, std::min(most, static_cast<int64_t>(cohort.trials.size())));
  TilePlan plan;
  plan.size = guess_tile(cohort, most);
  if (!cohort.one_by_one.empty() || most == 1) return plan;
  // Some three sizes around the guess, a size's steps by every worker. A trial's step costs about as much in each.
  const double trial_steps = 3.0 * kSteps * static_cast<double>(plan.size * workers.n_threads());
  const double of_training = static_cast<double>(cohort.trials.size()) * static_cast<double>(cohort.n_intervals) *
                             static_cast<double>(cohort.steps_per_interval);
  if (trial_steps > kMeasuringShare * of_training) return plan;

  std::map<int64_t, double> seconds;
  const auto measured = [&](int64_t size) {
    const auto known = seconds.find(size);
    if (known != seconds.end()) return known->second;
    return seconds[size] = measure(source, train, cohort, size, workers);
  };
  // Downhill by factors of two.
  for (const bool larger : {false, true}) {
    for (;;) {
      const int64_t next = larger ? std::min(most, 2 * plan.size) : plan.size / 2;
      if (next < 1 || next == plan.size || measured(next) > kGain * measured(plan.size)) break;
      plan.size = next;
    }
  }
  plan.measured.assign(seconds.begin(), seconds.end());
  return plan;
}

WorkingMemory measure_memory(const TileSource& source, const DataPart& train, const DataPart& validation,
                             std::span<const Metric* const> metrics, const Cohort& cohort) {
  const auto peak_of = [&](int64_t n_trials) {
    return static_cast<double>(peak_memory_bytes([&] {
      const std::vector<int64_t> trials(cohort.trials.begin(), cohort.trials.begin() + n_trials);
      Tile tile(source, trials);
      tile.probe_step(train);
      const int64_t n_scored = std::min<int64_t>(validation.size(), Tile::kEvaluationBatch);
      const Batch batch = range_of(validation, 0, n_scored, source.device);
      tile.score({batch.inputs, batch.targets}, metrics);
    }));
  };
  const double one = peak_of(1);
  const int64_t more = std::min<int64_t>(4, static_cast<int64_t>(cohort.trials.size()));
  if (more == 1) return {0, one};
  const double per_trial = std::max(1.0, (peak_of(more) - one) / static_cast<double>(more - 1));
  return {std::max(0.0, one - per_trial), per_trial};
}

int64_t resident_bytes() {
#ifdef __linux__
  long long total = 0, resident = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  const bool read = std::fscanf(file, "%lld %lld", &total, &resident) == 2;
  std::fclose(file);
  return read ? static_cast<int64_t>(resident) * sysconf(_SC_PAGESIZE) : 0;
#else
  return 0;
#endif
}

}  // namespace lockstep
