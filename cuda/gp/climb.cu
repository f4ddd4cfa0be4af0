// Draws of a Gaussian process's posterior, each climbed by its own gradient: all steps of a draw in one pass. Step after
// step for all draws, nearly all of the time would go into writing and reading matrices [n_draws, n_points]. On a host a
// vector's lanes are as many draws, on a GPU a thread is one. What a draw gets depends on that draw alone.
#include <algorithm>

#include "cuda/common/algorithms.h"
#include "cuda/common/device_memory.h"
#include "cuda/common/every_core.h"
#include "cuda/common/execution.h"
#include "cuda/common/math.h"
#include "cuda/gp/draw_weights.h"
#include "cuda/layers/lanes.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

/// Columns of [n_dims, n] as tiles [n_climb_tiles, n_dims, kClimbTile], times their dimension's factor; 0 beyond them.
struct CopyClimbTiles {
  const float* from;
  const float* factors;  ///< [n_dims]; null: 1
  int64_t n_dims, n;
  float* to;
  LOCKSTEP_HD void operator()(int64_t i) const {
    const int64_t dim = i / kClimbTile % n_dims, column = i / kClimbTile / n_dims * kClimbTile + i % kClimbTile;
    const float factor = factors != nullptr ? factors[dim] : 1.0f;
    to[i] = column < n ? from[dim * n + column] * factor : 0.0f;
  }
};

LOCKSTEP_HD_INLINE void sine_and_cosine(const Lanes<float>& turns, Lanes<float>& sine, Lanes<float>& cosine) {
  alignas(Lanes<float>) float in[kLanes], sines[kLanes], cosines[kLanes];
  store(in, turns);
  for (int i = 0; i < kLanes; ++i) {
    const FloatTurn turn = turn_float(in[i]);
    sines[i] = turn.sine;
    cosines[i] = turn.cosine;
  }
  sine = load(sines);
  cosine = load(cosines);
}

LOCKSTEP_HD_INLINE Lanes<float> square_root(const Lanes<float>& a) {
  return each_lane(a, [](float x) { return sqrtf(x); });
}

/// What is remembered of each draw and dimension.
enum class ClimbState { kPoint, kScaledPoint, kGradient, kMean, kSquare };
constexpr int64_t kClimbStates = 5;

struct ClimbOptions {
  PosteriorDraws draws;
  DrawClimb climb;
  const float* points;       ///< as tiles, divided by the lengthscales
  const float* frequencies;  ///< as tiles
  float* state;              ///< a host's draws have theirs together, a GPU's draws each dimension's
  int64_t n_blocks;
};

/// The draws that are climbed together, a lane each.
class ClimbingDraws {
 public:
  LOCKSTEP_HD_INLINE ClimbingDraws(const ClimbOptions& options, int64_t block)
      : options_(options), block_(block), first_(block * kLanes), n_dims_(options.draws.n_dims) {
    const int64_t left = options.draws.n_draws - first_;
    n_ = left < kLanes ? left : kLanes;
    for (int64_t d = 0; d < n_dims_; ++d) {
      store(at(ClimbState::kPoint, d), gather(options.climb.start, d));
      store(at(ClimbState::kMean, d), Lanes<float>{});
      store(at(ClimbState::kSquare, d), Lanes<float>{});
    }
  }

  /// The draws' values where they stand. Their gradients are remembered.
  LOCKSTEP_HD_INLINE Lanes<float> evaluate() const {
    const PosteriorDraws& draws = options_.draws;
    for (int64_t d = 0; d < n_dims_; ++d) {
      store(at(ClimbState::kScaledPoint, d), load(at(ClimbState::kPoint, d)) * draws.inverse_lengthscales[d]);
      store(at(ClimbState::kGradient, d), Lanes<float>{});
    }
    Lanes<float> of_points = {}, of_features = {};
    for (int64_t tile = 0; tile < n_climb_tiles(draws.n_points); ++tile) of_points += add_points(tile);
    for (int64_t d = 0; d < n_dims_; ++d) {
      const float factor = -5.0f / 3.0f * draws.outputscale * draws.inverse_lengthscales[d];
      store(at(ClimbState::kGradient, d), load(at(ClimbState::kGradient, d)) * factor);
    }
    for (int64_t tile = 0; tile < n_climb_tiles(draws.n_features); ++tile) of_features += add_features(tile);
    return of_features * draws.feature_scale + of_points * draws.outputscale;
  }

  /// Writes down where the draws stand if they have been nowhere better.
  LOCKSTEP_HD_INLINE void keep_best(const Lanes<float>& values, bool at_start) const {
    alignas(Lanes<float>) float value[kLanes];
    store(value, values);
    for (int64_t lane = 0; lane < n_; ++lane) {
      float& best = options_.climb.value[first_ + lane];
      if (!at_start && !(value[lane] > best)) continue;
      best = value[lane];
      for (int64_t d = 0; d < n_dims_; ++d) options_.climb.best[index(lane, d)] = at(ClimbState::kPoint, d)[lane];
    }
  }

  static constexpr float kMeanDecay = 0.8f, kSquareDecay = 0.95f;
  /// A step of Adam, in sides of the box.
  LOCKSTEP_HD_INLINE void move(float step, float square_factor) const {
    for (int64_t d = 0; d < n_dims_; ++d) {
      const Lanes<float> lower = gather(options_.climb.lower, d), upper = gather(options_.climb.upper, d);
      const Lanes<float> side = upper - lower, gradient = load(at(ClimbState::kGradient, d)) * side;
      const Lanes<float> mean = load(at(ClimbState::kMean, d)) * kMeanDecay + gradient * (1.0f - kMeanDecay);
      const Lanes<float> square =
          load(at(ClimbState::kSquare, d)) * kSquareDecay + gradient * gradient * (1.0f - kSquareDecay);
      const Lanes<float> direction = mean / (square_root(square * square_factor) + 1e-12f);
      const Lanes<float> to = load(at(ClimbState::kPoint, d)) + side * step * direction;
      const Lanes<float> below_upper = to > upper ? upper : to;
      store(at(ClimbState::kPoint, d), below_upper < lower ? lower : below_upper);
      store(at(ClimbState::kMean, d), mean);
      store(at(ClimbState::kSquare, d), square);
    }
  }

 private:
  LOCKSTEP_HD_INLINE float* at(ClimbState what, int64_t dim) const {
    const int64_t row = static_cast<int64_t>(what) * n_dims_ + dim;
    return kLanes == 1 ? options_.state + row * options_.n_blocks + block_
                       : options_.state + (block_ * kClimbStates * n_dims_ + row) * kLanes;
  }

  /// In [n_draws, n_dims]. Lanes beyond the last draw are that one again.
  LOCKSTEP_HD_INLINE int64_t index(int64_t lane, int64_t dim) const {
    return (first_ + (lane < n_ ? lane : n_ - 1)) * n_dims_ + dim;
  }
  LOCKSTEP_HD_INLINE Lanes<float> gather(const float* from, int64_t dim) const {
    alignas(Lanes<float>) float lanes[kLanes];
    for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] = from[index(lane, dim)];
    return load(lanes);
  }

  /// Adds a tile's points to the gradients, but for factors; returns their part of the values, likewise.
  LOCKSTEP_HD_INLINE Lanes<float> add_points(int64_t tile) const {
    const PosteriorDraws& draws = options_.draws;
    const float* const points = options_.points + tile * n_dims_ * kClimbTile;
    ClimbTile forces = squared_distances(points);
    const DrawWeights weights{draws.update_weights, draws.update_draw_stride, draws.update_index_stride,
                              draws.n_points};
    const ClimbTile of_points = weights.load_tile(tile, first_, n_);
    Lanes<float> sum = {};
    for (int k = 0; k < kClimbTile; ++k) {
      // Where the exponential is 0, the other factor must not be infinite.
      constexpr float kFar = 4e4f;
      const Lanes<float> far = every_lane(kFar), five = forces.of[k] * 5.0f;
      const Lanes<float> square = five > far ? far : five;
      const Lanes<float> z = square_root(square);
      const Lanes<float> decayed = of_points.of[k] * each_lane(z, [](float x) { return exp_float(-x); });
      const Lanes<float> linear = z + 1.0f;
      forces.of[k] = decayed * linear;
      sum += decayed * multiply_add(square, every_lane(1.0f / 3.0f), linear);
    }
    for (int64_t d = 0; d < n_dims_; ++d) {
      const Lanes<float> x = load(at(ClimbState::kScaledPoint, d));
      Lanes<float> gradient = {};
      LOCKSTEP_UNROLL
      for (int k = 0; k < kClimbTile; ++k) {
        gradient = multiply_add(forces.of[k], x - points[d * kClimbTile + k], gradient);
      }
      store(at(ClimbState::kGradient, d), load(at(ClimbState::kGradient, d)) + gradient);
    }
    return sum;
  }

  LOCKSTEP_HD_INLINE ClimbTile squared_distances(const float* points) const {
    Lanes<float> sums[kClimbTile];
    LOCKSTEP_UNROLL
    for (int k = 0; k < kClimbTile; ++k) sums[k] = Lanes<float>{};
    for (int64_t d = 0; d < n_dims_; ++d) {
      const Lanes<float> x = load(at(ClimbState::kScaledPoint, d));
      LOCKSTEP_UNROLL
      for (int k = 0; k < kClimbTile; ++k) {
        const Lanes<float> difference = x - points[d * kClimbTile + k];
        sums[k] = multiply_add(difference, difference, sums[k]);
      }
    }
    return as_tile(sums);
  }

  /// Adds a tile's features to the gradients; returns their part of the values but for the scale.
  LOCKSTEP_HD_INLINE Lanes<float> add_features(int64_t tile) const {
    const PosteriorDraws& draws = options_.draws;
    const float* const frequencies = options_.frequencies + tile * n_dims_ * kClimbTile;
    ClimbTile forces = turns(tile, frequencies);
    const DrawWeights weights{draws.feature_weights, draws.feature_draw_stride, draws.feature_index_stride,
                              draws.n_features};
    const ClimbTile of_features = weights.load_tile(tile, first_, n_);
    Lanes<float> sum = {};
    for (int k = 0; k < kClimbTile; ++k) {
      Lanes<float> sine, cosine;
      sine_and_cosine(forces.of[k], sine, cosine);
      sum = multiply_add(of_features.of[k], cosine, sum);
      forces.of[k] = of_features.of[k] * sine;
    }
    constexpr float kTwoPi = 0x1.921fb6p+2f;
    const Lanes<float> factor = every_lane(-kTwoPi * draws.feature_scale);
    for (int64_t d = 0; d < n_dims_; ++d) {
      Lanes<float> gradient = {};
      LOCKSTEP_UNROLL
      for (int k = 0; k < kClimbTile; ++k) {
        gradient = multiply_add(forces.of[k], every_lane(frequencies[d * kClimbTile + k]), gradient);
      }
      store(at(ClimbState::kGradient, d), multiply_add(factor, gradient, load(at(ClimbState::kGradient, d))));
    }
    return sum;
  }

  LOCKSTEP_HD_INLINE ClimbTile turns(int64_t tile, const float* frequencies) const {
    Lanes<float> sums[kClimbTile];
    LOCKSTEP_UNROLL
    for (int k = 0; k < kClimbTile; ++k) {
      const int64_t feature = tile * kClimbTile + k;
      sums[k] = every_lane(feature < options_.draws.n_features ? options_.draws.phases[feature] : 0.0f);
    }
    for (int64_t d = 0; d < n_dims_; ++d) {
      const Lanes<float> x = load(at(ClimbState::kPoint, d));
      LOCKSTEP_UNROLL
      for (int k = 0; k < kClimbTile; ++k) {
        sums[k] = multiply_add(x, every_lane(frequencies[d * kClimbTile + k]), sums[k]);
      }
    }
    return as_tile(sums);
  }

  /// Of sums that should be registers while they grow: an array that is also indexed by a variable cannot be.
  LOCKSTEP_HD_INLINE static ClimbTile as_tile(const Lanes<float> (&sums)[kClimbTile]) {
    ClimbTile tile;
    LOCKSTEP_UNROLL
    for (int k = 0; k < kClimbTile; ++k) tile.of[k] = sums[k];
    return tile;
  }

  const ClimbOptions& options_;
  int64_t block_, first_, n_;  ///< draws [first, first + n)
  int64_t n_dims_;
};

struct ClimbDraws {
  ClimbOptions options;
  LOCKSTEP_HD void operator()(int64_t block) const {
    const ClimbingDraws draws(options, block);
    const DrawClimb& climb = options.climb;
    float mean_left = 1, square_left = 1;
    for (int64_t step = 0;; ++step) {
      draws.keep_best(draws.evaluate(), step == 0);
      if (step >= climb.n_steps) return;
      mean_left *= ClimbingDraws::kMeanDecay;
      square_left *= ClimbingDraws::kSquareDecay;
      const float part = 1.0f - static_cast<float>(step) / static_cast<float>(climb.n_steps);
      draws.move(climb.step * part / (1.0f - mean_left), 1.0f / (1.0f - square_left));
    }
  }
};

}  // namespace

void gp_climb(const Context& context, const PosteriorDraws& draws, const DrawClimb& climb) {
  const int64_t n_dims = draws.n_dims, n_blocks = (draws.n_draws + kLanes - 1) / kLanes;
  const int64_t n_points = n_climb_tiles(draws.n_points) * kClimbTile;
  const int64_t n_features = n_climb_tiles(draws.n_features) * kClimbTile;
  const DeviceBuffer<float> points(context, n_points * n_dims), frequencies(context, n_features * n_dims),
      state(context, n_blocks * kLanes * kClimbStates * n_dims);
  for_each_index(context, n_points * n_dims,
                 CopyClimbTiles{draws.points, draws.inverse_lengthscales, n_dims, draws.n_points, points.data()});
  for_each_index(context, n_features * n_dims,
                 CopyClimbTiles{draws.frequencies, nullptr, n_dims, draws.n_features, frequencies.data()});
  // As many as take a millisecond.
  const int64_t operations = (climb.n_steps + 1) * (n_points + n_features) * (n_dims + 10) + 1;
  const int64_t min_blocks = std::max<int64_t>(1'000'000 / operations, 1);
  for_each_index_on_every_core(
      context, n_blocks, min_blocks,
      ClimbDraws{{draws, climb, points.data(), frequencies.data(), state.data(), n_blocks}});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
