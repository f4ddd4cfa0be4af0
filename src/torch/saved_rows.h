#pragma once

#include <cstdint>
#include <vector>

#include <lockstep/executor.h>
#include <torch/types.h>

namespace lockstep {

/// What trials need to go on elsewhere: a row a trial of every tensor that training changes.
struct SavedRows {
  std::vector<int64_t> trials;         ///< ids
  std::vector<int64_t> ages;           ///< intervals that each was trained
  std::vector<torch::Tensor> tensors;  ///< [n_trials, row size in bytes] uint8 on the CPU, in the order of the tile's

  /// Those of the trials at these places.
  SavedRows select(const std::vector<int64_t>& places) const;
};

/// The rows of `tensors`, each contiguous with a row a trial, as bytes on the CPU.
std::vector<torch::Tensor> rows_as_bytes(const std::vector<torch::Tensor>& tensors);
/// Writes them back into `tensors`. Throws OutputError when they have other shapes.
void set_rows_from_bytes(const std::vector<torch::Tensor>& tensors, const std::vector<torch::Tensor>& rows);

/// In the machine's own byte order.
void write_rows(const SavedRows& rows, const ByteSink& sink);
/// Throws what `source` throws, and OutputError for what `write_rows` cannot have written.
SavedRows read_rows(const ByteSource& source);

}  // namespace lockstep
