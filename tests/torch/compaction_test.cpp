// Survivors keep weights, buffers, optimiser state, step counts and hyperparameters when others leave or tiles merge.

#include <algorithm>

#include <gtest/gtest.h>

#include <lockstep/torch/trial_scope.h>

#include "torch/small_task.h"
#include "torch/tile.h"

namespace lockstep {
namespace compaction_test {

using namespace lockstep::testing;

class Compaction : public ::testing::TestWithParam<const char*> {
 protected:
  Compaction()
      : task_(/*batch_norm=*/true),
        configurations_(table({{"lr", spread(12, 0.005, 0.05)}, {"momentum", spread(12, 0.0, 0.9)},
                               {"weight_decay", spread(12, 0.0, 0.01)}})),
        settings_{{"optimizer", {Value(GetParam()), {}}}},
        source_{task_, configurations_, settings_, torch::kCPU, 5} {
    at::set_num_threads(1);
  }

  /// Trains for an epoch; the order of examples is a different one at each age.
  void train(Tile& tile) const {
    std::map<int64_t, torch::Tensor> orders;
    for (const auto age : tile.ages()) orders[age] = (torch::arange(90) * 7 + age * 13) % 90;
    tile.train_epoch(task_.data().train, orders);
  }

  static int64_t slot_of(const Tile& tile, int64_t trial) {
    const auto at = std::find(tile.trials().begin(), tile.trials().end(), trial);
    EXPECT_NE(at, tile.trials().end()) << trial;
    return at - tile.trials().begin();
  }

  /// `got` holds these trials and no others, as `want` does beside others.
  static void expect_same_trials(const Tile& got, const Tile& want, const std::vector<int64_t>& trials) {
    ASSERT_EQ(got.trials().size(), trials.size());
    for (const auto trial : trials) {
      const auto a = got.copy_row(slot_of(got, trial));
      const auto b = want.copy_row(slot_of(want, trial));
      EXPECT_EQ(got.ages()[static_cast<size_t>(slot_of(got, trial))], want.ages()[static_cast<size_t>(slot_of(want, trial))]);
      ASSERT_EQ(a.size(), b.size());
      for (size_t k = 0; k < a.size(); ++k) {
        EXPECT_TRUE(torch::allclose(a[k].to(torch::kDouble), b[k].to(torch::kDouble), 1e-5, 1e-6))
            << "trial " << trial << ", tensor " << k;
      }
    }
  }

  SmallTask task_;
  Configurations configurations_;
  Settings settings_;
  TileSource source_;
};

TEST_P(Compaction, SurvivorsTrainOnAsIfNobodyHadLeft) {
  Tile whole(source_, iota(12));
  Tile shrunk(source_, iota(12));
  for (int n = 0; n < 2; ++n) train(whole), train(shrunk);
  const std::vector<int64_t> survivors{1, 4, 5, 11};
  shrunk.keep_slots(survivors);
  for (int n = 0; n < 3; ++n) train(whole), train(shrunk);
  expect_same_trials(shrunk, whole, survivors);
  const auto& accuracy = task_.metrics()[0];
  const auto all = whole.evaluate(task_.data().validation, accuracy);
  const auto few = shrunk.evaluate(task_.data().validation, accuracy);
  for (const auto trial : survivors) {
    EXPECT_NEAR(few[static_cast<size_t>(slot_of(shrunk, trial))], all[static_cast<size_t>(trial)], 1e-9);
  }
}

TEST_P(Compaction, MergedTilesTrainOnAsBefore) {
  Tile whole(source_, iota(12));
  Tile first(source_, std::vector<int64_t>{0, 1, 2, 3, 4});
  Tile second(source_, std::vector<int64_t>{5, 6, 7, 8, 9, 10, 11});
  train(whole), train(first), train(second);
  first.keep_slots(std::vector<int64_t>{0, 2, 4});
  first.take_over(second);
  train(whole), train(first);
  expect_same_trials(first, whole, {0, 2, 4, 5, 6, 7, 8, 9, 10, 11});
}

TEST_P(Compaction, NewcomersInRowsOfThoseThatLeftTrainAsAmongTheirOwnAge) {
  Tile tile(source_, std::vector<int64_t>{0, 1, 2, 3});
  Tile old(source_, std::vector<int64_t>{0, 1, 2, 3});
  Tile young(source_, std::vector<int64_t>{4, 5, 6});
  train(tile), train(tile), train(old), train(old);
  tile.take_over(Tile(source_, std::vector<int64_t>{4, 5, 6}), std::vector<int64_t>{3, 1});
  EXPECT_EQ(tile.trials(), (std::vector<int64_t>{0, 5, 2, 4, 6}));
  EXPECT_EQ(tile.ages(), (std::vector<int64_t>{2, 0, 2, 0, 0}));
  for (int n = 0; n < 3; ++n) train(tile), train(old), train(young);
  for (const auto& [want, trials] : {std::pair<Tile*, std::vector<int64_t>>{&old, {0, 2}}, {&young, {4, 5, 6}}}) {
    Tile part(source_, trials);
    for (size_t i = 0; i < trials.size(); ++i) part.copy_weights(static_cast<int64_t>(i), tile, slot_of(tile, trials[i]));
    expect_same_trials(part, *want, trials);
  }
}

TEST_P(Compaction, CopiedWeightsTrainOnWithTheReceiversHyperparameters) {
  Tile tile(source_, std::vector<int64_t>{0, 1, 2});
  train(tile), train(tile);
  Tile other(source_, std::vector<int64_t>{7, 8});
  other.copy_weights(1, tile, 2);  // trial 8 goes on with the weights and moments of trial 2
  EXPECT_EQ(other.ages(), (std::vector<int64_t>{0, 2}));
  for (size_t k = 0; k < 2; ++k) EXPECT_TRUE(torch::equal(other.copy_row(1)[k], tile.copy_row(2)[k]));
  train(other), train(tile);
  EXPECT_FALSE(torch::allclose(other.copy_row(1)[0], tile.copy_row(2)[0], 1e-4, 1e-5));  // another learning rate
  // What trial 2 would be with trial 8's hyperparameters from here on.
  auto draws = configurations_.draws();
  for (int64_t param = 0; param < 3; ++param) draws[static_cast<size_t>(2 * 3 + param)] = configurations_.draw(8, param);
  const Configurations changed(configurations_.space(), 0, 12, draws);
  Tile before(source_, std::vector<int64_t>{0, 1, 2});
  train(before), train(before);
  Tile expected({task_, changed, settings_, torch::kCPU, 5}, std::vector<int64_t>{2});
  expected.copy_weights(0, before, 2);
  train(expected);
  for (size_t k = 0; k < expected.copy_row(0).size(); ++k) {
    EXPECT_TRUE(torch::allclose(other.copy_row(1)[k].to(torch::kDouble), expected.copy_row(0)[k].to(torch::kDouble), 1e-5, 1e-6));
  }
}

TEST_P(Compaction, RowComesBackFromItsCopy) {
  Tile tile(source_, iota(3));
  train(tile);
  const auto copy = tile.copy_row(1);
  const auto before = tile.evaluate(task_.data().validation, task_.metrics()[1]);
  train(tile);
  const auto after = tile.evaluate(task_.data().validation, task_.metrics()[1]);
  ASSERT_NE(before[1], after[1]);
  tile.restore_row(1, copy);
  const auto restored = tile.evaluate(task_.data().validation, task_.metrics()[1]);
  EXPECT_EQ(restored[1], before[1]);
  EXPECT_EQ(restored[0], after[0]);
  EXPECT_EQ(restored[2], after[2]);
}

TEST_P(Compaction, DivergedTrialTouchesNoOther) {
  Configurations poisoned = table({{"lr", {0.01, 1e30, 0.02}}, {"momentum", {0.0, 0.9, 0.5}}, {"weight_decay", {0, 0, 0}}});
  Configurations healthy = table({{"lr", {0.01, 0.01, 0.02}}, {"momentum", {0.0, 0.9, 0.5}}, {"weight_decay", {0, 0, 0}}});
  Tile a({task_, poisoned, settings_, torch::kCPU, 5}, iota(3));
  Tile b({task_, healthy, settings_, torch::kCPU, 5}, iota(3));
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    train(a);
    train(b);
  }
  const auto row = a.copy_row(1);
  EXPECT_FALSE(torch::isfinite(row[0]).all().item<bool>() && row[0].abs().max().item<double>() < 1e10);
  for (const int64_t slot : {0, 2}) {
    for (size_t k = 0; k < row.size(); ++k) EXPECT_TRUE(torch::equal(a.copy_row(slot)[k], b.copy_row(slot)[k]));
  }
}

TEST(BatchNormCounter, MovesWithItsTrial) {
  at::set_num_threads(1);
  const SmallTask task(/*batch_norm=*/true);
  const Configurations configurations = table({{"lr", spread(12, 0.005, 0.05)}});
  const Settings settings;
  const TileSource source{task, configurations, settings, torch::kCPU, 5};
  const auto train = [&](Tile& tile) {
    std::map<int64_t, torch::Tensor> orders;
    for (const auto age : tile.ages()) orders[age] = torch::arange(90);
    tile.train_epoch(task.data().train, orders);
  };
  const auto counters = [](const Tile& tile) {
    std::map<int64_t, int64_t> out;
    const torch::Tensor rows = physical(tile.program().module->named_buffers()["norm.num_batches_tracked"]);
    for (int64_t slot = 0; slot < tile.n_trials(); ++slot) out[tile.trials()[static_cast<size_t>(slot)]] = rows[slot].item<int64_t>();
    return out;
  };
  constexpr int64_t kSteps = 6;  // of an epoch
  Tile tile(source, std::vector<int64_t>{0, 1, 2, 3});
  train(tile);
  tile.take_over(Tile(source, std::vector<int64_t>{7, 8}), std::vector<int64_t>{1});  // one in the place of trial 1, one behind
  train(tile);
  EXPECT_EQ(counters(tile), (std::map<int64_t, int64_t>{{0, 2 * kSteps}, {2, 2 * kSteps}, {3, 2 * kSteps}, {7, kSteps}, {8, kSteps}}));
  tile.keep_slots(std::vector<int64_t>{1, 3, 4});
  train(tile);
  EXPECT_EQ(counters(tile), (std::map<int64_t, int64_t>{{3, 3 * kSteps}, {7, 2 * kSteps}, {8, 2 * kSteps}}));
}

INSTANTIATE_TEST_SUITE_P(Optimizers, Compaction, ::testing::Values("sgd", "adam", "adamw"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace compaction_test
}  // namespace lockstep
