#include <lockstep/torch/executor.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <thread>
#include <unordered_map>

#include <lockstep/error.h>
#include <nlohmann/json.hpp>

#include "torch/cohorts.h"
#include "torch/device_context.h"
#include "torch/heap.h"
#include "torch/host_wait_guard.h"
#include "torch/minibatch.h"
#include "torch/place.h"
#include "torch/side_streams.h"
#include "torch/slow_ops.h"
#include "torch/tile_planner.h"
#include "torch/worker_pool.h"

namespace lockstep {
namespace {

constexpr int64_t kLargestCpuTile = 128;
constexpr int64_t kLargestGpuTile = 4096;
/// Part of the free memory that trials may fill: the rest is for what is not counted, and for others.
constexpr double kMemoryShare = 0.7;
/// Part of the memory that the user gives which is planned: the rest is for what an allocator loses, and for the journal.
constexpr double kGivenMemoryShare = 0.85;
/// What glibc keeps for each worker beside that: a pad of 16 MiB at a heap's end, and holes as newcomers come and go.
constexpr double kHeapOfAWorker = 32 << 20;

std::string in_mib(double bytes) { return std::to_string(static_cast<int64_t>(std::ceil(bytes / (1 << 20)))) + " MiB"; }

class TorchExecutor final : public TaskExecutor {
 public:
  TorchExecutor(const Task& task, const Configurations& configurations, const std::map<std::string, Setting>& settings,
                const Objective& objective, const TorchExecutorOptions& options)
      : options_(options),
        configurations_(configurations),
        source_{task, configurations_, settings, options.device, options.seed},
        workers_(n_workers(options)),
        metrics_(find_metrics(task, objective, options)) {
    if (options.n_kept < 1) throw InputError("the weights of " + std::to_string(options.n_kept) + " trials cannot be kept; keep 1 or more");
    if (options.device.is_cpu()) keep_freed_memory();
    // Convolutions on a GPU drop to TensorFloat-32 by LibTorch's default, products do not. Here neither does, so that a
    // GPU's results are those of a CPU; a program that wants it sets it after making the executor.
    if (options.device.is_cuda()) {
      at::globalContext().setAllowTF32CuDNN(false);
      streams_.emplace(options.device);
      if (options.record_steps) source_.make_graph = make_cuda_graph;
    }
    const DataSet& data = task.data();
    if (data.train.size() == 0) throw DataError(data.name + ": the training part is empty");
    if (data.validation.size() == 0) throw DataError(data.name + ": the validation part is empty");
    train_ = on_device(data.train, options.device);
    validation_ = on_device(data.validation, options.device);
    test_ = on_device(data.test, options.device);
    on_workers("building a trial", 1, [&](int64_t) { cohorts_ = find_cohorts(source_, train_); });
    for (size_t c = 0; c < cohorts_.size(); ++c) {
      for (const auto trial : cohorts_[c].trials) cohort_of_[trial] = c;
      if (!cohorts_[c].one_by_one.empty()) one_by_one_.insert(cohorts_[c].trials.begin(), cohorts_[c].trials.end());
    }
    source_.one_by_one = &one_by_one_;
    plan_tiles();
    capacity_ = options_.memory_bytes > 0 && options.device.is_cpu() ? plan_within(options_.memory_bytes) : plan_capacity();
  }

  int64_t capacity() const override { return capacity_; }

  int64_t cohort(int64_t trial) const override { return static_cast<int64_t>(cohort_of_.at(trial)); }

  bool structural(int64_t param) const override {
    return std::any_of(cohorts_.begin(), cohorts_.end(),
                       [&](const Cohort& cohort) { return cohort.structural.count(param) != 0; });
  }

  void configure(std::span<const TrialConfiguration> configurations) override {
    for (const auto& [trial, draws] : configurations) configurations_.replace(trial, draws);
    for (const auto& [trial, draws] : configurations) {
      one_by_one_.erase(trial);
      const size_t cohort = cohort_for(trial);
      cohort_of_[trial] = cohort;
      if (!cohorts_[cohort].one_by_one.empty()) one_by_one_.insert(trial);
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
      // Where there is room first: a newcomer takes the row of one that left, and nothing moves.
      const int64_t capacity = tile_capacity(cohort);
      auto next = ids.begin();
      for (const auto& place : places_) {
        if (place->cohort() != cohort) continue;
        while (next != ids.end() && place->n_trials() < capacity) add(*place, *next++);
      }
      while (next != ids.end()) {
        places_.push_back(std::make_unique<Place>(cohort));
        while (next != ids.end() && places_.back()->n_trials() < capacity) add(*places_.back(), *next++);
      }
    }
  }

  int64_t n_intervals(int64_t trial) const override { return cohorts_[cohort_of_.at(trial)].n_intervals; }

  void train_interval(double* metrics) override {
    arrange();
    std::map<int64_t, torch::Tensor> orders;
    for (const auto& place : places_) {
      for (const auto age : place->ages()) {
        if (orders.count(age) == 0) orders[age] = example_order(age);
      }
    }
    std::vector<torch::Tensor> means(places_.size());
    on_workers("training", static_cast<int64_t>(places_.size()), [&](int64_t i) {
      Place& place = *places_[static_cast<size_t>(i)];
      const auto begin = std::chrono::steady_clock::now();
      place.settle(source_);
      const auto train = [&] {
        std::optional<HostWaitGuard> guard;
        if (options_.refuse_host_waits) guard.emplace();
        place.tile()->train_epoch(train_, orders);
        means[static_cast<size_t>(i)] = place.tile()->score(validation_, metrics_);
      };
      if (streams_) {
        streams_->run(i, train);
      } else {
        train();
      }
      place.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    });
    report(means, metrics);
  }

  void retire(std::span<const int64_t> trials) override {
    for (const auto trial : trials) {
      place_of_.at(trial)->drop(trial);
      place_of_.erase(trial);
      slot_of_.erase(trial);
    }
  }

  void exploit(std::span<const Exploit> exploits) override {
    // A changed configuration is read again by the task, so it needs a module of its own; what is copied comes from the snapshot
    // that the tiles hold until their next interval.
    std::map<Place*, std::vector<const Exploit*>> by_place;
    for (const auto& each : exploits) {
      configurations_.replace(each.trial, each.draws);
      by_place[place_of_.at(each.trial)].push_back(&each);
    }
    const std::vector<std::pair<Place*, std::vector<const Exploit*>>> work(by_place.begin(), by_place.end());
    std::vector<std::unique_ptr<Tile>> changed(work.size());
    const auto n = static_cast<int64_t>(work.size());
    on_workers("copying weights", n, [&](int64_t i) {
      std::vector<int64_t> trials;
      for (const auto* each : work[static_cast<size_t>(i)].second) trials.push_back(each->trial);
      auto& tile = changed[static_cast<size_t>(i)];
      tile = std::make_unique<Tile>(source_, trials);
      for (size_t k = 0; k < trials.size(); ++k) {
        const int64_t source = work[static_cast<size_t>(i)].second[k]->source;
        const Place& from = *place_of_.at(source);
        tile->copy_weights(static_cast<int64_t>(k), *from.tile(), from.slot_of(source));
      }
    });
    on_workers("copying weights", n, [&](int64_t i) {
      const auto& [place, exploits_here] = work[static_cast<size_t>(i)];
      std::vector<int64_t> slots;
      for (const auto* each : exploits_here) slots.push_back(place->slot_of(each->trial));
      place->tile()->take_over(*changed[static_cast<size_t>(i)], slots);
    });
  }

  int64_t n_kept() const override { return options_.n_kept; }

  void keep(int64_t trial) override {
    const Place& place = *place_of_.at(trial);
    kept_[trial] = place.tile()->copy_row(place.slot_of(trial));
    while (static_cast<int64_t>(kept_.size()) > options_.n_kept) {
      kept_.erase(kept_.begin()->first == trial ? std::next(kept_.begin()) : kept_.begin());
    }
  }

  void discard(int64_t trial) override { kept_.erase(trial); }

  std::optional<double> test_kept(int64_t trial) override {
    if (kept_.count(trial) == 0 || test_.size() == 0) return std::nullopt;
    double out = 0;
    on_workers("evaluating the best trial", 1, [&](int64_t) {
      out = kept_tile(trial).evaluate(test_, *metrics_.front()).front();
    });
    return out;
  }

  NamedTensors kept_weights(int64_t trial) override {
    NamedTensors out;
    if (kept_.count(trial) == 0) return out;
    on_workers("reading the best trial", 1, [&](int64_t) { out = kept_tile(trial).named_row(0); });
    return out;
  }

  std::map<std::string, double> kept_metrics(int64_t trial, const DataPart& part) override {
    std::map<std::string, double> out;
    if (kept_.count(trial) == 0 || part.size() == 0) return out;
    std::vector<const Metric*> all;
    for (const Metric& metric : source_.task.metrics()) all.push_back(&metric);
    on_workers("evaluating the best trial", 1, [&](int64_t) {
      const auto values = kept_tile(trial).evaluate(on_device(part, options_.device), all);
      for (size_t m = 0; m < all.size(); ++m) out[all[m]->name] = values[m].front();
    });
    return out;
  }

  std::vector<std::string> other_metrics() const override { return options_.other_metrics; }

  std::vector<double> others(int64_t trial) const override {
    const auto n = static_cast<std::ptrdiff_t>(metrics_.size() - 1);
    const auto begin = others_.begin() + n * slot_of_.at(trial);
    return {begin, begin + n};
  }

  void save(const ByteSink& sink) const override {
    auto kept = kept_.begin();
    const auto write_kept = [&] {
      SavedRows rows;
      if (kept != kept_.end()) rows = {{kept->first}, {0}, rows_as_bytes(kept->second)};
      write_rows(rows, sink);
      if (kept != kept_.end()) ++kept;
    };
    write_kept();
    const auto n_places = static_cast<int64_t>(
        std::count_if(places_.begin(), places_.end(), [](const auto& place) { return !place->trials().empty(); }));
    sink(&n_places, sizeof n_places);
    for (const auto& place : places_) {
      if (!place->trials().empty()) write_rows(place->save(), sink);
    }
    for (int64_t i = 1; i < options_.n_kept; ++i) write_kept();
  }

  void restore(const ByteSource& source, std::span<const Placement> placements,
               std::span<const Exploit> changed) override {
    for (const auto& each : changed) configurations_.replace(each.trial, each.draws);
    for (const auto& [slot, trial] : placements) {
      slot_of_[trial] = slot;
      reports_.resize(std::max(reports_.size(), static_cast<size_t>(slot) + 1));
    }
    std::vector<SavedRows> kept{read_rows(source)};
    int64_t n_places = 0;
    source(&n_places, sizeof n_places);
    on_workers("restoring trials", 1, [&](int64_t) {
      for (int64_t i = 0; i < n_places; ++i) restore_place(read_rows(source));
      for (int64_t i = 1; i < options_.n_kept; ++i) kept.push_back(read_rows(source));
      for (const SavedRows& each : kept) {
        if (!each.trials.empty()) restore_kept(each);
      }
    });
    for (const auto& [slot, trial] : placements) {
      if (place_of_.count(trial) == 0) {
        throw OutputError("the saved weights are without trial " + std::to_string(trial) + ", which was training");
      }
    }
  }

  std::vector<std::string> notes() const override {
    std::vector<std::string> out;
    if (options_.configurations_change) {
      out.push_back("configurations are chosen as the sweep runs; these cohorts are those of a random sample of as many");
    }
    if (capacity_ < configurations_.n_trials()) {
      out.push_back("memory takes " + std::to_string(capacity_) + " trials at once");
    }
    for (size_t c = 0; c < cohorts_.size(); ++c) {
      const Cohort& cohort = cohorts_[c];
      out.push_back("cohort " + std::to_string(c) + ": " + std::to_string(cohort.trials.size()) + " trials" +
                    (cohort.description.empty() ? "" : " with " + cohort.description) + ", " +
                    std::to_string(cohort.row_size) + " parameters each, tiles of " + std::to_string(tile_capacity(c)) +
                    " (" + tile_origin(c) + ")");
      if (cohort.one_by_one.empty()) continue;
      out.push_back("cohort " + std::to_string(c) + " cannot run as a batch, so its trials train one after another: " +
                    cohort.one_by_one);
    }
    for (const auto& op : slow_ops_.names()) out.push_back(op + " has no batching rule: it runs trial by trial");
    return out;
  }

  std::string plan() const override {
    nlohmann::json tiles = nlohmann::json::array();
    for (const auto& tile : tiles_) tiles.push_back(tile.size);
    return nlohmann::json{{"tiles", tiles}, {"slots", capacity_}}.dump();
  }

 private:
  Tile kept_tile(int64_t trial) const {
    const std::vector<int64_t> one{trial};
    Tile tile(source_, one);
    tile.restore_row(0, kept_.at(trial));
    return tile;
  }

  static int n_workers(const TorchExecutorOptions& options) {
    if (options.device.is_cuda()) return 1;
    if (options.n_threads > 0) return options.n_threads;
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  }

  /// The primary metric, then the others that are asked for.
  static std::vector<const Metric*> find_metrics(const Task& task, const Objective& objective,
                                                 const TorchExecutorOptions& options) {
    for (const Metric& metric : task.metrics()) {
      if (!metric.per_example && !metric.whole) {
        throw TaskError("metric '" + metric.name + "' has no function; set per_example or whole");
      }
    }
    std::vector<const Metric*> metrics{&find_metric(task, objective.primary_metric, objective.where, "objective.primary_metric")};
    for (const std::string& name : options.other_metrics) metrics.push_back(&find_metric(task, name, {}, "other_metrics"));
    return metrics;
  }

  static const Metric& find_metric(const Task& task, const std::string& name, const SourceLocation& where, const char* key) {
    std::vector<std::string> names;
    for (const auto& metric : task.metrics()) {
      if (metric.name == name) return metric;
      names.push_back(metric.name);
    }
    std::string reported;
    for (const auto& each : names) reported += (reported.empty() ? "" : ", ") + each;
    const std::string near = nearest_name(name, names);
    const std::string place = where.to_string();
    throw TaskError((place.empty() ? "" : place + ": ") + key + ": '" + name + "' is not reported by the task; " +
                    (near.empty() ? "" : "did you mean '" + near + "'? ") + "It reports " + reported);
  }

  /// Runs `work(0) ... work(n - 1)` on the workers and turns what LibTorch throws into a TaskError without its stack trace.
  void on_workers(const char* doing, int64_t n, const std::function<void(int64_t)>& work) {
    guarded(doing, [&] {
      std::optional<c10::Stream> stream;
      if (options_.device.is_cuda()) stream = c10::impl::VirtualGuardImpl(options_.device.type()).getStream(options_.device);
      workers_.run(n, [&](int64_t i) {
        const c10::OptionalStreamGuard on_the_callers(stream);
        const SlowOps::Watch watch(slow_ops_);
        work(i);
      });
    });
  }

  static void guarded(const char* doing, const std::function<void()>& work) {
    try {
      work();
    } catch (const c10::OutOfMemoryError& error) {
      throw DeviceError(std::string("out of memory while ") + doing +
                        "; lower limits.max_concurrent_trials or use smaller tiles: " + error.what_without_backtrace());
    } catch (const c10::Error& error) {
      throw TaskError(std::string("the task failed while ") + doing + ": " + error.what_without_backtrace());
    } catch (const std::bad_alloc&) {
      throw DeviceError(std::string("out of memory while ") + doing + "; lower limits.max_concurrent_trials");
    }
  }

  void restore_kept(const SavedRows& rows) {
    const int64_t trial = rows.trials.front();
    if (cohort_of_.count(trial) == 0) throw OutputError(unknown_trial(trial));
    std::vector<torch::Tensor>& kept = kept_[trial];
    kept = Tile(source_, rows.trials).copy_row(0);  // of these shapes
    set_rows_from_bytes(kept, rows.tensors);
  }

  /// Trials that trained together go on together; those that nobody has a slot for are left out.
  void restore_place(const SavedRows& saved) {
    std::vector<int64_t> wanted;
    for (size_t i = 0; i < saved.trials.size(); ++i) {
      if (slot_of_.count(saved.trials[i]) != 0) wanted.push_back(static_cast<int64_t>(i));
    }
    if (wanted.empty()) return;
    const SavedRows rows = saved.select(wanted);
    const auto cohort = cohort_of_.find(rows.trials.front());
    if (cohort == cohort_of_.end()) throw OutputError(unknown_trial(rows.trials.front()));
    auto tile = std::make_unique<Tile>(source_, rows.trials);
    tile->restore(rows);
    places_.push_back(std::make_unique<Place>(cohort->second, std::move(tile)));
    for (const auto trial : rows.trials) place_of_[trial] = places_.back().get();
  }

  static std::string unknown_trial(int64_t trial) {
    return "the saved weights are of a trial " + std::to_string(trial) + ", which this sweep does not have";
  }

  /// The cohort of a trial's kind: a new one where there was none like it before.
  size_t cohort_for(int64_t trial) {
    for (size_t c = 0; c < cohorts_.size(); ++c) {
      if (belongs_to(cohorts_[c], configurations_, trial)) return c;
    }
    on_workers("building a trial", 1, [&](int64_t) { cohorts_.push_back(find_cohort(source_, train_, trial)); });
    TilePlan tile;
    tile.size = options_.tile_size > 0         ? options_.tile_size
                : options_.device.is_cuda() ? kLargestGpuTile
                                            : guess_tile(cohorts_.back(), kLargestCpuTile);
    tiles_.push_back(std::move(tile));
    return cohorts_.size() - 1;
  }

  void add(Place& place, int64_t trial) {
    place.add(trial);
    place_of_[trial] = &place;
  }

  /// The tile sizes of an earlier plan; empty where it is not one for these cohorts.
  std::vector<int64_t> recorded_tiles() const {
    const auto plan = nlohmann::json::parse(options_.plan, nullptr, false);
    if (!plan.is_object() || !plan.contains("tiles") || !plan["tiles"].is_array()) return {};
    std::vector<int64_t> out;
    for (const auto& size : plan["tiles"]) {
      if (!size.is_number_integer() || size.get<int64_t>() < 1) return {};
      out.push_back(size.get<int64_t>());
    }
    return out.size() == cohorts_.size() ? out : std::vector<int64_t>();
  }

  void plan_tiles() {
    const std::vector<int64_t> recorded = recorded_tiles();
    tiles_are_recorded_ = !recorded.empty();
    for (size_t c = 0; c < cohorts_.size(); ++c) {
      TilePlan tile;
      if (options_.tile_size > 0) {
        tile.size = options_.tile_size;
      } else if (tiles_are_recorded_) {
        tile.size = recorded[c];
      } else if (options_.device.is_cuda()) {
        tile.size = kLargestGpuTile;
      } else {
        const int64_t most = std::min(share_of_a_worker(cohort_of_.size()), kLargestCpuTile);
        guarded("measuring tiles", [&] { tile = plan_tile(source_, train_, cohorts_[c], most, workers_); });
      }
      tiles_.push_back(std::move(tile));
    }
  }

  /// Where a tile's size comes from, in words.
  std::string tile_origin(size_t cohort) const {
    if (options_.tile_size > 0) return "as given";
    if (tiles_are_recorded_) return "as before";
    const std::string measured = tiles_[cohort].measurements();
    return measured.empty() ? "planned from memory and cache" : measured;
  }

  /// Most trials at once with which this process stays within `bytes`. Makes tiles smaller where the workers' would take
  /// more than half of what is left.
  int64_t plan_within(int64_t bytes) {
    const auto resident = static_cast<double>(resident_bytes());
    const double heaps = kHeapOfAWorker * workers_.n_threads();
    const double left = kGivenMemoryShare * static_cast<double>(bytes) - resident - heaps;
    double working = 0, row_bytes = 1, of_one = 0;
    for (size_t c = 0; c < cohorts_.size(); ++c) {
      WorkingMemory memory;
      on_workers("measuring memory", 1, [&](int64_t) {
        memory = measure_memory(source_, train_, validation_, metrics_, cohorts_[c]);
      });
      const double share = left / 2 / workers_.n_threads();
      const auto fits = static_cast<int64_t>((share - memory.fixed) / memory.per_trial);
      tiles_[c].size = std::clamp<int64_t>(fits, 1, tiles_[c].size);
      of_one = std::max(of_one, memory.of(1));
      working = std::max(working, workers_.n_threads() * memory.of(tiles_[c].size));
      row_bytes = std::max(row_bytes, static_cast<double>(cohorts_[c].row_bytes));
    }
    const double slots = (left - working) / row_bytes;
    if (slots < 1) {
      const double needed = (resident + heaps + workers_.n_threads() * of_one + row_bytes) / kGivenMemoryShare;
      throw InputError({}, "memory", in_mib(static_cast<double>(bytes)) + " is too little for one trial",
                       "give at least " + in_mib(needed) + ": the program with its data has " + in_mib(resident) +
                           ", each of " + std::to_string(workers_.n_threads()) + " threads " +
                           in_mib(kHeapOfAWorker + of_one));
    }
    return static_cast<int64_t>(std::min(slots, static_cast<double>(std::numeric_limits<int32_t>::max())));
  }

  /// Most trials that free memory takes at once, as cohorts are mixed on average, or of the largest where it is not known how
  /// they will be. On a CPU only the tiles that the workers train just then hold gradients and activations; on a GPU all do.
  int64_t plan_capacity() const {
    double trial_bytes = 0, working_bytes = 0;
    for (size_t c = 0; c < cohorts_.size(); ++c) {
      const Cohort& cohort = cohorts_[c];
      const double share = static_cast<double>(cohort.trials.size()) / static_cast<double>(cohort_of_.size());
      const auto step_bytes = static_cast<double>(cohort.trial_bytes);
      const double bytes = options_.device.is_cpu() ? static_cast<double>(cohort.row_bytes) : step_bytes;
      trial_bytes = options_.configurations_change ? std::max(trial_bytes, bytes) : trial_bytes + share * bytes;
      if (options_.device.is_cpu()) {
        const auto tile_size = static_cast<double>(tiles_[c].size);
        working_bytes = std::max(working_bytes, workers_.n_threads() * tile_size * step_bytes);
      }
    }
    const auto free_bytes = static_cast<double>(
        backend_of(options_.device).free_memory_bytes(device_context(options_.device, options_.seed)));
    const double fits = (kMemoryShare * free_bytes - working_bytes) / std::max(1.0, trial_bytes);
    return static_cast<int64_t>(std::clamp(fits, 1.0, static_cast<double>(std::numeric_limits<int32_t>::max())));
  }

  /// Most trials in a tile of this cohort, as things stand.
  int64_t tile_capacity(size_t cohort) const {
    if (options_.tile_size > 0 || options_.device.is_cuda()) return tiles_[cohort].size;
    // No larger than what gives every core a tile: few trials may be left.
    return std::min(tiles_[cohort].size, share_of_a_worker(slot_of_.empty() ? cohort_of_.size() : slot_of_.size()));
  }

  /// Trials, at least 1, that each worker has of so many.
  int64_t share_of_a_worker(size_t n_trials) const {
    const auto n_workers = static_cast<size_t>(workers_.n_threads());
    return std::max<int64_t>(1, static_cast<int64_t>((n_trials + n_workers - 1) / n_workers));
  }

  double cost(const Place& place) const {
    if (place.seconds > 0) return place.seconds;
    return 1e-9 * static_cast<double>(cohorts_[place.cohort()].trial_bytes * place.n_trials());
  }

  /// Merges places that have shrunk and splits one for a core without work; then the longest first, so that no core is left with
  /// a long one at the end.
  void arrange() {
    std::erase_if(places_, [](const auto& place) { return place->trials().empty(); });
    std::sort(places_.begin(), places_.end(), [](const auto& a, const auto& b) { return a->n_trials() < b->n_trials(); });
    std::map<size_t, Place*> open;  // by cohort: the largest that may still have room
    for (const auto& place : places_) {
      Place*& smaller = open[place->cohort()];
      if (smaller != nullptr && smaller->n_trials() + place->n_trials() <= tile_capacity(place->cohort())) {
        for (const auto trial : smaller->trials()) place_of_[trial] = place.get();
        place->merge(*smaller);
      }
      smaller = place.get();
    }
    std::erase_if(places_, [](const auto& place) { return place->trials().empty(); });
    const auto longer = [this](const auto& a, const auto& b) { return cost(*a) > cost(*b); };
    while (static_cast<int>(places_.size()) < workers_.n_threads()) {
      const auto longest = std::min_element(places_.begin(), places_.end(), longer);
      if (longest == places_.end() || (*longest)->n_trials() < 2 || (*longest)->tile() == nullptr) break;
      std::unique_ptr<Place> half;
      on_workers("dividing a tile", 1, [&](int64_t) { half = (*longest)->split(source_); });
      for (const auto trial : half->trials()) place_of_[trial] = half.get();
      places_.push_back(std::move(half));
    }
    std::sort(places_.begin(), places_.end(), longer);
  }

  /// Writes each trial's metric to its slot of `metrics`, in the device's memory. Here, once an interval, the host waits
  /// for what was trained.
  void report(const std::vector<torch::Tensor>& means, double* metrics) {
    if (means.empty()) return;
    std::vector<std::vector<double>> read;  // by metric
    on_workers("reading the metrics", 1, [&](int64_t) {
      if (streams_) streams_->join();
      read = read_metrics(torch::cat(means, 1), metrics_, [this] {
        if (!targets_.defined()) targets_ = targets_of(source_.task.data().validation, options_.device);
        return targets_;
      });
    });
    const size_t n_others = metrics_.size() - 1;
    others_.resize(n_others * reports_.size());
    const bool on_cpu = options_.device.is_cpu();
    double* const host = on_cpu ? metrics : reports_.data();
    size_t next = 0;
    for (const auto& place : places_) {
      for (const auto trial : place->tile()->trials()) {
        const auto slot = slot_of_.find(trial);
        if (slot != slot_of_.end()) {
          host[slot->second] = read.front()[next];
          for (size_t m = 1; m <= n_others; ++m) others_[n_others * static_cast<size_t>(slot->second) + m - 1] = read[m][next];
        }
        ++next;
      }
    }
    if (on_cpu) return;
    // The slots in between are nobody's, or are read by nobody.
    backend_of(options_.device).copy_to_device(device_context(options_.device, options_.seed), metrics, host,
                                               static_cast<int64_t>(reports_.size() * sizeof(double)));
  }

  torch::Tensor example_order(int64_t age) const {
    const auto order = torch::empty({train_.size()}, torch::dtype(torch::kLong).device(options_.device));
    backend_of(options_.device).permutation(device_context(options_.device, options_.seed), age, train_.size(),
                                            order.mutable_data_ptr<int64_t>());
    return order;
  }

  TorchExecutorOptions options_;
  Configurations configurations_;  ///< of its own: exploits change it
  TileSource source_;
  SlowOps slow_ops_;  ///< that ran so far: those of a training step, as a rule
  WorkerPool workers_;
  const std::vector<const Metric*> metrics_;  ///< the primary one first
  torch::Tensor targets_;                     ///< of the validation part, in host memory, once a metric wanted them
  DataPart train_, validation_, test_;
  std::vector<Cohort> cohorts_;
  std::vector<TilePlan> tiles_;       ///< by cohort
  bool tiles_are_recorded_ = false;  ///< they are those of an earlier run
  std::set<int64_t> one_by_one_;     ///< trials whose module cannot run as a batch
  std::unordered_map<int64_t, size_t> cohort_of_;
  int64_t capacity_ = 1;
  std::unordered_map<int64_t, int64_t> slot_of_;   ///< of the trials that run
  std::unordered_map<int64_t, Place*> place_of_;   ///< of the trials that run
  std::vector<double> reports_;                    ///< by slot: a device's metrics on their way
  std::optional<SideStreams> streams_;  ///< on a GPU: cohorts, and tiles of a cohort, train side by side
  std::vector<std::unique_ptr<Place>> places_;
  std::vector<double> others_;                     ///< [slots, other metrics]
  std::map<int64_t, std::vector<torch::Tensor>> kept_;  ///< by trial
};

}  // namespace

std::unique_ptr<TaskExecutor> make_torch_executor(const Task& task, const Configurations& configurations,
                                              const std::map<std::string, Setting>& settings,
                                              const Objective& objective, const TorchExecutorOptions& options) {
  return std::make_unique<TorchExecutor>(task, configurations, settings, objective, options);
}

}  // namespace lockstep
