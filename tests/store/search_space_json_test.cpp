#include "store/search_space_json.h"

#include <gtest/gtest.h>

#include <lockstep/error.h>

#include "core/message.h"

namespace lockstep {
namespace {

SearchSpace every_kind() {
  SearchSpace space;
  space.add("a", choice({"relu", 1, 0.5, true, Value::List{64, 32}}));
  space.add("b", randint(5));
  space.add("c", uniform(-1, 2.5));
  space.add("d", quniform(1, 10, 3));
  space.add("e", loguniform(-7, -1));
  space.add("f", qloguniform(0, 3, 2));
  space.add("g", normal(1, 2));
  space.add("h", qnormal(1, 2, 4));
  space.add("i", lognormal(0, 1));
  space.add("j", qlognormal(0, 1, 0.5));
  space.add("k", int_range(2, 9, 3));
  space.add("l", log_int_range(1, 512));
  space.add("m", log_uniform_values(1e-5, 0.1));
  return space;
}

TEST(SearchSpaceJson, ReadsBackEveryKind) {
  const SearchSpace space = every_kind();
  const SearchSpace copy = search_space_from_json(search_space_to_json(space));
  ASSERT_EQ(copy.n_params(), space.n_params());
  for (int64_t i = 0; i < space.n_params(); ++i) {
    const Distribution& was = space[i].distribution;
    const Distribution& is = copy[i].distribution;
    EXPECT_EQ(copy[i].name, space[i].name);
    EXPECT_EQ(is.spec.kind, was.spec.kind) << was.type_name();
    EXPECT_EQ(is.spec.a, was.spec.a) << was.type_name();
    EXPECT_EQ(is.spec.b, was.spec.b) << was.type_name();
    EXPECT_EQ(is.spec.q, was.spec.q) << was.type_name();
    EXPECT_EQ(is.spec.count, was.spec.count) << was.type_name();
    EXPECT_EQ(is.values, was.values) << was.type_name();
  }
}

TEST(SearchSpaceJson, UsesTheSweepFilesWords) {
  SearchSpace space;
  space.add("lr", qloguniform(-7, -1, 0.25));
  EXPECT_EQ(search_space_to_json(space),
            R"([{"name":"lr","type":"qloguniform","min_value":-7.0,"max_value":-1.0,"q":0.25}])");
}

TEST(SearchSpaceJson, RefusesWhatItDoesNotUnderstand) {
  for (const char* json : {"not json", R"([{"name": "x"}])", R"([{"name": "x", "type": "zipf"}])",
                           R"([{"name": "x", "type": "uniform", "min_value": 2, "max_value": 1}])"}) {
    expect_start(message_of<OutputError>([&] { search_space_from_json(json); }),
                 "the recorded search space cannot be read: ");
  }
}

}  // namespace
}  // namespace lockstep
