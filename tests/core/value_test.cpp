#include <cmath>
#include <cstdlib>
#include <limits>

#include <gtest/gtest.h>

#include <lockstep/error.h>
#include <lockstep/value.h>

#include "core/message.h"

namespace lockstep {
namespace {

TEST(Value, KnowsItsKind) {
  EXPECT_STREQ(Value().kind_name(), "null");
  EXPECT_STREQ(Value(true).kind_name(), "boolean");
  EXPECT_STREQ(Value(3).kind_name(), "integer");
  EXPECT_STREQ(Value(3.0).kind_name(), "number");
  EXPECT_STREQ(Value("a").kind_name(), "text");
  EXPECT_STREQ(Value(Value::List{1, 2}).kind_name(), "list");
  EXPECT_STREQ(Value(Value::Map{{"a", 1}}).kind_name(), "map");
  EXPECT_TRUE(Value(3).is_number() && Value(3.0).is_number());
  EXPECT_FALSE(Value(true).is_number());
}

TEST(Value, ConvertsBetweenNumbersWithoutLoss) {
  EXPECT_EQ(Value(3).as_real(), 3.0);
  EXPECT_EQ(Value(3.0).as_integer(), 3);
  EXPECT_EQ(Value(-0x1p63).as_integer(), std::numeric_limits<int64_t>::min());
  EXPECT_THROW(Value(3.5).as_integer(), InputError);
  EXPECT_THROW(Value(0x1p63).as_integer(), InputError);
  EXPECT_THROW(Value(std::nan("")).as_integer(), InputError);
}

TEST(Value, SaysWhatItFoundInstead) {
  EXPECT_EQ(message_of<InputError>([] { Value("relu").as_real(); }), "found text \"relu\" where a number belongs");
  EXPECT_EQ(message_of<InputError>([] { Value().as_text(); }), "found null where text belongs");
  EXPECT_EQ(message_of<InputError>([] { Value(1).as_bool(); }),
            "found integer 1 where a boolean (true or false) belongs");
  EXPECT_THROW(Value(1).as_list(), InputError);
  EXPECT_THROW(Value(1).as_map(), InputError);
}

TEST(Value, WritesJson) {
  EXPECT_EQ(Value().to_json(), "null");
  EXPECT_EQ(Value(false).to_json(), "false");
  EXPECT_EQ(Value(-7).to_json(), "-7");
  EXPECT_EQ(Value(0.1).to_json(), "0.1");
  EXPECT_EQ(Value("a\"b\n").to_json(), "\"a\\\"b\\n\"");
  EXPECT_EQ(Value(Value::List{64, Value::List{}, "x"}).to_json(), "[64, [], \"x\"]");
  EXPECT_EQ(Value(Value::Map{{"csv", "a.csv"}, {"n", 1}}).to_json(), "{\"csv\": \"a.csv\", \"n\": 1}");
}

TEST(Value, WritesRealsThatReadBackToTheSameBits) {
  for (const double x : {0.1, 1.0 / 3.0, 1e-300, 5e-324, 1.7976931348623157e308, -0.0, 123456789.123456789, 1e22}) {
    const std::string text = Value(x).to_json();
    const double back = std::strtod(text.c_str(), nullptr);
    EXPECT_EQ(back, x) << text;
    EXPECT_EQ(std::signbit(back), std::signbit(x)) << text;
  }
  // A real stays recognisable as one.
  EXPECT_EQ(Value(2.0).to_json(), "2.0");
  EXPECT_EQ(Value(std::nan("")).to_json(), "null");
}

TEST(Value, SurvivesTextThatIsNotUtf8) { EXPECT_EQ(Value("\xff").to_json(), "\"\xef\xbf\xbd\""); }

TEST(Value, PrintsTextWithoutQuotesAtTheTopOnly) {
  EXPECT_EQ(Value("relu").to_string(), "relu");
  EXPECT_EQ(Value(Value::List{"relu"}).to_string(), "[\"relu\"]");
}

TEST(Value, FindsEntriesOfAMap) {
  const Value map(Value::Map{{"csv", "a.csv"}});
  ASSERT_NE(map.find("csv"), nullptr);
  EXPECT_EQ(map.find("csv")->as_text(), "a.csv");
  EXPECT_EQ(map.find("npy"), nullptr);
}

}  // namespace
}  // namespace lockstep
