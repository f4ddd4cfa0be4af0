// Layer norm of many trials' rows. A row's sums are those of kSumParts parts of it, in float for a while and then in
// double. Gradients of weight and bias are added up over a block of rows in float, over the blocks in double.
#include "cuda/common/algorithms.h"
#include "cuda/common/device_memory.h"
#include "cuda/common/execution.h"
#include "cuda/layers/lanes.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

/// Values of a part of a row that are added up in float.
constexpr int64_t kFloatRun = 64;
/// Rows of a trial that are.
constexpr int64_t kFloatRows = 64;

/// A trial's row, and where it is in the arrays.
struct RowPlace {
  int64_t trial, index;  ///< index: in [n_trials, n_rows]
  int64_t input, output;
  LOCKSTEP_HD_INLINE RowPlace(const LayerNorm& norm, int64_t a_trial, int64_t row)
      : trial(a_trial),
        index(a_trial * norm.n_rows + row),
        input(a_trial * norm.input_stride + row * norm.size),
        output(index * norm.size) {}
  LOCKSTEP_HD_INLINE RowPlace(const LayerNorm& norm, int64_t i) : RowPlace(norm, i / norm.n_rows, i % norm.n_rows) {}
};

/// Adds up the parts of a row from `part` on that are as many as lanes.
template <class Terms>
LOCKSTEP_HD_INLINE void sum_row_parts(const Terms& terms, const RowPlace& at, int part,
                                      WideLanes<double> (&sums)[Terms::kSums]) {
  const int64_t size = terms.norm.size;
  for (int s = 0; s < Terms::kSums; ++s) sums[s] = WideLanes<double>{};
  for (int64_t begin = 0; begin < size; begin += kFloatRun * kSumParts) {
    const int64_t end = size - begin < kFloatRun * kSumParts ? size : begin + kFloatRun * kSumParts;
    Lanes<float> run[Terms::kSums] = {};
    int64_t column = begin + part;
    for (; column + kLanes <= end; column += kSumParts) terms.add(run, at, column, kLanes);
    if (column < end) terms.add(run, at, column, static_cast<int>(end - column));
    for (int s = 0; s < Terms::kSums; ++s) sums[s] += widen<double, float>(run[s]);
  }
}

struct RowValues {
  static constexpr int kSums = 1;
  LayerNorm norm;
  LOCKSTEP_HD_INLINE void add(Lanes<float> (&sums)[kSums], const RowPlace& at, int64_t column, int n) const {
    sums[0] += load_first(norm.input + at.input + column, n, 0);
  }
  LOCKSTEP_HD_INLINE void conclude(const RowPlace& at, const double (&sums)[kSums]) const {
    norm.mean[at.index] = static_cast<float>(sums[0] / static_cast<double>(norm.size));
  }
};

struct RowSquares {
  static constexpr int kSums = 1;
  LayerNorm norm;
  LOCKSTEP_HD_INLINE void add(Lanes<float> (&sums)[kSums], const RowPlace& at, int64_t column, int n) const {
    const float mean = norm.mean[at.index];
    const Lanes<float> deviation = load_first(norm.input + at.input + column, n, mean) - mean;
    sums[0] += deviation * deviation;
  }
  LOCKSTEP_HD_INLINE void conclude(const RowPlace& at, const double (&sums)[kSums]) const {
    norm.inverse[at.index] = static_cast<float>(1 / sqrt(sums[0] / static_cast<double>(norm.size) + norm.eps));
  }
};

/// `n` columns of a trial's weights.
LOCKSTEP_HD_INLINE Lanes<float> weights_of(const LayerNorm& norm, int64_t trial, int64_t column, int n) {
  if (norm.weight == nullptr) return every_lane(1.0f);
  return load_first(norm.weight + trial * norm.weight_stride + column, n, 0);
}

/// `n` columns of a row, normalised.
LOCKSTEP_HD_INLINE Lanes<float> normal_values(const LayerNorm& norm, const RowPlace& at, int64_t column, int n) {
  return (load_first(norm.input + at.input + column, n, 0) - norm.mean[at.index]) * norm.inverse[at.index];
}

/// Writes `n` columns of the result.
LOCKSTEP_HD_INLINE void apply_norm(const LayerNorm& norm, const RowPlace& at, int64_t column, int n) {
  Lanes<float> out = normal_values(norm, at, column, n) * weights_of(norm, at.trial, column, n);
  if (norm.bias != nullptr) out += load_first(norm.bias + at.trial * norm.bias_stride + column, n, 0);
  store_first(norm.output + at.output + column, out, n);
}

/// What is added up on the way back: gradients of the normalised values, and what they are along these.
struct RowProjections {
  static constexpr int kSums = 2;
  LayerNorm norm;
  LayerNormGradients gradients;
  float* along_one;     ///< [n_trials, n_rows]: what of a gradient the mean takes away
  float* along_normal;  ///< likewise, of one along the normalised values

  LOCKSTEP_HD_INLINE Lanes<float> of_normal(const RowPlace& at, int64_t column, int n) const {
    return load_first(gradients.output + at.output + column, n, 0) * weights_of(norm, at.trial, column, n);
  }
  LOCKSTEP_HD_INLINE void add(Lanes<float> (&sums)[kSums], const RowPlace& at, int64_t column, int n) const {
    const Lanes<float> gradient = of_normal(at, column, n);
    sums[0] += gradient;
    sums[1] += gradient * normal_values(norm, at, column, n);
  }
  LOCKSTEP_HD_INLINE void conclude(const RowPlace& at, const double (&sums)[kSums]) const {
    along_one[at.index] = static_cast<float>(sums[0] / static_cast<double>(norm.size));
    along_normal[at.index] = static_cast<float>(sums[1] / static_cast<double>(norm.size));
  }
  /// Writes `n` columns of the input's gradient.
  LOCKSTEP_HD_INLINE void apply(const RowPlace& at, int64_t column, int n) const {
    const Lanes<float> along = normal_values(norm, at, column, n) * along_normal[at.index];
    const Lanes<float> out = of_normal(at, column, n) - along_one[at.index] - along;
    store_first(gradients.input + at.output + column, out * norm.inverse[at.index], n);
  }
};

/// The sums of weights' and biases' gradients over blocks of rows.
struct BlockSums {
  LayerNorm norm;
  LayerNormGradients gradients;
  float* of_weight;  ///< [n_trials, n_blocks, size]
  float* of_bias;    ///< likewise

  LOCKSTEP_HD_INLINE int64_t n_blocks() const { return (norm.n_rows + kFloatRows - 1) / kFloatRows; }
  LOCKSTEP_HD_INLINE int64_t first_row(int64_t block) const { return block * kFloatRows; }
  LOCKSTEP_HD_INLINE int64_t end_row(int64_t block) const {
    return norm.n_rows - first_row(block) < kFloatRows ? norm.n_rows : first_row(block + 1);
  }
  /// Adds `n` columns of a row to sums, at `place`, of which it is the first.
  LOCKSTEP_HD_INLINE void add(const RowPlace& at, int64_t column, int n, int64_t place, bool is_first) const {
    const Lanes<float> gradient = load_first(gradients.output + at.output + column, n, 0);
    Lanes<float> weight = gradient * normal_values(norm, at, column, n), bias = gradient;
    if (!is_first) {
      weight += load_first(of_weight + place, n, 0);
      bias += load_first(of_bias + place, n, 0);
    }
    store_first(of_weight + place, weight, n);
    store_first(of_bias + place, bias, n);
  }
};

/// A column's sums over the blocks.
struct TotalOfColumn {
  BlockSums sums;
  LOCKSTEP_HD void operator()(int64_t i) const {
    const int64_t size = sums.norm.size, trial = i / size, column = i % size;
    double of_weight = 0, of_bias = 0;
    for (int64_t block = 0; block < sums.n_blocks(); ++block) {
      const int64_t place = (trial * sums.n_blocks() + block) * size + column;
      of_weight += sums.of_weight[place];
      of_bias += sums.of_bias[place];
    }
    sums.gradients.weight[i] = static_cast<float>(of_weight);
    sums.gradients.bias[i] = static_cast<float>(of_bias);
  }
};

#ifdef __CUDACC__
/// One part of a row.
template <class Terms>
struct SumRowPart {
  Terms terms;
  double* sums;  ///< [kSums, n_trials, n_rows, kSumParts]
  LOCKSTEP_HD void operator()(int64_t i) const {
    double part[Terms::kSums];
    sum_row_parts(terms, RowPlace(terms.norm, i / kSumParts), static_cast<int>(i % kSumParts), part);
    for (int s = 0; s < Terms::kSums; ++s) sums[s * terms.norm.n_trials * terms.norm.n_rows * kSumParts + i] = part[s];
  }
};

template <class Terms>
struct ConcludeRow {
  Terms terms;
  const double* sums;
  LOCKSTEP_HD void operator()(int64_t i) const {
    double totals[Terms::kSums];
    for (int s = 0; s < Terms::kSums; ++s) {
      totals[s] = add_parts(sums + (s * terms.norm.n_trials * terms.norm.n_rows + i) * kSumParts);
    }
    terms.conclude(RowPlace(terms.norm, i), totals);
  }
};

template <class Terms>
void sum_rows_of_trials(const Context& context, const Terms& terms) {
  const int64_t n_rows = terms.norm.n_trials * terms.norm.n_rows;
  const DeviceBuffer<double> sums(context, Terms::kSums * n_rows * kSumParts);
  for_each_index(context, n_rows * kSumParts, SumRowPart<Terms>{terms, sums.data()});
  for_each_index(context, n_rows, ConcludeRow<Terms>{terms, sums.data()});
}

struct ApplyNormToValue {
  LayerNorm norm;
  LOCKSTEP_HD void operator()(int64_t i) const { apply_norm(norm, RowPlace(norm, i / norm.size), i % norm.size, 1); }
};

struct ApplyProjectionsToValue {
  RowProjections projections;
  LOCKSTEP_HD void operator()(int64_t i) const {
    const LayerNorm& norm = projections.norm;
    projections.apply(RowPlace(norm, i / norm.size), i % norm.size, 1);
  }
};

/// A column of a block.
struct SumBlockColumn {
  BlockSums sums;
  LOCKSTEP_HD void operator()(int64_t i) const {
    const LayerNorm& norm = sums.norm;
    const int64_t block = i / norm.size, first = sums.first_row(block % sums.n_blocks());
    for (int64_t row = first; row < sums.end_row(block % sums.n_blocks()); ++row) {
      sums.add(RowPlace(norm, block / sums.n_blocks(), row), i % norm.size, 1, i, row == first);
    }
  }
};
#else
/// A row's sums, and what follows from them.
template <class Terms>
void sum_row(const Terms& terms, const RowPlace& at) {
  alignas(64) double parts[Terms::kSums][kSumParts];
  for (int part = 0; part < kSumParts; part += kLanes) {
    WideLanes<double> sums[Terms::kSums];
    sum_row_parts(terms, at, part, sums);
    for (int s = 0; s < Terms::kSums; ++s) store(parts[s] + part, sums[s]);
  }
  double totals[Terms::kSums];
  for (int s = 0; s < Terms::kSums; ++s) totals[s] = add_parts(parts[s]);
  terms.conclude(at, totals);
}

/// A row, while it is in the cache.
struct NormaliseRow {
  LayerNorm norm;
  void operator()(int64_t i) const {
    const RowPlace at(norm, i);
    sum_row(RowValues{norm}, at);
    sum_row(RowSquares{norm}, at);
    for_lanes(0, norm.size, [&](int64_t column, int n) { apply_norm(norm, at, column, n); });
  }
};

/// The way back through a block of rows.
struct GradientsOfBlock {
  RowProjections projections;
  BlockSums sums;
  void operator()(int64_t i) const {
    const LayerNorm& norm = sums.norm;
    const int64_t block = i % sums.n_blocks(), first = sums.first_row(block);
    for (int64_t row = first; row < sums.end_row(block); ++row) {
      const RowPlace at(norm, i / sums.n_blocks(), row);
      sum_row(projections, at);
      for_lanes(0, norm.size, [&](int64_t column, int n) {
        projections.apply(at, column, n);
        sums.add(at, column, n, i * norm.size + column, row == first);
      });
    }
  }
};
#endif

}  // namespace

void layer_norm(const Context& context, const LayerNorm& norm) {
  const int64_t n_rows = norm.n_trials * norm.n_rows;
#ifdef __CUDACC__
  sum_rows_of_trials(context, RowValues{norm});
  sum_rows_of_trials(context, RowSquares{norm});
  for_each_index(context, n_rows * norm.size, ApplyNormToValue{norm});
#else
  for_each_index(context, n_rows, NormaliseRow{norm});
#endif
}

void layer_norm_backward(const Context& context, const LayerNorm& norm, const LayerNormGradients& gradients) {
  const int64_t n_rows = norm.n_trials * norm.n_rows;
  const DeviceBuffer<float> along_one(context, n_rows), along_normal(context, n_rows);
  const RowProjections projections{norm, gradients, along_one.data(), along_normal.data()};
  BlockSums sums{norm, gradients, nullptr, nullptr};
  const int64_t n_blocks = norm.n_trials * sums.n_blocks();
  const DeviceBuffer<float> of_weight(context, n_blocks * norm.size), of_bias(context, n_blocks * norm.size);
  sums.of_weight = of_weight.data();
  sums.of_bias = of_bias.data();
#ifdef __CUDACC__
  sum_rows_of_trials(context, projections);
  for_each_index(context, n_rows * norm.size, ApplyProjectionsToValue{projections});
  for_each_index(context, n_blocks * norm.size, SumBlockColumn{sums});
#else
  for_each_index(context, n_blocks, GradientsOfBlock{projections, sums});
#endif
  for_each_index(context, norm.n_trials * norm.size, TotalOfColumn{sums});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
