#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "cuda/common/macros.h"

/// Elementary functions from IEEE basics, fma and integer operations alone, so that host and device give the same
/// bits. Their bounds are the largest error seen against a correctly rounded reference, over millions of points, and
/// are asserted by tests/cuda/math_test.cpp.
namespace lockstep {

// Of std::numeric_limits, whose functions nvcc does not take in device code.
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kLargestDouble = std::numeric_limits<double>::max();
inline constexpr double kSmallestNormalDouble = std::numeric_limits<double>::min();

/// 2^exponent, for exponents of normal numbers: [-1022, 1023].
LOCKSTEP_HD inline double power_of_two(int exponent) {
  const uint64_t bits = static_cast<uint64_t>(exponent + 1023) << 52;
  double result;
  memcpy(&result, &bits, sizeof result);
  return result;
}

/// base^n for n >= 0, by squaring.
LOCKSTEP_HD inline double integer_power(double base, int64_t n) {
  double result = 1;
  for (; n > 0; n >>= 1) {
    if (n & 1) result *= base;
    base *= base;
  }
  return result;
}

/// e^x, with an error below kExpUlp units in the last place. Overflows to infinity and underflows to 0 through the
/// subnormal numbers; NaN gives NaN.
inline constexpr double kExpUlp = 0.8;
LOCKSTEP_HD inline double exp_ieee(double x) {
  if (x != x) return x;
  if (x > 709.79) return kInfinity;
  if (x < -745.14) return 0;
  // x = k ln 2 + r. ln 2's high part has 33 bits, so k times it is exact; high + low = r to twice the bits.
  const double k = rint(x * 0x1.71547652b82fep+0);
  const double high = fma(-k, 0x1.62e42feep-1, x);
  const double low = -k * 0x1.a39ef35793c76p-33;
  const double r = high + low;
  const double r_rest = (high - r) + low;
  // (e^r - 1 - r) / r^2 by Taylor's series; |r| <= ln 2 / 2 makes its rest smaller than 2^-59.
  double tail = 1.0 / 87178291200.0;
  tail = fma(tail, r, 1.0 / 6227020800.0);
  tail = fma(tail, r, 1.0 / 479001600.0);
  tail = fma(tail, r, 1.0 / 39916800.0);
  tail = fma(tail, r, 1.0 / 3628800.0);
  tail = fma(tail, r, 1.0 / 362880.0);
  tail = fma(tail, r, 1.0 / 40320.0);
  tail = fma(tail, r, 1.0 / 5040.0);
  tail = fma(tail, r, 1.0 / 720.0);
  tail = fma(tail, r, 1.0 / 120.0);
  tail = fma(tail, r, 1.0 / 24.0);
  tail = fma(tail, r, 1.0 / 6.0);
  tail = fma(tail, r, 0.5);
  // 1 + r in two parts: the rounding of the sum is given back together with the small terms.
  const double sum = 1.0 + r;
  const double sum_rest = (1.0 - sum) + r;
  const double mantissa = sum + (sum_rest + fma(tail, r * r, r_rest));
  // Two factors, as 2^k alone may be no normal number.
  const int exponent = static_cast<int>(k);
  const int half = exponent / 2;
  return mantissa * power_of_two(half) * power_of_two(exponent - half);
}

/// The natural logarithm, with an error below kLogUlp units in the last place. 0 gives -infinity, a negative number
/// or NaN gives NaN.
inline constexpr double kLogUlp = 0.65;
LOCKSTEP_HD inline double log_ieee(double x) {
  if (!(x > 0)) return x == 0 ? -kInfinity : kNaN;
  if (x == kInfinity) return x;
  int exponent = 0;
  if (x < kSmallestNormalDouble) {
    x *= 0x1p54;
    exponent = -54;
  }
  // x = 2^exponent * m with m in [sqrt(1/2), sqrt(2)).
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  exponent += static_cast<int>(bits >> 52) - 1023;
  bits = (bits & 0xFFFFFFFFFFFFFull) | 0x3FF0000000000000ull;
  double m;
  memcpy(&m, &bits, sizeof m);
  if (m >= 0x1.6a09e667f3bcdp+0) {
    m *= 0.5;
    ++exponent;
  }
  // log(1 + f) = f - f^2/2 + s (f^2/2 + R), where s = f / (2 + f) and R = s^2 (2/3 + 2/5 s^2 + 2/7 s^4 + ...).
  const double f = m - 1;
  const double s = f / (2 + f);
  const double z = s * s;
  double series = 2.0 / 25;
  series = fma(series, z, 2.0 / 23);
  series = fma(series, z, 2.0 / 21);
  series = fma(series, z, 2.0 / 19);
  series = fma(series, z, 2.0 / 17);
  series = fma(series, z, 2.0 / 15);
  series = fma(series, z, 2.0 / 13);
  series = fma(series, z, 2.0 / 11);
  series = fma(series, z, 2.0 / 9);
  series = fma(series, z, 2.0 / 7);
  series = fma(series, z, 2.0 / 5);
  series = fma(series, z, 2.0 / 3);
  const double half_square = 0.5 * f * f;
  const double half_square_rest = fma(0.5 * f, f, -half_square);
  const double k = exponent;
  // The large terms are added with their rounding errors kept.
  const double high = k * 0x1.62e42feep-1;  // exact: 33 bits times 11
  const double a = high + f;
  const double a_rest = (high == 0) ? 0 : (high - a) + f;
  const double b = a - half_square;
  const double b_rest = (a - b) - half_square;
  const double small = fma(s, fma(series, z, half_square), fma(k, 0x1.a39ef35793c76p-33, -half_square_rest));
  return b + ((a_rest + b_rest) + small);
}

/// The quantile of the standard normal distribution at `p` in (0, 1): Wichura's algorithm AS 241 (PPND16; Applied
/// Statistics 37, 1988), with an error below kNormalQuantileUlp units in the last place for p >= 1e-300.
inline constexpr double kNormalQuantileUlp = 8;
LOCKSTEP_HD inline double normal_quantile(double p) {
  const double q = p - 0.5;
  if (fabs(q) <= 0.425) {
    const double r = fma(-q, q, 0.180625);
    double numerator = 2509.0809287301226727;
    numerator = fma(numerator, r, 33430.575583588128105);
    numerator = fma(numerator, r, 67265.770927008700853);
    numerator = fma(numerator, r, 45921.953931549871457);
    numerator = fma(numerator, r, 13731.693765509461125);
    numerator = fma(numerator, r, 1971.5909503065514427);
    numerator = fma(numerator, r, 133.14166789178437745);
    numerator = fma(numerator, r, 3.387132872796366608);
    double denominator = 5226.495278852545925;
    denominator = fma(denominator, r, 28729.085735721942674);
    denominator = fma(denominator, r, 39307.89580009271061);
    denominator = fma(denominator, r, 21213.794301586595867);
    denominator = fma(denominator, r, 5394.1960214247511077);
    denominator = fma(denominator, r, 687.1870074920579083);
    denominator = fma(denominator, r, 42.313330701600911252);
    denominator = fma(denominator, r, 1.0);
    return q * (numerator / denominator);
  }
  double r = sqrt(-log_ieee(q < 0 ? p : 1 - p));
  double numerator, denominator;
  if (r <= 5) {
    r -= 1.6;
    numerator = 7.7454501427834140764e-4;
    numerator = fma(numerator, r, 0.0227238449892691845833);
    numerator = fma(numerator, r, 0.24178072517745061177);
    numerator = fma(numerator, r, 1.27045825245236838258);
    numerator = fma(numerator, r, 3.64784832476320460504);
    numerator = fma(numerator, r, 5.7694972214606914055);
    numerator = fma(numerator, r, 4.6303378461565452959);
    numerator = fma(numerator, r, 1.42343711074968357734);
    denominator = 1.05075007164441684324e-9;
    denominator = fma(denominator, r, 5.475938084995344946e-4);
    denominator = fma(denominator, r, 0.0151986665636164571966);
    denominator = fma(denominator, r, 0.14810397642748007459);
    denominator = fma(denominator, r, 0.68976733498510000455);
    denominator = fma(denominator, r, 1.6763848301838038494);
    denominator = fma(denominator, r, 2.05319162663775882187);
    denominator = fma(denominator, r, 1.0);
  } else {
    r -= 5;
    numerator = 2.01033439929228813265e-7;
    numerator = fma(numerator, r, 2.71155556874348757815e-5);
    numerator = fma(numerator, r, 0.0012426609473880784386);
    numerator = fma(numerator, r, 0.026532189526576123093);
    numerator = fma(numerator, r, 0.29656057182850489123);
    numerator = fma(numerator, r, 1.7848265399172913358);
    numerator = fma(numerator, r, 5.4637849111641143699);
    numerator = fma(numerator, r, 6.6579046435011037772);
    denominator = 2.04426310338993978564e-15;
    denominator = fma(denominator, r, 1.4215117583164458887e-7);
    denominator = fma(denominator, r, 1.8463183175100546818e-5);
    denominator = fma(denominator, r, 7.868691311456132591e-4);
    denominator = fma(denominator, r, 0.0148753612908506148525);
    denominator = fma(denominator, r, 0.13692988092273580531);
    denominator = fma(denominator, r, 0.59983220655588793769);
    denominator = fma(denominator, r, 1.0);
  }
  const double magnitude = numerator / denominator;
  return q < 0 ? -magnitude : magnitude;
}

}  // namespace lockstep
