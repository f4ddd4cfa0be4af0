#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include <lockstep/torch/task.h>

namespace lockstep {

/// The examples of these numbers: [m] int64 on the part's device. Throws TaskError when a function that makes them gives others.
Batch examples_of(const DataPart& part, const torch::Tensor& examples);
/// The examples [begin, begin + size), in their order. Of a part that is fetched, made on `device`.
Batch range_of(const DataPart& part, int64_t begin, int64_t size, torch::Device device);
/// The examples of each trial: numbers [n_trials, m] -> [n_trials, m, ...].
Batch examples_of_trials(const DataPart& part, const torch::Tensor& examples);

/// The same part with its tensors on `device`.
DataPart on_device(const DataPart& part, torch::Device device);
/// Whether one of the metrics is of a whole part.
inline bool wants_outputs(std::span<const Metric* const> metrics) {
  return std::any_of(metrics.begin(), metrics.end(), [](const Metric* metric) { return metric->whole != nullptr; });
}
/// Every target of the part, [n, ...] in host memory.
torch::Tensor targets_of(const DataPart& part, torch::Device device);

}  // namespace lockstep
