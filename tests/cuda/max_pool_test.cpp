// Max pooling against a plain loop that does as LibTorch says: of equal values the first, of several NaN the last.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "cuda/backend_test.h"

namespace lockstep::test {
namespace {

struct Pooled {
  std::vector<float> values;
  std::vector<int64_t> places;
};

MaxPool shape(int64_t n_planes, int64_t height, int64_t width, int64_t kernel_height, int64_t kernel_width,
              int64_t stride_height, int64_t stride_width, int64_t padding_height, int64_t padding_width) {
  MaxPool out;
  out.n_planes = n_planes;
  out.height = height;
  out.width = width;
  out.kernel_height = kernel_height;
  out.kernel_width = kernel_width;
  out.stride_height = stride_height;
  out.stride_width = stride_width;
  out.padding_height = padding_height;
  out.padding_width = padding_width;
  out.output_height = (height + 2 * padding_height - kernel_height) / stride_height + 1;
  out.output_width = (width + 2 * padding_width - kernel_width) / stride_width + 1;
  return out;
}

Pooled expected(const std::vector<float>& input, const MaxPool& pool) {
  Pooled out;
  for (int64_t plane = 0; plane < pool.n_planes; ++plane) {
    const float* values = input.data() + plane * pool.height * pool.width;
    for (int64_t y = 0; y < pool.output_height; ++y) {
      for (int64_t x = 0; x < pool.output_width; ++x) {
        const int64_t top = y * pool.stride_height - pool.padding_height;
        const int64_t left = x * pool.stride_width - pool.padding_width;
        float largest = -std::numeric_limits<float>::infinity();
        int64_t place = std::max<int64_t>(top, 0) * pool.width + std::max<int64_t>(left, 0);
        for (int64_t row = std::max<int64_t>(top, 0); row < std::min(top + pool.kernel_height, pool.height); ++row) {
          for (int64_t i = std::max<int64_t>(left, 0); i < std::min(left + pool.kernel_width, pool.width); ++i) {
            const float value = values[row * pool.width + i];
            if (!(value > largest) && !std::isnan(value)) continue;
            largest = value;
            place = row * pool.width + i;
          }
        }
        out.values.push_back(largest);
        out.places.push_back(place);
      }
    }
  }
  return out;
}

class MaxPooling : public BackendTest {
 protected:
  Pooled run(const std::vector<float>& values, MaxPool pool) {
    const auto n = static_cast<size_t>(pool.n_planes * pool.output_height * pool.output_width);
    const DeviceArray<float> input(*backend_, context_, values), output(*backend_, context_, std::vector<float>(n));
    const DeviceArray<int64_t> indices(*backend_, context_, std::vector<int64_t>(n, -1));
    pool.input = input.data();
    pool.output = output.data();
    pool.indices = indices.data();
    backend_->max_pool(context_, pool);
    return {output.to_host(), indices.to_host()};
  }
  void expect_right(const std::vector<float>& values, const MaxPool& pool) {
    const Pooled got = run(values, pool), want = expected(values, pool);
    EXPECT_TRUE(same_bits(got.values, want.values));
    EXPECT_TRUE(same_bits(got.places, want.places));
  }
  /// Whole numbers, of which many are equal.
  static std::vector<float> some_values(const MaxPool& pool) {
    std::mt19937 random(3);
    std::vector<float> out(static_cast<size_t>(pool.n_planes * pool.height * pool.width));
    for (auto& each : out) each = static_cast<float>(random() % 9) - 4;
    return out;
  }
};
LOCKSTEP_EVERY_BACKEND(MaxPooling);

TEST_P(MaxPooling, EqualsTheLoopForEveryWindow) {
  for (int64_t stride = 1; stride <= kMaxPoolStride; ++stride) {
    for (const int64_t window : {1, 2, 3, 5}) {
      for (const int64_t padding : {int64_t{0}, window / 2}) {
        for (int64_t width = 7; width < pick(90, 8); width += 11) {
          SCOPED_TRACE(testing::Message() << "stride " << stride << " window " << window << " padding " << padding
                                          << " width " << width);
          const MaxPool pool = shape(2, 7, width, window, window, stride, stride, padding, padding);
          expect_right(some_values(pool), pool);
        }
      }
    }
  }
}

TEST_P(MaxPooling, HeightAndWidthHaveTheirOwnWindows) {
  for (const MaxPool& pool : {shape(3, 9, 21, 4, 2, 3, 2, 2, 1), shape(1, 1, 37, 1, 3, 1, 3, 0, 0),
                              shape(2, 30, 1, 2, 1, 2, 1, 1, 0), shape(1, 4, 70, 2, 7, 1, 2, 0, 3)}) {
    expect_right(some_values(pool), pool);
  }
}

TEST_P(MaxPooling, LastWindowsMayReachBeyondThePlane) {  // ceil_mode
  MaxPool pool = shape(2, 7, 9, 2, 2, 2, 2, 0, 0);
  pool.output_height = 4;
  pool.output_width = 5;
  expect_right(some_values(pool), pool);
}

TEST_P(MaxPooling, TakesNaNAndInfinitiesAsTheyAre) {
  const float nan = std::nanf(""), infinity = std::numeric_limits<float>::infinity();
  const MaxPool pool = shape(1, 4, 8, 2, 2, 2, 2, 0, 0);
  const std::vector<float> values{nan, 1, -infinity, -infinity, infinity, 2, 0,  -0.0f,  //
                                  2,   3, -infinity, -infinity, 3,        4, -0.0f, 0,   //
                                  nan, 1, 5,         6,         7,        7, 1,  2,      //
                                  2, nan, nan,       8,         7,        7, nan, infinity};
  expect_right(values, pool);
  EXPECT_EQ(run(values, pool).places[0], 0);
  EXPECT_EQ(run(values, pool).places[1], 2);
  EXPECT_EQ(run(values, pool).places[4], 25);
}

TEST_P(MaxPooling, WritesAndReadsNothingBeyondItsMemory) {
  // Whatever lies behind the last plane must not count, and what lies behind the output stays.
  const MaxPool pool = shape(2, 5, 11, 2, 2, 2, 2, 0, 0);
  auto values = some_values(pool);
  const Pooled want = expected(values, pool);
  values.resize(values.size() + 64, 1000);
  const size_t n = want.values.size();
  const DeviceArray<float> input(*backend_, context_, values);
  const DeviceArray<float> output(*backend_, context_, std::vector<float>(n + 64, 5));
  const DeviceArray<int64_t> indices(*backend_, context_, std::vector<int64_t>(n + 64, 6));
  MaxPool on_device = pool;
  on_device.input = input.data();
  on_device.output = output.data();
  on_device.indices = indices.data();
  backend_->max_pool(context_, on_device);
  const auto got = output.to_host();
  const auto places = indices.to_host();
  EXPECT_TRUE(same_bits({got.begin(), got.begin() + static_cast<int64_t>(n)}, want.values));
  EXPECT_EQ(std::count(got.begin() + static_cast<int64_t>(n), got.end(), 5.0f), 64);
  EXPECT_EQ(std::count(places.begin() + static_cast<int64_t>(n), places.end(), 6), 64);
}

}  // namespace
}  // namespace lockstep::test
