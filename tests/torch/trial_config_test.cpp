#include <lockstep/torch/trial_config.h>

#include <cmath>
#include <functional>
#include <limits>

#include <gtest/gtest.h>
#include <lockstep/error.h>
#include <lockstep/torch/trial_scope.h>
#include <torch/torch.h>

#include "torch/small_task.h"

namespace lockstep {
namespace trial_config_test {

using namespace lockstep::testing;

constexpr double kInf = std::numeric_limits<double>::infinity();

/// Calls `read` with the configuration of 4 trials that have one hyperparameter, `x`, and some constants.
class Reading {
 public:
  explicit Reading(Distribution x, std::vector<double> draws = {0, 1, 2, 0}, Settings settings = {})
      : configurations_([&] {
          SearchSpace space;
          space.add("x", std::move(x), {"sweep.yml", 9, 3});
          return Configurations(space, 0, 4, draws);
        }()),
        settings_(std::move(settings)) {}

  template <class Read>
  auto operator()(const Read& read) const {
    const auto trials = iota(4);
    TrialScope scope(trials, 1, torch::kCPU);
    const TrialConfig config(configurations_, settings_, trials, torch::kCPU);
    return read(config);
  }
  std::string error(const std::function<torch::Tensor(const TrialConfig&)>& read) const {
    try {
      (*this)(read);
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  }

 private:
  Configurations configurations_;
  Settings settings_;
};

const std::vector<std::string> kNames = {"constant", "step", "cosine"};

TEST(TrialConfig, OptionGivesEachTrialThePlaceOfItsText) {
  const Reading reading(choice({Value("cosine"), Value("constant"), Value("step")}), {0, 1, 2, 0},
                        {{"y", {Value("step"), {}}}});
  const auto read = reading([](const TrialConfig& config) {
    std::vector<torch::Tensor> out{physical(config.option("x", kNames, "constant")),
                                   physical(config.option("y", kNames, "constant")),
                                   physical(config.option("z", kNames, "cosine"))};
    EXPECT_TRUE(config.structural_columns().empty());
    EXPECT_EQ(config.tensors().size(), 3u);  // which move with their trials
    return out;
  });
  EXPECT_TRUE(torch::equal(read[0], torch::tensor({2., 0., 1., 2.}, torch::kDouble)));
  EXPECT_TRUE(torch::equal(read[1], torch::tensor({1., 1., 1., 1.}, torch::kDouble)));
  EXPECT_TRUE(torch::equal(read[2], torch::tensor({2., 2., 2., 2.}, torch::kDouble)));
}

TEST(TrialConfig, OptionRefusesWhatItCannotBe) {
  // Also where no trial of the batch drew it.
  const Reading reading(choice({Value("cosine"), Value("cosin")}), {0, 0, 0, 0},
                        {{"y", {Value(3), {"sweep.yml", 4, 2}}}});
  const auto message = reading.error([](const TrialConfig& config) { return config.option("x", kNames, "constant"); });
  for (const char* part :
       {"sweep.yml:9", "search_space.x", "'cosin'", "did you mean 'cosine'", "constant, step, cosine"}) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
  const auto number = reading.error([](const TrialConfig& config) { return config.option("y", kNames, "constant"); });
  EXPECT_NE(number.find("sweep.yml:4: trial.y: there is no '3'"), std::string::npos) << number;
}

TEST(TrialConfig, TellsWhetherANameIsGiven) {
  Reading(uniform(0, 1), {0, 0, 0, 0}, {{"y", {Value(1), {}}}})([](const TrialConfig& config) {
    EXPECT_TRUE(config.is_given("x"));
    EXPECT_TRUE(config.is_given("y"));
    EXPECT_FALSE(config.is_given("z"));
    EXPECT_EQ(config.names_read(), (std::set<std::string>{"x", "y", "z"}));
    EXPECT_TRUE(config.structural_columns().empty());
    return 0;
  });
}

TEST(TrialConfig, RefusesWhatASearchSpaceCouldDrawOutOfRange) {
  struct Case {
    Distribution distribution;
    double lowest, highest;
    const char* refused;  ///< null: it is taken
  };
  const std::vector<Case> cases = {
      {uniform(0, 1), 0, 1, nullptr},
      {uniform(0, 1.5), 0, 1, "1.5 is too large"},
      {uniform(-0.5, 1), 0, 1, "-0.5 is too small"},
      {quniform(0, 0.9, 0.5), 0, 1, nullptr},
      {quniform(0, 1.3, 0.5), 0, 1, "1.5 is too large"},
      {loguniform(-3, 0), 0, 1, nullptr},
      {loguniform(-3, 1), 0, 1, "2.71828"},
      {qloguniform(0, 1, 1), 0, 2, "3.0 is too large"},
      {log_uniform_values(0.1, 2), 0, 1, "2.0 is too large"},
      {normal(0.5, 0.1), 0, 1, "minus infinity is too small"},
      {lognormal(0, 1), 0, kInf, nullptr},
      {lognormal(0, 1), 0, 1, "infinity is too large"},
      {randint(3), 0, 2, nullptr},
      {randint(3), 0, 1, "2.0 is too large"},
      {int_range(1, 9, 4), 1, 9, nullptr},
      {int_range(1, 9, 4), 2, 9, "1.0 is too small"},
      {choice({Value(0.5), Value(1), Value(true)}), 0, 1, nullptr},
      {choice({Value(0.5), Value(1), Value(3)}), 0, 1, "3.0 is too large"},
  };
  for (const Case& c : cases) {
    const Reading reading(c.distribution, {0, 0, 0, 0});
    const auto message =
        reading.error([&](const TrialConfig& config) { return config.tensor("x", 0, c.lowest, c.highest); });
    if (c.refused == nullptr) {
      EXPECT_EQ(message, "") << c.distribution.type_name();
    } else {
      EXPECT_NE(message.find("sweep.yml:9"), std::string::npos) << message;
      EXPECT_NE(message.find(c.refused), std::string::npos) << message;
    }
  }
}

TEST(TrialConfig, RefusesConstantsOutOfRange) {
  const Reading reading(
      uniform(0, 1), {0, 0, 0, 0},
      {{"y", {Value(-1), {"sweep.yml", 4, 2}}}, {"z", {Value(0.5), {}}}, {"w", {Value("much"), {"sweep.yml", 5, 2}}}});
  const auto message = reading.error([](const TrialConfig& config) { return config.tensor("y", 0, 0, kInf); });
  EXPECT_NE(message.find("sweep.yml:4: trial.y: -1.0 is too small; give numbers from 0.0"), std::string::npos)
      << message;
  const auto above =
      reading.error([](const TrialConfig& c) { return c.tensor("y", 0, std::numeric_limits<double>::min(), 2); });
  EXPECT_NE(above.find("give numbers above 0 to 2.0"), std::string::npos) << above;
  EXPECT_EQ(reading.error([](const TrialConfig& config) { return config.tensor("z", 0, 0, 1); }), "");
  const auto nan =
      Reading(uniform(0, 1), {0, 0, 0, 0}, {{"y", {Value(std::nan("")), {}}}}).error([](const TrialConfig& c) {
        return c.tensor("y", 0, 0, kInf);
      });
  EXPECT_NE(nan.find("not a number is not allowed"), std::string::npos) << nan;
  const auto text = reading.error([](const TrialConfig& config) { return config.tensor("w", 0, 0, 1); });
  EXPECT_NE(text.find("must be a number"), std::string::npos) << text;
}

}  // namespace trial_config_test
}  // namespace lockstep
