#pragma once

#include <cstdint>

#include <c10/core/impl/LocalDispatchKeySet.h>

namespace lockstep {

/// While one lives on a thread, LibTorch's CPU kernels compute each row of a tensor [n_rows, ...] as if it were alone,
/// so that a trial's bits do not depend on how many others are in the batch. LibTorch computes the elements of a whole
/// tensor in vectors and those that are left over one by one, with other formulas: which of a trial's elements are left
/// over would depend on its slot. And a batched product (`bmm`) of MKL may round differently with another number of
/// matrices.
///
/// Works below autograd, so forward and backward passes alike; a TrialScope has one, the backward pass outside of it
/// needs its own.
class RowKernels {
 public:
  explicit RowKernels(int64_t n_rows);
  ~RowKernels();
  RowKernels(const RowKernels&) = delete;
  RowKernels& operator=(const RowKernels&) = delete;

 private:
  int64_t before_;
  c10::impl::IncludeDispatchKeyGuard include_;
};

}  // namespace lockstep
