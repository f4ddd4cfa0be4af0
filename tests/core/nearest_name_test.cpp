#include <gtest/gtest.h>

#include <lockstep/sweep_spec.h>

namespace lockstep {
namespace {

const std::vector<std::string> kNames = {"uniform",   "loguniform", "lognormal", "min_value",
                                         "max_value", "q",          "timeout"};

TEST(NearestName, FindsTypos) {
  EXPECT_EQ(nearest_name("unifrom", kNames), "uniform");
  EXPECT_EQ(nearest_name("log_uniform", kNames), "loguniform");
  EXPECT_EQ(nearest_name("lognomral", kNames), "lognormal");
  EXPECT_EQ(nearest_name("MAX-VALUE", kNames), "max_value");
}

TEST(NearestName, CompletesAbbreviations) {
  EXPECT_EQ(nearest_name("min", kNames), "min_value");
  EXPECT_EQ(nearest_name("log", kNames), "loguniform");
}

TEST(NearestName, PrefersTheExactName) { EXPECT_EQ(nearest_name("q", {"qq", "q"}), "q"); }

TEST(NearestName, StaysSilentWhenNothingIsNear) {
  EXPECT_EQ(nearest_name("banana", kNames), "");
  EXPECT_EQ(nearest_name("", kNames), "");
  EXPECT_EQ(nearest_name("uniform", {}), "");
}

}  // namespace
}  // namespace lockstep
