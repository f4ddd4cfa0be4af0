#include "torch/tile.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include <lockstep/error.h>
#include <lockstep/torch/trial_scope.h>
#include <torch/csrc/autograd/autograd.h>

#include "torch/device_context.h"
#include "torch/heap.h"
#include "torch/minibatch.h"
#include "torch/row_kernels.h"

namespace lockstep {
namespace {

/// Random streams of a step: those from 0 are the training pass's, those from here on the evaluation's, so many a minibatch.
constexpr uint32_t kEvaluationStreams = 1u << 31;
constexpr uint32_t kStreamsOfAPass = 1u << 12;
/// Those of metrics of a whole part.
constexpr uint32_t kWholePartStreams = 1u << 30;
/// Of the id of an order of examples: those below are the epoch.
constexpr int kEpochBits = 24;

std::string shape_text(const torch::Tensor& tensor) {
  std::string out = "[";
  for (const auto size : tensor.sizes()) out += (out.size() > 1 ? ", " : "") + std::to_string(size);
  return out + "]";
}

/// The tensors as matrices of rows. Each must be contiguous.
std::vector<RowMatrix> matrices_of(const std::vector<torch::Tensor>& tensors) {
  std::vector<RowMatrix> out;
  for (const auto& tensor : tensors) {
    TORCH_INTERNAL_ASSERT(tensor.is_contiguous());
    out.push_back({tensor.data_ptr(), static_cast<int64_t>(tensor.nbytes()) / tensor.size(0)});
  }
  return out;
}

}  // namespace

Tile::Tile(const TileSource& source, std::span<const int64_t> trials)
    : device_(source.device),
      backend_(backend_of(source.device)),
      seed_(source.seed),
      trials_(trials.begin(), trials.end()),
      ages_(trials.size(), 0),
      config_(source.configurations, source.settings, trials, source.device) {
  {
    TrialScope scope(trials, source.seed, source.device);
    program_ = source.task.build(config_);
  }
  if (!program_.module) throw TaskError("the task built a trial without a module");
  if (program_.batch_size < 1) throw TaskError("the task's batch size is " + std::to_string(program_.batch_size));
  if (program_.n_intervals < 1) throw TaskError("the task trains for " + std::to_string(program_.n_intervals) + " intervals");
  const int64_t n_examples = source.task.data().train.size();
  gather_parameters({(n_examples + program_.batch_size - 1) / program_.batch_size, program_.n_intervals});
  for (const auto& [name, buffer] : named_buffers()) {
    if (is_batched(buffer)) wrapped_rows_.push_back(buffer);
  }
  n_buffers_ = wrapped_rows_.size();
  for (const auto& [name, tensor] : config_.tensors()) wrapped_rows_.push_back(tensor);
  if (source.one_by_one != nullptr && source.one_by_one->contains(trials.front())) {
    plain_ = std::make_unique<PlainTrials>(source);
    bind_trials();
  } else if (source.make_graph != nullptr) {
    recorded_ = std::make_unique<RecordedWork>(source.make_graph);
    row_tensors();  // makes them contiguous, so that they stay where they are
  }
}

NamedTensors Tile::named_buffers() const {
  std::set<const void*> hyperparameters;
  for (const auto& [name, tensor] : config_.tensors()) hyperparameters.insert(tensor.unsafeGetTensorImpl());
  NamedTensors out;
  for (const auto& buffer : program_.module->named_buffers()) {
    const bool is_weight = buffer.value().defined() && !hyperparameters.contains(buffer.value().unsafeGetTensorImpl());
    if (is_weight) out.emplace_back(buffer.key(), buffer.value());
  }
  return out;
}

void Tile::gather_parameters(const TrainingLength& length) {
  std::set<const void*> seen;  // a tied parameter has two names and one place
  int64_t offset = 0;
  for (const auto& item : program_.module->named_parameters()) {
    const torch::Tensor& parameter = item.value();
    if (!parameter.defined() || !seen.insert(parameter.unsafeGetTensorImpl()).second) continue;
    if (!is_batched(parameter)) {
      throw TaskError("parameter '" + item.key() + "' is not per trial: it was made from existing data; create it with a factory "
                      "(torch::empty, zeros, randn, ...) while the trial is being built");
    }
    const torch::Tensor values = physical(parameter);
    if (values.scalar_type() != torch::kFloat) {
      throw TaskError("parameter '" + item.key() + "' is " + c10::toString(values.scalar_type()) +
                      "; trials train in float32");
    }
    ParameterPlace place;
    place.name = item.key();
    place.wrapper = parameter;
    place.leaf = values;
    place.offset = offset;
    place.size = values.numel() / n_trials();
    place.trains = parameter.requires_grad();
    offset += place.size;
    places_.push_back(std::move(place));
  }
  if (places_.empty()) throw TaskError("the task's module has no parameters; register them with register_module or register_parameter");

  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> columns;
  for (const auto& place : places_) columns.push_back(place.leaf.detach().reshape({n_trials(), place.size}));
  parameters_ = lasting_zeros({n_trials(), offset}, columns.front().options());
  torch::cat_out(parameters_, columns, 1);
  bind_parameters();
  optimizer_ = std::make_unique<RowOptimizer>(program_.optimizer, parameters_, length);
}

void Tile::bind_parameters() {
  torch::NoGradGuard no_grad;
  for (auto& place : places_) {
    auto shape = place.leaf.sizes().vec();
    shape[0] = parameters_.size(0);
    place.leaf.set_requires_grad(false);
    replace_physical(place.wrapper, parameters_.narrow(1, place.offset, place.size).view(shape).detach());
    place.leaf = physical(place.wrapper);
    place.leaf.set_requires_grad(place.trains);
  }
  bind_trials();
}

void Tile::bind_trials() {
  set_values(ids_, torch::tensor(trials_, torch::kLong).to(device_));
  if (plain_ == nullptr) return;
  NamedTensors rows;
  for (const auto& place : places_) rows.emplace_back(place.name, place.leaf.detach());
  for (const auto& [name, buffer] : named_buffers()) {
    if (is_batched(buffer)) rows.emplace_back(name, physical(buffer));
  }
  plain_->bind(trials_, rows);
}

torch::Tensor Tile::batch_gradients(const Batch& batch, bool per_trial, std::vector<torch::Tensor>& gradients) {
  torch::Tensor loss;
  {
    TrialScope scope(ids_, optimizer_->steps(), seed_);
    const torch::Tensor one = per_trial ? program_.training_loss(scope.batched(batch.inputs), scope.batched(batch.targets))
                                        : program_.training_loss(batch.inputs, batch.targets);
    if (!is_batched(one)) throw TaskError("the loss does not depend on the trial's parameters");
    loss = physical(one);
  }
  if (loss.dim() != 1) {
    throw TaskError("the loss of one trial must be a scalar, but has shape " + shape_text(loss[0]) +
                    "; reduce it to the mean over the batch");
  }
  std::vector<torch::Tensor> leaves;
  for (const auto& place : places_) {
    if (place.trains) leaves.push_back(place.leaf);
  }
  // The sum over trials, never the mean: each trial's gradient must not know how many others there are.
  const torch::Tensor& scale = optimizer_->loss_scale();
  const torch::Tensor total = scale.defined() ? loss.mul(scale.to(loss.scalar_type())).sum() : loss.sum();
  const RowKernels by_row(n_trials());
  gradients = torch::autograd::grad({total}, leaves, {}, std::nullopt, false, /*allow_unused=*/true);
  return loss.detach();
}

torch::Tensor Tile::train_step(const Batch& batch, bool per_trial) {
  std::vector<const ParameterPlace*> places;
  std::vector<std::string> names;
  for (const auto& place : places_) {
    if (!place.trains) continue;
    places.push_back(&place);
    names.push_back(place.name);
  }
  std::vector<torch::Tensor> gradients;
  const torch::Tensor loss =
      plain_ ? plain_->gradients({ids_, optimizer_->steps(), seed_}, batch, per_trial, optimizer_->loss_scale(), names, gradients)
             : batch_gradients(batch, per_trial, gradients);
  std::vector<GradientSegment> segments;
  for (size_t i = 0; i < gradients.size(); ++i) {
    if (!gradients[i].defined()) continue;
    gradients[i] = gradients[i].contiguous();
    segments.push_back({gradients[i].const_data_ptr<float>(), places[i]->offset, places[i]->size});
  }
  optimizer_->step(backend_, context(), parameters_, segments, loss);
  return loss;
}

void Tile::probe_step(const DataPart& train) {
  program_.module->train(true);
  train_step(range_of(train, 0, std::min(program_.batch_size, train.size()), device_));
}

void Tile::probe_prediction(const DataPart& part) {
  const torch::NoGradGuard no_grad;
  program_.module->train(false);
  std::vector<torch::Tensor> outputs;
  metric_values(range_of(part, 0, std::min<int64_t>(2, part.size()), device_), {}, kEvaluationStreams, outputs);
}

torch::Tensor Tile::orders_of_trials(int64_t n, const std::map<int64_t, torch::Tensor>& orders) const {
  std::vector<torch::Tensor> rows;
  for (size_t i = 0; i < trials_.size(); ++i) {
    if (!program_.own_order) {
      rows.push_back(orders.at(ages_[i]));
      continue;
    }
    rows.push_back(torch::empty({n}, torch::dtype(torch::kLong).device(device_)));
    const int64_t id = ((trials_[i] + 1) << kEpochBits) | ages_[i];  // shared orders are those of "trial -1"
    backend_.permutation(context(), id, n, rows.back().mutable_data_ptr<int64_t>());
  }
  return torch::stack(rows);
}

void Tile::train_epoch(const DataPart& train, const std::map<int64_t, torch::Tensor>& orders) {
  program_.module->train(true);
  optimizer_->forget_divergence();
  const bool one_age = std::all_of(ages_.begin(), ages_.end(), [&](int64_t age) { return age == ages_.front(); });
  const bool shared = one_age && !program_.own_order;
  set_values(order_, shared ? orders.at(ages_.front()) : orders_of_trials(train.size(), orders));
  if (recorded_) set_values(position_, torch::zeros({1}, order_.options()));
  for (int64_t begin = 0; begin < train.size(); begin += program_.batch_size) {
    const int64_t size = std::min(program_.batch_size, train.size() - begin);
    if (!recorded_) {
      train_on(train, order_.narrow(-1, begin, size));
      continue;
    }
    recorded_->run({&train, size}, [this, &train, size] {
      train_on(train, order_.index_select(-1, position_ + torch::arange(size, position_.options())));
      position_.add_(size);
    });
  }
  for (auto& age : ages_) ++age;
}

void Tile::set_values(torch::Tensor& target, const torch::Tensor& values) {
  if (recorded_ && target.defined() && target.sizes() == values.sizes()) {
    target.copy_(values);
    return;
  }
  target = values;
  if (recorded_) recorded_->clear();
}

void Tile::train_on(const DataPart& train, const torch::Tensor& examples) {
  const bool per_trial = examples.dim() == 2;
  train_step(per_trial ? examples_of_trials(train, examples) : examples_of(train, examples), per_trial);
}

torch::Tensor Tile::score(const DataPart& part, std::span<const Metric* const> metrics) {
  torch::NoGradGuard no_grad;
  program_.module->train(false);
  if (!recorded_) return score_now(part, metrics);
  const std::vector<int64_t> shape{static_cast<int64_t>(metrics.size()), n_trials()};
  if (!scores_.defined() || scores_.sizes() != torch::IntArrayRef(shape)) {
    scores_ = torch::empty(shape, torch::dtype(torch::kDouble).device(device_));
  }
  recorded_->run({&part, 0}, [this, &part, metrics] { scores_.copy_(score_now(part, metrics)); });
  return scores_.clone();
}

std::vector<torch::Tensor> Tile::metric_values(const Batch& batch, std::span<const Metric* const> metrics, uint32_t stream,
                                               std::vector<torch::Tensor>& outputs) {
  if (plain_) return plain_->evaluate({ids_, optimizer_->steps(), seed_, stream}, batch, metrics, outputs);
  TrialScope scope(ids_, optimizer_->steps(), seed_, stream);
  const torch::Tensor output = program_.prediction(batch.inputs);
  if (!is_batched(output)) throw TaskError("what the task predicts does not depend on the trial's parameters");
  std::vector<torch::Tensor> values;
  for (const Metric* metric : metrics) {
    torch::Tensor one;
    if (!metric->whole) {
      one = metric->per_example(output, batch.targets);
      if (!is_batched(one)) throw TaskError("metric '" + metric->name + "' does not depend on the trial's parameters");
      one = physical(one);
    }
    values.push_back(one);
  }
  if (wants_outputs(metrics)) outputs.push_back(physical(output));
  return values;
}

torch::Tensor Tile::whole_metric(const Metric& metric, const torch::Tensor& outputs, const torch::Tensor& targets) {
  torch::Tensor value;
  const PlainTrials::Pass pass{ids_, optimizer_->steps(), seed_, kWholePartStreams};
  if (plain_) {
    value = plain_->whole(pass, metric, outputs, targets);
  } else {
    TrialScope scope(pass.ids, pass.steps, pass.seed, pass.first_stream);
    const torch::Tensor one = metric.whole(scope.batched(outputs), targets);
    if (!is_batched(one)) throw TaskError("metric '" + metric.name + "' does not depend on the trial's parameters");
    value = physical(one);
  }
  if (value.dim() != 1) {
    throw TaskError("metric '" + metric.name + "' must give a scalar for a whole part, but gave shape " + shape_text(value[0]));
  }
  return value.to(torch::kDouble);
}

torch::Tensor Tile::score_now(const DataPart& part, std::span<const Metric* const> metrics) {
  const torch::Tensor sums =
      torch::zeros({static_cast<int64_t>(metrics.size()), n_trials()}, torch::dtype(torch::kDouble).device(device_));
  std::vector<int64_t> counts(metrics.size(), 0);
  std::vector<torch::Tensor> outputs, targets;
  uint32_t stream = kEvaluationStreams;
  for (int64_t begin = 0; begin < part.size(); begin += kEvaluationBatch, stream += kStreamsOfAPass) {
    const int64_t size = std::min(kEvaluationBatch, part.size() - begin);
    const Batch batch = range_of(part, begin, size, device_);
    const std::vector<torch::Tensor> values = metric_values(batch, metrics, stream, outputs);
    if (!outputs.empty()) targets.push_back(batch.targets);
    for (size_t m = 0; m < metrics.size(); ++m) {
      torch::Tensor scores = values[m];
      if (!scores.defined()) continue;
      if (scores.dim() < 2 || scores.size(1) != size) {
        throw TaskError("metric '" + metrics[m]->name + "' must give a value per example, but gave shape " + shape_text(scores[0]) +
                        " for " + std::to_string(size) + " examples");
      }
      scores = scores.flatten(1).to(torch::kFloat).contiguous();
      backend_.reduce_metric(context(), {scores.const_data_ptr<float>(), n_trials(), scores.size(1), scores.size(1)},
                             sums[static_cast<int64_t>(m)].mutable_data_ptr<double>());
      counts[m] += scores.size(1);
    }
  }
  for (size_t m = 0; m < metrics.size(); ++m) {
    torch::Tensor row = sums[static_cast<int64_t>(m)];
    if (metrics[m]->whole) {
      row.copy_(whole_metric(*metrics[m], torch::cat(outputs, 1), torch::cat(targets)));
    } else {
      row.div_(static_cast<double>(counts[m]));
    }
  }
  return sums.masked_fill_(optimizer_->diverged().ne(0), std::numeric_limits<double>::quiet_NaN());
}

std::vector<std::vector<double>> Tile::evaluate(const DataPart& part, std::span<const Metric* const> metrics) {
  return read_metrics(score(part, metrics), metrics, [&] { return targets_of(part, device_); });
}

std::vector<double> Tile::evaluate(const DataPart& part, const Metric& metric) {
  const Metric* const one = &metric;
  return evaluate(part, std::span(&one, 1)).front();
}

std::vector<std::vector<double>> read_metrics(const torch::Tensor& means, std::span<const Metric* const> metrics,
                                              const std::function<torch::Tensor()>& targets) {
  const torch::Tensor here = means.cpu();
  torch::Tensor known_targets;
  std::vector<std::vector<double>> out;
  for (size_t m = 0; m < metrics.size(); ++m) {
    const torch::Tensor row = here[static_cast<int64_t>(m)];
    std::vector<double>& values = out.emplace_back(row.const_data_ptr<double>(), row.const_data_ptr<double>() + row.numel());
    if (!metrics[m]->finish || metrics[m]->whole) continue;
    if (!known_targets.defined()) known_targets = targets();
    for (double& value : values) {
      if (!std::isnan(value)) value = metrics[m]->finish(value, known_targets);
    }
  }
  return out;
}

std::vector<torch::Tensor*> Tile::owned_row_tensors() {
  auto out = optimizer_->row_tensors();
  out.push_back(&parameters_);
  return out;
}

int64_t Tile::bytes() const {
  size_t out = 0;
  for (const auto& tensor : row_tensors()) out += tensor.nbytes();
  return static_cast<int64_t>(out);
}

namespace {

/// The physical tensor behind a wrapper, made contiguous where it is not.
torch::Tensor contiguous_physical(const torch::Tensor& wrapper) {
  if (!physical(wrapper).is_contiguous()) replace_physical(wrapper, physical(wrapper).contiguous());
  return physical(wrapper);
}

}  // namespace

std::vector<torch::Tensor> Tile::weight_tensors() const {
  std::vector<torch::Tensor> out{parameters_};
  for (const auto* tensor : optimizer_->state_tensors()) out.push_back(*tensor);
  for (size_t i = 0; i < n_buffers_; ++i) out.push_back(contiguous_physical(wrapped_rows_[i]));
  return out;
}

std::vector<torch::Tensor> Tile::row_tensors() const {
  std::vector<torch::Tensor> out;
  for (const auto* tensor : optimizer_->row_tensors()) out.push_back(*tensor);
  out.push_back(parameters_);  // in the order of owned_row_tensors
  for (const auto& wrapper : wrapped_rows_) out.push_back(contiguous_physical(wrapper));
  return out;
}

void Tile::set_row_tensors(const std::vector<torch::Tensor>& tensors) {
  if (recorded_) recorded_->clear();
  size_t next = 0;
  for (auto* tensor : owned_row_tensors()) *tensor = tensors[next++];
  for (const auto& wrapper : wrapped_rows_) replace_physical(wrapper, tensors[next++]);
  bind_parameters();
}

void Tile::keep_slots(std::span<const int64_t> slots) {
  torch::NoGradGuard no_grad;
  const auto n_kept = static_cast<int64_t>(slots.size());
  torch::Tensor keep = torch::zeros({n_trials()}, torch::kByte);
  for (const auto slot : slots) keep[slot] = 1;
  keep = keep.to(device_);
  const torch::Tensor source = torch::empty({n_trials()}, torch::dtype(torch::kLong).device(device_));
  auto tensors = row_tensors();
  const auto matrices = matrices_of(tensors);
  backend_.compact_rows(context(), keep.const_data_ptr<uint8_t>(), n_trials(), matrices.data(),
                        static_cast<int64_t>(matrices.size()), source.mutable_data_ptr<int64_t>());
  for (auto& tensor : tensors) tensor = tensor.narrow(0, 0, n_kept);
  const torch::Tensor from = source.cpu();
  std::vector<int64_t> trials, ages;
  for (int64_t slot = 0; slot < n_kept; ++slot) {
    const auto old = static_cast<size_t>(from.const_data_ptr<int64_t>()[slot]);
    trials.push_back(trials_[old]);
    ages.push_back(ages_[old]);
  }
  trials_ = std::move(trials);
  ages_ = std::move(ages);
  set_row_tensors(tensors);
}

void Tile::copy_rows(const std::vector<torch::Tensor>& targets, const std::vector<torch::Tensor>& sources,
                     std::span<const int64_t> from, std::span<const int64_t> to) {
  TORCH_INTERNAL_ASSERT(targets.size() == sources.size() && from.size() == to.size());
  const auto on_device = [&](std::span<const int64_t> slots) {
    return torch::tensor(std::vector<int64_t>(slots.begin(), slots.end()), torch::kLong).to(device_);
  };
  const torch::Tensor from_rows = on_device(from), to_rows = on_device(to);
  const auto target_matrices = matrices_of(targets), source_matrices = matrices_of(sources);
  backend_.copy_rows(context(), target_matrices.data(), source_matrices.data(), static_cast<int64_t>(target_matrices.size()),
                     from_rows.const_data_ptr<int64_t>(), to_rows.const_data_ptr<int64_t>(), static_cast<int64_t>(to.size()));
}

void Tile::take_over(const Tile& other, std::span<const int64_t> slots) {
  torch::NoGradGuard no_grad;
  auto mine = row_tensors();
  const auto theirs = other.row_tensors();
  const auto n_replaced = static_cast<int64_t>(slots.size());
  const int64_t n_added = other.n_trials() - n_replaced;
  TORCH_INTERNAL_ASSERT(mine.size() == theirs.size() && n_added >= 0);
  if (n_replaced > 0) {
    std::vector<int64_t> first(slots.size());
    std::iota(first.begin(), first.end(), 0);
    copy_rows(mine, theirs, first, slots);
  }
  for (size_t i = 0; n_added > 0 && i < mine.size(); ++i) {
    auto sizes = mine[i].sizes().vec();
    sizes[0] += n_added;
    const torch::Tensor longer = lasting_zeros(sizes, mine[i].options());
    longer.narrow(0, 0, mine[i].size(0)).copy_(mine[i]);
    longer.narrow(0, mine[i].size(0), n_added).copy_(theirs[i].narrow(0, n_replaced, n_added));
    mine[i] = longer;
  }
  for (size_t i = 0; i < other.trials_.size(); ++i) {
    if (i < slots.size()) {
      trials_[static_cast<size_t>(slots[i])] = other.trials_[i];
      ages_[static_cast<size_t>(slots[i])] = other.ages_[i];
    } else {
      trials_.push_back(other.trials_[i]);
      ages_.push_back(other.ages_[i]);
    }
  }
  if (n_added > 0) {
    set_row_tensors(mine);
  } else {
    bind_trials();
  }
}

void Tile::copy_weights(int64_t slot, const Tile& other, int64_t other_slot) {
  torch::NoGradGuard no_grad;
  copy_rows(weight_tensors(), other.weight_tensors(), std::span(&other_slot, 1), std::span(&slot, 1));
  ages_[static_cast<size_t>(slot)] = other.ages_[static_cast<size_t>(other_slot)];
}

SavedRows Tile::save(std::span<const int64_t> slots) const {
  torch::NoGradGuard no_grad;
  SavedRows out;
  for (const auto slot : slots) {
    out.trials.push_back(trials_[static_cast<size_t>(slot)]);
    out.ages.push_back(ages_[static_cast<size_t>(slot)]);
  }
  auto tensors = weight_tensors();
  if (static_cast<int64_t>(slots.size()) < n_trials()) {
    const torch::Tensor index = torch::tensor(std::vector<int64_t>(slots.begin(), slots.end()), torch::kLong).to(device_);
    for (auto& tensor : tensors) tensor = tensor.index_select(0, index);
  }
  out.tensors = rows_as_bytes(tensors);
  return out;
}

void Tile::restore(const SavedRows& rows) {
  torch::NoGradGuard no_grad;
  TORCH_INTERNAL_ASSERT(rows.trials == trials_);
  set_rows_from_bytes(weight_tensors(), rows.tensors);
  ages_ = rows.ages;
}

std::vector<torch::Tensor> Tile::copy_row(int64_t slot) const {
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> row{parameters_.narrow(0, slot, 1).clone()};
  for (size_t i = 0; i < n_buffers_; ++i) row.push_back(physical(wrapped_rows_[i]).narrow(0, slot, 1).clone());
  return row;
}

void Tile::restore_row(int64_t slot, std::span<const torch::Tensor> row) {
  torch::NoGradGuard no_grad;
  TORCH_INTERNAL_ASSERT(row.size() == n_buffers_ + 1);
  parameters_.narrow(0, slot, 1).copy_(row[0]);
  for (size_t i = 0; i < n_buffers_; ++i) physical(wrapped_rows_[i]).narrow(0, slot, 1).copy_(row[i + 1]);
}

NamedTensors Tile::named_row(int64_t slot) const {
  torch::NoGradGuard no_grad;
  const auto row_of = [slot](const torch::Tensor& rows) { return rows.select(0, slot).to(torch::kCPU, rows.scalar_type(), false, true); };
  NamedTensors out;
  for (const auto& place : places_) out.emplace_back(place.name, row_of(place.leaf));
  for (const auto& [name, buffer] : named_buffers()) {
    out.emplace_back(name, is_batched(buffer) ? row_of(physical(buffer)) : buffer.cpu().clone());
  }
  return out;
}

std::vector<std::pair<std::string, torch::Tensor>> Tile::named_parameters() const {
  std::vector<std::pair<std::string, torch::Tensor>> out;
  for (const auto& place : places_) out.emplace_back(place.name, place.leaf);
  return out;
}

}  // namespace lockstep
