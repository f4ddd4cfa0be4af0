#pragma once

#include <cstdint>

#include <lockstep/backend.h>

#include "cuda/common/execution.h"

/// Drives an optimiser over the rows of a parameter matrix. An optimiser is a struct with
///   struct Row                                       what one row's elements share, computed once a row
///   Row prepare(int64_t row, int64_t step)           `step` counts from 1: the one being taken
///   struct State; State state(int64_t offset)        pointers to its matrices at an element
///   static void step(Row, float& parameter, float gradient, State, int64_t i)   one element, element i of State
namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {

#ifdef __CUDACC__

template <class Optimizer>
struct PrepareRow {
  Optimizer optimizer;
  int64_t* steps;
  typename Optimizer::Row* prepared;
  LOCKSTEP_HD void operator()(int64_t row) const { prepared[row] = optimizer.prepare(row, ++steps[row]); }
};

template <class Optimizer>
struct StepElement {
  Optimizer optimizer;
  const typename Optimizer::Row* prepared;
  float* parameters;
  int64_t row_stride;
  GradientSegment segment;
  LOCKSTEP_HD void operator()(int64_t i) const {
    const int64_t row = i / segment.size;
    const int64_t at = row * row_stride + segment.offset + i % segment.size;
    Optimizer::step(prepared[row], parameters[at], segment.gradient[i], optimizer.state(at), 0);
  }
};

template <class Optimizer>
void update_rows(const Context& context, const RowUpdate& rows, Optimizer optimizer) {
  const DeviceBuffer<typename Optimizer::Row> prepared(context, rows.n_rows);
  for_each_index(context, rows.n_rows, PrepareRow<Optimizer>{optimizer, rows.steps, prepared.data()});
  for (int64_t s = 0; s < rows.n_segments; ++s) {
    const GradientSegment& segment = rows.segments[s];
    for_each_index(context, rows.n_rows * segment.size,
                   StepElement<Optimizer>{optimizer, prepared.data(), rows.parameters, rows.row_stride, segment});
  }
}

#else

/// The same, row by row, so that what a row needs stays in the processor's cache and the inner loop vectorises.
template <class Optimizer>
void update_rows(const Context&, const RowUpdate& rows, Optimizer optimizer) {
  for (int64_t row = 0; row < rows.n_rows; ++row) {
    const typename Optimizer::Row prepared = optimizer.prepare(row, ++rows.steps[row]);
    for (int64_t s = 0; s < rows.n_segments; ++s) {
      const GradientSegment& segment = rows.segments[s];
      const int64_t at = row * rows.row_stride + segment.offset;
      float* parameters = rows.parameters + at;
      const float* gradient = segment.gradient + row * segment.size;
      const typename Optimizer::State state = optimizer.state(at);
      const int64_t size = segment.size;
#pragma GCC ivdep
      for (int64_t i = 0; i < size; ++i) Optimizer::step(prepared, parameters[i], gradient[i], state, i);
    }
  }
}

#endif

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
