#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>

#include <lockstep/search_space.h>

#include "cuda/common/macros.h"
#include "cuda/common/math.h"
#include "cuda/common/philox.h"

namespace lockstep {

LOCKSTEP_HD_INLINE double clip(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

LOCKSTEP_HD_INLINE double quantise(double x, double q) { return rint(x / q) * q; }

/// What a distribution makes its draws of.
enum class Source {
  kWhole,   ///< an integer in [0, count)
  kUnit,    ///< a number in (0, 1)
  kNormal,  ///< a standard normal number
};

LOCKSTEP_HD constexpr Source source_of(DistributionKind kind) {
  using enum DistributionKind;
  switch (kind) {
    case kChoice:
    case kRandInt:
    case kInt: return Source::kWhole;
    case kNormal:
    case kQNormal:
    case kLogNormal:
    case kQLogNormal: return Source::kNormal;
    default: return Source::kUnit;
  }
}

/// Turns a number from its source into a draw, as documented at DistributionSpec. What does not depend on that number
/// is computed once.
template <DistributionKind kind>
class Draw {
 public:
  LOCKSTEP_HD_INLINE explicit Draw(const DistributionSpec& spec) : spec_(spec), low_(spec.a), high_(spec.b) {
    using enum DistributionKind;
    if (kind == kLogInt) {
      low_ = log_ieee(spec.a - 0.5);
      high_ = log_ieee(spec.b + 0.5);
    } else if (kind == kLogUniformValues) {
      low_ = log_ieee(spec.a);
      high_ = log_ieee(spec.b);
    }
  }

  LOCKSTEP_HD_INLINE double operator()(double x) const {
    using enum DistributionKind;
    switch (kind) {
      case kChoice:
      case kRandInt: return x;
      case kInt: return spec_.a + spec_.q * x;
      case kUniform: return uniform(x);
      case kQUniform: return quantise(uniform(x), spec_.q);
      case kLogUniform: return exp_ieee(uniform(x));
      case kQLogUniform: return quantise(exp_ieee(uniform(x)), spec_.q);
      case kNormal: return normal(x);
      case kQNormal: return quantise(normal(x), spec_.q);
      case kLogNormal: return exp_ieee(normal(x));
      case kQLogNormal: return quantise(exp_ieee(normal(x)), spec_.q);
      case kLogInt: return clip(rint(exp_ieee(uniform(x))), spec_.a, spec_.b);
      case kLogUniformValues: return clip(exp_ieee(uniform(x)), spec_.a, spec_.b);
    }
    return kNaN;
  }

 private:
  /// U(low, high), inside [low, high] whatever the rounding; a wide range does not overflow.
  LOCKSTEP_HD_INLINE double uniform(double u) const {
    const double width = high_ - low_;
    return clip(width <= kLargestDouble ? fma(width, u, low_) : fma(high_, u, low_ * (1 - u)), low_, high_);
  }
  LOCKSTEP_HD_INLINE double normal(double z) const { return fma(spec_.b, z, spec_.a); }

  DistributionSpec spec_;
  double low_;
  double high_;
};

/// Replaces `n` numbers in (0, 1), at most kMax, by the standard normal distribution's quantiles there.
template <int64_t kMax>
LOCKSTEP_HD_INLINE void normal_quantiles(double* numbers, int64_t n) {
  // The tails are gathered, so that the loop over them runs in vectors too.
  double tails[kMax];
  int64_t places[kMax];
  int64_t n_tails = 0;
  for (int64_t k = 0; k < n; ++k) {
    tails[n_tails] = numbers[k];
    places[n_tails] = k;
    n_tails += !is_central(numbers[k]);
  }
  for (int64_t k = 0; k < n; ++k) numbers[k] = central_normal_quantile(numbers[k]);
  for (int64_t k = 0; k < n_tails; ++k) tails[k] = tail_normal_quantile(tails[k]);
  for (int64_t k = 0; k < n_tails; ++k) numbers[places[k]] = tails[k];
}

/// `n` draws of a distribution, at most kMax, from 64 random bits each: by the quantile function of its source, or
/// multiply-high for integers.
template <DistributionKind kind, int64_t kMax>
LOCKSTEP_HD_INLINE void draw(const DistributionSpec& spec, const uint64_t* bits, int64_t n, double* draws) {
  constexpr Source source = source_of(kind);
  if constexpr (source == Source::kWhole) {
    for (int64_t k = 0; k < n; ++k) draws[k] = nearest_double(bounded_integer(bits[k], spec.count));
  } else {
    for (int64_t k = 0; k < n; ++k) draws[k] = unit_interval(bits[k]);
  }
  if constexpr (source == Source::kNormal) normal_quantiles<kMax>(draws, n);
  const Draw<kind> draw_from(spec);
  for (int64_t k = 0; k < n; ++k) draws[k] = draw_from(draws[k]);
}

/// Calls `use` with a distribution's kind as a compile-time constant.
template <class Use>
LOCKSTEP_HD inline void with_kind(DistributionKind kind, Use use) {
  using enum DistributionKind;
  switch (kind) {
    case kChoice: return use(std::integral_constant<DistributionKind, kChoice>());
    case kRandInt: return use(std::integral_constant<DistributionKind, kRandInt>());
    case kUniform: return use(std::integral_constant<DistributionKind, kUniform>());
    case kQUniform: return use(std::integral_constant<DistributionKind, kQUniform>());
    case kLogUniform: return use(std::integral_constant<DistributionKind, kLogUniform>());
    case kQLogUniform: return use(std::integral_constant<DistributionKind, kQLogUniform>());
    case kNormal: return use(std::integral_constant<DistributionKind, kNormal>());
    case kQNormal: return use(std::integral_constant<DistributionKind, kQNormal>());
    case kLogNormal: return use(std::integral_constant<DistributionKind, kLogNormal>());
    case kQLogNormal: return use(std::integral_constant<DistributionKind, kQLogNormal>());
    case kInt: return use(std::integral_constant<DistributionKind, kInt>());
    case kLogInt: return use(std::integral_constant<DistributionKind, kLogInt>());
    case kLogUniformValues: return use(std::integral_constant<DistributionKind, kLogUniformValues>());
  }
}

}  // namespace lockstep
