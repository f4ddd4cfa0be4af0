#include <stdexcept>

#include <gtest/gtest.h>

#include <lockstep/backend.h>
#include <lockstep/configurations.h>

namespace lockstep {
namespace {

SearchSpace small_space() {
  SearchSpace space;
  space.add("lr", loguniform(-7, -1)).add("act", choice({"relu", "tanh"})).add("depth", int_range(1, 4));
  return space;
}

Context seeded(uint64_t seed) {
  Context context;
  context.allocator = &host_backend().allocator();
  context.seed = seed;
  return context;
}

TEST(Configurations, NamesRowsByTrial) {
  SearchSpace space;
  space.add("a", uniform(0, 9)).add("b", choice({"x", "y"}));
  const Configurations configurations(space, 10, 2, {0.5, 1, 1.5, 0});
  EXPECT_EQ(configurations.draw(11, 0), 1.5);
  EXPECT_EQ(configurations.value(10, 1), Value("y"));
  EXPECT_EQ(configurations.value(11, 1), Value("x"));
}

TEST(Configurations, RefusesDrawsOfAnotherSize) {
  EXPECT_THROW(Configurations(small_space(), 0, 2, std::vector<double>(5)), std::invalid_argument);
  EXPECT_THROW(Configurations(small_space(), -1, 2, std::vector<double>(6)), std::invalid_argument);
}

TEST(SampleRandom, GivesATrialTheSameWhateverElseIsDrawn) {
  const Configurations all = sample_random(host_backend(), seeded(7), small_space(), 0, 100);
  const Configurations one = sample_random(host_backend(), seeded(7), small_space(), 17, 1);
  SearchSpace wider = small_space();
  wider.add("more", uniform(0, 1));
  const Configurations wide = sample_random(host_backend(), seeded(7), wider, 0, 18);
  for (int64_t param = 0; param < 3; ++param) {
    EXPECT_EQ(all.draw(17, param), one.draw(17, param));
    EXPECT_EQ(all.draw(17, param), wide.draw(17, param));
  }
}

TEST(SampleRandom, DependsOnTheSeed) {
  const Configurations a = sample_random(host_backend(), seeded(7), small_space(), 0, 50);
  const Configurations b = sample_random(host_backend(), seeded(8), small_space(), 0, 50);
  EXPECT_NE(a.draws(), b.draws());
}

TEST(SampleRandom, WorksWithoutAnAllocatorOfTheContext) {
  Context context;
  context.seed = 7;
  EXPECT_EQ(sample_random(host_backend(), context, small_space(), 0, 5).draws(),
            sample_random(host_backend(), seeded(7), small_space(), 0, 5).draws());
}

TEST(SampleRandom, DrawsNothingFromNothing) {
  EXPECT_EQ(sample_random(host_backend(), seeded(7), small_space(), 0, 0).n_trials(), 0);
  EXPECT_EQ(sample_random(host_backend(), seeded(7), SearchSpace(), 0, 4).n_trials(), 4);
  EXPECT_THROW(sample_random(host_backend(), seeded(7), small_space(), 0, -1), std::invalid_argument);
}

}  // namespace
}  // namespace lockstep
