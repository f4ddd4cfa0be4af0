#include "models/task_registry.h"

#include <algorithm>
#include <cmath>

#include "models/mlp.h"
#include "models/supervised_task.h"

namespace lockstep {
namespace models {

namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

std::string did_you_mean(const std::string& wrong, const std::vector<std::string>& names) {
  const std::string near = nearest_name(wrong, names);
  return near.empty() ? "" : "did you mean '" + near + "'? ";
}

std::vector<int64_t> read_hidden(const TrialConfig& config) {
  const Value hidden = config.value("hidden", Value(64));
  const auto width = [&](const Value& value) {
    const bool whole = value.is_number() && value.as_real() == std::floor(value.as_real());
    if (!whole || value.as_integer() < 1) {
      throw config.error("hidden", value.to_json() + " is not a width", "give an integer from 1, or a list of them");
    }
    return value.as_integer();
  };
  // Null when not given, which an integer's default cannot say.
  const Value depth = config.value("depth", Value());
  if (hidden.is_list()) {
    if (!depth.is_null()) {
      throw config.error(
          "depth", "`hidden` lists the width of every layer, " + hidden.to_json() + ", so the depth is given twice",
          "leave `depth` out, or make `hidden` one width");
    }
    std::vector<int64_t> out;
    for (const auto& each : hidden.as_list()) out.push_back(width(each));
    return out;
  }
  const int64_t n_layers = config.integer("depth", 2);
  if (n_layers < 0) throw config.error("depth", std::to_string(n_layers) + " is too small", "give an integer from 0");
  return std::vector<int64_t>(static_cast<size_t>(n_layers), width(hidden));
}

BuiltModel build_mlp(const TrialConfig& config, int64_t n_inputs, int64_t n_outputs) {
  MlpOptions options;
  options.n_inputs = n_inputs;
  options.n_outputs = n_outputs;
  options.hidden = read_hidden(config);
  options.activation = config.text("activation", "relu");
  const auto& known = activation_names();
  if (std::find(known.begin(), known.end(), options.activation) == known.end()) {
    throw config.error("activation", "there is no activation '" + options.activation + "'",
                       did_you_mean(options.activation, known) + "It can be " + joined(known));
  }
  if (config.is_given("dropout")) options.dropout = config.tensor("dropout", 0.0, 0.0, 1.0);
  Mlp mlp(options);
  return {mlp.ptr(), [mlp](torch::Tensor inputs) mutable { return mlp->forward(inputs); }};
}

const std::vector<ModelEntry>& registered_models() {
  static const std::vector<ModelEntry> all = {{"mlp", build_mlp}};
  return all;
}

}  // namespace

std::vector<std::string> model_names() {
  std::vector<std::string> out;
  for (const auto& each : registered_models()) out.push_back(each.name);
  return out;
}

}  // namespace models

std::unique_ptr<Task> make_task(const SweepSpec& spec) {
  using namespace models;
  const auto setting = spec.trial.find("model");
  if (setting == spec.trial.end()) {
    if (!spec.search_space.find("model")) {
      throw InputError({spec.file, 0, 0}, "trial.model", "is needed but not given",
                       "name one of " + joined(model_names()));
    }
  } else {
    // Known to the task too, which cannot say so before the data is read.
    const auto known = model_names();
    const std::string name = setting->second.value.to_string();
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw InputError(setting->second.where, "trial.model", "there is no model '" + name + "'",
                       did_you_mean(name, known) + "It can be " + joined(known));
    }
  }
  return std::make_unique<SupervisedTask>(spec, registered_models());
}

}  // namespace lockstep
