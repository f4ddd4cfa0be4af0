// Configurations as points, and back.

#include "bayesian/encoding.h"

#include <gtest/gtest.h>

#include <cmath>

#include <lockstep/backend.h>
#include <lockstep/configurations.h>
#include <lockstep/sampling.h>

namespace lockstep {
namespace {

SearchSpace every_kind() {
  SearchSpace space;
  space.add("choice", choice({std::string("a"), std::string("b"), std::string("c")}));
  space.add("one", choice({int64_t{4}}));
  space.add("randint", randint(7));
  space.add("uniform", uniform(-2, 5));
  space.add("quniform", quniform(0, 1, 0.15));
  space.add("loguniform", loguniform(-7, -1));
  space.add("qloguniform", qloguniform(0, 5, 2));
  space.add("normal", normal(3, 2));
  space.add("qnormal", qnormal(0, 10, 3));
  space.add("lognormal", lognormal(0, 1));
  space.add("qlognormal", qlognormal(1, 1, 0.5));
  space.add("int", int_range(-3, 9, 3));
  space.add("log_int", log_int_range(1, 200));
  space.add("log_values", log_uniform_values(1e-5, 10));
  return space;
}

Configurations some(const SearchSpace& space, int64_t n) {
  Context context;
  context.seed = 9;
  return sample_random(host_backend(), context, space, 0, n);
}

TEST(Encoding, GoesThereAndBackForEveryKind) {
  const SearchSpace space = every_kind();
  const Encoding encoding(space);
  EXPECT_EQ(encoding.n_columns(), space.n_params() + 2);
  const Configurations drawn = some(space, 500);
  std::vector<double> point(static_cast<size_t>(encoding.n_columns())), back(static_cast<size_t>(space.n_params()));
  for (int64_t trial = 0; trial < 500; ++trial) {
    encoding.encode(drawn.row(trial), point.data());
    for (const double x : point) EXPECT_TRUE(x >= 0 && x <= 1) << x;
    encoding.decode(point.data(), back.data());
    for (int64_t param = 0; param < space.n_params(); ++param) {
      const double expected = drawn.draw(trial, param);
      EXPECT_NEAR(back[static_cast<size_t>(param)], expected, 1e-9 * (1 + std::abs(expected)))
          << space[param].name << " of trial " << trial;
    }
  }
}

TEST(Encoding, SpreadsDrawsEvenlyOverTheCube) {
  const SearchSpace space = every_kind();
  const Encoding encoding(space);
  const Configurations drawn = some(space, 4000);
  std::vector<double> point(static_cast<size_t>(encoding.n_columns())), mean(point.size());
  for (int64_t trial = 0; trial < 4000; ++trial) {
    encoding.encode(drawn.row(trial), point.data());
    for (size_t i = 0; i < point.size(); ++i) mean[i] += point[i] / 4000;
  }
  for (size_t i = 0; i < point.size(); ++i) {
    const int64_t param = encoding.params()[i];
    if (encoding.is_choice(param)) continue;
    EXPECT_NEAR(mean[i], 0.5, 0.07) << space[param].name;
  }
}

TEST(Encoding, HasEveryValueOnce) {
  const SearchSpace space = every_kind();
  const Encoding encoding(space);
  std::vector<double> point(static_cast<size_t>(encoding.n_columns()), 0.3), draws(static_cast<size_t>(space.n_params()));
  const std::map<std::string, int64_t> expected{{"choice", 3},   {"one", 1},         {"randint", 7}, {"quniform", 8},
                                                {"uniform", 0},  {"qloguniform", 75}, {"int", 5},     {"log_int", 200},
                                                {"qnormal", 0}};
  for (int64_t param = 0; param < space.n_params(); ++param) {
    const int64_t n = encoding.n_values(param);
    if (const auto known = expected.find(space[param].name); known != expected.end()) {
      EXPECT_EQ(n, known->second) << space[param].name;
    }
    for (int64_t i = 0; i < n; ++i) {
      encoding.set_value(param, i, point.data());
      encoding.decode(point.data(), draws.data());
      EXPECT_EQ(encoding.value_of(param, draws[static_cast<size_t>(param)]), i) << space[param].name;
    }
  }
}

TEST(Encoding, PutsDifferentChoicesAtDistanceOne) {
  SearchSpace space;
  space.add("choice", choice({int64_t{1}, int64_t{10}, int64_t{100}}));
  const Encoding encoding(space);
  std::vector<double> a(3), b(3);
  for (double first = 0; first < 3; ++first) {
    for (double second = 0; second < 3; ++second) {
      encoding.encode(&first, a.data());
      encoding.encode(&second, b.data());
      double squares = 0;
      for (size_t i = 0; i < 3; ++i) squares += (a[i] - b[i]) * (a[i] - b[i]);
      EXPECT_NEAR(squares, first == second ? 0 : 1, 1e-15);
    }
  }
}

TEST(Encoding, KeepsValuesBeyondTheRangeInTheCube) {
  SearchSpace space;
  space.add("uniform", uniform(0, 1)).add("log", qloguniform(0, 1, 5)).add("normal", normal(0, 1));
  const Encoding encoding(space);
  const double draws[] = {7, 0, 1e6};
  double point[3];
  encoding.encode(draws, point);
  for (const double x : point) EXPECT_TRUE(x >= 0 && x <= 1) << x;
}

}  // namespace
}  // namespace lockstep
