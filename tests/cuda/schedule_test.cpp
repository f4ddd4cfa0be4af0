// Learning-rate schedules against PyTorch's own, and through the optimisers' updates.
#include "cuda/optim/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>

#include "cuda/backend_test.h"

namespace lockstep::test {
namespace {

/// A line of golden_schedules.csv.
struct GoldenStep {
  LearningRateSchedule schedule;
  double learning_rate = 0;
  int64_t steps_per_epoch = 0;
  int64_t n_epochs = 0;
  int64_t step = 0;
  double rate = 0;
  bool cycles_momentum = false;
  double momentum = 0;

  Rates ours() const { return rates_of(schedule, learning_rate, step, n_epochs * steps_per_epoch, steps_per_epoch); }
};

std::vector<GoldenStep> golden_steps() {
  std::ifstream file(LOCKSTEP_SOURCE_DIR "/tests/cuda/golden_schedules.csv");
  std::vector<GoldenStep> out;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string field;
    const auto next = [&] {
      field.clear();
      std::getline(fields, field, ',');
      return field.empty() ? 0 : std::stod(field);
    };
    GoldenStep each;
    auto& s = each.schedule;
    for (double* value : {&s.kind, &s.step_size, &s.gamma, &s.eta_min, &s.max_lr, &s.pct_start, &s.div_factor,
                          &s.final_div_factor, &s.cycle_momentum, &s.base_momentum, &s.max_momentum, &s.warmup_epochs,
                          &s.warmup_factor, &each.learning_rate}) {
      *value = next();
    }
    each.steps_per_epoch = static_cast<int64_t>(next());
    each.n_epochs = static_cast<int64_t>(next());
    each.step = static_cast<int64_t>(next());
    each.rate = next();
    each.momentum = next();
    each.cycles_momentum = !field.empty();
    out.push_back(each);
  }
  return out;
}

// golden_schedules.py steps PyTorch's schedulers, which compute each rate from the one before: hence the tolerance.
TEST(LearningRateSchedule, FollowsPyTorch) {
  const auto steps = golden_steps();
  ASSERT_EQ(steps.size(), 322u);
  for (const auto& each : steps) {
    const Rates rates = each.ours();
    EXPECT_NEAR(rates.learning_rate, each.rate, 1e-13 * each.learning_rate + 1e-12 * each.rate)
        << "kind " << each.schedule.kind << ", step " << each.step;
    EXPECT_EQ(rates.cycles_momentum, each.cycles_momentum);
    if (each.cycles_momentum) {
      EXPECT_NEAR(rates.momentum, each.momentum, 1e-12) << "step " << each.step;
    }
  }
}

TEST(LearningRateSchedule, StaysAtItsEndBeyondTheLastStep) {
  LearningRateSchedule schedule;
  schedule.max_lr = std::numeric_limits<double>::quiet_NaN();
  schedule.eta_min = 0.01;
  const auto rate = [&](int64_t step) { return rates_of(schedule, 0.5, step, 20, 5).learning_rate; };
  schedule.kind = LearningRateSchedule::kCosine;
  EXPECT_EQ(rate(20), 0.01);
  EXPECT_EQ(rate(31), 0.01);
  schedule.kind = LearningRateSchedule::kOneCycle;
  EXPECT_DOUBLE_EQ(rate(19), 0.5 / 25 / 1e4);
  EXPECT_EQ(rate(31), rate(19));
}

TEST(LearningRateSchedule, RoundsTimesToSteps) {
  LearningRateSchedule schedule;
  schedule.kind = LearningRateSchedule::kStep;
  schedule.gamma = 0.5;
  const auto rate = [&](int64_t step) { return rates_of(schedule, 1, step, 100, 10).learning_rate; };
  schedule.step_size = 0.1;  // a step, though 3 * 0.1 is more than 0.3
  for (int64_t step = 0; step < 20; ++step) EXPECT_EQ(rate(step), std::ldexp(1.0, -static_cast<int>(step)));
  schedule.step_size = 0.01;  // no less than a step
  EXPECT_EQ(rate(3), 0.125);
  schedule.step_size = 0.26;
  EXPECT_EQ(rate(2), 1);
  EXPECT_EQ(rate(3), 0.5);
  schedule.warmup_epochs = 0.2;
  schedule.warmup_factor = 0;
  EXPECT_EQ(rate(0), 0);
  EXPECT_EQ(rate(1), 0.5);
  EXPECT_EQ(rate(4), 1);
  EXPECT_EQ(rate(5), 0.5);
}

/// Every golden step as a row.
class ScheduledRows : public BackendTest {
 protected:
  template <class T>
  DeviceArray<T> to_device(const std::vector<T>& values) const {
    return DeviceArray<T>(*backend_, context_, values);
  }
};
LOCKSTEP_EVERY_BACKEND(ScheduledRows);

TEST_P(ScheduledRows, StepAtTheRatesOfTheHost) {
  // The rows of an update share the length of an epoch and of the training.
  std::map<std::pair<int64_t, int64_t>, std::vector<GoldenStep>> groups;
  for (const auto& each : golden_steps()) groups[{each.steps_per_epoch, each.n_epochs}].push_back(each);
  for (const auto& [length, rows] : groups) {
    const size_t n = rows.size();
    std::vector<LearningRateSchedule> schedules;
    std::vector<int64_t> steps;
    std::vector<double> learning_rate;
    for (const auto& each : rows) {
      schedules.push_back(each.schedule);
      steps.push_back(each.step);
      learning_rate.push_back(each.learning_rate);
    }
    const auto gradient = to_device(std::vector<float>(n, 1.0f));
    const auto parameters = to_device(std::vector<float>(n, 0.0f)), buffer = to_device(std::vector<float>(n, 1.0f));
    const auto device_schedules = to_device(schedules);
    const auto device_steps = to_device(steps);
    const auto device_rate = to_device(learning_rate), zeros = to_device(std::vector<double>(n, 0.0)),
               ones = to_device(std::vector<double>(n, 1.0));
    const auto nesterov = to_device(std::vector<uint8_t>(n, 0));
    const GradientSegment segment{gradient.data(), 0, 1};
    RowUpdate update{static_cast<int64_t>(n), 1,           parameters.data(), &segment, 1, device_steps.data(),
                     device_rate.data(),      zeros.data()};
    update.schedule = device_schedules.data();
    update.steps_per_epoch = length.first;
    update.n_epochs = length.second;
    // With dampening 1 the buffer, which stands at 1, becomes the momentum.
    backend_->sgd_update(context_, {update, buffer.data(), zeros.data(), ones.data(), nesterov.data()});
    const auto got = parameters.to_host(), momentum = buffer.to_host();
    for (size_t i = 0; i < n; ++i) {
      const Rates rates = rows[i].ours();
      const float expected = rates.cycles_momentum && rows[i].step > 0 ? static_cast<float>(rates.momentum) : 1.0f;
      EXPECT_EQ(momentum[i], expected) << "step " << rows[i].step;
      EXPECT_EQ(got[i], -(static_cast<float>(rates.learning_rate) * expected)) << "step " << rows[i].step;
    }
  }
}

}  // namespace
}  // namespace lockstep::test
