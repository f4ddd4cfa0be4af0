#include "cli/training.h"

#include <lockstep/error.h>
#include <lockstep/models/task_registry.h>
#include <lockstep/torch/device.h>
#include <lockstep/torch/executor.h>
#include <lockstep/torch/export.h>

namespace lockstep::cli {

struct Training::State {
  State(const SweepSpec& spec, const Configurations& configurations, const Device& wanted, uint64_t seed,
        const TrainingOptions& given)
      : device(wanted), seed(seed), task(make_task(spec)) {
    TorchExecutorOptions options;
    options.device = torch_device(wanted);
    options.n_threads = given.n_threads;
    options.tile_size = given.tile_size;
    options.memory_bytes = given.memory_bytes;
    options.plan = given.plan;
    options.configurations_change = spec.sampling.algorithm == SamplingAlgorithm::kBayesian;
    options.seed = seed;
    executor = make_torch_executor(*task, configurations, spec.trial, spec.objective, options);
  }
  Device device;
  uint64_t seed;
  std::unique_ptr<Task> task;
  std::unique_ptr<TaskExecutor> executor;
};

Training::Training(const SweepSpec& spec, const Configurations& configurations, const Device& device, uint64_t seed,
                   const TrainingOptions& options)
    : state_(std::make_unique<State>(spec, configurations, device, seed, options)) {}
Training::~Training() = default;

Executor& Training::executor() { return *state_->executor; }
const Backend& Training::backend() const { return backend_for(state_->device.kind); }

Context Training::context() const {
  Context context;
  context.device = state_->device;
  context.seed = state_->seed;
  return context;
}

void Training::export_kept(const SweepSpec& spec, const Configurations& configurations, int64_t trial,
                           const std::string& path, const std::string& format, double metric) {
  const ModelFormat chosen = format == "libtorch"      ? ModelFormat::kLibTorch
                             : format == "state-dict"  ? ModelFormat::kStateDict
                             : format == "safetensors" ? ModelFormat::kSafetensors
                                                       : model_format(path);
  const TrialProgram program =
      restore_trial(*state_->task, configurations, spec.trial, trial, state_->executor->kept_weights(trial));
  save_model(*program.module, path, chosen,
             model_metadata(configurations, spec.trial, trial, spec.objective.primary_metric, metric));
}

std::string Training::plan() const { return state_->executor->plan(); }

std::string Training::data_fingerprint() const { return lockstep::data_fingerprint(state_->task->data()); }

std::vector<std::string> Training::notes() const {
  auto out = state_->task->notes();
  const auto more = state_->executor->notes();
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

Device choose_device(const std::string& text, std::string& why) {
  const auto wanted = parse_device(text);
  if (wanted) {
    torch_device(*wanted);
    return *wanted;
  }
  try {
    const Device cuda{DeviceKind::kCuda, 0};
    torch_device(cuda);
    why = "chosen by auto";
    return cuda;
  } catch (const DeviceError&) {
    why = "chosen by auto: no CUDA device; `lockstep info` says more";
    return {};
  }
}

std::string torch_version() { return libtorch_version(); }
std::string torch_path() { return libtorch_path(); }
std::string processor_features() { return lockstep::processor_features(); }

}  // namespace lockstep::cli
