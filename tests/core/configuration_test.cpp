// Configurations by name, and from values to draws.
#include <cmath>

#include <gtest/gtest.h>

#include <lockstep/configurations.h>
#include <lockstep/error.h>

#include "core/message.h"

namespace lockstep {
namespace {

SearchSpace mixed_space() {
  SearchSpace space;
  space.add("lr", loguniform(-7, 0)).add("hidden", choice({16, 64})).add("act", choice({"relu", "tanh"}));
  space.add("bias", choice({true, false})).add("depth", int_range(1, 4));
  return space;
}

const Value::Map kValues = {{"depth", 3}, {"lr", 0.25}, {"hidden", 64}, {"act", "relu"}, {"bias", false}};

TEST(Encode, OfNumbersIsInTheRangeOrNothing) {
  EXPECT_EQ(uniform(0, 1).encode(0.25), 0.25);
  EXPECT_EQ(uniform(0, 1).encode(Value(int64_t{1})), 1.0);
  EXPECT_EQ(uniform(0, 1).encode(1 + 1e-12), 1.0);  // rounded elsewhere
  EXPECT_EQ(uniform(0, 1).encode(1.01), std::nullopt);
  EXPECT_EQ(uniform(0, 1).encode(std::nan("")), std::nullopt);
  EXPECT_EQ(uniform(0, 1).encode("0.5"), std::nullopt);
  EXPECT_EQ(loguniform(-2, 0).encode(0.5), 0.5);
  EXPECT_EQ(loguniform(-2, 0).encode(0.1), std::nullopt);
  EXPECT_EQ(loguniform(-2, 0).encode(0.0), std::nullopt);
  EXPECT_EQ(log_uniform_values(1e-5, 1e-1).encode(1e-5), 1e-5);
  EXPECT_EQ(log_uniform_values(1e-5, 1e-1).encode(0.9e-5), std::nullopt);
  EXPECT_EQ(normal(0, 2).encode(11.9), 11.9);
  EXPECT_EQ(normal(0, 2).encode(12.1), std::nullopt);
  EXPECT_EQ(lognormal(0, 1).encode(20.0), 20.0);
  EXPECT_EQ(lognormal(0, 1).encode(-1.0), std::nullopt);
}

TEST(Encode, OfWholeAndQuantisedNumbersIsTheNearest) {
  EXPECT_EQ(int_range(16, 64, 16).encode(40.0), 48.0);
  EXPECT_EQ(int_range(16, 64, 16).encode(Value(int64_t{32})), 32.0);
  EXPECT_EQ(int_range(16, 64, 16).encode(73.0), std::nullopt);
  EXPECT_EQ(int_range(16, 64, 16).encode(7.0), std::nullopt);
  EXPECT_EQ(randint(4).encode(3.2), 3.0);
  EXPECT_EQ(randint(4).encode(3.6), std::nullopt);
  EXPECT_EQ(log_int_range(1, 100).encode(99.6), 100.0);
  EXPECT_EQ(log_int_range(1, 100).encode(101.0), std::nullopt);
  EXPECT_EQ(quniform(0, 1, 0.25).encode(0.3), 0.25);
  EXPECT_EQ(quniform(0, 1, 0.25).encode(1.1), 1.0);
  EXPECT_EQ(quniform(0, 1, 0.25).encode(1.2), std::nullopt);
  EXPECT_EQ(qlognormal(0, 1, 1).encode(0.0), 0.0);
  EXPECT_EQ(qnormal(0, 1, 0.5).encode(7.0), std::nullopt);
}

TEST(Encode, OfAChoiceIsTheSameValueHoweverItWasWritten) {
  const Distribution of = choice({"relu", 64, 0.5, true, Value::List{64, 32}});
  EXPECT_EQ(of.encode("relu"), 0.0);
  EXPECT_EQ(of.encode(64.0), 1.0);
  EXPECT_EQ(of.encode(0.5), 2.0);
  EXPECT_EQ(of.encode(true), 3.0);
  EXPECT_EQ(of.encode("[64, 32]"), 4.0);
  EXPECT_EQ(of.encode("tanh"), std::nullopt);
  EXPECT_EQ(of.encode(65), std::nullopt);
  EXPECT_EQ(of.encode(Value::List{64}), std::nullopt);
}

TEST(Configuration, IsReadByName) {
  const SearchSpace space = mixed_space();
  const std::vector<double> draws = space.encode(kValues);
  EXPECT_EQ(draws, (std::vector<double>{0.25, 1, 0, 1, 3}));
  const Configuration configuration = space.decode(draws);
  EXPECT_EQ(configuration.number("lr"), 0.25);
  EXPECT_EQ(configuration.integer("hidden"), 64);
  EXPECT_EQ(configuration.number("hidden"), 64);
  EXPECT_EQ(configuration.text("act"), "relu");
  EXPECT_FALSE(configuration.flag("bias"));
  EXPECT_EQ(configuration.values()[4], (std::pair<std::string, Value>("depth", 3)));
}

TEST(Configuration, SaysWhatIsWrongWithAName) {
  const Configuration configuration = mixed_space().decode(mixed_space().encode(kValues));
  EXPECT_EQ(message_of<InputError>([&] { configuration.number("hiden"); }),
            "hiden: there is no such hyperparameter; did you mean 'hidden'?");
  EXPECT_EQ(message_of<InputError>([&] { configuration.integer("lr"); }),
            "lr: found number 0.25 where an integer belongs");
  EXPECT_EQ(message_of<InputError>([&] { Configuration().flag("x"); }),
            "x: there is no such hyperparameter; this configuration has none");
}

TEST(Configuration, IsEncodedWholeOrNotAtAll) {
  const SearchSpace space = mixed_space();
  const auto message_with = [&](size_t i, std::pair<std::string, Value> value) {
    Value::Map values = kValues;
    values[i] = std::move(value);
    return message_of<InputError>([&] { space.encode(values); });
  };
  EXPECT_EQ(message_with(1, {"lr", 2.0}), "lr: 2.0 is not in its loguniform; give a value that it can draw");
  EXPECT_EQ(message_with(1, {"hidden", 16}), "hidden: is given twice; remove one of the two");
  EXPECT_EQ(message_with(1, {"rate", 16}),
            "rate: there is no such hyperparameter; there are lr, hidden, act, bias, depth");
  EXPECT_EQ(message_of<InputError>([&] { space.encode({{"lr", 0.5}}); }), "hidden: has no value; give one");
}

TEST(Configurations, AreMadeOfValues) {
  Value::Map second = kValues;
  second[0].second = 1;
  const Configurations configurations(mixed_space(), {kValues, second});
  EXPECT_EQ(configurations.n_trials(), 2);
  EXPECT_EQ(configurations.configuration(0).integer("depth"), 3);
  EXPECT_EQ(configurations.configuration(1).integer("depth"), 1);
  EXPECT_THROW(configurations.configuration(2), std::invalid_argument);
  second[0].second = 9;
  EXPECT_EQ(message_of<InputError>([&] { Configurations(mixed_space(), {kValues, second}); }),
            "trial 1.depth: 9 is not in its int; give a value that it can draw");
}

}  // namespace
}  // namespace lockstep
