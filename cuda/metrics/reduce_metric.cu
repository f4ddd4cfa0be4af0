// A trial's metric over its examples: sums in a fixed order.
#include "cuda/common/algorithms.h"
#include "cuda/common/execution.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

/// Columns that one index adds up, and the sums that it keeps at a time: for a host's vector registers.
constexpr int64_t kPart = 256;
constexpr int64_t kLanes = 8;

struct SumPart {
  MetricValues values;
  int64_t parts_per_row;
  double* sums;  ///< [n_rows, parts_per_row]

  LOCKSTEP_HD void operator()(int64_t i) const {
    const int64_t row = i / parts_per_row;
    const int64_t begin = i % parts_per_row * kPart;
    const int64_t size = values.n_columns - begin < kPart ? values.n_columns - begin : kPart;
    const float* const part = values.values + row * values.row_stride + begin;
    double lanes[kLanes] = {};
    int64_t at = 0;
    for (; at + kLanes <= size; at += kLanes) {
      for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += static_cast<double>(part[at + lane]);
    }
    for (int64_t lane = 0; at + lane < size; ++lane) lanes[lane] += static_cast<double>(part[at + lane]);
    for (int64_t width = kLanes / 2; width > 0; width /= 2) {
      for (int64_t lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
    }
    sums[i] = lanes[0];
  }
};

struct AddParts {
  const double* parts;
  int64_t parts_per_row;
  double* sums;

  LOCKSTEP_HD void operator()(int64_t row) const {
    double sum = 0;
    for (int64_t part = 0; part < parts_per_row; ++part) sum += parts[row * parts_per_row + part];
    sums[row] += sum;
  }
};

}  // namespace

void reduce_metric(const Context& context, const MetricValues& values, double* sums) {
  const int64_t parts_per_row = (values.n_columns + kPart - 1) / kPart;
  const DeviceBuffer<double> parts(context, values.n_rows * parts_per_row);
  for_each_index(context, values.n_rows * parts_per_row, SumPart{values, parts_per_row, parts.data()});
  for_each_index(context, values.n_rows, AddParts{parts.data(), parts_per_row, sums});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
