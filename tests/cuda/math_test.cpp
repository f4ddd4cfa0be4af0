// The elementary functions against libquadmath's, which are exact to far beyond a double.
#include "cuda/common/math.h"

#include <gtest/gtest.h>
#include <quadmath.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iostream>
#include <limits>
#include <numbers>
#include <random>

namespace lockstep {
namespace {

constexpr int kPoints = 400'000;  // a second of quadruple precision

/// The largest error of a function over the points it was asked for, in units in the last place.
class WorstError {
 public:
  void add(double x, double result, __float128 exact) {
    int exponent;
    std::frexp(static_cast<double>(exact), &exponent);
    const double ulp = std::ldexp(1.0, std::max(exponent - 53, -1074));
    const double error = static_cast<double>(fabsq(static_cast<__float128>(result) - exact) / ulp);
    if (!(error <= worst_)) {
      worst_ = error;
      at_ = x;
    }
    ++n_points_;
  }
  double worst() const { return worst_; }
  double at() const { return at_; }
  int n_points() const { return n_points_; }

 private:
  double worst_ = 0;
  double at_ = 0;
  int n_points_ = 0;
};

#define EXPECT_WORST_BELOW(errors, bound)                                                                        \
  EXPECT_LT((errors).worst(), bound) << "at " << std::hexfloat << (errors).at();                                 \
  RecordProperty("worst_ulp", std::to_string((errors).worst()));                                                 \
  std::cout << "worst error " << (errors).worst() << " ulp over " << (errors).n_points() << " points\n"

TEST(Exp, StaysWithinItsBound) {
  std::mt19937_64 random(1);
  WorstError errors;
  for (const auto& [from, to] : {std::pair{-745.1, 709.78}, {-1.0, 1.0}, {-1e-8, 1e-8}, {-745.1, -707.0}, {-20.0, 20.0}}) {
    std::uniform_real_distribution<double> points(from, to);
    for (int i = 0; i < kPoints; ++i) {
      const double x = points(random);
      errors.add(x, exp_ieee(x), expq(x));
    }
  }
  EXPECT_WORST_BELOW(errors, kExpUlp);
}

TEST(Exp, GivesTheLimits) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(exp_ieee(0), 1);
  EXPECT_EQ(exp_ieee(-0.0), 1);
  EXPECT_EQ(exp_ieee(infinity), infinity);
  EXPECT_EQ(exp_ieee(-infinity), 0);
  EXPECT_EQ(exp_ieee(0x1.62e42fefa39efp+9), 0x1.fffffffffff2ap+1023);  // the last that does not overflow
  EXPECT_EQ(exp_ieee(0x1.62e42fefa39f0p+9), infinity);
  EXPECT_EQ(exp_ieee(-745.13), std::numeric_limits<double>::denorm_min());
  EXPECT_EQ(exp_ieee(-745.14), 0);
  EXPECT_EQ(exp_ieee(1e300), infinity);
  EXPECT_EQ(exp_ieee(-1e300), 0);
  EXPECT_TRUE(std::isnan(exp_ieee(std::nan(""))));
}

TEST(ExpFloat, StaysWithinItsBound) {
  double worst = 0;
  for (uint32_t bits = 0; bits < 0x43000000u; bits += 37) {  // to 128, and to -128 with the sign
    for (const uint32_t sign : {0u, 0x80000000u}) {
      const uint32_t with_sign = bits | sign;
      float x;
      std::memcpy(&x, &with_sign, sizeof x);
      const double exact = exp_ieee(x);
      if (!(exact < 0x1.ffffffp127)) {
        ASSERT_EQ(exp_float(x), std::numeric_limits<float>::infinity()) << x;
        continue;
      }
      int exponent;
      std::frexp(exact, &exponent);
      const double ulp = std::ldexp(1.0, std::max(exponent - 24, -149));
      worst = std::max(worst, std::abs(exp_float(x) - exact) / ulp);
    }
  }
  EXPECT_LT(worst, kExpFloatUlp);
  std::cout << "worst error " << worst << " ulp\n";
}

/// The largest error of a float function, in units in the last place, over floats of every magnitude.
template <class Function, class Exact>
double worst_float_error(uint32_t largest_bits, const Function& function, const Exact& exact_function) {
  double worst = 0;
  for (uint32_t bits = 0; bits < largest_bits; bits += 101) {
    for (const uint32_t sign : {0u, 0x80000000u}) {
      const uint32_t with_sign = bits | sign;
      float x;
      std::memcpy(&x, &with_sign, sizeof x);
      const double exact = exact_function(static_cast<double>(x));
      int exponent;
      std::frexp(exact, &exponent);
      worst = std::max(worst, std::abs(function(x) - exact) / std::ldexp(1.0, std::max(exponent - 24, -149)));
    }
  }
  std::cout << "worst error " << worst << " ulp\n";
  return worst;
}

TEST(TanhFloat, StaysWithinItsBound) {
  EXPECT_LT(worst_float_error(0x42000000u, tanh_float, [](double x) { return std::tanh(x); }), kTanhFloatUlp);  // to 32
  EXPECT_EQ(tanh_float(std::numeric_limits<float>::infinity()), 1);
  EXPECT_EQ(tanh_float(-std::numeric_limits<float>::infinity()), -1);
  EXPECT_TRUE(std::signbit(tanh_float(-0.0f)));
  EXPECT_TRUE(std::isnan(tanh_float(std::nanf(""))));
}

TEST(SigmoidFloat, StaysWithinItsBound) {
  const auto exact = [](double x) { return 1 / (1 + std::exp(-x)); };
  EXPECT_LT(worst_float_error(0x42a00000u, sigmoid_float, exact), kSigmoidFloatUlp);  // to 80
  EXPECT_EQ(sigmoid_float(std::numeric_limits<float>::infinity()), 1);
  EXPECT_EQ(sigmoid_float(-std::numeric_limits<float>::infinity()), 0);
  EXPECT_TRUE(std::isnan(sigmoid_float(std::nanf(""))));
}

TEST(TurnFloat, StaysWithinItsBound) {
  // Reduced exactly first, as a rounded 2 pi x would be far off beside a zero.
  const auto exact = [](double x, double shift) {
    const double quarters = std::rint(4 * (x - std::rint(x)));
    const double sine = std::sin(2 * std::numbers::pi * ((x - std::rint(x)) - quarters / 4));
    const double cosine = std::cos(2 * std::numbers::pi * ((x - std::rint(x)) - quarters / 4));
    switch (static_cast<int>(quarters + shift + 4) % 4) {
      case 0: return sine;
      case 1: return cosine;
      case 2: return -sine;
      default: return -cosine;
    }
  };
  constexpr uint32_t kLargest = 0x4c000000u;  // 2^25, where all floats are whole
  EXPECT_LT(worst_float_error(kLargest, [](float x) { return turn_float(x).sine; },
                              [&](double x) { return exact(x, 0); }),
            kTurnFloatUlp);
  EXPECT_LT(worst_float_error(kLargest, [](float x) { return turn_float(x).cosine; },
                              [&](double x) { return exact(x, 1); }),
            kTurnFloatUlp);
}

TEST(TurnFloat, IsExactAtQuarters) {
  for (const float whole : {0.0f, 1.0f, -1.0f, 7.0f, -1000.0f, 1e6f}) {
    for (int quarter = 0; quarter < 4; ++quarter) {
      const FloatTurn turn = turn_float(whole + static_cast<float>(quarter) * 0.25f);
      EXPECT_EQ(turn.sine, quarter == 1 ? 1 : quarter == 3 ? -1 : 0) << whole << " " << quarter;
      EXPECT_EQ(turn.cosine, quarter == 0 ? 1 : quarter == 2 ? -1 : 0) << whole << " " << quarter;
    }
  }
  EXPECT_EQ(turn_float(1e30f).cosine, 1);
  EXPECT_TRUE(std::isnan(turn_float(std::nanf("")).sine));
  EXPECT_TRUE(std::isnan(turn_float(std::numeric_limits<float>::infinity()).cosine));
}

TEST(ExpFloat, GivesTheLimits) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(exp_float(0), 1);
  EXPECT_EQ(exp_float(infinity), infinity);
  EXPECT_EQ(exp_float(-infinity), 0);
  EXPECT_EQ(exp_float(1e30f), infinity);
  EXPECT_EQ(exp_float(-1e30f), 0);
  EXPECT_EQ(exp_float(-103.9f), std::numeric_limits<float>::denorm_min());
  EXPECT_TRUE(std::isnan(exp_float(std::nanf(""))));
}

TEST(Log, StaysWithinItsBound) {
  std::mt19937_64 random(2);
  std::uniform_real_distribution<double> unit(0, 1);
  WorstError errors;
  for (int i = 0; i < kPoints; ++i) {
    const double any = std::ldexp(1 + unit(random), static_cast<int>(random() % 2046) - 1022);
    const double near_one = 1 + (unit(random) - 0.5) * std::ldexp(1.0, -static_cast<int>(random() % 50));
    const double subnormal = unit(random) * std::numeric_limits<double>::min();
    for (const double x : {any, 0.5 + 1.5 * unit(random), near_one, subnormal}) {
      if (x != 1 && x > 0) errors.add(x, log_ieee(x), logq(x));
    }
  }
  for (const double x : {std::numeric_limits<double>::denorm_min(), std::numeric_limits<double>::min(),
                         std::numeric_limits<double>::max(), 0x1.6a09e667f3bccp-1, 0x1.6a09e667f3bcdp-1}) {
    errors.add(x, log_ieee(x), logq(x));
  }
  EXPECT_WORST_BELOW(errors, kLogUlp);
}

TEST(Log, GivesTheLimits) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(log_ieee(1), 0);
  EXPECT_EQ(log_ieee(0), -infinity);
  EXPECT_EQ(log_ieee(infinity), infinity);
  EXPECT_TRUE(std::isnan(log_ieee(-1)));
  EXPECT_TRUE(std::isnan(log_ieee(std::nan(""))));
}

TEST(CosPi, StaysWithinItsBound) {
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> unit(0, 1);
  WorstError errors;
  for (int i = 0; i < kPoints; ++i) {
    const double near_half = 0.5 + (unit(random) - 0.5) * std::ldexp(1.0, -static_cast<int>(random() % 50));
    for (const double x :
         {unit(random), -unit(random), 1000 * unit(random), near_half, std::ldexp(unit(random), -20)}) {
      // Reduced exactly first: a rounded pi x would be far off beside a zero.
      const double nearest = std::rint(x - 0.5) + 0.5;
      const __float128 exact = sinq(M_PIq * (nearest - static_cast<__float128>(x)));
      const bool turned = std::fmod(std::abs(nearest - 0.5), 2) == 1;
      errors.add(x, cos_pi(x), turned ? -exact : exact);
    }
  }
  EXPECT_WORST_BELOW(errors, kCosPiUlp);
}

TEST(CosPi, IsExactAtMultiplesOfAHalf) {
  for (const double n : {0.0, 1.0, -1.0, 2.0, 3.0, 1e6, 1e6 + 1}) {
    EXPECT_EQ(cos_pi(n), std::fmod(std::abs(n), 2) == 0 ? 1 : -1) << n;
    EXPECT_EQ(cos_pi(n + 0.5), 0) << n;
  }
  EXPECT_TRUE(std::isnan(cos_pi(std::nan(""))));
}

/// The quantile by Newton's and Halley's method in quadruple precision, from a start that is nearly right.
__float128 exact_quantile(double p, double start) {
  const bool upper = p > 0.5;
  const __float128 target = upper ? 1 - static_cast<__float128>(p) : static_cast<__float128>(p);
  __float128 x = upper ? -start : start;
  for (int i = 0; i < 3; ++i) {
    const __float128 excess = erfcq(-x * M_SQRT1_2q) / 2 - target;
    const __float128 density = expq(-x * x / 2) * M_2_SQRTPIq * M_SQRT1_2q / 2;
    const __float128 step = excess / density;
    x -= step / (1 + x * step / 2);
  }
  return upper ? -x : x;
}

TEST(NormalQuantile, StaysWithinItsBound) {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> unit(0, 1);
  WorstError errors;
  for (int i = 0; i < kPoints / 5; ++i) {
    const double lower_tail = std::exp(-690 * unit(random));
    const double upper_tail = 1 - std::exp(-1 - 35 * unit(random));
    const double centre = 0.5 + (unit(random) - 0.5) * std::ldexp(1.0, -static_cast<int>(random() % 50));
    for (const double p : {unit(random), lower_tail, upper_tail, centre}) {
      if (!(p > 0 && p < 1) || p == 0.5) continue;
      const double x = normal_quantile(p);
      errors.add(p, x, exact_quantile(p, x));
    }
  }
  for (const double p : {0x1p-53, 1 - 0x1p-53, 1e-300, 0.075, 0.925}) {
    const double x = normal_quantile(p);
    errors.add(p, x, exact_quantile(p, x));
  }
  EXPECT_WORST_BELOW(errors, kNormalQuantileUlp);
}

TEST(NormalQuantile, IsSymmetric) {
  EXPECT_EQ(normal_quantile(0.5), 0);
  for (const double p : {0x1p-53, 0x1p-20, 0.0625, 0.25, 0.4375}) {
    EXPECT_EQ(normal_quantile(p), -normal_quantile(1 - p)) << p;
  }
}

TEST(NearestDouble, RoundsAsTheProcessorDoes) {
  std::mt19937_64 random(4);
  for (const uint64_t n : {uint64_t{0}, uint64_t{1}, (uint64_t{1} << 53) + 1, (uint64_t{1} << 53) + 3, ~uint64_t{0}}) {
    EXPECT_EQ(nearest_double(n), static_cast<double>(n)) << n;
  }
  for (int i = 0; i < 10'000; ++i) {
    const uint64_t n = random() >> (i % 64);
    ASSERT_EQ(nearest_double(n), static_cast<double>(n)) << n;
    ASSERT_EQ(exact_double(n >> 12), static_cast<double>(n >> 12)) << n;
  }
}

TEST(IntegerPower, EqualsRepeatedMultiplication) {
  EXPECT_EQ(integer_power(0.9, 0), 1);
  EXPECT_EQ(integer_power(0.9, 1), 0.9);
  EXPECT_EQ(integer_power(0.0, 3), 0);
  EXPECT_EQ(integer_power(2, 40), 0x1p40);
  for (const int64_t n : {2, 3, 10, 1000}) {
    EXPECT_NEAR(integer_power(0.999, n), std::pow(0.999, static_cast<double>(n)), 1e-13) << n;
  }
  EXPECT_EQ(integer_power(0.999, int64_t{1} << 40), 0);
}

}  // namespace
}  // namespace lockstep
