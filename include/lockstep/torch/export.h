#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <torch/nn/module.h>
#include <torch/types.h>

#include <lockstep/configurations.h>
#include <lockstep/sweep_spec.h>
#include <lockstep/torch/task.h>

namespace lockstep {

/// Tensors of one trial, without a dimension for trials, by their names in its module: `first.weight`.
using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

/// One trial of a batch as a program of its own: the module that the task builds for it outside of any batch, ordinary
/// LibTorch on the CPU, with `weights` in it, in evaluation mode. Everything of the program but the optimiser is ready
/// for use: `forward` predicts, `module` can be saved. LibTorch's global generator is left as it was.
/// @param configurations the trial's own must be what it trained with: after population based training,
///   `replace(trial, result.best_draws)` first
/// @param weights every parameter, and those buffers that training changes. A tied parameter needs one of its
///   names. Buffers that are not named keep what the task gives them, hyperparameters above all.
/// Throws TaskError, with the name, when the weights are not those of that module, and what the task throws.
TrialProgram restore_trial(const Task& task, const Configurations& configurations,
                           const std::map<std::string, Setting>& settings, int64_t trial, const NamedTensors& weights);

enum class ModelFormat {
  /// An archive as `torch::save(module, path)` writes it: C++ reads it into an unmodified module with `torch::load`.
  kLibTorch,
  /// A dictionary of tensors: Python reads it with `torch.load(path)`, for `load_state_dict`.
  kStateDict,
  /// The same as safetensors (https://github.com/huggingface/safetensors), with metadata: any language reads it.
  kSafetensors,
};

/// By the extension: `.safetensors`; `.pt` and `.pth`, which Python's users expect to be a state dict; else an archive.
ModelFormat model_format(const std::string& path);

/// What a file of format kSafetensors says of itself.
using ModelMetadata = std::map<std::string, std::string>;
/// `trial`, `hyperparameters` (a JSON object of the trial's values and the settings), and, where one is given, `metric`
/// and `value`.
ModelMetadata model_metadata(const Configurations& configurations, const std::map<std::string, Setting>& settings,
                             int64_t trial, const std::string& metric = "", std::optional<double> value = std::nullopt);

/// Writes a module's parameters and buffers, all by their names (a tied parameter under each), to `path`: whole or not
/// at all. Throws OutputError when that fails, or when the format has no word for a tensor's type.
/// @param metadata of the format kSafetensors; the others have no place for it
void save_model(const torch::nn::Module& module, const std::string& path, ModelFormat format,
                const ModelMetadata& metadata = {});

}  // namespace lockstep
