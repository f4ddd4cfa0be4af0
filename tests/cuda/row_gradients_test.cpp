// Loss scale, clipping and divergence marks of the per-row optimisers.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "cuda/backend_test.h"

namespace lockstep::test {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr int64_t kFirst = 300;  // a part of the sum and a bit
constexpr int64_t kSecond = 37;
constexpr int64_t kColumns = kFirst + kSecond;
constexpr int64_t kSteps = 4;

/// One row of an update: its options, and its gradient at each step.
struct Row {
  double clip_value = 0;
  double clip_norm = 0;
  double loss_scale = 0;  ///< 0: none
  double growth_interval = 2000;
  std::vector<std::vector<float>> gradients;  ///< [kSteps][kColumns], already times the loss scale
};

std::vector<float> some_gradient(uint64_t seed, double size) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0, static_cast<float>(size));
  std::vector<float> out(kColumns);
  for (float& x : out) x = normal(random);
  return out;
}

Row make_row(uint64_t seed, double clip_value = 0, double clip_norm = 0, double loss_scale = 0,
             double growth_interval = 2000) {
  Row row{clip_value, clip_norm, loss_scale, growth_interval, {}};
  for (int64_t step = 0; step < kSteps; ++step) {
    row.gradients.push_back(some_gradient(100 * seed + static_cast<uint64_t>(step), loss_scale > 0 ? loss_scale : 1));
  }
  return row;
}

/// Rows that use every option, alone and together.
std::vector<Row> every_option() {
  std::vector<Row> rows = {make_row(1),
                           make_row(2, 0.5),
                           make_row(3, 0, 2.0),
                           make_row(4, 0.7, 3.0),
                           make_row(5, 0, 1e6),
                           make_row(6, 0, 0, 1024),
                           make_row(7, 0.4, 1.5, 64),
                           make_row(8, 0, 0, 3),
                           make_row(9, kInf, kInf)};
  return rows;
}

struct Outcome {
  std::vector<float> parameters, state1, state2, loss_scale;
  std::vector<int64_t> steps, good_steps, skipped;
};

class RowGradientOptions : public BackendTest {
 protected:
  /// @param options whether the update is given the options at all
  static Outcome run(const Backend& backend, const Context& context, const std::vector<Row>& rows, bool adam,
                     bool options) {
    const auto to_device = [&](const auto& values) {
      return DeviceArray<typename std::decay_t<decltype(values)>::value_type>(backend, context, values);
    };
    const size_t n = rows.size();
    std::vector<double> clip_value, clip_norm, growth_interval;
    std::vector<float> scale;
    for (const Row& row : rows) {
      clip_value.push_back(row.clip_value);
      clip_norm.push_back(row.clip_norm);
      growth_interval.push_back(row.loss_scale > 0 ? row.growth_interval : -1);
      scale.push_back(row.loss_scale > 0 ? static_cast<float>(row.loss_scale) : 1.0f);
    }
    const auto start = to_device(std::vector<float>(n * kColumns, 0.5f));
    const auto state1 = to_device(std::vector<float>(n * kColumns, 0.0f)),
               state2 = to_device(std::vector<float>(n * kColumns, 0.0f));
    const auto device_value = to_device(clip_value), device_norm = to_device(clip_norm),
               device_growth = to_device(growth_interval);
    const auto device_scale = to_device(scale);
    const auto steps = to_device(std::vector<int64_t>(n, 0)), good_steps = to_device(std::vector<int64_t>(n, 0)),
               skipped = to_device(std::vector<int64_t>(n, 0));
    const auto rate = to_device(std::vector<double>(n, 0.1)), decay = to_device(std::vector<double>(n, 0.01)),
               momentum = to_device(std::vector<double>(n, 0.9)), dampening = to_device(std::vector<double>(n, 0.0)),
               beta2 = to_device(std::vector<double>(n, 0.99)), eps = to_device(std::vector<double>(n, 1e-8));
    const auto nesterov = to_device(std::vector<uint8_t>(n, 0));
    for (size_t step = 0; step < static_cast<size_t>(kSteps); ++step) {
      std::vector<float> first, second;
      for (const Row& row : rows) {
        first.insert(first.end(), row.gradients[step].begin(), row.gradients[step].begin() + kFirst);
        second.insert(second.end(), row.gradients[step].begin() + kFirst, row.gradients[step].end());
      }
      const auto device_first = to_device(first), device_second = to_device(second);
      const GradientSegment segments[] = {{device_first.data(), 0, kFirst}, {device_second.data(), kFirst, kSecond}};
      RowUpdate update{
          static_cast<int64_t>(n), kColumns, start.data(), segments, 2, steps.data(), rate.data(), decay.data()};
      if (options) {
        update.gradients = {device_value.data(),  device_norm.data(), device_scale.data(),
                            device_growth.data(), good_steps.data(),  skipped.data()};
      }
      if (adam) {
        backend.adam_update(context,
                            {update, state1.data(), state2.data(), momentum.data(), beta2.data(), eps.data(), false});
      } else {
        backend.sgd_update(context, {update, state1.data(), momentum.data(), dampening.data(), nesterov.data()});
      }
      backend.synchronize(context);
    }
    return {start.to_host(), state1.to_host(),     state2.to_host(), device_scale.to_host(),
            steps.to_host(), good_steps.to_host(), skipped.to_host()};
  }
  Outcome run(const std::vector<Row>& rows, bool adam, bool options = true) const {
    return run(*backend_, context_, rows, adam, options);
  }

  static std::vector<float> row_of(const std::vector<float>& values, size_t row) {
    return {values.begin() + static_cast<std::ptrdiff_t>(row) * kColumns,
            values.begin() + static_cast<std::ptrdiff_t>(row + 1) * kColumns};
  }
};
LOCKSTEP_EVERY_BACKEND(RowGradientOptions);

/// The gradient that torch.nn.utils leaves, in double.
std::vector<float> treated(const Row& row, const std::vector<float>& gradient) {
  std::vector<double> out;
  double squares = 0;
  for (const float x : gradient) {
    double g = x / (row.loss_scale > 0 ? row.loss_scale : 1);
    if (row.clip_value > 0) g = std::min(std::max(g, -row.clip_value), row.clip_value);
    squares += g * g;
    out.push_back(g);
  }
  const double coefficient = row.clip_norm > 0 ? std::min(1.0, row.clip_norm / (std::sqrt(squares) + 1e-6)) : 1;
  std::vector<float> rounded;
  for (const double g : out) rounded.push_back(static_cast<float>(g * coefficient));
  return rounded;
}

TEST_P(RowGradientOptions, FollowTorchNnUtils) {
  const auto rows = every_option();
  auto plain = rows;
  for (Row& row : plain) {
    for (auto& gradient : row.gradients) gradient = treated(row, gradient);
  }
  for (const bool adam : {false, true}) {
    const Outcome got = run(rows, adam), want = run(plain, adam, false);
    for (size_t i = 0; i < got.parameters.size(); ++i) {
      ASSERT_NEAR(got.parameters[i], want.parameters[i], 3e-6) << "row " << i / kColumns << ", adam " << adam;
      ASSERT_NEAR(got.state1[i], want.state1[i], 3e-6) << "row " << i / kColumns << ", adam " << adam;
    }
    EXPECT_EQ(got.skipped, std::vector<int64_t>(rows.size(), 0));
  }
  // The options must have done something, or the comparison says nothing.
  const Outcome got = run(rows, false), untreated = run(rows, false, false);
  for (const size_t row : {1u, 2u, 3u, 5u, 6u, 7u}) {
    EXPECT_GT(std::abs(got.parameters[row * kColumns] - untreated.parameters[row * kColumns]), 1e-3f) << row;
  }
}

TEST_P(RowGradientOptions, RowThatAsksForNothingKeepsItsBits) {
  const auto rows = every_option();
  for (const bool adam : {false, true}) {
    const Outcome with = run(rows, adam), without = run(rows, adam, false);
    for (const size_t row : {0u, 4u, 8u}) {  // 4: below its norm
      EXPECT_TRUE(same_bits(row_of(with.parameters, row), row_of(without.parameters, row))) << row;
      EXPECT_TRUE(same_bits(row_of(with.state1, row), row_of(without.state1, row))) << row;
    }
  }
}

TEST_P(RowGradientOptions, RowDoesNotDependOnItsCompany) {
  const auto rows = every_option();
  for (const bool adam : {false, true}) {
    const Outcome all = run(rows, adam);
    for (size_t row = 0; row < rows.size(); ++row) {
      EXPECT_TRUE(same_bits(run({rows[row]}, adam).parameters, row_of(all.parameters, row))) << row;
    }
  }
}

TEST_P(RowGradientOptions, GiveTheHostsBits) {
  auto rows = every_option();
  rows.push_back(make_row(11, 0, 1, 512));
  rows.back().gradients[1][5] = static_cast<float>(kInf);
  for (const bool adam : {false, true}) {
    const Outcome here = run(rows, adam), host = run(host_backend(), host_context(7), rows, adam, true);
    EXPECT_TRUE(same_bits(here.parameters, host.parameters));
    EXPECT_TRUE(same_bits(here.state1, host.state1));
    EXPECT_TRUE(same_bits(here.state2, host.state2));
    EXPECT_TRUE(same_bits(here.loss_scale, host.loss_scale));
    EXPECT_EQ(here.good_steps, host.good_steps);
    EXPECT_EQ(here.skipped, host.skipped);
  }
}

TEST_P(RowGradientOptions, SkippedStepIsAsIfItHadNotBeen) {
  for (const float bad : {static_cast<float>(kInf), -static_cast<float>(kInf), std::nanf("")}) {
    for (const bool adam : {false, true}) {
      for (const double clip_value : {0.0, 0.5}) {  // which would hide an infinite element
        Row skips = make_row(3, clip_value, 2.0, 256, 0);
        skips.gradients[0][kColumns - 1] = bad;  // its first step, which is a special one
        skips.gradients[2][0] = bad;
        // The same good steps, and then the others.
        Row without = skips;
        without.gradients = {skips.gradients[1], skips.gradients[3], skips.gradients[0], skips.gradients[2]};
        const Outcome got = run({make_row(1), skips}, adam), want = run({make_row(1), without}, adam);
        EXPECT_EQ(got.skipped, (std::vector<int64_t>{0, 2}));
        EXPECT_EQ(got.steps, (std::vector<int64_t>{kSteps, kSteps}));
        EXPECT_TRUE(same_bits(got.parameters, want.parameters));
        EXPECT_TRUE(same_bits(got.state1, want.state1));
        EXPECT_TRUE(same_bits(got.state2, want.state2));
        for (const float x : got.parameters) ASSERT_TRUE(std::isfinite(x));
      }
    }
  }
}

TEST_P(RowGradientOptions, WithoutALossScaleWhatIsNotFiniteIsApplied) {
  Row norm = make_row(3, 0, 2.0), value = make_row(4, 0.5, 0);
  norm.gradients[1][7] = std::nanf("");
  value.gradients[1][7] = static_cast<float>(kInf);
  const Outcome got = run({norm, value, make_row(1)}, false);
  for (const float x : row_of(got.parameters, 0)) EXPECT_TRUE(std::isnan(x));     // as clip_grad_norm_: the norm is NaN
  for (const float x : row_of(got.parameters, 1)) EXPECT_TRUE(std::isfinite(x));  // as clip_grad_value_: it was clamped
  EXPECT_TRUE(same_bits(row_of(got.parameters, 2), run({make_row(1)}, false).parameters));
}

TEST_P(RowGradientOptions, LossScaleBacksOffAndGrows) {
  const auto with_bad_steps = [](double scale, double growth_interval, std::vector<size_t> bad) {
    Row row = make_row(2, 0, 0, scale, growth_interval);
    for (const size_t step : bad) row.gradients[step][3] = static_cast<float>(kInf);
    return row;
  };
  const float largest = 0x1p127f;
  Row at_largest = make_row(2, 0, 0, largest, 2);
  for (auto& gradient : at_largest.gradients)
    gradient.assign(kColumns, 0.0f);  // times the scale, others would be infinite
  const Outcome got = run({with_bad_steps(64, 2, {}), with_bad_steps(64, 2, {0}), with_bad_steps(64, 3, {1, 2}),
                           with_bad_steps(64, 0, {1}), with_bad_steps(64, 2000, {3}), make_row(1), at_largest},
                          false);
  // As torch.amp.GradScaler with its factors 2 and 0.5, which never grows to infinity.
  EXPECT_EQ(got.loss_scale, (std::vector<float>{256, 64, 16, 64, 32, 1, largest}));
  EXPECT_EQ(got.good_steps, (std::vector<int64_t>{0, 1, 1, 2, 0, 0, 0}));
}

TEST_P(RowGradientOptions, LossMarksARowThatDiverges) {
  const std::vector<float> losses = {1, std::nanf(""), static_cast<float>(kInf), -static_cast<float>(kInf), 5, 5, 5, 1};
  const std::vector<double> threshold = {kInf, kInf, kInf, kInf, 4, 5, kInf, kInf};
  const std::vector<uint8_t> before = {0, 0, 0, 0, 0, 0, 0, 1};
  const size_t n = losses.size();
  const auto to_device = [&](const auto& values) {
    return DeviceArray<typename std::decay_t<decltype(values)>::value_type>(*backend_, context_, values);
  };
  const auto values = to_device(std::vector<float>(n, 1.0f)), buffer = to_device(std::vector<float>(n, 0.0f)),
             device_losses = to_device(losses);
  const auto zeros = to_device(std::vector<double>(n, 0.0)), device_threshold = to_device(threshold);
  const auto steps = to_device(std::vector<int64_t>(n, 0));
  const auto nesterov = to_device(std::vector<uint8_t>(n, 0));
  const GradientSegment segment{values.data(), 0, 1};
  RowUpdate rows{static_cast<int64_t>(n), 1, values.data(), &segment, 1, steps.data(), zeros.data(), zeros.data()};
  rows.loss = device_losses.data();
  for (const bool with_threshold : {true, false}) {
    const auto diverged = to_device(before);
    rows.diverged = diverged.data();
    rows.divergence_threshold = with_threshold ? device_threshold.data() : nullptr;
    backend_->sgd_update(context_, {rows, buffer.data(), zeros.data(), zeros.data(), nesterov.data()});
    EXPECT_EQ(diverged.to_host(), (std::vector<uint8_t>{0, 1, 1, 1, with_threshold, 0, 0, 1}));
  }
}

}  // namespace
}  // namespace lockstep::test
