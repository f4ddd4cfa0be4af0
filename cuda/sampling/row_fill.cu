// Rows of random numbers that belong to trials: initial weights, dropout masks.
#include "cuda/common/algorithms.h"
#include "cuda/common/execution.h"
#include "cuda/common/math.h"
#include "cuda/common/philox.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

/// U[from, to) at 24 bits, a float's precision. Where rounding reaches `to`, `from` is returned, as LibTorch does.
struct UniformValue {
  double from;
  double to;
  LOCKSTEP_HD float operator()(uint32_t bits) const {
    const float value = static_cast<float>(fma(to - from, (bits >> 8) * 0x1p-24, from));
    return value < static_cast<float>(to) ? value : static_cast<float>(from);
  }
};

struct NormalValue {
  double mean;
  double std;
  LOCKSTEP_HD float operator()(uint32_t bits) const {
    return static_cast<float>(fma(std, normal_quantile(unit_interval(bits)), mean));
  }
};

struct BernoulliValue {
  double probability;
  LOCKSTEP_HD float operator()(uint32_t bits) const { return unit_interval(bits) < probability ? 1.0f : 0.0f; }
};

/// Fills four columns of a row from one random block.
template <class Value>
struct FillFour {
  uint64_t seed;
  RowFill rows;
  int64_t blocks_per_row;
  Value value;

  LOCKSTEP_HD void operator()(int64_t i) const {
    const int64_t row = i / blocks_per_row;
    const int64_t block = i % blocks_per_row;
    // A step's numbers come by a key of its own: the counter has no room for it.
    const uint64_t key =
        rows.steps ? random_words(seed, RandomPurpose::kTrainingStep, rows.steps[row], 0, 0).bits() : seed;
    const RandomWords words =
        random_words(key, RandomPurpose::kRowFill, rows.trials[row], rows.stream, static_cast<uint32_t>(block));
    float* values = rows.values + row * rows.row_size;
    for (int64_t k = 0; k < 4 && 4 * block + k < rows.row_size; ++k) values[4 * block + k] = value(words.word[k]);
  }
};

template <class Value>
void fill_rows(const Context& context, const RowFill& rows, Value value) {
  const int64_t blocks_per_row = (rows.row_size + 3) / 4;
  for_each_index(context, rows.n_rows * blocks_per_row, FillFour<Value>{context.seed, rows, blocks_per_row, value});
}

}  // namespace

void fill_uniform(const Context& context, const RowFill& rows, double from, double to) {
  fill_rows(context, rows, UniformValue{from, to});
}

void fill_normal(const Context& context, const RowFill& rows, double mean, double std) {
  fill_rows(context, rows, NormalValue{mean, std});
}

void fill_bernoulli(const Context& context, const RowFill& rows, double probability) {
  fill_rows(context, rows, BernoulliValue{probability});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
