#include <cmath>
#include <functional>
#include <limits>

#include <gtest/gtest.h>

#include <lockstep/search_space.h>

#include "core/message.h"

namespace lockstep {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
const double kNan = std::nan("");

struct Refusal {
  std::function<Distribution()> make;
  std::string message;
};

TEST(Distribution, RefusesBadArgumentsWithFieldAndCure) {
  const std::vector<Refusal> refusals = {
      {[] { return choice({}); }, "values: is empty; list at least one value"},
      {[] { return choice({1, Value()}); }, "values: contain a null; write a number, text, boolean, list or map"},
      {[] { return choice({Value(Value::List{Value(Value::Map{{"a", Value()}})})}); },
       "values: contain a null; write a number, text, boolean, list or map"},
      {[] { return choice({kInfinity}); }, "values: contain a number that is not finite; write finite numbers"},
      {[] { return randint(0); }, "upper: 0 leaves no value; write at least 1: values are 0..upper-1"},
      {[] { return randint((int64_t{1} << 53) + 1); }, "upper: 9007199254740993 is above 2^53; lower it"},
      {[] { return uniform(2, 1); }, "min_value: 2.0 is above max_value 1.0; swap them"},
      {[] { return uniform(kNan, 1); }, "min_value: is not a number; write a finite number"},
      {[] { return uniform(0, kInfinity); }, "max_value: is infinite; write a finite number"},
      {[] { return uniform(-1e308, 1e308); }, "max_value: 1e+308 is too far from min_value -1e+308; narrow the range"},
      {[] { return quniform(0, 1, 0); }, "q: 0.0 is not positive; write the distance between values, such as 1"},
      {[] { return quniform(0, 1, -2); }, "q: -2.0 is not positive; write the distance between values, such as 1"},
      {[] { return quniform(0, 1, kNan); }, "q: is not a number; write a finite number"},
      {[] { return quniform(0, 1e300, 1e-300); }, "q: 1e-300 is too small for values up to 1e+300; enlarge it"},
      {[] { return loguniform(0, 710); },
       "max_value: exp(710.0) is infinite; bounds are in log space: write the logarithm, or use log_uniform_values"},
      {[] { return qloguniform(3, 2, 1); }, "min_value: 3.0 is above max_value 2.0; swap them"},
      {[] { return normal(0, 0); }, "sigma: 0.0 is not positive; write a standard deviation above 0"},
      {[] { return normal(kInfinity, 1); }, "mu: is infinite; write a finite number"},
      {[] { return qnormal(0, -1, 1); }, "sigma: -1.0 is not positive; write a standard deviation above 0"},
      {[] { return qnormal(0, 1, 0); }, "q: 0.0 is not positive; write the distance between values, such as 1"},
      {[] { return lognormal(1000, 1); }, "mu: exp(1000.0) is infinite; mu is in log space: write the logarithm"},
      {[] { return qlognormal(0, 1, 0); }, "q: 0.0 is not positive; write the distance between values, such as 1"},
      {[] { return int_range(5, 4); }, "min_value: 5 is above max_value 4; swap them"},
      {[] { return int_range(1, 5, 0); }, "step: 0 is not positive; write at least 1"},
      {[] { return int_range(0, std::numeric_limits<int64_t>::max()); },
       "max_value: 9223372036854775807 is above 2^53; lower it"},
      {[] { return int_range(std::numeric_limits<int64_t>::min(), 0); },
       "min_value: -9223372036854775808 is below -2^53; raise it"},
      {[] { return log_int_range(0, 5); },
       "min_value: 0 has no logarithm; write at least 1, or leave out 'log: true'"},
      {[] { return log_uniform_values(0, 5); },
       "min_value: 0.0 has no logarithm; write a bound above 0, in value space; loguniform takes bounds in log space"},
  };
  for (const Refusal& refusal : refusals) EXPECT_EQ(message_of<InputError>(refusal.make), refusal.message);
}

TEST(Distribution, AcceptsOneValueRanges) {
  EXPECT_NO_THROW(uniform(1, 1));
  EXPECT_NO_THROW(loguniform(-3, -3));
  EXPECT_NO_THROW(log_uniform_values(2, 2));
  EXPECT_NO_THROW(randint(1));
  EXPECT_EQ(int_range(4, 4).spec.count, 1);
}

TEST(Distribution, DescribesItselfToSamplers) {
  const DistributionSpec q = qloguniform(-6, -1, 0.5).spec;
  EXPECT_EQ(q.kind, DistributionKind::kQLogUniform);
  EXPECT_EQ(q.a, -6);
  EXPECT_EQ(q.b, -1);
  EXPECT_EQ(q.q, 0.5);
  const DistributionSpec stepped = int_range(2, 9, 3).spec;  // 2, 5, 8
  EXPECT_EQ(stepped.a, 2);
  EXPECT_EQ(stepped.b, 8);
  EXPECT_EQ(stepped.q, 3);
  EXPECT_EQ(stepped.count, 3);
  EXPECT_EQ(choice({"a", "b"}).spec.count, 2);
}

TEST(Distribution, NamesItsTypeAsFilesDo) {
  EXPECT_STREQ(choice({1}).type_name(), "choice");
  EXPECT_STREQ(randint(3).type_name(), "randint");
  EXPECT_STREQ(qlognormal(0, 1, 1).type_name(), "qlognormal");
  EXPECT_STREQ(int_range(1, 3).type_name(), "int");
  EXPECT_STREQ(log_int_range(1, 3).type_name(), "int");
  EXPECT_STREQ(log_uniform_values(1, 3).type_name(), "log_uniform_values");
}

TEST(Distribution, DecodesDraws) {
  const Distribution mixed = choice({"relu", 3, Value(Value::List{64, 32})});
  EXPECT_EQ(mixed.decode(0), Value("relu"));
  EXPECT_EQ(mixed.decode(1), Value(3));
  EXPECT_EQ(mixed.decode(2).to_json(), "[64, 32]");
  for (const double draw : {3.0, -1.0, kNan}) EXPECT_THROW(mixed.decode(draw), std::out_of_range) << draw;
  EXPECT_EQ(randint(9).decode(4), Value(4));
  EXPECT_TRUE(int_range(1, 9).decode(4).is_integer());
  EXPECT_EQ(quniform(0, 10, 1).decode(4), Value(4.0));
  EXPECT_TRUE(uniform(0, 10).decode(4).is_real());
}

TEST(SearchSpace, KeepsDeclarationOrder) {
  SearchSpace space;
  space.add("z", uniform(0, 1)).add("a", randint(4));
  EXPECT_EQ(space.n_params(), 2);
  EXPECT_EQ(space[0].name, "z");
  EXPECT_EQ(space.find("a"), 1);
  EXPECT_EQ(space.find("b"), std::nullopt);
  ASSERT_EQ(space.specs().size(), 2u);
  EXPECT_EQ(space.specs()[1].kind, DistributionKind::kRandInt);
}

TEST(SearchSpace, RefusesEmptyAndTakenNames) {
  SearchSpace space;
  space.add("lr", uniform(0, 1));
  EXPECT_EQ(message_of<InputError>([&] { space.add("lr", uniform(0, 1), {"s.yml", 9, 1}); }),
            "s.yml:9: search_space.lr: is declared twice; remove or rename one of the two");
  EXPECT_THROW(space.add("", uniform(0, 1)), InputError);
  EXPECT_EQ(space.n_params(), 1);
}

}  // namespace
}  // namespace lockstep
