// Functions that the literature compares optimisers on, with their usual boxes; of Ackley's the one that has its best
// point off the centre, as TuRBO's authors use it.
#include "cli/test_functions.h"

#include <array>
#include <cmath>
#include <functional>
#include <map>

namespace lockstep::cli {
namespace {

/// On [-5, 10] x [0, 15]; three equal minima.
double branin(const double* x, int64_t) {
  constexpr double kB = 5.1 / (4 * M_PI * M_PI), kC = 5 / M_PI, kT = 1 / (8 * M_PI);
  const double a = x[1] - kB * x[0] * x[0] + kC * x[0] - 6;
  return a * a + 10 * (1 - kT) * std::cos(x[0]) + 10;
}

/// On [0, 1]^6; a second basin ends 0.119 above the minimum.
double hartmann6(const double* x, int64_t) {
  constexpr std::array kWeights = {1.0, 1.2, 3.0, 3.2};
  constexpr double kSlopes[4][6] = {{10, 3, 17, 3.5, 1.7, 8}, {.05, 10, 17, .1, 8, 14}, {3, 3.5, 1.7, 10, 17, 8},
                                    {17, 8, .05, 10, .1, 14}};
  constexpr double kCentres[4][6] = {{.1312, .1696, .5569, .0124, .8283, .5886},
                                     {.2329, .4135, .8307, .3736, .1004, .9991},
                                     {.2348, .1451, .3522, .2883, .3047, .6650},
                                     {.4047, .8828, .8732, .5743, .1091, .0381}};
  double sum = 0;
  for (size_t i = 0; i < kWeights.size(); ++i) {
    double square = 0;
    for (int k = 0; k < 6; ++k) square += kSlopes[i][k] * (x[k] - kCentres[i][k]) * (x[k] - kCentres[i][k]);
    sum += kWeights[i] * std::exp(-square);
  }
  return -sum;
}

/// On [-5, 10]^n; at 0.
double ackley(const double* x, int64_t n) {
  double squares = 0, cosines = 0;
  for (int64_t k = 0; k < n; ++k) {
    squares += x[k] * x[k];
    cosines += std::cos(2 * M_PI * x[k]);
  }
  const auto size = static_cast<double>(n);
  return -20 * std::exp(-0.2 * std::sqrt(squares / size)) - std::exp(cosines / size) + 20 + std::exp(1.0);
}

/// What a sweep's space looks like: a learning rate, a kind, a depth, a rate in steps. Least, 0, at exp(-5), kind 2, depth
/// 5, rate 0.3.
double mixed(const double* x, int64_t) {
  const double rate = (std::log(x[0]) + 5) / 2;
  const std::array kinds = {0.6, 0.25, 0.0, 0.9};
  const double depth = (x[2] - 5) / 4, drop = (x[3] - 0.3) / 0.3;
  return rate * rate + kinds[static_cast<size_t>(x[1])] + depth * depth + drop * drop + 0.5 * rate * depth;
}

SearchSpace box(int64_t n, double low, double high) {
  SearchSpace space;
  for (int64_t k = 0; k < n; ++k) space.add(std::string("x").append(std::to_string(k)), uniform(low, high));
  return space;
}

SearchSpace plane() {
  SearchSpace space;
  space.add("x0", uniform(-5, 10)).add("x1", uniform(0, 15));
  return space;
}

SearchSpace mixed_space() {
  SearchSpace space;
  space.add("lr", loguniform(-10, 0))
      .add("kind", choice({std::string("a"), std::string("b"), std::string("c"), std::string("d")}))
      .add("depth", int_range(1, 12))
      .add("drop", quniform(0, 0.9, 0.1));
  return space;
}

const std::map<std::string, std::function<TestFunction()>>& functions() {
  static const std::map<std::string, std::function<TestFunction()>> all = {
      {"branin", [] { return TestFunction{"branin", plane(), branin, 0.39788735772973816}; }},
      {"hartmann6", [] { return TestFunction{"hartmann6", box(6, 0, 1), hartmann6, -3.322368011415515}; }},
      {"ackley10", [] { return TestFunction{"ackley10", box(10, -5, 10), ackley, 0}; }},
      {"ackley20", [] { return TestFunction{"ackley20", box(20, -5, 10), ackley, 0}; }},
      {"mixed", [] { return TestFunction{"mixed", mixed_space(), mixed, 0}; }},
  };
  return all;
}

}  // namespace

std::vector<std::string> test_function_names() {
  std::vector<std::string> out;
  for (const auto& [name, _] : functions()) out.push_back(name);
  return out;
}

TestFunction test_function(const std::string& name) { return functions().at(name)(); }

bool evaluation_fails(uint64_t seed, int64_t trial, double share) {
  uint64_t bits = seed + (static_cast<uint64_t>(trial) + 1) * 0x9e3779b97f4a7c15u;
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
  return static_cast<double>((bits ^ (bits >> 31)) >> 11) * 0x1p-53 < share;
}

}  // namespace lockstep::cli
