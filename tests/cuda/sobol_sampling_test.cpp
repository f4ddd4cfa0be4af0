// Sobol sampling: the points are Sobol's, and scrambling keeps what makes them good.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <set>
#include <sstream>

#include "cuda/backend_test.h"
#include "cuda/every_kind.h"
#include "cuda/sampling/sobol.h"

namespace lockstep::test {
namespace {

std::vector<uint32_t> directions_of(int dimension) {
  std::vector<uint32_t> directions(kSobolDigits);
  sobol_directions(dimension, directions.data());
  return directions;
}

/// The golden file's lines of one kind, as fields after it.
std::vector<std::vector<std::string>> golden(const std::string& kind) {
  std::ifstream file(LOCKSTEP_SOURCE_DIR "/tests/cuda/golden_sobol.csv");
  std::vector<std::vector<std::string>> found;
  for (std::string line; std::getline(file, line);) {
    std::stringstream fields(line);
    std::string text;
    std::getline(fields, text, ',');
    if (text != kind) continue;
    found.emplace_back();
    while (std::getline(fields, text, ',')) found.back().push_back(text);
  }
  return found;
}

TEST(SobolSequence, HasTheDirectionsOfJoeAndKuoInEveryDimension) {
  const auto lines = golden("directions");
  ASSERT_EQ(lines.size(), static_cast<size_t>(kMaxSobolDimensions));
  for (const auto& line : lines) {
    uint64_t hash = 0xCBF29CE484222325;
    for (const uint32_t direction : directions_of(std::stoi(line[0]))) hash = (hash ^ direction) * 0x100000001B3;
    EXPECT_EQ(std::to_string(hash), line[1]) << "dimension " << line[0];
  }
}

TEST(SobolSequence, EqualsTheGoldenPoints) {
  const auto lines = golden("point");
  ASSERT_EQ(lines.size(), 190u);
  for (const auto& line : lines) {
    const auto directions = directions_of(std::stoi(line[1]));
    EXPECT_EQ(sobol_point(directions.data(), static_cast<uint32_t>(std::stoul(line[0]))), std::stoul(line[2]))
        << "point " << line[0] << ", dimension " << line[1];
  }
}

class SobolSampling : public BackendTest {
 protected:
  std::vector<double> sample(const std::vector<DistributionSpec>& specs, int64_t first_trial, int64_t n_trials) {
    const auto n_params = static_cast<int64_t>(specs.size());
    const DeviceArray<DistributionSpec> device_specs(*backend_, context_, specs);
    const DeviceArray<double> draws(*backend_, context_, std::vector<double>(specs.size() * n_trials, NAN));
    backend_->sample_sobol(context_, device_specs.data(), n_params, first_trial, n_trials, draws.data());
    return draws.to_host();
  }
  std::vector<double> unit_cube(int64_t n_dimensions, int64_t first_trial, int64_t n_trials) {
    const DistributionSpec unit{DistributionKind::kUniform, 0, 1, 0, 0};
    return sample(std::vector<DistributionSpec>(static_cast<size_t>(n_dimensions), unit), first_trial, n_trials);
  }
};
LOCKSTEP_EVERY_BACKEND(SobolSampling);

// golden_sobol.py multiplies digits by a matrix, where we scramble the directions.
TEST_P(SobolSampling, EqualsTheGoldenDraws) {
  const auto lines = golden("draw");
  ASSERT_EQ(lines.size(), 105u);
  for (const auto& line : lines) {
    const int64_t dimension = std::stoll(line[2]);
    context_.seed = std::stoull(line[0]);
    EXPECT_EQ(unit_cube(dimension + 1, std::stoll(line[1]), 1).back(), std::stod(line[3]))
        << "seed " << line[0] << ", trial " << line[1] << ", dimension " << dimension;
  }
}

TEST_P(SobolSampling, DrawsTheSameBitsAsTheHost) {
  const auto specs = every_kind();
  const int64_t n_trials = 500;
  std::vector<double> expected(specs.size() * n_trials);
  host_backend().sample_sobol(host_context(context_.seed), specs.data(), static_cast<int64_t>(specs.size()), 5,
                              n_trials, expected.data());
  EXPECT_TRUE(same_bits(sample(specs, 5, n_trials), expected));
}

// What makes the sequence even, and what scrambling must not lose: of 2^k points in a row from a multiple of 2^k, each
// of the 2^k equal parts of an axis holds one.
TEST_P(SobolSampling, PutsOnePointInEachPartOfEachAxis) {
  const int64_t n_dimensions = pick(kMaxSobolParams, 200);
  for (const int64_t n : {1, 2, 16, 256}) {
    for (const int64_t first : {int64_t{0}, 3 * n, (int64_t{1} << 32) - n}) {
      const auto points = unit_cube(n_dimensions, first, n);
      for (int64_t dimension = 0; dimension < n_dimensions; ++dimension) {
        std::set<int64_t> parts;
        for (int64_t i = 0; i < n; ++i) {
          const double x = points[static_cast<size_t>(i * n_dimensions + dimension)];
          ASSERT_TRUE(x > 0 && x < 1);
          parts.insert(static_cast<int64_t>(x * static_cast<double>(n)));
        }
        ASSERT_EQ(parts.size(), static_cast<size_t>(n)) << "dimension " << dimension << ", from trial " << first;
      }
    }
  }
}

// The first two dimensions are a (0, 2)-sequence: also every rectangle of area 2^-k that halving makes holds one of
// 2^k.
TEST_P(SobolSampling, PutsOnePointInEachRectangleOfTheFirstTwo) {
  const int64_t n = 256;
  const auto points = unit_cube(2, 5 * n, n);
  for (int64_t width = 1; width <= n; width *= 2) {
    std::set<std::pair<int64_t, int64_t>> rectangles;
    for (size_t i = 0; i < points.size(); i += 2) {
      rectangles.emplace(static_cast<int64_t>(points[i] * static_cast<double>(width)),
                         static_cast<int64_t>(points[i + 1] * static_cast<double>(n / width)));
    }
    EXPECT_EQ(rectangles.size(), static_cast<size_t>(n)) << "rectangles 1/" << width << " wide";
  }
}

TEST_P(SobolSampling, DrawsEveryChoiceEquallyOften) {
  const auto draws =
      sample({{DistributionKind::kUniform, 0, 1, 0, 0}, {DistributionKind::kChoice, 0, 0, 0, 4}}, 64, 32);
  std::vector<int> counts(4);
  for (size_t i = 1; i < draws.size(); i += 2) ++counts[static_cast<size_t>(draws[i])];
  EXPECT_EQ(counts, std::vector<int>(4, 8));
}

TEST_P(SobolSampling, TrialDoesNotDependOnTheRangeThatIsDrawn) {
  const auto specs = every_kind();
  const size_t width = specs.size();
  const auto all = sample(specs, 0, 40);
  const auto some = sample(specs, 10, 9);
  EXPECT_TRUE(same_bits(some, {all.begin() + 10 * width, all.begin() + 19 * width}));
}

// The host goes from point to point, a GPU to each from the start.
TEST_P(SobolSampling, LastPointsAreTheSameOneByOne) {
  const auto last = unit_cube(3, kMaxSobolTrials - 300, 300);
  for (const int64_t k : {0, 1, 43, 44, 255, 256, 299}) {
    const auto point = unit_cube(3, kMaxSobolTrials - 300 + k, 1);
    EXPECT_TRUE(same_bits(point, {last.begin() + 3 * k, last.begin() + 3 * (k + 1)})) << k;
  }
}

TEST_P(SobolSampling, ParameterDoesNotDependOnTheOthers) {
  auto specs = every_kind();
  const auto all = sample(specs, 17, 1);
  const std::vector<DistributionSpec> first(specs.begin(), specs.begin() + 4);
  EXPECT_TRUE(same_bits(sample(first, 17, 1), {all.begin(), all.begin() + 4}));
}

TEST_P(SobolSampling, SeedScramblesAnew) {
  const auto before = unit_cube(4, 0, 64);
  context_.seed += uint64_t{1} << 32;
  const auto after = unit_cube(4, 0, 64);
  // Not a shift alone, which would keep which digits two points share.
  int n_same_order = 0;
  for (size_t i = 0; i < before.size(); ++i) EXPECT_NE(before[i], after[i]);
  for (size_t i = 4; i < before.size(); ++i) n_same_order += (before[i] < before[i - 4]) == (after[i] < after[i - 4]);
  EXPECT_GT(n_same_order, 0);
  EXPECT_LT(n_same_order, static_cast<int>(before.size()) - 4);
}

// Each point is uniform on its own: over seeds, trial 3's mean and variance are those of U(0, 1), and two of its
// dimensions are not correlated.
TEST_P(SobolSampling, EachPointIsUniformOverSeeds) {
  const auto n = static_cast<double>(pick(4000, 200));
  double sum = 0, squares = 0, products = 0;
  for (context_.seed = 0; static_cast<double>(context_.seed) < n; ++context_.seed) {
    const auto point = unit_cube(2, 3, 1);
    sum += point[0] - 0.5;
    squares += (point[0] - 0.5) * (point[0] - 0.5);
    products += (point[0] - 0.5) * (point[1] - 0.5);
  }
  EXPECT_NEAR(sum / n, 0, 4 * std::sqrt(1.0 / 12 / n));
  EXPECT_NEAR(squares / n, 1.0 / 12, 4 * std::sqrt((1.0 / 80 - 1.0 / 144) / n));
  EXPECT_NEAR(products / n, 0, 4 * std::sqrt(1.0 / 144 / n));
}

TEST_P(SobolSampling, DrawsNothingForNoTrialsOrNoParameters) {
  EXPECT_TRUE(sample(every_kind(), 0, 0).empty());
  EXPECT_TRUE(sample({}, 0, 10).empty());
}

TEST_P(SobolSampling, RefusesWhatTheSequenceDoesNotHave) {
  EXPECT_THROW(unit_cube(kMaxSobolParams + 1, 0, 1), InputError);
  EXPECT_THROW(unit_cube(1, kMaxSobolTrials - 1, 2), InputError);
  EXPECT_EQ(unit_cube(1, kMaxSobolTrials - 1, 1).size(), 1u);
}

}  // namespace
}  // namespace lockstep::test
