#include "store/optuna_distribution.h"

#include <cmath>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace lockstep {
namespace {

using Json = nlohmann::json;

Json describe(const Distribution& distribution) { return Json::parse(optuna_distribution_json(distribution)); }

void expect_float(const Distribution& distribution, double low, double high, bool log) {
  const Json json = describe(distribution);
  EXPECT_EQ(json["name"], "FloatDistribution");
  const Json& attributes = json["attributes"];
  EXPECT_EQ(attributes.size(), 4u);
  EXPECT_TRUE(attributes["step"].is_null());
  EXPECT_DOUBLE_EQ(attributes["low"].get<double>(), low);
  EXPECT_DOUBLE_EQ(attributes["high"].get<double>(), high);
  EXPECT_EQ(attributes["log"].get<bool>(), log) << distribution.type_name();
}

void expect_int(const Distribution& distribution, int64_t low, int64_t high, int64_t step, bool log) {
  EXPECT_EQ(describe(distribution),
            Json({{"name", "IntDistribution"},
                  {"attributes", {{"low", low}, {"high", high}, {"step", step}, {"log", log}}}}));
}

// What Optuna 4.5 wrote for suggest_float("lr", 1e-5, 1e-1, log=True).
TEST(OptunaDistribution, HasOptunasOwnForm) {
  EXPECT_EQ(describe(log_uniform_values(1e-5, 1e-1)), Json::parse(R"({"name": "FloatDistribution",
                            "attributes": {"step": null, "low": 1e-05, "high": 0.1, "log": true}})"));
}

TEST(OptunaDistribution, OfUniformKinds) {
  expect_float(uniform(-1, 2.5), -1, 2.5, false);
  expect_float(loguniform(-7, -1), std::exp(-7.0), std::exp(-1.0), true);
}

TEST(OptunaDistribution, OfQuantisedKindsHoldsEveryDrawAndHasNoStep) {
  expect_float(quniform(1, 10, 3), 0, 9, false);  // round(1/3)*3 = 0 lies outside [1, 10], and is drawn
  expect_float(qloguniform(0, 3, 2), 0, 20, false);
}

TEST(OptunaDistribution, OfNormalKindsIsWideAndFinite) {
  expect_float(normal(1, 2), -19, 21, false);
  expect_float(qnormal(1, 2, 4), -20, 20, false);
  expect_float(lognormal(0, 1), std::exp(-10.0), std::exp(10.0), true);
  const Json wild = describe(lognormal(0, 200))["attributes"];
  EXPECT_TRUE(wild["high"].is_number()) << wild;
  EXPECT_TRUE(std::isfinite(wild["high"].get<double>()));
}

TEST(OptunaDistribution, IsLinearWhereALogarithmWouldStartAtZero) {
  expect_float(lognormal(-700, 100), 0, std::exp(300.0), false);
  expect_float(loguniform(-800, -1), 0, std::exp(-1.0), false);
}

TEST(OptunaDistribution, OfIntegerKinds) {
  expect_int(randint(5), 0, 4, 1, false);
  expect_int(int_range(2, 9, 3), 2, 8, 3, false);
  expect_int(log_int_range(1, 512), 1, 512, 1, true);
}

TEST(OptunaDistribution, OfChoiceKeepsScalarsAndWritesListsAsText) {
  const Json json = describe(choice({"relu", 1, 0.5, true, Value::List{64, 32}}));
  EXPECT_EQ(json["name"], "CategoricalDistribution");
  EXPECT_EQ(json["attributes"]["choices"].dump(), R"(["relu",1,0.5,true,"[64, 32]"])");
}

}  // namespace
}  // namespace lockstep
