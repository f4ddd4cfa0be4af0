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

LOCKSTEP_HD_INLINE bool is_finite(double x) { return fabs(x) <= kLargestDouble; }

// The functions below choose between values where another would branch: a host's loop over them then runs in vectors.

LOCKSTEP_HD_INLINE uint64_t bits_of(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

LOCKSTEP_HD_INLINE double from_bits(uint64_t bits) {
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/// `n` in [0, 2^52) as a double, by its bits: few processors convert 64-bit integers in vectors.
LOCKSTEP_HD_INLINE double exact_double(uint64_t n) { return from_bits(bits_of(0x1p52) | n) - 0x1p52; }

/// The double nearest to `n`; in halves, whose sum is the only thing that is rounded.
LOCKSTEP_HD_INLINE double nearest_double(uint64_t n) {
  return exact_double(n >> 32) * 0x1p32 + exact_double(static_cast<uint32_t>(n));
}

/// 2^exponent, for exponents of normal numbers: [-1022, 1023] modulo 2^64.
LOCKSTEP_HD_INLINE double power_of_two(uint64_t exponent) { return from_bits((exponent + 1023) << 52); }

/// A polynomial by Horner's rule, from the highest power down.
template <class... Coefficients>
LOCKSTEP_HD_INLINE double polynomial(double x, double highest, Coefficients... rest) {
  double sum = highest;
  ((sum = fma(sum, x, rest)), ...);
  return sum;
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
LOCKSTEP_HD_INLINE double exp_ieee(double x) {
  constexpr double kOverflows = 709.79, kUnderflows = -745.14;
  const double inside = x > kOverflows ? kOverflows : x > kUnderflows ? x : kUnderflows;
  // x = k ln 2 + r. ln 2's high part has 33 bits, so k times it is exact; high + low = r to twice the bits.
  const double k = rint(inside * 0x1.71547652b82fep+0);
  const double high = fma(-k, 0x1.62e42feep-1, inside);
  const double low = -k * 0x1.a39ef35793c76p-33;
  const double r = high + low;
  const double r_rest = (high - r) + low;
  // (e^r - 1 - r) / r^2 by Taylor's series; |r| <= ln 2 / 2 makes its rest smaller than 2^-59.
  const double tail = polynomial(r, 1.0 / 87178291200.0, 1.0 / 6227020800.0, 1.0 / 479001600.0, 1.0 / 39916800.0,
                                 1.0 / 3628800.0, 1.0 / 362880.0, 1.0 / 40320.0, 1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0,
                                 1.0 / 24.0, 1.0 / 6.0, 0.5);
  // 1 + r in two parts: the rounding of the sum is given back together with the small terms.
  const double sum = 1.0 + r;
  const double sum_rest = (1.0 - sum) + r;
  const double mantissa = sum + (sum_rest + fma(tail, r * r, r_rest));
  // k as an integer modulo 2^64, from the low bits of a sum. Two factors, as 2^k alone may be no normal number.
  const uint64_t exponent = bits_of(k + 0x1.8p52) - bits_of(0x1.8p52);
  const uint64_t half = ((exponent + 2048) >> 1) - 1024;
  const double result = mantissa * power_of_two(half) * power_of_two(exponent - half);
  return x > kOverflows ? kInfinity : x < kUnderflows ? 0 : x != x ? x : result;
}

/// e^x of a float, with an error below kExpFloatUlp units in the last place: half the work of exp_ieee, in vectors of
/// twice the width. Limits as there.
inline constexpr double kExpFloatUlp = 1.1;
LOCKSTEP_HD_INLINE float float_power_of_two(int32_t exponent) {
  const int32_t bits = (exponent + 127) << 23;
  float out;
  memcpy(&out, &bits, sizeof out);
  return out;
}
LOCKSTEP_HD_INLINE float exp_float(float x) {
  constexpr float kOverflows = 88.8f, kUnderflows = -104.0f;
  const float inside = x > kOverflows ? kOverflows : x > kUnderflows ? x : kUnderflows;
  // x = k ln 2 + r, with ln 2 in two parts.
  const float k = rintf(inside * 0x1.715476p+0f);
  const float r = fmaf(-k, -0x1.05c610p-29f, fmaf(-k, 0x1.62e430p-1f, inside));
  // (e^r - 1 - r) / r^2 by Taylor's series; |r| <= ln 2 / 2 makes its rest smaller than 2^-27.
  float tail = 1.0f / 5040.0f;
  tail = fmaf(tail, r, 1.0f / 720.0f);
  tail = fmaf(tail, r, 1.0f / 120.0f);
  tail = fmaf(tail, r, 1.0f / 24.0f);
  tail = fmaf(tail, r, 1.0f / 6.0f);
  tail = fmaf(tail, r, 0.5f);
  const float mantissa = 1.0f + fmaf(tail, r * r, r);
  // Two factors, as 2^k alone may be no normal number.
  const auto exponent = static_cast<int32_t>(k);
  const int32_t half = exponent >> 1;
  const float result = mantissa * float_power_of_two(half) * float_power_of_two(exponent - half);
  return x != x ? x : result;
}

/// tanh of a float, with an error below kTanhFloatUlp units in the last place: Cephes' polynomial near 0, where an
/// exponential would cancel.
inline constexpr double kTanhFloatUlp = 2;
LOCKSTEP_HD_INLINE float tanh_float(float x) {
  const float z = x * x;
  float tail = -5.70498872745e-3f;
  tail = fmaf(tail, z, 2.06390887954e-2f);
  tail = fmaf(tail, z, -5.37397155531e-2f);
  tail = fmaf(tail, z, 1.33314422036e-1f);
  tail = fmaf(tail, z, -3.33332819422e-1f);
  const float magnitude = fabsf(x);
  const float near = fmaf(tail * z, magnitude, magnitude);
  const float far = 1.0f - 2.0f / (exp_float(2.0f * magnitude) + 1.0f);
  return copysignf(magnitude < 0.625f ? near : far, x);
}

/// 1 / (1 + e^-x) of a float, with an error below kSigmoidFloatUlp units in the last place.
inline constexpr double kSigmoidFloatUlp = 3;
LOCKSTEP_HD_INLINE float sigmoid_float(float x) { return 1.0f / (1.0f + exp_float(-x)); }

/// sin(2 pi x) and cos(2 pi x) of a float in turns, with an error below kTurnFloatUlp units in the last place each: the
/// turns are reduced exactly first, so that it holds for any x. An infinity or NaN gives NaN.
inline constexpr double kTurnFloatUlp = 1.6;
struct FloatTurn {
  float sine, cosine;
};
LOCKSTEP_HD_INLINE FloatTurn turn_float(float x) {
  // x = whole turns + n / 4 + r, exactly, with |r| <= 1/8; a + a_rest = 2 pi r to twice the bits.
  const float part = x - rintf(x);
  const float n = rintf(4.0f * part);
  const float r = fmaf(-0.25f, n, part);
  const float a = r * 0x1.921fb6p+2f;
  const float a_rest = fmaf(r, 0x1.921fb6p+2f, -a) + r * -0x1.777a5cp-23f;
  const float z = a * a;
  // (sin(a) - a) / a^3 and (cos(a) - 1 + a^2 / 2) / a^4 by Taylor's series; rests below 2^-28 for |a| <= pi / 4.
  float sine_tail = 1.0f / 362880.0f;
  sine_tail = fmaf(sine_tail, z, -1.0f / 5040.0f);
  sine_tail = fmaf(sine_tail, z, 1.0f / 120.0f);
  sine_tail = fmaf(sine_tail, z, -1.0f / 6.0f);
  float cosine_tail = -1.0f / 3628800.0f;
  cosine_tail = fmaf(cosine_tail, z, 1.0f / 40320.0f);
  cosine_tail = fmaf(cosine_tail, z, -1.0f / 720.0f);
  cosine_tail = fmaf(cosine_tail, z, 1.0f / 24.0f);
  const float sine = a + fmaf(sine_tail * z, a, a_rest);
  const float cosine = 1.0f + fmaf(cosine_tail * z, z, -0.5f * z);
  // By n modulo 4, from the low bits of a sum.
  const float sum = n + 0x1.8p23f;
  uint32_t quadrant;
  memcpy(&quadrant, &sum, sizeof quadrant);
  const bool swapped = (quadrant & 1) != 0;
  const float first = swapped ? cosine : sine, second = swapped ? sine : cosine;
  return {(quadrant & 2) != 0 ? -first : first, ((quadrant + 1) & 2) != 0 ? -second : second};
}

/// The natural logarithm, with an error below kLogUlp units in the last place. 0 gives -infinity, a negative number
/// or NaN gives NaN.
inline constexpr double kLogUlp = 0.65;
LOCKSTEP_HD_INLINE double log_ieee(double x) {
  const bool subnormal = x < kSmallestNormalDouble;
  // x = 2^exponent * m with m in [sqrt(1/2), sqrt(2)).
  const uint64_t bits = bits_of(subnormal ? x * 0x1p54 : x);
  const double from_one = from_bits((bits & 0xFFFFFFFFFFFFFull) | bits_of(1.0));
  const bool above = from_one >= 0x1.6a09e667f3bcdp+0;
  const double m = above ? from_one * 0.5 : from_one;
  const double k = exact_double(bits >> 52) - (subnormal ? 1023 + 54 : 1023) + (above ? 1 : 0);
  // log(1 + f) = f - f^2/2 + s (f^2/2 + R), where s = f / (2 + f) and R = s^2 (2/3 + 2/5 s^2 + 2/7 s^4 + ...).
  const double f = m - 1;
  const double s = f / (2 + f);
  const double z = s * s;
  const double series = polynomial(z, 2.0 / 25, 2.0 / 23, 2.0 / 21, 2.0 / 19, 2.0 / 17, 2.0 / 15, 2.0 / 13, 2.0 / 11,
                                   2.0 / 9, 2.0 / 7, 2.0 / 5, 2.0 / 3);
  const double half_square = 0.5 * f * f;
  const double half_square_rest = fma(0.5 * f, f, -half_square);
  // The large terms are added with their rounding errors kept.
  const double high = k * 0x1.62e42feep-1;  // exact: 33 bits times 11
  const double a = high + f;
  const double a_rest = (high == 0) ? 0 : (high - a) + f;
  const double b = a - half_square;
  const double b_rest = (a - b) - half_square;
  const double small = fma(s, fma(series, z, half_square), fma(k, 0x1.a39ef35793c76p-33, -half_square_rest));
  const double result = b + ((a_rest + b_rest) + small);
  return x == kInfinity ? x : x > 0 ? result : x == 0 ? -kInfinity : kNaN;
}

/// cos(pi x), with an error below kCosPiUlp units in the last place: exact at multiples of 1/2, and as small beside
/// them as it should be. For |x| < 2^50; NaN gives NaN.
inline constexpr double kCosPiUlp = 1.5;
LOCKSTEP_HD_INLINE double cos_pi(double x) {
  // x = n / 2 + r, exactly, with |r| <= 1/4; a + a_rest = pi r to twice the bits.
  const double n = rint(2 * x);
  const double r = x - 0.5 * n;
  const double a = r * 0x1.921fb54442d18p+1;
  const double a_rest = fma(r, 0x1.921fb54442d18p+1, -a) + r * 0x1.1a62633145c07p-53;
  const double z = a * a;
  // (sin(a) - a) / a^3 and (cos(a) - 1 + a^2 / 2) / a^4 by Taylor's series; rests below 2^-58 for |a| <= pi / 4.
  const double sine_tail = polynomial(z, 1.0 / 355687428096000.0, -1.0 / 1307674368000.0, 1.0 / 6227020800.0,
                                      -1.0 / 39916800.0, 1.0 / 362880.0, -1.0 / 5040.0, 1.0 / 120.0, -1.0 / 6.0);
  const double cosine_tail = polynomial(z, 1.0 / 20922789888000.0, -1.0 / 87178291200.0, 1.0 / 479001600.0,
                                        -1.0 / 3628800.0, 1.0 / 40320.0, -1.0 / 720.0, 1.0 / 24.0);
  const double sine = a + fma(sine_tail * z, a, fma(-0.5 * z, a_rest, a_rest));
  // 1 - a^2 / 2 in two parts, as in exp_ieee.
  const double half_square = 0.5 * z;
  const double high = 1 - half_square;
  const double cosine = high + (((1 - high) - half_square) + fma(cosine_tail * z, z, -(a * a_rest)));
  // cos(pi n / 2 + pi r), by n modulo 4 from the low bits of a sum.
  const uint64_t quadrant = bits_of(n + 0x1.8p52);
  const double magnitude = (quadrant & 1) != 0 ? sine : cosine;
  return ((quadrant + 1) & 2) != 0 ? -magnitude : magnitude;
}

/// The quantile of the standard normal distribution at `p` in (0, 1): Wichura's algorithm AS 241 (PPND16; Applied
/// Statistics 37, 1988), with an error below kNormalQuantileUlp units in the last place for p >= 1e-300. In two parts:
/// the centre, where 85 % of all `p` fall, and the tails, which cost four times as much.
inline constexpr double kNormalQuantileUlp = 8;
LOCKSTEP_HD_INLINE bool is_central(double p) { return fabs(p - 0.5) <= 0.425; }

LOCKSTEP_HD_INLINE double central_normal_quantile(double p) {
  const double q = p - 0.5;
  const double r = fma(-q, q, 0.180625);
  const double numerator =
      polynomial(r, 2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
                 13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608);
  const double denominator =
      polynomial(r, 5226.495278852545925, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
                 5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0);
  return q * (numerator / denominator);
}

LOCKSTEP_HD_INLINE double tail_normal_quantile(double p) {
  const bool lower = p < 0.5;
  const double r = sqrt(-log_ieee(lower ? p : 1 - p));
  const double n = r - 1.6;
  const double near_numerator =
      polynomial(n, 7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
                 3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734);
  const double near_denominator =
      polynomial(n, 1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966,
                 0.14810397642748007459, 0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0);
  const double f = r - 5;
  const double far_numerator =
      polynomial(f, 2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386,
                 0.026532189526576123093, 0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699,
                 6.6579046435011037772);
  const double far_denominator =
      polynomial(f, 2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5,
                 7.868691311456132591e-4, 0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769,
                 1.0);
  const bool near = r <= 5;
  const double magnitude = (near ? near_numerator : far_numerator) / (near ? near_denominator : far_denominator);
  return lower ? -magnitude : magnitude;
}

LOCKSTEP_HD inline double normal_quantile(double p) {
  return is_central(p) ? central_normal_quantile(p) : tail_normal_quantile(p);
}

}  // namespace lockstep
