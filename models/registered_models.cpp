// The models by name: what of a trial's configuration each reads, and what data it is for.
#include <algorithm>
#include <cmath>
#include <limits>

#include <lockstep/models/lenet.h>
#include <lockstep/models/linear.h>
#include <lockstep/models/mlp.h>
#include <lockstep/models/model.h>
#include <lockstep/models/recurrent.h>
#include <lockstep/models/resnet.h>
#include <lockstep/models/transformer.h>
#include <torch/torch.h>

namespace lockstep::models {

namespace {

using Widths = std::vector<int64_t>;

std::string shape_of(const DataShape& data) {
  if (data.task == TaskKind::kLanguage) return "text";
  std::string out;
  for (const auto size : data.inputs) out += (out.empty() ? "" : ", ") + std::to_string(size);
  return data.inputs.size() == 1   ? "rows of " + out + " numbers"
         : data.inputs.size() == 2 ? "sequences (steps, features) of (" + out + ")"
         : data.inputs.size() == 3 ? "images (channels, height, width) of (" + out + ")"
                                   : "examples of shape (" + out + ")";
}

InputError unfit(const TrialConfig& config, const DataShape& data, const std::string& wants, const std::string& cure) {
  return config.error("model", config.text("model") + " " + wants + ", but the data " + data.name + " are " + shape_of(data),
                      cure);
}

void need_numbers(const TrialConfig& config, const DataShape& data) {
  if (data.task == TaskKind::kLanguage) {
    throw unfit(config, data, "reads numbers", "use a model that reads text: transformer, lstm or gru");
  }
}

int64_t read_size(const TrialConfig& config, const std::string& name, int64_t default_value, int64_t smallest = 1) {
  const int64_t value = config.integer(name, default_value);
  if (value < smallest) {
    throw config.error(name, std::to_string(value) + " is too small", "give an integer from " + std::to_string(smallest));
  }
  return value;
}

int64_t as_width(const TrialConfig& config, const std::string& name, const Value& value,
                 const std::string& what = "a width") {
  const bool whole = value.is_number() && value.as_real() == std::floor(value.as_real());
  if (!whole || value.as_integer() < 1) {
    throw config.error(name, value.to_json() + " is not " + what, "give an integer from 1, or a list of them");
  }
  return value.as_integer();
}

/// A list of sizes; an integer is a list of one.
Widths read_widths(const TrialConfig& config, const std::string& name, const Widths& default_value,
                   const std::string& what = "a width") {
  const Value value = config.value(name, Value());
  if (value.is_null()) return default_value;
  if (!value.is_list()) return {as_width(config, name, value, what)};
  Widths out;
  for (const auto& each : value.as_list()) out.push_back(as_width(config, name, each, what));
  return out;
}

std::string read_activation(const TrialConfig& config, const std::string& default_value) {
  std::string name = config.text("activation", default_value);
  const auto& known = activation_names();
  if (std::find(known.begin(), known.end(), name) != known.end()) return name;
  const std::string near = nearest_name(name, known);
  std::string cure = near.empty() ? "It can be" : "did you mean '" + near + "'? It can be";
  for (size_t i = 0; i < known.size(); ++i) cure += (i == 0 ? " " : ", ") + known[i];
  throw config.error("activation", "there is no activation '" + name + "'", cure);
}

torch::Tensor read_dropout(const TrialConfig& config) {
  return config.is_given("dropout") ? config.tensor("dropout", 0.0, 0.0, 1.0) : torch::Tensor();
}

/// `hidden`, a width or a list of them, and `depth`, how many layers one width stands for.
Widths read_hidden(const TrialConfig& config) {
  const Value hidden = config.value("hidden", Value(64));
  // Null when not given, which an integer's default cannot say.
  const Value depth = config.value("depth", Value());
  if (hidden.is_list()) {
    if (!depth.is_null()) {
      throw config.error(
          "depth", "`hidden` lists the width of every layer, " + hidden.to_json() + ", so the depth is given twice",
          "leave `depth` out, or make `hidden` one width");
    }
    return read_widths(config, "hidden", {});
  }
  return Widths(static_cast<size_t>(read_size(config, "depth", 2, 0)), as_width(config, "hidden", hidden));
}

template <class Model>
BuiltModel built(Model model) {
  return {model.ptr(), [model](torch::Tensor inputs) mutable { return model->forward(inputs); }};
}

BuiltModel build_mlp(const TrialConfig& config, const DataShape& data) {
  need_numbers(config, data);
  MlpOptions options;
  options.n_inputs = data.n_inputs();
  options.n_outputs = data.n_outputs;
  options.hidden = read_hidden(config);
  options.activation = read_activation(config, options.activation);
  options.dropout = read_dropout(config);
  Mlp model(options);
  return built(model);
}

BuiltModel build_linear(const TrialConfig& config, const DataShape& data) {
  LinearModelOptions options;
  options.n_inputs = data.n_inputs();
  options.n_outputs = data.n_outputs;
  const bool penalised = config.is_given("l2");
  if (penalised) options.l2 = config.tensor("l2", 0.0, 0.0, std::numeric_limits<double>::infinity());
  LinearModel model(options);
  BuiltModel out = built(model);
  if (penalised) out.penalty = [model] { return model->penalty(); };
  return out;
}

BuiltModel build_logistic(const TrialConfig& config, const DataShape& data) {
  need_numbers(config, data);
  if (data.task != TaskKind::kClassification) {
    throw config.error("model", "logistic predicts classes, but the target of " + data.name + " is a quantity",
                       "use ridge, or say `task: classification` in `dataset` if its values are classes");
  }
  return build_linear(config, data);
}

BuiltModel build_ridge(const TrialConfig& config, const DataShape& data) {
  need_numbers(config, data);
  if (data.task != TaskKind::kRegression) {
    throw config.error("model", "ridge predicts a quantity, but the target of " + data.name + " is a class",
                       "use logistic, or say `task: regression` in `dataset` if its values are quantities");
  }
  return build_linear(config, data);
}

/// Refuses what is not images, or smaller ones than `smallest_side`.
void need_images(const TrialConfig& config, const DataShape& data, int64_t smallest_side) {
  const std::string smallest = std::to_string(smallest_side);
  if (data.task == TaskKind::kLanguage || data.inputs.size() != 3) {
    throw unfit(config, data, "needs images",
                "use another model, or images: IDX or CIFAR files, or arrays (n, channels, height, width) or with "
                "`layout: images`");
  }
  if (std::min(data.inputs[1], data.inputs[2]) < smallest_side) {
    throw unfit(config, data, "needs images of at least " + smallest + "x" + smallest, "use another model, or larger images");
  }
}

BuiltModel build_lenet(const TrialConfig& config, const DataShape& data) {
  need_images(config, data, LeNetImpl::kSmallestSide);
  LeNetOptions options;
  options.n_channels = data.inputs[0];
  options.height = data.inputs[1];
  options.width = data.inputs[2];
  options.n_outputs = data.n_outputs;
  options.channels = read_widths(config, "channels", options.channels);
  if (options.channels.size() != 2) {
    throw config.error("channels", "a LeNet has two convolutions", "give a list of two widths, such as [6, 16]");
  }
  options.hidden = read_widths(config, "hidden", options.hidden);
  options.activation = read_activation(config, options.activation);
  options.dropout = read_dropout(config);
  LeNet model(options);
  return built(model);
}

BuiltModel build_resnet(const TrialConfig& config, const DataShape& data) {
  ResNetOptions options;
  options.blocks = read_widths(config, "blocks", options.blocks, "a number of blocks");
  if (options.blocks.size() == 1 && !config.value("blocks", Value()).is_list()) {
    options.blocks.assign(3, options.blocks.front());
  }
  constexpr size_t kMostStages = 8;  // of images of 256 pixels and more
  if (options.blocks.empty() || options.blocks.size() > kMostStages) {
    throw config.error("blocks", "there are " + std::to_string(options.blocks.size()) + " stages",
                       "list the blocks of 1 to 8 stages, such as [2, 2, 2]");
  }
  // The last stage's images are 2x2 then: enough for a batch norm of a minibatch of one.
  need_images(config, data, int64_t{1} << options.blocks.size());
  options.n_channels = data.inputs[0];
  options.n_outputs = data.n_outputs;
  options.width = read_size(config, "width", options.width);
  ResNet model(options);
  return built(model);
}

BuiltModel build_recurrent(RecurrentCell cell, const TrialConfig& config, const DataShape& data) {
  const bool text = data.task == TaskKind::kLanguage;
  if (!text && data.inputs.size() != 2) {
    throw unfit(config, data, "needs sequences or text",
                "use another model, or give arrays (n, steps, features), with `layout: sequences` in an IDX file");
  }
  RecurrentOptions options;
  options.cell = cell;
  options.hidden = read_size(config, "hidden", options.hidden);
  options.layers = read_size(config, "layers", options.layers);
  if (text) {
    options.vocabulary = data.n_outputs;
    options.embedding = read_size(config, "embedding", options.embedding);
  } else {
    options.n_features = data.inputs[1];
  }
  options.n_outputs = data.n_outputs;
  options.dropout = read_dropout(config);
  Recurrent model(options);
  return built(model);
}

BuiltModel build_lstm(const TrialConfig& config, const DataShape& data) {
  return build_recurrent(RecurrentCell::kLstm, config, data);
}

BuiltModel build_gru(const TrialConfig& config, const DataShape& data) {
  return build_recurrent(RecurrentCell::kGru, config, data);
}

BuiltModel build_transformer(const TrialConfig& config, const DataShape& data) {
  if (data.task != TaskKind::kLanguage) {
    throw unfit(config, data, "is a language model", "use another model, or a text: {text: book.txt}");
  }
  TransformerOptions options;
  options.vocabulary = data.n_outputs;
  options.context = data.inputs[0];
  options.width = read_size(config, "width", options.width);
  options.heads = read_size(config, "heads", options.heads);
  if (options.width % options.heads != 0) {
    throw config.error("heads", std::to_string(options.heads) + " heads cannot share a width of " +
                       std::to_string(options.width) + " evenly", "make `width` a multiple of `heads`, in every trial");
  }
  options.layers = read_size(config, "layers", options.layers);
  options.feedforward = read_size(config, "feedforward", 4 * options.width);
  options.activation = read_activation(config, options.activation);
  options.norm_first = config.flag("norm_first", options.norm_first);
  options.dropout = read_dropout(config);
  Transformer model(options);
  return built(model);
}

}  // namespace

const std::vector<ModelEntry>& registered_models() {
  static const std::vector<ModelEntry> all = {
      {"mlp", build_mlp},       {"logistic", build_logistic}, {"ridge", build_ridge}, {"lenet", build_lenet},
      {"resnet", build_resnet}, {"lstm", build_lstm},         {"gru", build_gru},     {"transformer", build_transformer},
  };
  return all;
}

}  // namespace lockstep::models
