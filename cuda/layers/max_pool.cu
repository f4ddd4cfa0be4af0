// Max pooling of planes. LibTorch's CPU kernel compares one by one, with a branch that nobody can foresee: two fifths
// of a LeNet's training. Here a vector's lanes hold neighbouring outputs of a row, and on a GPU a thread one.
#include "cuda/common/algorithms.h"
#include "cuda/common/execution.h"
#include "cuda/common/math.h"
#include "cuda/layers/lanes.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

constexpr float kLowest = -static_cast<float>(kInfinity);

/// Every kStride-th of the kStride * kLanes values of a row, from each of the first kStride on.
template <int kStride>
struct Strided {
  Lanes<float> parts[kStride];

  /// `begin`, `end`: which of the values there are.
  LOCKSTEP_HD_INLINE void load_some_of(const float* from, int begin, int end) {
    for (int i = 0; i < kStride; ++i) {
      parts[i] = load_some(from + i * kLanes, begin - i * kLanes, end - i * kLanes, kLowest);
    }
  }
  LOCKSTEP_HD_INLINE void load_all_of(const float* from) {
    for (int i = 0; i < kStride; ++i) parts[i] = load(from + i * kLanes);
  }
  LOCKSTEP_HD_INLINE Lanes<float> from(int first) const {
#ifdef __CUDACC__
    return parts[first];
#else
    const auto place = lane_numbers() * kStride + first;
    auto out = parts[0];
    if constexpr (kStride > 1) out = __builtin_shuffle(parts[0], parts[1], place);
    for (int i = 2; i < kStride; ++i) {
      const auto later = place - i * kLanes;
      out = later < 0 ? out : __builtin_shuffle(parts[i], later);
    }
    return out;
#endif
  }
};

/// kStride: from a window to the next one of a row. kWidth: of a window; 0: what the options say.
template <int kStride, int kWidth>
struct Pool {
  MaxPool options;

  /// Outputs [x, x + kLanes) of row y.
  LOCKSTEP_HD_INLINE void pool(int64_t plane, int32_t y, int32_t x) const {
    const auto width = static_cast<int32_t>(options.width), height = static_cast<int32_t>(options.height);
    const int32_t window = kWidth > 0 ? kWidth : static_cast<int32_t>(options.kernel_width);
    const auto left = static_cast<int32_t>(x * kStride - options.padding_width);
    const auto top = static_cast<int32_t>(y * options.stride_height - options.padding_height);
    const int32_t below = top + static_cast<int32_t>(options.kernel_height);
    const int32_t begin_y = top > 0 ? top : 0, end_y = below < height ? below : height;
    const auto row_left = static_cast<int32_t>(options.output_width) - x;
    const int32_t n = row_left < kLanes ? row_left : kLanes;
    // Lanes that are not wanted may have anything.
    const bool is_inside = left >= 0 && left + (n - 1) * kStride + window <= width;
    const float* const values = options.input + plane * height * width;
    const int64_t values_left = (options.n_planes - plane) * height * width;

    const Lanes<int32_t> places = lane_numbers() * kStride + left;
    Lanes<float> largest = every_lane(kLowest);
    Lanes<int32_t> place = begin_y * width + (places > 0 ? places : places * 0);
    for (int32_t row = begin_y; row < end_y; ++row) {
      for (int32_t group = 0; group < window; group += kStride) {
        const int32_t at = row * width + left + group;
        Strided<kStride> some;
        if (is_inside && at + kStride * kLanes <= values_left) {
          some.load_all_of(values + at);
        } else {
          some.load_some_of(values + at, -left - group, width - left - group);
        }
        for (int32_t i = 0; i < kStride; ++i) {
          if (group + i >= window) break;
          const Lanes<float> value = some.from(i);
          // The first of equals stays, and of several NaN the last.
          const auto is_larger = (value > largest) | (value != value);
          largest = is_larger ? value : largest;
          place = is_larger ? places + (row * width + group + i) : place;
        }
      }
    }
    const int64_t at = (plane * options.output_height + y) * options.output_width + x;
    if (n == kLanes) {
      store(options.output + at, largest);
      store(options.indices + at, widen<int64_t, int32_t>(place));
    } else {
      store_some(options.output + at, largest, n);
      store_some(options.indices + at, widen<int64_t, int32_t>(place), n);
    }
  }

  /// On a GPU output i, on a host all of plane i.
  LOCKSTEP_HD void operator()(int64_t i) const {
    if constexpr (kLanes == 1) {
      const int64_t plane_size = options.output_height * options.output_width, at = i % plane_size;
      pool(i / plane_size, static_cast<int32_t>(at / options.output_width),
           static_cast<int32_t>(at % options.output_width));
    } else {
      for (int32_t y = 0; y < options.output_height; ++y) {
        for (int32_t x = 0; x < options.output_width; x += kLanes) pool(i, y, x);
      }
    }
  }
};

template <int kStride, int kWidth>
void pool_all(const Context& context, const MaxPool& options) {
  const int64_t per_plane = kLanes == 1 ? options.output_height * options.output_width : 1;
  for_each_index(context, options.n_planes * per_plane, Pool<kStride, kWidth>{options});
}

template <int kStride>
void pool_by_width(const Context& context, const MaxPool& options) {
  switch (options.kernel_width) {
    case 2:
      return pool_all<kStride, 2>(context, options);
    case 3:
      return pool_all<kStride, 3>(context, options);
    default:
      return pool_all<kStride, 0>(context, options);
  }
}

}  // namespace

void max_pool(const Context& context, const MaxPool& options) {
  switch (options.stride_width) {
    case 1:
      return pool_by_width<1>(context, options);
    case 2:
      return pool_by_width<2>(context, options);
    case 3:
      return pool_by_width<3>(context, options);
    default:
      return pool_by_width<kMaxPoolStride>(context, options);
  }
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
