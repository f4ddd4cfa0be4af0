// Points that are near others or earlier ones, against all distances in long double.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "cuda/backend_test.h"

namespace lockstep::test {
namespace {

class GpDuplicates : public BackendTest {
 protected:
  static std::vector<uint8_t> run_on(const Backend& backend, const Context& context, const std::vector<double>& x,
                                     const std::vector<double>& others, int64_t n_dims, double tolerance) {
    const int64_t n = static_cast<int64_t>(x.size()) / n_dims, n_others = static_cast<int64_t>(others.size()) / n_dims;
    const DeviceArray<double> points(backend, context, x), known(backend, context, others);
    const DeviceArray<uint8_t> duplicate(backend, context, std::vector<uint8_t>(static_cast<size_t>(n), 7));
    backend.gp_find_duplicates(context, points.data(), n, known.data(), n_others, n_dims, tolerance, duplicate.data());
    return duplicate.to_host();
  }
  std::vector<uint8_t> run(const std::vector<double>& x, const std::vector<double>& others, int64_t n_dims,
                           double tolerance) {
    return run_on(*backend_, context_, x, others, n_dims, tolerance);
  }
};
LOCKSTEP_EVERY_BACKEND(GpDuplicates);

using Marks = std::vector<uint8_t>;

TEST_P(GpDuplicates, EqualsItsDefinitionAndEveryBackend) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> unit(0, 1);
  const double tolerance = 1e-3;
  for (const int64_t n_dims : {1, 2, 9}) {
    for (const int64_t n : {1, 40, 600}) {
      if (n == 600 && GetParam() != DeviceKind::kCpu) continue;
      const int64_t n_others = n / 2 + 1;
      std::vector<double> x, others;
      for (int64_t i = 0; i < n_others * n_dims; ++i) others.push_back(unit(random));
      for (int64_t i = 0; i < n; ++i) {
        // Some beside another point, at up to twice the tolerance.
        const auto kind = random() % 3;
        const std::vector<double>& near = kind == 1 && i > 0 ? x : others;
        const auto from = static_cast<size_t>(random() % (near.size() / static_cast<size_t>(n_dims)) * n_dims);
        std::vector<double> point;
        for (int64_t d = 0; d < n_dims; ++d) {
          const double by = 2 * tolerance / std::sqrt(static_cast<double>(n_dims)) * (2 * unit(random) - 1);
          point.push_back(kind == 0 ? unit(random) : near[from + static_cast<size_t>(d)] + by);
        }
        x.insert(x.end(), point.begin(), point.end());
      }
      Marks exact;
      const auto is_near = [&](const double* a, const double* b) {
        long double sum = 0;
        for (int64_t d = 0; d < n_dims; ++d) sum += std::pow(static_cast<long double>(a[d]) - b[d], 2);
        return sum <= static_cast<long double>(tolerance) * tolerance;
      };
      for (int64_t i = 0; i < n; ++i) {
        bool found = false;
        for (int64_t j = 0; j < n_others; ++j) found |= is_near(x.data() + i * n_dims, others.data() + j * n_dims);
        for (int64_t j = 0; j < i; ++j) found |= is_near(x.data() + i * n_dims, x.data() + j * n_dims);
        exact.push_back(found ? 1 : 0);
      }
      const auto got = run(x, others, n_dims, tolerance);
      EXPECT_EQ(got, exact) << n_dims << " " << n;
      EXPECT_EQ(got, run_on(host_backend(), host_context(7), x, others, n_dims, tolerance));
    }
  }
}

TEST_P(GpDuplicates, MarksTheLaterOfTwo) {
  EXPECT_EQ(run({0.5, 0.2, 0.5, 0.2, 0.5}, {}, 1, 1e-6), (Marks{0, 0, 1, 1, 1}));
  EXPECT_EQ(run({0.5, 0.2}, {0.2}, 1, 1e-6), (Marks{0, 1}));
}

TEST_P(GpDuplicates, AnEarlierDuplicateCounts) {
  // Each is near the one before it alone.
  EXPECT_EQ(run({0, 0.75, 1.5, 2.25}, {}, 1, 1), (Marks{0, 1, 1, 1}));
}

TEST_P(GpDuplicates, TheToleranceItselfIsNear) {
  EXPECT_EQ(run({0.5, 0.5, 2}, {0.5, 0.25, 1}, 3, 0.25), (Marks{0}));
  EXPECT_EQ(run({0.5, 0.5, 1}, {0.5, 0.25, 1}, 3, 0.25), (Marks{1}));
  EXPECT_EQ(run({0.25, std::nextafter(0.25, 1)}, {}, 1, 0), (Marks{0, 0}));
  EXPECT_EQ(run({0.25, 0.25}, {}, 1, 0), (Marks{0, 1}));
}

TEST_P(GpDuplicates, NoPointIsNearNaN) { EXPECT_EQ(run({std::nan(""), std::nan("")}, {1.0}, 1, 1), (Marks{0, 0})); }

TEST_P(GpDuplicates, WithoutPointsWritesNothing) { EXPECT_TRUE(run({}, {0.5}, 1, 1).empty()); }

}  // namespace
}  // namespace lockstep::test
