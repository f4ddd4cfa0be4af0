#include "torch/minibatch.h"

#include <algorithm>
#include <vector>

#include <lockstep/error.h>

namespace lockstep {

namespace {

/// Examples that are fetched at a time where all are wanted.
constexpr int64_t kFetched = 1024;

torch::Tensor numbers(int64_t begin, int64_t size, torch::Device device) {
  return torch::arange(begin, begin + size, torch::dtype(torch::kLong).device(device));
}

torch::Tensor by_trial(const torch::Tensor& rows, int64_t n_trials) {
  auto shape = rows.sizes().vec();
  shape[0] /= n_trials;
  shape.insert(shape.begin(), n_trials);
  return rows.view(shape);
}

}  // namespace

Batch examples_of(const DataPart& part, const torch::Tensor& examples) {
  if (!part.fetch) return {part.inputs.index_select(0, examples), part.targets.index_select(0, examples)};
  Batch batch = part.fetch(examples);
  for (const auto* tensor : {&batch.inputs, &batch.targets}) {
    const int64_t n = tensor->defined() && tensor->dim() > 0 ? tensor->size(0) : 0;
    if (n != examples.size(0)) {
      throw TaskError("the function that fetches the data was asked for " + std::to_string(examples.size(0)) + " examples and gave " +
                      std::to_string(n) + (tensor == &batch.inputs ? " inputs" : " targets") +
                      "; inputs and targets must have one example a row");
    }
  }
  return batch;
}

Batch range_of(const DataPart& part, int64_t begin, int64_t size, torch::Device device) {
  if (part.fetch) return examples_of(part, numbers(begin, size, device));
  return {part.inputs.narrow(0, begin, size), part.targets.narrow(0, begin, size)};
}

Batch examples_of_trials(const DataPart& part, const torch::Tensor& examples) {
  const Batch batch = examples_of(part, examples.flatten());
  return {by_trial(batch.inputs.contiguous(), examples.size(0)), by_trial(batch.targets.contiguous(), examples.size(0))};
}

DataPart on_device(const DataPart& part, torch::Device device) {
  DataPart out = part;
  if (part.fetch || part.size() == 0) return out;
  out.inputs = part.inputs.to(device);
  out.targets = part.targets.to(device);
  return out;
}

torch::Tensor targets_of(const DataPart& part, torch::Device device) {
  if (!part.fetch) return part.targets.cpu();
  std::vector<torch::Tensor> targets;
  for (int64_t begin = 0; begin < part.size(); begin += kFetched) {
    targets.push_back(range_of(part, begin, std::min(kFetched, part.size() - begin), device).targets.cpu());
  }
  return torch::cat(targets);
}

}  // namespace lockstep
