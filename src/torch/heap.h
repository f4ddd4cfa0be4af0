#pragma once

#include <torch/types.h>

namespace lockstep {

/// Tells the C library to keep memory that is freed, for the life of the process: a training step frees and takes the
/// same activations again, and getting their pages from the system each time took a tenth of its time.
void keep_freed_memory();

/// A tensor for rows, which live as long as their trials. On a CPU large ones get a mapping of their own, filled with
/// zeros: among a step's short-lived tensors in the heap they left holes that nothing fitted, a third of a trial's memory.
/// Elsewhere it is at::zeros.
torch::Tensor lasting_zeros(at::IntArrayRef sizes, const torch::TensorOptions& options);

}  // namespace lockstep
