// A trial's metric over its examples: sums in a fixed order.
#include "cuda/common/algorithms.h"
#include "cuda/common/execution.h"
#include "cuda/common/sum_part.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

struct Itself {
  LOCKSTEP_HD double operator()(float x) const { return static_cast<double>(x); }
};

struct SumPart {
  MetricValues values;
  int64_t parts_per_row;
  double* sums;  ///< [n_rows, parts_per_row]

  LOCKSTEP_HD void operator()(int64_t i) const {
    const int64_t row = i / parts_per_row;
    const int64_t begin = i % parts_per_row * kSumPart;
    const int64_t size = values.n_columns - begin < kSumPart ? values.n_columns - begin : kSumPart;
    sums[i] = sum_part(values.values + row * values.row_stride + begin, size, Itself{});
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
  const int64_t parts_per_row = n_sum_parts(values.n_columns);
  const DeviceBuffer<double> parts(context, values.n_rows * parts_per_row);
  for_each_index(context, values.n_rows * parts_per_row, SumPart{values, parts_per_row, parts.data()});
  for_each_index(context, values.n_rows, AddParts{parts.data(), parts_per_row, sums});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
