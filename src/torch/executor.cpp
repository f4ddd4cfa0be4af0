#include <lockstep/torch/executor.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <thread>

#include <lockstep/error.h>

#include "torch/cohorts.h"
#include "torch/device_context.h"
#include "torch/heap.h"
#include "torch/tile.h"
#include "torch/worker_pool.h"

namespace lockstep {
namespace {

/// What one tile's rows, gradients and activations may take together on a CPU: a few times a core's second-level cache, with the
/// third level catching the rest. From single runs with tiles of 1 to 128 trials at 16, 64 and 256 units; not measured per model.
constexpr int64_t kCpuTileBytes = 6 << 20;
constexpr int64_t kLargestCpuTile = 128;
constexpr int64_t kLargestGpuTile = 4096;

DataPart on_device(const DataPart& part, torch::Device device) {
  if (part.size() == 0) return part;
  return {part.inputs.to(device), part.targets.to(device)};
}

class TorchExecutor : public Executor {
 public:
  TorchExecutor(const Task& task, const Configurations& configurations, const std::map<std::string, Setting>& settings,
                const Objective& objective, const TorchExecutorOptions& options)
      : options_(options),
        source_{task, configurations, settings, options.device, options.seed},
        workers_(n_workers(options)),
        metric_(find_metric(task, objective)) {
    if (options.device.is_cpu()) keep_freed_memory();
    const DataSet& data = task.data();
    if (data.train.size() == 0) throw DataError(data.name + ": the training part is empty");
    if (data.validation.size() == 0) throw DataError(data.name + ": the validation part is empty");
    train_ = on_device(data.train, options.device);
    validation_ = on_device(data.validation, options.device);
    test_ = on_device(data.test, options.device);
    guarded("building a trial", [&] { workers_.run(1, [&](int64_t) { cohorts_ = find_cohorts(source_, train_); }); });
    for (size_t c = 0; c < cohorts_.size(); ++c) {
      for (const auto trial : cohorts_[c].trials) cohort_of_[trial] = c;
    }
  }

  void start(std::span<const Placement> placements) override {
    std::map<size_t, std::vector<int64_t>> by_cohort;
    for (const auto& [slot, trial] : placements) {
      by_cohort[cohort_of_.at(trial)].push_back(trial);
      slot_of_[trial] = slot;
      reports_.resize(std::max(reports_.size(), static_cast<size_t>(slot) + 1));
    }
    for (const auto& [cohort, ids] : by_cohort) {
      const int64_t size = tile_size(cohort, static_cast<int64_t>(ids.size()));
      for (size_t begin = 0; begin < ids.size(); begin += static_cast<size_t>(size)) {
        const size_t end = std::min(ids.size(), begin + static_cast<size_t>(size));
        places_.push_back({cohort, {ids.begin() + static_cast<int64_t>(begin), ids.begin() + static_cast<int64_t>(end)}, nullptr, 0});
      }
    }
  }

  int64_t n_intervals(int64_t trial) const override { return cohorts_[cohort_of_.at(trial)].n_intervals; }

  void train_interval(double* metrics) override {
    // The longest first, so that no core is left with a long one at the end.
    std::sort(places_.begin(), places_.end(), [this](const Place& a, const Place& b) { return cost(a) > cost(b); });
    std::map<int64_t, torch::Tensor> orders;
    for (const auto& place : places_) {
      const int64_t age = place.tile ? place.tile->age() : 0;
      if (orders.count(age) == 0) orders[age] = example_order(age);
    }
    std::vector<std::vector<double>> by_place(places_.size());
    guarded("training", [&] {
      workers_.run(static_cast<int64_t>(places_.size()), [&](int64_t i) {
        Place& place = places_[static_cast<size_t>(i)];
        const auto begin = std::chrono::steady_clock::now();
        if (!place.tile) place.tile = std::make_unique<Tile>(source_, place.trials);
        place.tile->train_epoch(train_, orders.at(place.tile->age()));
        by_place[static_cast<size_t>(i)] = place.tile->evaluate(validation_, metric_);
        place.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      });
    });
    report(by_place, metrics);
  }

  void retire(std::span<const int64_t> trials) override {
    const std::set<int64_t> retired(trials.begin(), trials.end());
    for (const auto trial : trials) slot_of_.erase(trial);
    std::map<std::pair<size_t, int64_t>, std::vector<size_t>> groups;  // same cohort and age: may be merged
    for (size_t i = 0; i < places_.size(); ++i) {
      groups[{places_[i].cohort, places_[i].tile ? places_[i].tile->age() : 0}].push_back(i);
    }
    std::vector<const std::vector<size_t>*> work;
    for (const auto& [key, members] : groups) work.push_back(&members);
    guarded("compacting", [&] {
      workers_.run(static_cast<int64_t>(work.size()),
                   [&](int64_t i) { compact(*work[static_cast<size_t>(i)], retired); });
    });
    std::erase_if(places_, [](const Place& place) { return place.trials.empty(); });
  }

  void keep(int64_t trial) override {
    const auto [place, slot] = find(trial);
    kept_ = place->tile->copy_row(slot);
    kept_trial_ = trial;
  }

  std::optional<double> test_kept() override {
    if (kept_trial_ < 0 || test_.size() == 0) return std::nullopt;
    double out = 0;
    guarded("evaluating the best trial", [&] {
      workers_.run(1, [&](int64_t) {
        const std::vector<int64_t> one{kept_trial_};
        Tile tile(source_, one);
        tile.restore_row(0, kept_);
        out = tile.evaluate(test_, metric_).front();
      });
    });
    return out;
  }

  std::vector<std::string> notes() const override {
    std::vector<std::string> out;
    for (size_t c = 0; c < cohorts_.size(); ++c) {
      const Cohort& cohort = cohorts_[c];
      out.push_back("cohort " + std::to_string(c) + ": " + std::to_string(cohort.trials.size()) + " trials" +
                    (cohort.description.empty() ? "" : " with " + cohort.description) + ", " +
                    std::to_string(cohort.row_size) + " parameters each, tiles of " +
                    std::to_string(tile_size(c, static_cast<int64_t>(cohort.trials.size()))));
    }
    return out;
  }

 private:
  /// Trials that train together; the tile is built by the worker that trains it first.
  struct Place {
    size_t cohort = 0;
    std::vector<int64_t> trials;
    std::unique_ptr<Tile> tile;
    double seconds = 0;  ///< of its last interval
  };

  static int n_workers(const TorchExecutorOptions& options) {
    if (options.device.is_cuda()) return 1;
    if (options.n_threads > 0) return options.n_threads;
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  }

  static const Metric& find_metric(const Task& task, const Objective& objective) {
    std::vector<std::string> names;
    for (const auto& metric : task.metrics()) {
      if (metric.name == objective.primary_metric) return metric;
      names.push_back(metric.name);
    }
    std::string reported;
    for (const auto& name : names) reported += (reported.empty() ? "" : ", ") + name;
    const std::string near = nearest_name(objective.primary_metric, names);
    const std::string place = objective.where.to_string();
    throw TaskError((place.empty() ? "" : place + ": ") + "objective.primary_metric: '" + objective.primary_metric +
                    "' is not reported by the task; " + (near.empty() ? "" : "did you mean '" + near + "'? ") + "It reports " +
                    reported);
  }

  /// Runs `work` and turns what LibTorch throws into a TaskError without its stack trace.
  template <class Work>
  static void guarded(const char* doing, const Work& work) {
    try {
      work();
    } catch (const c10::OutOfMemoryError& error) {
      throw DeviceError(std::string("out of memory while ") + doing + "; lower limits.max_concurrent_trials or use smaller tiles: " + error.what_without_backtrace());
    } catch (const c10::Error& error) {
      throw TaskError(std::string("the task failed while ") + doing + ": " + error.what_without_backtrace());
    } catch (const std::bad_alloc&) {
      throw DeviceError(std::string("out of memory while ") + doing + "; lower limits.max_concurrent_trials");
    }
  }

  int64_t tile_size(size_t cohort, int64_t n_trials) const {
    if (options_.tile_size > 0) return options_.tile_size;
    if (options_.device.is_cuda()) return kLargestGpuTile;
    const int64_t fits = kCpuTileBytes / std::max<int64_t>(1, cohorts_[cohort].trial_bytes);
    // No larger than what gives every core a tile: a sweep may be one cohort.
    const int64_t share = (n_trials + workers_.n_threads() - 1) / workers_.n_threads();
    return std::max<int64_t>(1, std::min({fits, share, kLargestCpuTile}));
  }

  double cost(const Place& place) const {
    if (place.seconds > 0) return place.seconds;
    return 1e-9 * static_cast<double>(cohorts_[place.cohort].trial_bytes) * static_cast<double>(place.trials.size());
  }

  torch::Tensor example_order(int64_t age) const {
    const auto order = torch::empty({train_.size()}, torch::dtype(torch::kLong).device(options_.device));
    backend_of(options_.device).permutation(device_context(options_.device, options_.seed), age, train_.size(),
                                            order.mutable_data_ptr<int64_t>());
    return order;
  }

  /// Writes each trial's metric to its slot of `metrics`, in the device's memory.
  void report(const std::vector<std::vector<double>>& by_place, double* metrics) {
    const bool on_cpu = options_.device.is_cpu();
    double* const host = on_cpu ? metrics : reports_.data();
    for (size_t i = 0; i < places_.size(); ++i) {
      for (size_t at = 0; at < by_place[i].size(); ++at) host[slot_of_.at(places_[i].trials[at])] = by_place[i][at];
    }
    if (on_cpu) return;
    // The slots in between are nobody's, or are read by nobody.
    backend_of(options_.device).copy_to_device(device_context(options_.device, options_.seed), metrics, host,
                                               static_cast<int64_t>(reports_.size() * sizeof(double)));
  }

  /// Drops the retired trials of these places and merges what fits together. Emptied places are left without trials.
  void compact(const std::vector<size_t>& members, const std::set<int64_t>& retired) {
    Place* open = nullptr;
    for (const auto i : members) {
      Place& place = places_[i];
      std::vector<int64_t> slots;
      std::vector<int64_t> left;
      for (size_t slot = 0; slot < place.trials.size(); ++slot) {
        if (retired.count(place.trials[slot]) != 0) continue;
        slots.push_back(static_cast<int64_t>(slot));
        left.push_back(place.trials[slot]);
      }
      if (left.size() != place.trials.size()) {
        if (place.tile && !left.empty()) place.tile->keep_slots(slots);
        place.seconds *= static_cast<double>(left.size()) / static_cast<double>(place.trials.size());
        place.trials = std::move(left);
      }
      if (place.trials.empty()) {
        place.tile.reset();
        continue;
      }
      const int64_t capacity = tile_size(place.cohort, static_cast<int64_t>(cohorts_[place.cohort].trials.size()));
      if (open != nullptr && place.tile && open->tile &&
          static_cast<int64_t>(open->trials.size() + place.trials.size()) <= capacity) {
        open->tile->append(*place.tile);
        open->trials.insert(open->trials.end(), place.trials.begin(), place.trials.end());
        open->seconds += place.seconds;
        place.trials.clear();
        place.tile.reset();
      } else if (open == nullptr || place.trials.size() < open->trials.size()) {
        open = &place;
      }
    }
  }

  std::pair<const Place*, int64_t> find(int64_t trial) const {
    for (const auto& place : places_) {
      const auto it = std::find(place.trials.begin(), place.trials.end(), trial);
      if (it != place.trials.end()) return {&place, it - place.trials.begin()};
    }
    throw std::logic_error("trial " + std::to_string(trial) + " is not training");
  }

  TorchExecutorOptions options_;
  TileSource source_;
  WorkerPool workers_;
  const Metric& metric_;
  DataPart train_, validation_, test_;
  std::vector<Cohort> cohorts_;
  std::map<int64_t, size_t> cohort_of_;
  std::map<int64_t, int64_t> slot_of_;  // of the trials that run
  std::vector<double> reports_;         // by slot: a device's metrics on their way
  std::vector<Place> places_;
  std::vector<torch::Tensor> kept_;
  int64_t kept_trial_ = -1;
};

}  // namespace

std::unique_ptr<Executor> make_torch_executor(const Task& task, const Configurations& configurations,
                                              const std::map<std::string, Setting>& settings,
                                              const Objective& objective, const TorchExecutorOptions& options) {
  return std::make_unique<TorchExecutor>(task, configurations, settings, objective, options);
}

}  // namespace lockstep
