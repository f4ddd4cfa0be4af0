#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <lockstep/backend.h>
#include <lockstep/configurations.h>
#include <lockstep/executor.h>
#include <lockstep/sweep_spec.h>

namespace lockstep::cli {

/// How to train, beside where.
struct TrainingOptions {
  int n_threads = 0;          ///< 0: one a core
  int64_t tile_size = 0;      ///< 0: planned
  int64_t memory_bytes = 0;   ///< 0: what is free
  std::string plan;           ///< of an earlier run of the sweep; "": none
};

/// The sweep file's task on a device, ready to train: the part of the program that sees LibTorch, behind a plain face.
class Training {
 public:
  /// Reads the data and builds one trial of each cohort. The spec and the configurations must outlive it.
  Training(const SweepSpec& spec, const Configurations& configurations, const Device& device, uint64_t seed,
           const TrainingOptions& options);
  ~Training();

  Executor& executor();
  const Backend& backend() const;
  Context context() const;
  /// Writes the model of the trial whose weights the executor keeps (`save_model`).
  /// @param format "libtorch", "state-dict", "safetensors", or "auto": by the file's extension
  /// @param metric of these weights, for formats that have a place for it
  void export_kept(const SweepSpec& spec, const Configurations& configurations, int64_t trial,
                   const std::string& path, const std::string& format, double metric);
  /// How the trials are grouped, as `TaskExecutor::plan` has it.
  std::string plan() const;
  /// Tells the data from other data.
  std::string data_fingerprint() const;
  /// What a user should know: sizes of the data's parts, cohorts.
  std::vector<std::string> notes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// "auto" becomes cuda:0 if the CUDA backend, LibTorch's CUDA part and a device are there, else the CPU, and `why` says so; any other
/// text is taken at its word and throws DeviceError where it cannot be had.
Device choose_device(const std::string& text, std::string& why);

std::string torch_version();
std::string torch_path();
std::string processor_features();

}  // namespace lockstep::cli
