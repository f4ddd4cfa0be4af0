#include "torch/saved_rows.h"

#include <lockstep/error.h>

namespace lockstep {
namespace {

constexpr int64_t kMostTrials = 1 << 20;
constexpr int64_t kMostTensors = 1 << 16;
constexpr int64_t kMostRowBytes = int64_t{1} << 40;

[[noreturn]] void refuse(const std::string& problem) {
  throw OutputError("the saved weights do not fit this sweep: " + problem +
                    "; they were saved by another version, or are damaged");
}

void write_integers(const std::vector<int64_t>& values, const ByteSink& sink) {
  sink(values.data(), values.size() * sizeof(int64_t));
}

std::vector<int64_t> read_integers(int64_t n, const ByteSource& source) {
  std::vector<int64_t> values(static_cast<size_t>(n));
  source(values.data(), values.size() * sizeof(int64_t));
  return values;
}

}  // namespace

SavedRows SavedRows::select(const std::vector<int64_t>& places) const {
  SavedRows out;
  for (const auto place : places) {
    out.trials.push_back(trials[static_cast<size_t>(place)]);
    out.ages.push_back(ages[static_cast<size_t>(place)]);
  }
  const torch::Tensor index = torch::tensor(places, torch::kLong);
  for (const auto& tensor : tensors) out.tensors.push_back(tensor.index_select(0, index));
  return out;
}

std::vector<torch::Tensor> rows_as_bytes(const std::vector<torch::Tensor>& tensors) {
  std::vector<torch::Tensor> out;
  for (const auto& tensor : tensors) {
    const torch::Tensor here = tensor.detach().cpu().contiguous();
    const int64_t n_rows = here.size(0);
    const auto row_bytes = static_cast<int64_t>(here.nbytes()) / std::max<int64_t>(1, n_rows);
    // Not a view by dtype: a scalar a trial has no last dimension to widen.
    const auto owner = [here](void*) {};
    out.push_back(torch::from_blob(here.data_ptr(), {n_rows, row_bytes}, owner, torch::kByte));
  }
  return out;
}

void set_rows_from_bytes(const std::vector<torch::Tensor>& tensors, const std::vector<torch::Tensor>& rows) {
  if (tensors.size() != rows.size()) {
    refuse(std::to_string(rows.size()) + " tensors a trial were saved, and there are " + std::to_string(tensors.size()));
  }
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].nbytes() != rows[i].nbytes()) {
      refuse("tensor " + std::to_string(i) + " has " + std::to_string(rows[i].nbytes()) + " bytes, and should have " +
             std::to_string(tensors[i].nbytes()));
    }
    const torch::Tensor contiguous = rows[i].contiguous();
    torch::Tensor target = tensors[i];
    target.detach().copy_(torch::from_blob(contiguous.data_ptr(), target.sizes(), target.options().device(torch::kCPU)));
  }
}

void write_rows(const SavedRows& rows, const ByteSink& sink) {
  write_integers({static_cast<int64_t>(rows.trials.size()), static_cast<int64_t>(rows.tensors.size())}, sink);
  write_integers(rows.trials, sink);
  write_integers(rows.ages, sink);
  for (const auto& tensor : rows.tensors) {
    write_integers({tensor.size(1)}, sink);
    sink(tensor.const_data_ptr(), tensor.nbytes());
  }
}

SavedRows read_rows(const ByteSource& source) {
  SavedRows rows;
  const auto sizes = read_integers(2, source);
  if (sizes[0] < 0 || sizes[0] > kMostTrials || sizes[1] < 0 || sizes[1] > kMostTensors) refuse("their sizes are absurd");
  rows.trials = read_integers(sizes[0], source);
  rows.ages = read_integers(sizes[0], source);
  for (int64_t i = 0; i < sizes[1]; ++i) {
    const int64_t row_bytes = read_integers(1, source).front();
    if (row_bytes < 0 || row_bytes > kMostRowBytes) refuse("the size of a row is absurd");
    torch::Tensor tensor = torch::empty({sizes[0], row_bytes}, torch::kByte);
    source(tensor.mutable_data_ptr(), tensor.nbytes());
    rows.tensors.push_back(std::move(tensor));
  }
  return rows;
}

}  // namespace lockstep
