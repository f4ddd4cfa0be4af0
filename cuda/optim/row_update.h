#pragma once

#include <cstdint>

#include <lockstep/backend.h>

#include "cuda/common/execution.h"
#include "cuda/optim/row_gradient.h"
#include "cuda/optim/schedule.h"

/// Drives an optimiser over the rows of a parameter matrix. An optimiser is a struct with
///   struct Row                                       what one row's elements share, computed once a row
///   Row prepare(int64_t row, int64_t step, Rates)    `step` counts from 1: the one being taken
///   struct State; State state(int64_t offset)        pointers to its matrices at an element
///   static void step(Row, float& parameter, float gradient, State, int64_t i)   one element, element i of State
namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {

/// Marks the row if its loss says so, counts its step, and prepares its update.
template <class Optimizer>
LOCKSTEP_HD typename Optimizer::Row begin_step(const Optimizer& optimizer, const RowUpdate& rows, int64_t row,
                                               bool skips) {
  if (rows.loss != nullptr) {
    const double loss = rows.loss[row];
    const bool above = rows.divergence_threshold != nullptr && loss > rows.divergence_threshold[row];
    if (above || !is_finite(loss)) rows.diverged[row] = 1;
  }
  const int64_t seen = rows.steps[row]++;
  if (skips) ++rows.gradients.skipped[row];
  const int64_t n_skipped = rows.gradients.skipped != nullptr ? rows.gradients.skipped[row] : 0;
  Rates rates;
  rates.learning_rate = rows.learning_rate[row];
  if (rows.schedule != nullptr) {
    rates = rates_of(rows.schedule[row], rates.learning_rate, seen, rows.n_epochs * rows.steps_per_epoch,
                     rows.steps_per_epoch);
  }
  return optimizer.prepare(row, seen + 1 - n_skipped, rates);
}

#ifdef __CUDACC__

template <class Optimizer>
struct PreparedRow {
  typename Optimizer::Row row;
  RowGradient gradient;
};

/// Sums one part of one row's squares; parts of a row lie one after another.
struct SumSquares {
  RowGradients options;
  GradientSegment segment;
  int64_t n_parts;     ///< of the segment
  int64_t first_part;  ///< of the segment in the row
  int64_t parts_per_row;
  double* sums;  ///< [n_rows, parts_per_row]
  LOCKSTEP_HD void operator()(int64_t i) const {
    const int64_t row = i / n_parts;
    const int64_t part = i % n_parts;
    const RowGradient gradient = row_gradient(options, row);
    if (!gradient.needs_squares()) return;
    const int64_t begin = part * kSumPart;
    const int64_t size = segment.size - begin < kSumPart ? segment.size - begin : kSumPart;
    sums[row * parts_per_row + first_part + part] =
        sum_squares(gradient, segment.gradient + row * segment.size + begin, size);
  }
};

template <class Optimizer>
struct PrepareRow {
  Optimizer optimizer;
  RowUpdate rows;
  const double* sums;
  int64_t parts_per_row;
  PreparedRow<Optimizer>* prepared;
  LOCKSTEP_HD void operator()(int64_t row) const {
    RowGradient gradient = row_gradient(rows.gradients, row);
    if (gradient.needs_squares()) {
      double squares = 0;
      for (int64_t part = 0; part < parts_per_row; ++part) squares += sums[row * parts_per_row + part];
      conclude_gradient(rows.gradients, row, squares, gradient);
    }
    prepared[row] = {begin_step(optimizer, rows, row, gradient.skips), gradient};
  }
};

template <class Optimizer>
struct StepElement {
  Optimizer optimizer;
  const PreparedRow<Optimizer>* prepared;
  float* parameters;
  int64_t row_stride;
  GradientSegment segment;
  LOCKSTEP_HD void operator()(int64_t i) const {
    const int64_t row = i / segment.size;
    const int64_t at = row * row_stride + segment.offset + i % segment.size;
    const RowGradient& gradient = prepared[row].gradient;
    if (gradient.skips) return;
    Optimizer::step(prepared[row].row, parameters[at], gradient(segment.gradient[i]), optimizer.state(at), 0);
  }
};

template <class Optimizer>
void update_rows(const Context& context, const RowUpdate& rows, Optimizer optimizer) {
  int64_t parts_per_row = 0;
  const bool any_squares = rows.gradients.clip_norm != nullptr || rows.gradients.loss_scale != nullptr;
  for (int64_t s = 0; any_squares && s < rows.n_segments; ++s) parts_per_row += n_sum_parts(rows.segments[s].size);
  const DeviceBuffer<double> sums(context, rows.n_rows * parts_per_row);
  for (int64_t s = 0, first_part = 0; any_squares && s < rows.n_segments; ++s) {
    const int64_t n_parts = n_sum_parts(rows.segments[s].size);
    for_each_index(context, rows.n_rows * n_parts,
                   SumSquares{rows.gradients, rows.segments[s], n_parts, first_part, parts_per_row, sums.data()});
    first_part += n_parts;
  }
  const DeviceBuffer<PreparedRow<Optimizer>> prepared(context, rows.n_rows);
  for_each_index(context, rows.n_rows,
                 PrepareRow<Optimizer>{optimizer, rows, sums.data(), parts_per_row, prepared.data()});
  for (int64_t s = 0; s < rows.n_segments; ++s) {
    const GradientSegment& segment = rows.segments[s];
    for_each_index(context, rows.n_rows * segment.size,
                   StepElement<Optimizer>{optimizer, prepared.data(), rows.parameters, rows.row_stride, segment});
  }
}

#else

/// The sum of the row's squares, in the order of the CUDA half.
inline double sum_row_squares(const RowUpdate& rows, int64_t row, const RowGradient& gradient) {
  double squares = 0;
  for (int64_t s = 0; s < rows.n_segments; ++s) {
    const int64_t size = rows.segments[s].size;
    const float* values = rows.segments[s].gradient + row * size;
    for (int64_t begin = 0; begin < size; begin += kSumPart) {
      squares += sum_squares(gradient, values + begin, size - begin < kSumPart ? size - begin : kSumPart);
    }
  }
  return squares;
}

/// The same, row by row, so that what a row needs stays in the processor's cache and the inner loop vectorises.
template <class Optimizer>
void update_rows(const Context&, const RowUpdate& rows, Optimizer optimizer) {
  for (int64_t row = 0; row < rows.n_rows; ++row) {
    RowGradient treated = row_gradient(rows.gradients, row);
    if (treated.needs_squares()) conclude_gradient(rows.gradients, row, sum_row_squares(rows, row, treated), treated);
    const typename Optimizer::Row prepared = begin_step(optimizer, rows, row, treated.skips);
    if (treated.skips) continue;
    for (int64_t s = 0; s < rows.n_segments; ++s) {
      const GradientSegment& segment = rows.segments[s];
      const int64_t at = row * rows.row_stride + segment.offset;
      float* parameters = rows.parameters + at;
      const float* gradient = segment.gradient + row * segment.size;
      const typename Optimizer::State state = optimizer.state(at);
      const int64_t size = segment.size;
      if (treated.changes) {
#pragma GCC ivdep
        for (int64_t i = 0; i < size; ++i) Optimizer::step(prepared, parameters[i], treated(gradient[i]), state, i);
      } else {
#pragma GCC ivdep
        for (int64_t i = 0; i < size; ++i) Optimizer::step(prepared, parameters[i], gradient[i], state, i);
      }
    }
  }
}

#endif

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
