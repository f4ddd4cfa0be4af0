#include <lockstep/torch/export.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <set>

#include <ATen/CPUGeneratorImpl.h>
#include <nlohmann/json.hpp>
#include <torch/csrc/jit/serialization/export.h>
#include <torch/csrc/jit/serialization/pickler.h>
#include <torch/serialize.h>

#include <lockstep/error.h>

#include "core/atomic_file.h"
#include "torch/safetensors.h"

namespace lockstep {

namespace {

/// Puts LibTorch's global generator back to where it stood.
class KeepGenerator {
 public:
  KeepGenerator() : generator_(at::detail::getDefaultCPUGenerator()), state_(generator_.get_state()) {}
  ~KeepGenerator() { generator_.set_state(state_); }
  KeepGenerator(const KeepGenerator&) = delete;
  KeepGenerator& operator=(const KeepGenerator&) = delete;

 private:
  torch::Generator generator_;
  torch::Tensor state_;
};

std::string kind_text(const torch::Tensor& tensor) {
  std::string out = "[";
  for (const auto size : tensor.sizes()) out += (out.size() > 1 ? ", " : "") + std::to_string(size);
  return out + "] " + c10::toString(tensor.scalar_type());
}

[[noreturn]] void refuse_weights(int64_t trial, const std::string& problem) {
  throw TaskError("the weights of trial " + std::to_string(trial) + " are not those of the task's module: " + problem +
                  "; use the task, the settings and the configurations that they were trained with");
}

void put_weights(const NamedTensors& weights, torch::nn::Module& module, int64_t trial) {
  torch::NoGradGuard no_grad;
  const auto parameters = module.named_parameters();
  const auto buffers = module.named_buffers();
  std::set<const void*> done;
  for (const auto& [name, value] : weights) {
    const torch::Tensor* place = parameters.find(name);
    if (!place) place = buffers.find(name);
    if (!place) refuse_weights(trial, "it has no '" + name + "'");
    if (place->sizes() != value.sizes() || place->scalar_type() != value.scalar_type()) {
      refuse_weights(trial, "'" + name + "' is " + kind_text(*place) + " there and " + kind_text(value) + " here");
    }
    torch::Tensor target = *place;
    target.copy_(value);
    done.insert(target.unsafeGetTensorImpl());
  }
  for (const auto& parameter : parameters) {
    const torch::Tensor& tensor = parameter.value();
    const bool is_missing = tensor.defined() && !done.contains(tensor.unsafeGetTensorImpl());
    if (is_missing) refuse_weights(trial, "'" + parameter.key() + "' is missing");
  }
}

NamedTensors state_of(const torch::nn::Module& module) {
  NamedTensors out;
  for (const auto& tensors : {module.named_parameters(), module.named_buffers()}) {
    for (const auto& item : tensors) {
      if (item.value().defined()) out.emplace_back(item.key(), item.value().detach());
    }
  }
  return out;
}

std::string archive_text(const torch::nn::Module& module) {
  std::string text;
  torch::serialize::OutputArchive archive;
  module.save(archive);
  archive.save_to([&text](const void* data, size_t size) {
    text.append(static_cast<const char*>(data), size);
    return size;
  });
  return text;
}

/// As torch::pickle_save, but for the names of TorchScript's types, which Python's `weights_only=True` refuses.
std::string state_dict_text(const torch::nn::Module& module) {
  c10::Dict<std::string, torch::Tensor> state;
  for (const auto& [name, tensor] : state_of(module)) state.insert(name, tensor.cpu());
  std::string pickled;
  const auto write = [&pickled](const char* data, size_t size) { pickled.append(data, size); };
  torch::jit::Pickler pickler(write, nullptr, nullptr, nullptr, nullptr, /*tag_aggregates=*/false);
  pickler.protocol();
  pickler.pushIValue(state);
  pickler.stop();
  std::string text;
  {
    caffe2::serialize::PyTorchStreamWriter writer([&text](const void* data, size_t size) {
      text.append(static_cast<const char*>(data), size);
      return size;
    });
    torch::jit::writeArchiveAndTensors("data", pickled.data(), pickled.size(), pickler.tensorData(), writer);
  }  // its destructor writes the archive's end
  return text;
}

}  // namespace

TrialProgram restore_trial(const Task& task, const Configurations& configurations,
                           const std::map<std::string, Setting>& settings, int64_t trial, const NamedTensors& weights) {
  TrialProgram program;
  {
    const KeepGenerator keep;
    const std::vector<int64_t> one{trial};
    program = task.build(TrialConfig(configurations, settings, one, torch::kCPU));
  }
  if (!program.module) throw TaskError("the task built a trial without a module");
  put_weights(weights, *program.module, trial);
  program.module->eval();
  return program;
}

ModelFormat model_format(const std::string& path) {
  std::string extension = std::filesystem::path(path).extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (extension == ".safetensors") return ModelFormat::kSafetensors;
  if (extension == ".pt" || extension == ".pth") return ModelFormat::kStateDict;
  return ModelFormat::kLibTorch;
}

ModelMetadata model_metadata(const Configurations& configurations, const std::map<std::string, Setting>& settings,
                             int64_t trial, const std::string& metric, std::optional<double> value) {
  nlohmann::ordered_json hyperparameters = nlohmann::ordered_json::object();
  const SearchSpace& space = configurations.space();
  for (int64_t column = 0; column < space.n_params(); ++column) {
    hyperparameters[space[column].name] = nlohmann::ordered_json::parse(configurations.value(trial, column).to_json());
  }
  for (const auto& [name, setting] : settings) {
    hyperparameters[name] = nlohmann::ordered_json::parse(setting.value.to_json());
  }
  ModelMetadata metadata{{"trial", std::to_string(trial)}, {"hyperparameters", hyperparameters.dump()}};
  if (!metric.empty()) metadata["metric"] = metric;
  if (value) metadata["value"] = Value(*value).to_json();
  return metadata;
}

void save_model(const torch::nn::Module& module, const std::string& path, ModelFormat format,
                const ModelMetadata& metadata) {
  torch::NoGradGuard no_grad;
  switch (format) {
    case ModelFormat::kLibTorch: write_file_atomically(path, archive_text(module)); break;
    case ModelFormat::kStateDict: write_file_atomically(path, state_dict_text(module)); break;
    case ModelFormat::kSafetensors:
      write_file_atomically(path, safetensors_text(state_of(module), metadata, path));
      break;
  }
}

}  // namespace lockstep
