#pragma once

#include <torch/types.h>

namespace lockstep {

/// Tells the C library to keep freed memory instead of giving it back to the kernel. Every step allocates and frees the same
/// activations; by default glibc unmaps the large ones at once, and getting them again, page by page and zeroed, took 10-20 % of
/// a step's processor time. Holds for the whole process, which is one that trains; does nothing without glibc.
void keep_freed_memory();

/// A tensor for rows, which live as long as their trials. On a CPU large ones get a mapping of their own, filled with
/// zeros: among a step's short-lived tensors in the heap they left holes that nothing fitted, a third of a trial's memory.
/// Such a mapping is reported as LibTorch's allocators report theirs (`peak_memory_bytes`). Else it is torch::zeros.
torch::Tensor lasting_zeros(at::IntArrayRef sizes, const torch::TensorOptions& options);

}  // namespace lockstep
