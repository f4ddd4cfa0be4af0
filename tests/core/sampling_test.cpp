// Which algorithm a sweep samples with, how many trials it has, and what is refused.
#include <lockstep/sampling.h>

#include <limits>

#include <gtest/gtest.h>

#include "core/message.h"
#include "core/sweep_text.h"

namespace lockstep {
namespace {

constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

SearchSpace choices() {
  SearchSpace space;
  space.add("act", choice({"relu", "tanh"})).add("width", choice({8, 16, 32}));
  return space;
}

Context seeded(uint64_t seed) {
  Context context;
  context.seed = seed;
  return context;
}

SweepSpec grid_sweep(int64_t max_total_trials) {
  SweepSpec spec;
  spec.sampling.algorithm = SamplingAlgorithm::kGrid;
  spec.search_space = choices();
  spec.limits.max_total_trials = max_total_trials;
  return spec;
}

Sampling by(SamplingAlgorithm algorithm) { return {algorithm, {}}; }

TEST(Grid, GoesThroughTheCombinationsInDeclarationOrder) {
  const Configurations all = sample(host_backend(), seeded(7), grid_sweep(100));
  ASSERT_EQ(all.n_trials(), 6);
  std::string text;
  for (int64_t trial = 0; trial < 6; ++trial) {
    text += all.value(trial, 0).to_string() + " " + all.value(trial, 1).to_string() + "\n";
  }
  EXPECT_EQ(text, "relu 8\nrelu 16\nrelu 32\ntanh 8\ntanh 16\ntanh 32\n");
}

TEST(Grid, LimitLeavesItsFirstTrials) {
  EXPECT_EQ(trial_count(grid_sweep(4)), 4);
  EXPECT_EQ(trial_count(grid_sweep(6)), 6);
  EXPECT_EQ(trial_count(grid_sweep(7)), 6);
  const Configurations some = sample(host_backend(), seeded(7), grid_sweep(4));
  EXPECT_EQ(some.n_trials(), 4);
  EXPECT_EQ(some.value(3, 0), Value("tanh"));
  EXPECT_EQ(sampling_note(grid_sweep(4)), "Grid: the first 4 of 6 combinations (limits.max_total_trials)");
  EXPECT_EQ(sampling_note(grid_sweep(7)), "Grid: all 6 combinations");
  SweepSpec random = grid_sweep(4);
  random.sampling.algorithm = SamplingAlgorithm::kRandom;
  EXPECT_EQ(sampling_note(random), "");
  EXPECT_EQ(trial_count(random), 4);
}

TEST(Grid, CountsLargeGrids) {
  SearchSpace space;
  EXPECT_EQ(grid_size(space), 1);
  std::vector<Value> values;
  for (int i = 0; i < 1000; ++i) values.emplace_back(i);
  for (int i = 0; i < 6; ++i) space.add("p" + std::to_string(i), choice(values));
  EXPECT_EQ(grid_size(space), 1'000'000'000'000'000'000);
  space.add("p6", choice(values));
  EXPECT_EQ(grid_size(space), kNoLimit);
}

TEST(Grid, RefusesWhatIsNoChoice) {
  SearchSpace space = choices();
  space.add("depth", int_range(1, 4), {"s.yml", 9, 3});
  const std::string message =
      "s.yml:9: search_space.depth: is int, and a grid takes choice alone; list its values as a choice, or sample with "
      "'type: random'";
  EXPECT_EQ(message_of<InputError>([&] { check_sampling(by(SamplingAlgorithm::kGrid), space); }), message);
  EXPECT_EQ(message_of<InputError>([&] { grid_size(space); }), message);
  EXPECT_NO_THROW(check_sampling(by(SamplingAlgorithm::kSobol), space));
}

TEST(Grid, EndsAtItsLastTrial) {
  EXPECT_EQ(sample(host_backend(), seeded(7), by(SamplingAlgorithm::kGrid), choices(), 4, 2).value(5, 1), Value(32));
  EXPECT_THROW(sample(host_backend(), seeded(7), by(SamplingAlgorithm::kGrid), choices(), 4, 3), InputError);
}

TEST(Sobol, DrawsEveryChoiceEquallyOftenWhereRandomDoesNot) {
  const auto counts = [](SamplingAlgorithm algorithm) {
    const Configurations all = sample(host_backend(), seeded(7), by(algorithm), choices(), 0, 1024);
    int64_t n_relu = 0;
    for (int64_t trial = 0; trial < 1024; ++trial) n_relu += all.draw(trial, 0) == 0;
    return n_relu;
  };
  EXPECT_EQ(counts(SamplingAlgorithm::kSobol), 512);
  EXPECT_NE(counts(SamplingAlgorithm::kRandom), 512);
}

TEST(Sobol, DependsOnTheSeedAndTheTrialAlone) {
  const Sampling sobol = by(SamplingAlgorithm::kSobol);
  const Configurations all = sample(host_backend(), seeded(7), sobol, choices(), 0, 100);
  const Configurations some = sample(host_backend(), seeded(7), sobol, choices(), 30, 20);
  for (int64_t trial = 30; trial < 50; ++trial) {
    EXPECT_EQ(all.draw(trial, 0), some.draw(trial, 0));
    EXPECT_EQ(all.draw(trial, 1), some.draw(trial, 1));
  }
  EXPECT_NE(all.draws(), sample(host_backend(), seeded(8), sobol, choices(), 0, 100).draws());
}

TEST(Sobol, RefusesMoreDimensionsThanItHas) {
  SearchSpace space;
  for (int i = 0; i < kMaxSobolParams; ++i) space.add("p" + std::to_string(i), uniform(0, 1));
  EXPECT_NO_THROW(check_sampling(by(SamplingAlgorithm::kSobol), space));
  space.add("last", uniform(0, 1), {"s.yml", 2000, 1});
  EXPECT_EQ(message_of<InputError>([&] { check_sampling(by(SamplingAlgorithm::kSobol), space); }),
            "s.yml:2000: search_space.last: is one of 1112 hyperparameters, and a Sobol sequence has 1111 dimensions; "
            "write 'rule: random'");
  EXPECT_NO_THROW(check_sampling(by(SamplingAlgorithm::kRandom), space));
}

TEST(Sample, RandomIsTheDefault) {
  EXPECT_EQ(sample(host_backend(), seeded(7), Sampling{}, choices(), 3, 50).draws(),
            sample_random(host_backend(), seeded(7), choices(), 3, 50).draws());
  EXPECT_EQ(max_trials(Sampling{}, choices()), kNoLimit);
}

const std::string kSpace = "search_space:\n  act: {type: choice, values: [relu, tanh]}\n";

TEST(SpaceFile, TakesASearchSpaceAloneOrASweep) {
  EXPECT_EQ(parse_space(kSpace, "s.yml").search_space[0].name, "act");
  const SweepSpec sobol = parse_space(kSpace + "sampling_algorithm: {type: random, rule: sobol, seed: 9}\n", "s.yml");
  EXPECT_EQ(sobol.sampling.algorithm, SamplingAlgorithm::kSobol);
  EXPECT_EQ(sobol.sampling.seed, 9u);
  EXPECT_EQ(parse_space(kSpace + "sampling_algorithm: grid\n", "s.yml").sampling.algorithm, SamplingAlgorithm::kGrid);
  EXPECT_EQ(parse_space(kSpace, "s.yml", {{"sampling_algorithm", "grid"}}).sampling.algorithm,
            SamplingAlgorithm::kGrid);
  EXPECT_EQ(parse_space(kGoodSweep, "s.yml").sampling.seed, 7u);
}

TEST(SpaceFile, RefusesWhatBelongsToNeither) {
  expect_start(message_of<InputError>([] { parse_space("", "s.yml"); }), "s.yml: is empty; write a search_space");
  expect_start(message_of<InputError>([] { parse_space("sampling_algorithm: grid\n", "s.yml"); }),
               "s.yml:1: search_space: is missing");
  expect_start(message_of<InputError>([] { parse_space("serch_space: {}\n", "s.yml"); }),
               "s.yml:1: serch_space: unknown field of a sweep file: 'serch_space'; did you mean 'search_space'?");
}

TEST(SweepFile, ReadsTheSamplingAlgorithms) {
  EXPECT_EQ(parse_sweep(replaced("seed: 7", "rule: sobol"), "s.yml").sampling.algorithm, SamplingAlgorithm::kSobol);
  EXPECT_EQ(parse_sweep(replaced("seed: 7", "rule: random"), "s.yml").sampling.algorithm, SamplingAlgorithm::kRandom);
  std::string grid = replaced("type: random", "type: grid");
  const std::string lr = "    type: loguniform\n    min_value: -7\n    max_value: -1\n";
  grid.replace(grid.find(lr), lr.size(), "    type: choice\n    values: [0.1, 0.2]\n");
  const SweepSpec spec = parse_sweep(grid, "s.yml");
  EXPECT_EQ(spec.sampling.algorithm, SamplingAlgorithm::kGrid);
  EXPECT_EQ(spec.sampling.seed, 7u);
  EXPECT_EQ(trial_count(spec), 2);
}

}  // namespace
}  // namespace lockstep
