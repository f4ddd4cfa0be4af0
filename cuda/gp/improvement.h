#pragma once

#include "cuda/common/math.h"

namespace lockstep {

/// h(z) = phi(z) + z Phi(z), the expected improvement in deviations, by its logarithm: S. Ament, S. Daulton, D. Eriksson,
/// M. Balandat, E. Bakshy: Unexpected Improvements to Expected Improvement for Bayesian Optimization, NeurIPS 2023.
struct Improvement {
  double log_h;
  double slope;    ///< Phi(z) / h(z): the derivative of log_h
  double density;  ///< phi(z) / h(z) = 1 - z slope
};

/// With relative errors below kImprovementError (of log_h where it is below 1: absolute). log_h is -infinity where z^2 is
/// larger than any double; NaN gives NaN.
inline constexpr double kImprovementError = 2e-13;
LOCKSTEP_HD inline Improvement improvement(double z) {
  constexpr double kInverseRootTwoPi = 0.3989422804014326779, kLogRootTwoPi = 0.9189385332046727418;
  const double square = z * z;
  const double phi = kInverseRootTwoPi * exp_ieee(-0.5 * square);
  constexpr double kNear = 2;
  if (fabs(z) <= kNear) {
    // Phi(z) = 1/2 + phi(z) (z + z^3 / 3 + z^5 / (3 5) + ...), from the highest power down; the rest is below 2^-60.
    double odd = 0;
    for (int i = 61; i > 1; i -= 2) odd = (1 + odd) * square / i;
    odd = z * (1 + odd);
    const double h = fma(phi, fma(z, odd, 1.0), 0.5 * z);
    return {log_ieee(h), fma(phi, odd, 0.5) / h, phi / h};
  }
  // Laplace's continued fraction, in which nothing cancels: with c = a + 2 / (a + 3 / (a + ...)) for a > 0,
  // h(-a) = phi(a) / (a c + 1), Phi(-a) = h(-a) c, and h(a) = a + h(-a). 80 terms do from 2 on.
  constexpr double kLarge = 1e300;
  const double a = fabs(z) < kLarge ? fabs(z) : kLarge;
  double c = a;
  for (int i = 80; i > 1; --i) c = a + i / c;
  const double inverse = fma(a, c, 1.0);
  if (z < 0) return {-0.5 * square - kLogRootTwoPi - log_ieee(inverse), c, inverse};
  const double tail = phi / inverse;
  const double h = z + tail;
  return {log_ieee(h), (1 - tail * c) / h, phi / h};
}

}  // namespace lockstep
