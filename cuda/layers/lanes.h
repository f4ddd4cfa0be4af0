#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "cuda/common/macros.h"

/// Numbers that a layer's algorithm works on at a time: on a host a vector of them (g++'s, which it makes of whatever
/// the processor has), on a GPU the one that a thread has. Arithmetic, comparisons and ?: are written alike for both.
namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {

#ifdef __CUDACC__
inline constexpr int kLanes = 1;
template <class T>
using Lanes = T;
template <class T>
using WideLanes = T;
#else
// As many floats as a register holds: g++ makes slow code of vectors that are larger.
#if defined(__AVX512F__)
inline constexpr int kLanes = 16;
#elif defined(__AVX__)
inline constexpr int kLanes = 8;
#else
inline constexpr int kLanes = 4;
#endif
template <class T, int n>
struct VectorOf {
  using Type __attribute__((vector_size(n * sizeof(T)))) = T;
};
/// Of 4 bytes each.
template <class T>
using Lanes = typename VectorOf<T, kLanes>::Type;
/// Of 8 bytes each, in two halves.
template <class T>
struct WideLanes {
  typename VectorOf<T, kLanes / 2>::Type low, high;
  LOCKSTEP_HD_INLINE WideLanes& operator+=(const WideLanes& other) {
    low += other.low;
    high += other.high;
    return *this;
  }
  LOCKSTEP_HD_INLINE WideLanes operator-(T value) const { return {low - value, high - value}; }
  LOCKSTEP_HD_INLINE WideLanes operator-(const WideLanes& other) const { return {low - other.low, high - other.high}; }
  LOCKSTEP_HD_INLINE WideLanes operator*(const WideLanes& other) const { return {low * other.low, high * other.high}; }
};
#endif

template <class To, class From>
LOCKSTEP_HD_INLINE WideLanes<To> widen(const Lanes<From>& from) {
#ifdef __CUDACC__
  return static_cast<To>(from);
#else
  WideLanes<To> out;
#ifdef __AVX512F__
  // One instruction a half, which g++ does not find for halves.
  const auto all = __builtin_convertvector(from, typename VectorOf<To, kLanes>::Type);
  memcpy(&out, &all, sizeof out);
#else
  typename VectorOf<From, kLanes / 2>::Type halves[2];
  memcpy(halves, &from, sizeof halves);
  out.low = __builtin_convertvector(halves[0], decltype(out.low));
  out.high = __builtin_convertvector(halves[1], decltype(out.high));
#endif
  return out;
#endif
}

template <class T>
LOCKSTEP_HD_INLINE Lanes<T> every_lane(T value) {
  return Lanes<T>{} + value;
}

/// 0, 1, 2, ...
LOCKSTEP_HD_INLINE Lanes<int32_t> lane_numbers() {
#ifdef __CUDACC__
  return 0;
#else
  Lanes<int32_t> lanes = {};
  for (int32_t i = 0; i < kLanes; ++i) lanes[i] = i;
  return lanes;
#endif
}

template <class T>
LOCKSTEP_HD_INLINE Lanes<T> load(const T* from) {
  Lanes<T> lanes;
  memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

/// Lanes [begin, end) from memory, the others `value`. Memory of those is not touched.
template <class T>
LOCKSTEP_HD_INLINE Lanes<T> load_some(const T* __restrict__ from, int begin, int end, T value) {
#ifdef __CUDACC__
  return begin <= 0 && end > 0 ? *from : value;
#else
  alignas(Lanes<T>) T lanes[kLanes];
#pragma GCC unroll 1
  for (int i = 0; i < kLanes; ++i) lanes[i] = (i >= begin) & (i < end) ? from[i] : value;
  return load(lanes);
#endif
}

/// `lanes`: Lanes or WideLanes.
template <class T, class SomeLanes>
LOCKSTEP_HD_INLINE void store(T* to, const SomeLanes& lanes) {
  static_assert(sizeof lanes == kLanes * sizeof(T));
  memcpy(to, &lanes, sizeof lanes);
}

/// The first `n` lanes.
template <class T, class SomeLanes>
LOCKSTEP_HD_INLINE void store_some(T* __restrict__ to, const SomeLanes& lanes, int n) {
#ifdef __CUDACC__
  if (n > 0) *to = lanes;
#else
  alignas(SomeLanes) T values[kLanes];
  store(values, lanes);
#pragma GCC unroll 1
  for (int i = 0; i < kLanes; ++i) {
    if (i < n) to[i] = values[i];
  }
#endif
}

/// The first `n` of kLanes values, the others `value`.
LOCKSTEP_HD_INLINE Lanes<float> load_first(const float* from, int n, float value) {
  return n == kLanes ? load(from) : load_some(from, 0, n, value);
}

LOCKSTEP_HD_INLINE void store_first(float* to, const Lanes<float>& lanes, int n) {
  if (n == kLanes) {
    store(to, lanes);
  } else {
    store_some(to, lanes, n);
  }
}

/// Calls `function(place, n)` for n places each, kLanes as long as there are so many, of [begin, end).
template <class Function>
LOCKSTEP_HD_INLINE void for_lanes(int64_t begin, int64_t end, const Function& function) {
  int64_t place = begin;
  for (; place + kLanes <= end; place += kLanes) function(place, kLanes);
  if (place < end) function(place, static_cast<int>(end - place));
}

/// Parts of what is added up to one sum, whatever runs them: a vector on a host, as many threads on a GPU. Value i is in
/// part i % kSumParts.
inline constexpr int kSumParts = 16;
static_assert(kSumParts % kLanes == 0);

/// The parts' sums together, by halves.
LOCKSTEP_HD_INLINE double add_parts(const double* parts) {
  double sums[kSumParts];
  for (int i = 0; i < kSumParts; ++i) sums[i] = parts[i];
  for (int width = kSumParts / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) sums[i] += sums[i + width];
  }
  return sums[0];
}

/// `function` of each lane. On a host by way of arrays, which g++ makes vectors of, and then of those registers.
template <class Function>
LOCKSTEP_HD_INLINE Lanes<float> each_lane(const Lanes<float>& a, const Function& function) {
#ifdef __CUDACC__
  return function(a);
#else
  alignas(Lanes<float>) float in[kLanes], out[kLanes];
  store(in, a);
  for (int i = 0; i < kLanes; ++i) out[i] = function(in[i]);
  return load(out);
#endif
}

/// a * b + c, rounded once.
LOCKSTEP_HD_INLINE Lanes<float> multiply_add(const Lanes<float>& a, const Lanes<float>& b, const Lanes<float>& c) {
#ifdef __CUDACC__
  return fmaf(a, b, c);
#else
  alignas(Lanes<float>) float factor[kLanes], other[kLanes], sum[kLanes];
  store(factor, a);
  store(other, b);
  store(sum, c);
  for (int i = 0; i < kLanes; ++i) sum[i] = fmaf(factor[i], other[i], sum[i]);
  return load(sum);
#endif
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
