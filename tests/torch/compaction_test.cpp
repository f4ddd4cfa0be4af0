// Survivors keep weights, buffers, optimiser state, step counts and hyperparameters when others leave or tiles merge.

#include <gtest/gtest.h>

#include "torch/small_task.h"
#include "torch/tile.h"

namespace lockstep {
namespace {

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

  static void expect_same_trials(const Tile& got, const Tile& want, const std::vector<int64_t>& slots) {
    ASSERT_EQ(got.trials().size(), slots.size());
    for (size_t i = 0; i < slots.size(); ++i) {
      EXPECT_EQ(got.trials()[i], want.trials()[static_cast<size_t>(slots[i])]);
      const auto a = got.copy_row(static_cast<int64_t>(i));
      const auto b = want.copy_row(slots[i]);
      ASSERT_EQ(a.size(), b.size());
      for (size_t k = 0; k < a.size(); ++k) {
        EXPECT_TRUE(torch::allclose(a[k].to(torch::kDouble), b[k].to(torch::kDouble), 1e-5, 1e-6))
            << "trial " << got.trials()[i] << ", tensor " << k;
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
  const auto step = [&](Tile& tile, int64_t epoch) {
    tile.train_epoch(task_.data().train, (torch::arange(90) * 7 + epoch * 13) % 90);
  };
  for (int64_t epoch = 0; epoch < 2; ++epoch) step(whole, epoch), step(shrunk, epoch);
  const std::vector<int64_t> survivors{1, 4, 5, 11};
  shrunk.keep_slots(survivors);
  EXPECT_EQ(shrunk.trials(), survivors);
  for (int64_t epoch = 2; epoch < 5; ++epoch) step(whole, epoch), step(shrunk, epoch);
  expect_same_trials(shrunk, whole, survivors);
  const auto& accuracy = task_.metrics()[0];
  const auto all = whole.evaluate(task_.data().validation, accuracy);
  const auto few = shrunk.evaluate(task_.data().validation, accuracy);
  for (size_t i = 0; i < survivors.size(); ++i) EXPECT_NEAR(few[i], all[static_cast<size_t>(survivors[i])], 1e-9);
}

TEST_P(Compaction, MergedTilesTrainOnAsBefore) {
  Tile whole(source_, iota(12));
  Tile first(source_, std::vector<int64_t>{0, 1, 2, 3, 4});
  Tile second(source_, std::vector<int64_t>{5, 6, 7, 8, 9, 10, 11});
  const auto step = [&](Tile& tile, int64_t epoch) {
    tile.train_epoch(task_.data().train, (torch::arange(90) * 11 + epoch * 17) % 90);
  };
  step(whole, 0), step(first, 0), step(second, 0);
  first.keep_slots(std::vector<int64_t>{0, 2, 4});
  first.append(second);
  step(whole, 1), step(first, 1);
  expect_same_trials(first, whole, {0, 2, 4, 5, 6, 7, 8, 9, 10, 11});
}

TEST_P(Compaction, RowComesBackFromItsCopy) {
  Tile tile(source_, iota(3));
  tile.train_epoch(task_.data().train, torch::arange(90));
  const auto copy = tile.copy_row(1);
  const auto before = tile.evaluate(task_.data().validation, task_.metrics()[1]);
  tile.train_epoch(task_.data().train, torch::arange(90));
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
    a.train_epoch(task_.data().train, torch::arange(90));
    b.train_epoch(task_.data().train, torch::arange(90));
  }
  const auto row = a.copy_row(1);
  EXPECT_FALSE(torch::isfinite(row[0]).all().item<bool>() && row[0].abs().max().item<double>() < 1e10);
  for (const int64_t slot : {0, 2}) {
    for (size_t k = 0; k < row.size(); ++k) EXPECT_TRUE(torch::equal(a.copy_row(slot)[k], b.copy_row(slot)[k]));
  }
}

INSTANTIATE_TEST_SUITE_P(Optimizers, Compaction, ::testing::Values("sgd", "adam", "adamw"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace lockstep
