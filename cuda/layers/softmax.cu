// Softmax of short rows, and cross entropy over a few classes. LibTorch's CPU kernels go row after row there, most of
// a vector empty: half the time of a step of a small MLP. Here a vector's lanes hold as many rows, and on a GPU a
// thread a row. What a row gets depends on that row alone.
#include "cuda/common/algorithms.h"
#include "cuda/common/device_memory.h"
#include "cuda/common/execution.h"
#include "cuda/common/math.h"
#include "cuda/layers/lanes.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

/// A number for each of the rows that are worked on together.
struct alignas(4 * kLanes) OfRows {
  float of[kLanes];
};

/// The rows themselves, columns first, so that every loop over lanes is one over a vector. Lanes without a row hold 0.
struct Rows {
  OfRows column[kMaxSoftmaxColumns];

  LOCKSTEP_HD_INLINE void load(const float* rows, int64_t n_rows, int64_t n_columns) {
    for (int64_t i = 0; i < n_columns; ++i) {
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        column[i].of[lane] = lane < n_rows ? rows[lane * n_columns + i] : 0.0f;
      }
    }
  }
  LOCKSTEP_HD_INLINE void store(float* rows, int64_t n_rows, int64_t n_columns) const {
    for (int64_t lane = 0; lane < n_rows; ++lane) {
      for (int64_t i = 0; i < n_columns; ++i) rows[lane * n_columns + i] = column[i].of[lane];
    }
  }
};

/// Takes the largest of each row from all its values, so that no exponential overflows.
LOCKSTEP_HD_INLINE void subtract_largest(Rows& rows, int64_t n_columns) {
  OfRows largest = rows.column[0];
  for (int64_t i = 1; i < n_columns; ++i) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const float value = rows.column[i].of[lane];
      largest.of[lane] = value > largest.of[lane] ? value : largest.of[lane];
    }
  }
  for (int64_t i = 0; i < n_columns; ++i) {
    for (int64_t lane = 0; lane < kLanes; ++lane) rows.column[i].of[lane] -= largest.of[lane];
  }
}

/// Exponentiates all values; returns the sum of each row.
LOCKSTEP_HD_INLINE OfRows exponentiate(Rows& rows, int64_t n_columns) {
  OfRows sum = {};
  for (int64_t i = 0; i < n_columns; ++i) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      rows.column[i].of[lane] = exp_float(rows.column[i].of[lane]);
      sum.of[lane] += rows.column[i].of[lane];
    }
  }
  return sum;
}

struct Softmax {
  SoftmaxRows options;
  LOCKSTEP_HD void operator()(int64_t block) const {
    const int64_t n = options.n_columns, first = block * kLanes;
    const int64_t n_rows = options.n_rows - first < kLanes ? options.n_rows - first : kLanes;
    Rows rows;
    rows.load(options.input + first * n, n_rows, n);
    subtract_largest(rows, n);
    if (options.log) {
      Rows powers = rows;
      OfRows logarithm = exponentiate(powers, n);
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        logarithm.of[lane] = static_cast<float>(log_ieee(logarithm.of[lane]));
      }
      for (int64_t i = 0; i < n; ++i) {
        for (int64_t lane = 0; lane < kLanes; ++lane) rows.column[i].of[lane] -= logarithm.of[lane];
      }
    } else {
      const OfRows sum = exponentiate(rows, n);
      for (int64_t i = 0; i < n; ++i) {
        for (int64_t lane = 0; lane < kLanes; ++lane) rows.column[i].of[lane] /= sum.of[lane];
      }
    }
    rows.store(options.output + first * n, n_rows, n);
  }
};

struct SoftmaxBackward {
  SoftmaxRows options;
  LOCKSTEP_HD void operator()(int64_t block) const {
    const int64_t n = options.n_columns, first = block * kLanes;
    const int64_t n_rows = options.n_rows - first < kLanes ? options.n_rows - first : kLanes;
    Rows gradient, result;
    gradient.load(options.input + first * n, n_rows, n);
    result.load(options.output + first * n, n_rows, n);
    OfRows sum = {};
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        const float weight = options.log ? 1.0f : result.column[i].of[lane];
        sum.of[lane] += gradient.column[i].of[lane] * weight;
      }
    }
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        const float value = gradient.column[i].of[lane], output = result.column[i].of[lane];
        gradient.column[i].of[lane] =
            options.log ? value - exp_float(output) * sum.of[lane] : (value - sum.of[lane]) * output;
      }
    }
    gradient.store(options.gradient + first * n, n_rows, n);
  }
};

/// How many examples count.
struct CountKept {
  CrossEntropy options;
  int64_t* kept;
  LOCKSTEP_HD void operator()(int64_t row) const {
    const int64_t* targets = options.targets + row * options.target_stride;
    kept[row] = 0;
    for (int64_t i = 0; i < options.n_examples; ++i) kept[row] += targets[i] != options.ignored_target ? 1 : 0;
  }
};

/// The losses of some examples of one trial, and what their scores' gradients are.
struct ExampleLosses {
  CrossEntropy options;
  const int64_t* kept;
  int64_t blocks_per_trial;
  float* losses;  ///< [n_trials, n_examples]

  LOCKSTEP_HD void operator()(int64_t i) const {
    const int64_t trial = i / blocks_per_trial, first = i % blocks_per_trial * kLanes;
    const int64_t n = options.n_classes;
    const int64_t n_rows = options.n_examples - first < kLanes ? options.n_examples - first : kLanes;
    const int64_t at = trial * options.n_examples + first;
    Rows rows;
    rows.load(options.scores + at * n, n_rows, n);
    subtract_largest(rows, n);
    // What the score of the target is, while the scores are there.
    const int64_t* targets = options.targets + trial * options.target_stride + first;
    OfRows picked = {};
    for (int64_t lane = 0; lane < n_rows; ++lane) {
      if (is_class(targets[lane])) picked.of[lane] = rows.column[targets[lane]].of[lane];
    }
    const OfRows sum = exponentiate(rows, n);
    OfRows of_example;
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      of_example.of[lane] = static_cast<float>(log_ieee(sum.of[lane])) - picked.of[lane];
    }
    for (int64_t lane = 0; lane < n_rows; ++lane) {
      const float loss = of_example.of[lane];
      const bool ignored = targets[lane] == options.ignored_target;
      losses[at + lane] = ignored ? 0.0f : is_class(targets[lane]) ? loss : static_cast<float>(kNaN);
    }
    if (options.gradients == nullptr) return;
    const float scale = options.mean ? 1.0f / static_cast<float>(kept[options.target_stride != 0 ? trial : 0]) : 1.0f;
    OfRows factor;
    for (int64_t lane = 0; lane < kLanes; ++lane) factor.of[lane] = scale / sum.of[lane];
    for (int64_t c = 0; c < n; ++c) {
      for (int64_t lane = 0; lane < kLanes; ++lane) rows.column[c].of[lane] *= factor.of[lane];
    }
    for (int64_t lane = 0; lane < n_rows; ++lane) {
      if (is_class(targets[lane])) {
        rows.column[targets[lane]].of[lane] -= scale;
      } else {
        for (int64_t c = 0; c < n; ++c) rows.column[c].of[lane] = 0.0f;
      }
    }
    rows.store(options.gradients + at * n, n_rows, n);
  }
  LOCKSTEP_HD_INLINE bool is_class(int64_t target) const {
    return target >= 0 && target < options.n_classes && target != options.ignored_target;
  }
};

struct SumLosses {
  CrossEntropy options;
  const int64_t* kept;
  const float* losses;
  LOCKSTEP_HD void operator()(int64_t trial) const {
    double sum = 0;
    for (int64_t i = 0; i < options.n_examples; ++i) sum += losses[trial * options.n_examples + i];
    if (options.mean) sum /= static_cast<double>(kept[options.target_stride != 0 ? trial : 0]);
    options.losses[trial] = static_cast<float>(sum);
  }
};

}  // namespace

void softmax(const Context& context, const SoftmaxRows& rows) {
  for_each_index(context, (rows.n_rows + kLanes - 1) / kLanes, Softmax{rows});
}

void softmax_backward(const Context& context, const SoftmaxRows& rows) {
  for_each_index(context, (rows.n_rows + kLanes - 1) / kLanes, SoftmaxBackward{rows});
}

void cross_entropy(const Context& context, const CrossEntropy& options) {
  const int64_t n_target_rows = options.target_stride != 0 ? options.n_trials : 1;
  const DeviceBuffer<int64_t> kept(context, n_target_rows);
  const DeviceBuffer<float> losses(context, options.n_trials * options.n_examples);
  for_each_index(context, n_target_rows, CountKept{options, kept.data()});
  const int64_t blocks_per_trial = (options.n_examples + kLanes - 1) / kLanes;
  for_each_index(context, options.n_trials * blocks_per_trial,
                 ExampleLosses{options, kept.data(), blocks_per_trial, losses.data()});
  for_each_index(context, options.n_trials, SumLosses{options, kept.data(), losses.data()});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
