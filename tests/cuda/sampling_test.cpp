// Random sampling: which numbers are drawn, and on what they depend.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>
#include <map>

#include <lockstep/search_space.h>

#include "cuda/backend_test.h"
#include "cuda/every_kind.h"

namespace lockstep::test {
namespace {

using enum DistributionKind;

class RandomSampling : public BackendTest {
 protected:
  std::vector<double> sample(const std::vector<DistributionSpec>& specs, int64_t first_trial, int64_t n_trials) {
    const auto n_params = static_cast<int64_t>(specs.size());
    const DeviceArray<DistributionSpec> device_specs(*backend_, context_, specs);
    const DeviceArray<double> draws(*backend_, context_, std::vector<double>(specs.size() * n_trials, NAN));
    backend_->sample_random(context_, device_specs.data(), n_params, first_trial, n_trials, draws.data());
    return draws.to_host();
  }
};
LOCKSTEP_EVERY_BACKEND(RandomSampling);

TEST_P(RandomSampling, DrawsTheSameBitsAsTheHost) {
  const auto specs = every_kind();
  const int64_t n_trials = 1000;
  std::vector<double> expected(specs.size() * n_trials);
  host_backend().sample_random(host_context(context_.seed), specs.data(), static_cast<int64_t>(specs.size()), 5,
                               n_trials, expected.data());
  EXPECT_TRUE(same_bits(sample(specs, 5, n_trials), expected));
}

TEST_P(RandomSampling, TrialDoesNotDependOnTheRangeThatIsDrawn) {
  const auto specs = every_kind();
  const size_t width = specs.size();
  const auto all = sample(specs, 0, 40);
  const std::vector<double> trial_17(all.begin() + 17 * width, all.begin() + 18 * width);
  EXPECT_TRUE(same_bits(sample(specs, 17, 1), trial_17));
  const auto some = sample(specs, 10, 9);
  EXPECT_TRUE(same_bits({some.begin() + 7 * width, some.begin() + 8 * width}, trial_17));
}

// Groups of trials and cores share the work on the host: ranges that begin and end anywhere, one long enough for
// threads.
TEST_P(RandomSampling, DrawsTheSameBitsInPieces) {
  const auto specs = every_kind();
  const auto all = sample(specs, 3, 22'000);
  std::vector<double> pieces;
  int64_t first = 3;
  for (const int64_t n : {1, 255, 256, 257, 1'300, 19'931}) {
    const auto piece = sample(specs, first, n);
    pieces.insert(pieces.end(), piece.begin(), piece.end());
    first += n;
  }
  EXPECT_TRUE(same_bits(pieces, all));
}

TEST_P(RandomSampling, ParameterDoesNotDependOnTheOthers) {
  auto specs = every_kind();
  const auto all = sample(specs, 17, 1);
  const std::vector<DistributionSpec> first(specs.begin(), specs.begin() + 4);
  EXPECT_TRUE(same_bits(sample(first, 17, 1), {all.begin(), all.begin() + 4}));
  // Another kind in one column leaves the rest alone.
  specs[3] = {kNormal, 0, 1, 0, 0};
  auto changed = sample(specs, 17, 1);
  EXPECT_NE(changed[3], all[3]);
  changed[3] = all[3];
  EXPECT_TRUE(same_bits(changed, all));
}

TEST_P(RandomSampling, SeedChangesEveryDraw) {
  const std::vector<DistributionSpec> specs(4, {kUniform, 0, 1, 0, 0});
  const auto before = sample(specs, 0, 100);
  context_.seed += uint64_t{1} << 32;
  const auto after = sample(specs, 0, 100);
  for (size_t i = 0; i < before.size(); ++i) EXPECT_NE(before[i], after[i]);
}

TEST_P(RandomSampling, DrawsNothingForNoTrialsOrNoParameters) {
  EXPECT_TRUE(sample(every_kind(), 0, 0).empty());
  EXPECT_TRUE(sample({}, 0, 10).empty());
}

TEST_P(RandomSampling, StaysInsideNarrowAndWideBounds) {
  const double tiny = std::nextafter(0.1, 1);
  const double largest = std::numeric_limits<double>::max();
  const std::vector<DistributionSpec> specs = {{kUniform, 0.1, tiny, 0, 0},
                                               {kUniform, 0.3, 0.3, 0, 0},
                                               {kUniform, -largest, largest, 0, 0},
                                               {kLogUniformValues, 0.1, 0.3, 0, 0},
                                               {kLogUniformValues, 0.3, 0.3, 0, 0},
                                               {kLogInt, 3, 3, 0, 0}};
  const auto draws = sample(specs, 0, 1000);
  bool high = false;
  bool low = false;
  for (size_t i = 0; i < draws.size(); i += specs.size()) {
    EXPECT_TRUE(draws[i] == 0.1 || draws[i] == tiny) << draws[i];
    EXPECT_EQ(draws[i + 1], 0.3);
    EXPECT_TRUE(std::isfinite(draws[i + 2]));
    high = high || draws[i + 2] > largest / 2;
    low = low || draws[i + 2] < -largest / 2;
    EXPECT_TRUE(draws[i + 3] >= 0.1 && draws[i + 3] <= 0.3) << draws[i + 3];
    EXPECT_EQ(draws[i + 4], 0.3);
    EXPECT_EQ(draws[i + 5], 3);
  }
  EXPECT_TRUE(high && low);
}

// The reference's formula, unclipped: round(U(1, 10) / 3) * 3 gives 0 with probability 1/18.
TEST_P(RandomSampling, QuantisedValueMayLeaveItsBounds) {
  const int64_t n = pick(100'000, 10'000);
  int64_t n_zero = 0;
  for (const double x : sample({{kQUniform, 1, 10, 3, 0}}, 0, n)) {
    EXPECT_TRUE(x == 0 || x == 3 || x == 6 || x == 9) << x;
    n_zero += x == 0;
  }
  EXPECT_NEAR(static_cast<double>(n_zero), n / 18.0, 4 * std::sqrt(n / 18.0));
}

// golden_draws.py computes these from the definitions, in 60 digits, with nothing of ours.
TEST_P(RandomSampling, EqualsTheGoldenDraws) {
  const std::map<std::string, DistributionKind> kinds = {
      {"choice", kChoice},         {"randint", kRandInt},         {"uniform", kUniform},
      {"quniform", kQUniform},     {"loguniform", kLogUniform},   {"qloguniform", kQLogUniform},
      {"normal", kNormal},         {"qnormal", kQNormal},         {"lognormal", kLogNormal},
      {"qlognormal", kQLogNormal}, {"int", kInt},                 {"log_int", kLogInt},
      {"log_uniform_values", kLogUniformValues}};
  std::ifstream file(LOCKSTEP_SOURCE_DIR "/tests/cuda/golden_draws.csv");
  std::string line;
  ASSERT_TRUE(std::getline(file, line)) << "no golden_draws.csv";
  int n_checked = 0;
  while (std::getline(file, line)) {
    std::vector<std::string> field;
    std::stringstream fields(line);
    for (std::string text; std::getline(fields, text, ',');) field.push_back(text);
    ASSERT_EQ(field.size(), 9u) << line;
    context_.seed = std::stoull(field[0]);
    const auto param = std::stoul(field[2]);
    const DistributionSpec spec{kinds.at(field[3]), std::stod(field[4]), std::stod(field[5]), std::stod(field[6]),
                                std::stoll(field[7])};
    const double expected = std::stod(field[8]);
    const double drawn = sample(std::vector<DistributionSpec>(param + 1, spec), std::stoll(field[1]), 1).back();
    const bool real = spec.kind == kUniform || spec.kind == kLogUniform || spec.kind == kNormal ||
                      spec.kind == kLogNormal || spec.kind == kLogUniformValues;
    // exp turns an absolute error of its argument, some ulps of 16, into a relative one.
    const double tolerance = real ? 2e-15 * std::max(std::abs(expected), spec.kind == kUniform ? 1.0 : 0.0) : 0;
    EXPECT_NEAR(drawn, expected, tolerance) << line;
    ++n_checked;
  }
  EXPECT_EQ(n_checked, 90);
}

}  // namespace
}  // namespace lockstep::test
