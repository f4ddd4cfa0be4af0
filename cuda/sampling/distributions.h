#pragma once

#include <cmath>
#include <cstdint>

#include <lockstep/search_space.h>

#include "cuda/common/macros.h"
#include "cuda/common/math.h"
#include "cuda/common/philox.h"

namespace lockstep {

/// U(a, b) at `u` in (0, 1), inside [a, b] whatever the rounding; a wide range does not overflow.
LOCKSTEP_HD inline double uniform_between(double a, double b, double u) {
  const double width = b - a;
  const double x = width <= kLargestDouble ? fma(width, u, a) : fma(b, u, a * (1 - u));
  return fmin(fmax(x, a), b);
}

LOCKSTEP_HD inline double quantise(double x, double q) { return rint(x / q) * q; }

/// One draw of a distribution from 64 random bits, as documented at DistributionSpec. Each kind is the quantile function
/// of its distribution, or multiply-high for integers.
LOCKSTEP_HD inline double draw(const DistributionSpec& spec, uint64_t bits) {
  const double u = unit_interval(bits);
  switch (spec.kind) {
    case DistributionKind::kChoice:
    case DistributionKind::kRandInt:
      return static_cast<double>(bounded_integer(bits, spec.count));
    case DistributionKind::kUniform:
      return uniform_between(spec.a, spec.b, u);
    case DistributionKind::kQUniform:
      return quantise(uniform_between(spec.a, spec.b, u), spec.q);
    case DistributionKind::kLogUniform:
      return exp_ieee(uniform_between(spec.a, spec.b, u));
    case DistributionKind::kQLogUniform:
      return quantise(exp_ieee(uniform_between(spec.a, spec.b, u)), spec.q);
    case DistributionKind::kNormal:
      return fma(spec.b, normal_quantile(u), spec.a);
    case DistributionKind::kQNormal:
      return quantise(fma(spec.b, normal_quantile(u), spec.a), spec.q);
    case DistributionKind::kLogNormal:
      return exp_ieee(fma(spec.b, normal_quantile(u), spec.a));
    case DistributionKind::kQLogNormal:
      return quantise(exp_ieee(fma(spec.b, normal_quantile(u), spec.a)), spec.q);
    case DistributionKind::kInt:
      return spec.a + spec.q * static_cast<double>(bounded_integer(bits, spec.count));
    case DistributionKind::kLogInt: {
      const double x = exp_ieee(uniform_between(log_ieee(spec.a - 0.5), log_ieee(spec.b + 0.5), u));
      return fmin(fmax(rint(x), spec.a), spec.b);
    }
    case DistributionKind::kLogUniformValues:
      return fmin(fmax(exp_ieee(uniform_between(log_ieee(spec.a), log_ieee(spec.b), u)), spec.a), spec.b);
  }
  return kNaN;
}

}  // namespace lockstep
