#include "command/lenient_json.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace lockstep {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(LenientJson, TakesNumbersThatJsonDoesNotHave) {
  const auto value = parse_lenient_json(R"({"a": NaN, "b": [Infinity, -Infinity], "c": nan, "d": -nan, "e": -inf, "f": 1e5, "g": null})");
  ASSERT_TRUE(value.is_object());
  EXPECT_TRUE(std::isnan(*number_of(value["a"])));
  EXPECT_EQ(number_of(value["b"][0]), kInfinity);
  EXPECT_EQ(number_of(value["b"][1]), -kInfinity);
  EXPECT_TRUE(std::isnan(*number_of(value["c"])));
  EXPECT_TRUE(std::isnan(*number_of(value["d"])));
  EXPECT_EQ(number_of(value["e"]), -kInfinity);
  EXPECT_EQ(number_of(value["f"]), 1e5);
  EXPECT_FALSE(number_of(value["g"]));
}

TEST(LenientJson, LeavesTheSameWordsInStringsAlone) {
  const auto value = parse_lenient_json(R"({"a \" NaN": "NaN", "inf": NaN, "path": "C:\\", "b": Infinity})");
  ASSERT_TRUE(value.is_object());
  EXPECT_EQ(value["a \" NaN"], "NaN");
  EXPECT_FALSE(number_of(value["a \" NaN"])) << "a text is no number";
  EXPECT_TRUE(std::isnan(*number_of(value["inf"])));
  EXPECT_EQ(number_of(value["b"]), kInfinity);
}

TEST(LenientJson, RefusesWhatIsNone) {
  for (const char* text : {"", "{", "{'a': 1}", "NaNs", "{\"a\": NaN NaN}", "{\"a\": 1NaN}", "{\"a\": \xff}", "{\"a\": 1e999}"}) {
    EXPECT_TRUE(parse_lenient_json(text).is_discarded()) << text;
  }
}

TEST(LenientJson, DeepNestingTakesNoStackAndNoMemory) {
  const auto value = parse_lenient_json("{\"a\": 1, \"deep\": " + std::string(2'000'000, '[') + std::string(2'000'000, ']') + "}");
  ASSERT_TRUE(value.is_object());
  EXPECT_EQ(value["a"], 1);
  EXPECT_LT(value.dump().size(), 200u);
}

TEST(LenientJson, IntegersMayBeWrittenAsReals) {
  EXPECT_EQ(integer_of(nlohmann::json(5.0)), 5);
  EXPECT_EQ(integer_of(nlohmann::json(-3)), -3);
  EXPECT_FALSE(integer_of(nlohmann::json(0.5)));
  EXPECT_FALSE(integer_of(nlohmann::json(1e300)));
  EXPECT_FALSE(integer_of(nlohmann::json(std::numeric_limits<uint64_t>::max())));
  EXPECT_FALSE(integer_of(nlohmann::json("5")));
}

TEST(LenientJson, NumbersByThemselves) {
  EXPECT_EQ(number_in(" 0.93\t"), 0.93);
  EXPECT_EQ(number_in("+1e-3"), 1e-3);
  EXPECT_TRUE(std::isnan(*number_in("nan")));
  EXPECT_EQ(number_in("-Infinity"), -kInfinity);
  for (const char* text : {"", " ", "0.93%", "tensor(0.93)", "+-1", "0x10", "1,5", "1 2"}) EXPECT_FALSE(number_in(text)) << text;
}

}  // namespace
}  // namespace lockstep
