// Executors that go on from what another saved, at any interval and in another grouping: their trials report the same, bit for bit.
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include <lockstep/error.h>
#include <lockstep/torch/executor.h>

#include "executor_calls.h"
#include "torch/small_task.h"

namespace lockstep {
namespace restore_test {

using namespace lockstep::testing;

constexpr int64_t kTrials = 21;
constexpr int64_t kIntervals = 6;

/// Trials over two widths and two optimisers.
Configurations configurations() {
  SearchSpace space;
  space.add("lr", normal(0, 1));
  space.add("momentum", uniform(0, 1));
  space.add("width", choice({Value(int64_t{16}), Value(int64_t{32})}));
  space.add("optimizer", choice({Value("sgd"), Value("adam")}));
  std::vector<double> draws;
  for (int i = 0; i < kTrials; ++i) {
    for (const double draw : {0.005 + 0.002 * i, 0.04 * i, static_cast<double>(i % 2), static_cast<double>(i % 3 == 0)}) {
      draws.push_back(draw);
    }
  }
  return Configurations(space, 0, kTrials, draws);
}

class Restore : public ::testing::Test {
 protected:
  std::unique_ptr<TaskExecutor> make(int64_t tile_size) const {
    TorchExecutorOptions options;
    options.seed = 11;
    options.n_threads = 2;
    options.tile_size = tile_size;
    return make_torch_executor(task_, configurations_, settings_, objective_, options);
  }

  static std::string save(const Executor& executor) {
    std::string bytes;
    executor.save([&](const void* data, size_t size) { bytes.append(static_cast<const char*>(data), size); });
    return bytes;
  }
  static ByteSource source_of(const std::string& bytes) {
    return [&bytes, at = size_t{0}](void* data, size_t size) mutable {
      if (at + size > bytes.size()) throw OutputError("it ends too early");
      std::copy_n(bytes.data() + at, size, static_cast<char*>(data));
      at += size;
    };
  }

  const SmallTask task_{true};
  const Configurations configurations_ = configurations();
  const Settings settings_{{"batch_size", {Value(int64_t{18}), {}}}};
  const Objective objective_{Goal::kMinimize, "loss", {}};
};

/// Who trains after interval n, when trials 1, 4 and 7 end after 2, trials 18 to 20 take their slots after 3, and some end after 4.
std::vector<Placement> running_after(int64_t n) {
  std::vector<Placement> out;
  for (int64_t trial = 0; trial < 18; ++trial) {
    const bool early = trial == 1 || trial == 4 || trial == 7, late = trial == 0 || trial == 2 || trial == 5;
    if (!(early && n >= 2) && !(late && n >= 4)) out.push_back({trial, trial});
  }
  for (const auto& [slot, trial] : std::vector<Placement>{{1, 18}, {4, 19}, {7, 20}}) {
    if (n >= 3 && !(trial == 19 && n >= 4)) out.push_back({slot, trial});
  }
  return out;
}

TEST_F(Restore, TrialsGoOnWithTheSameBitsInAnyGrouping) {
  const auto whole = make(4);
  whole->start(in_own_slots(iota(18)));
  std::vector<std::vector<double>> expected;
  std::vector<std::string> saved;
  for (int64_t n = 1; n <= kIntervals; ++n) {
    expected.push_back(train_interval(*whole, kTrials, 0));
    if (n == 2) whole->retire(std::vector<int64_t>{1, 4, 7});
    if (n == 4) whole->retire(std::vector<int64_t>{0, 2, 5, 19});
    saved.push_back(save(*whole));  // as a sweep does: before newcomers start
    if (n == 3) whole->start(std::vector<Placement>{{1, 18}, {4, 19}, {7, 20}});
  }
  for (int64_t n = 1; n < kIntervals; ++n) {
    const auto other = make(n % 2 == 0 ? 3 : 16);
    auto placements = running_after(n);
    if (n == 3) std::erase_if(placements, [](const Placement& each) { return each.trial >= 18; });
    other->restore(source_of(saved[static_cast<size_t>(n - 1)]), placements, {});
    if (n == 3) other->start(std::vector<Placement>{{1, 18}, {4, 19}, {7, 20}});
    for (int64_t later = n + 1; later <= kIntervals; ++later) {
      const auto metrics = train_interval(*other, kTrials, 0);
      for (const auto& [slot, trial] : running_after(later - 1)) {
        EXPECT_EQ(metrics[static_cast<size_t>(slot)], expected[static_cast<size_t>(later - 1)][static_cast<size_t>(slot)])
            << "trial " << trial << " at " << later << " after a restore at " << n;
      }
      if (later == 2) other->retire(std::vector<int64_t>{1, 4, 7});
      if (later == 3) other->start(std::vector<Placement>{{1, 18}, {4, 19}, {7, 20}});
      if (later == 4) other->retire(std::vector<int64_t>{0, 2, 5, 19});
    }
  }
}

TEST_F(Restore, KeepsTheKeptWeights) {
  const auto first = make(4);
  first->start(in_own_slots(iota(6)));
  train_interval(*first, kTrials, 0);
  first->keep(3);
  train_interval(*first, kTrials, 0);
  const std::string bytes = save(*first);
  const auto second = make(5);
  second->restore(source_of(bytes), {}, {});
  EXPECT_EQ(second->test_kept(3), first->test_kept(3));
  const NamedTensors weights = second->kept_weights(3), expected = first->kept_weights(3);
  ASSERT_EQ(weights.size(), expected.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    EXPECT_EQ(weights[i].first, expected[i].first);
    EXPECT_TRUE(torch::equal(weights[i].second, expected[i].second)) << weights[i].first;
  }
  EXPECT_EQ(weights.front().first, "first.weight");
  EXPECT_EQ(weights.front().second.sizes(), (std::vector<int64_t>{32, 8}));
}

TEST_F(Restore, RefusesWhatDoesNotFit) {
  const auto first = make(4);
  first->start(in_own_slots(iota(6)));
  train_interval(*first, kTrials, 0);
  const std::string bytes = save(*first);
  const std::vector<Placement> more{{0, 0}, {1, 17}};
  EXPECT_THROW(make(4)->restore(source_of(bytes), more, {}), OutputError);
  const std::string cut = bytes.substr(0, bytes.size() / 2);
  EXPECT_THROW(make(4)->restore(source_of(cut), in_own_slots(iota(6)), {}), OutputError);
  // Another width: rows of another size.
  SearchSpace space;
  space.add("lr", normal(0, 1));
  const Configurations narrow(space, 0, kTrials, std::vector<double>(kTrials, 0.1));
  const auto other = make_torch_executor(task_, narrow, settings_, objective_, {});
  EXPECT_THROW(other->restore(source_of(bytes), in_own_slots(iota(6)), {}), OutputError);
}

}  // namespace restore_test
}  // namespace lockstep
