// Steps that are recorded and replayed, with a stand-in for a GPU's graphs: one that keeps the work and does it again.

#include "torch/device_graph.h"

#include <gtest/gtest.h>

#include <algorithm>

#include <lockstep/torch/sweep.h>
#include <torch/torch.h>

#include "torch/host_wait_guard.h"
#include "torch/place.h"
#include "torch/small_task.h"

namespace lockstep {
namespace device_graph_test {

using namespace lockstep::testing;
using torch::Tensor;

int n_recorded = 0, n_replayed = 0;

class KeptWork : public DeviceGraph {
 public:
  void record(const std::function<void()>& work, const DeviceGraph*) override {
    ++n_recorded;
    work_ = work;
  }
  void replay() override {
    ++n_replayed;
    work_();
  }

 private:
  std::function<void()> work_;
};

std::unique_ptr<DeviceGraph> keep_work() { return std::make_unique<KeptWork>(); }

TEST(RecordedWork, RunsOnceIsRecordedOnceAndReplayedFromThenOn) {
  n_recorded = n_replayed = 0;
  RecordedWork work(keep_work);
  int n_done = 0;
  const int key = 0;
  for (int i = 0; i < 4; ++i) work.run({&key, 1}, [&] { ++n_done; });
  EXPECT_EQ(n_done, 4);
  EXPECT_EQ(n_recorded, 1);
  EXPECT_EQ(n_replayed, 3);
  work.run({&key, 2}, [&] { n_done += 10; });
  EXPECT_EQ(n_done, 14);
  EXPECT_EQ(n_replayed, 3);
  work.clear();
  work.run({&key, 1}, [&] { n_done += 100; });
  EXPECT_EQ(n_done, 114);
  EXPECT_EQ(n_recorded, 1);
}

TEST(RecordedWork, WhereTheHostReadsAValueIsNotRecorded) {
  n_recorded = 0;
  RecordedWork work(keep_work);
  const Tensor x = torch::ones({3});
  double sum = 0;
  for (int i = 0; i < 4; ++i) work.run({&x, 0}, [&] { sum += x[i % 3].item<double>(); });
  EXPECT_EQ(sum, 4);
  EXPECT_EQ(n_recorded, 0);
}

TEST(HostWaitNote, SeesWhatABackwardPassReads) {
  const Tensor x = torch::ones({3}, torch::requires_grad());
  const Tensor y = x * 2;
  y.register_hook([](const Tensor& gradient) { return gradient.sum().item<double>() > 0 ? gradient : -gradient; });
  const HostWaitNote note;
  EXPECT_FALSE(note.has_waited());
  torch::autograd::grad({y.sum()}, {x});
  EXPECT_TRUE(note.has_waited());
}

TEST(HostWaitNote, LeavesAGuardInForce) {
  const HostWaitGuard guard;
  const HostWaitNote note;
  EXPECT_THROW(torch::ones({1}).item<float>(), c10::Error);
  EXPECT_TRUE(note.has_waited());
}

/// Places whose tile records its steps, and does not, which go through the same.
class RecordedPlaces : public ::testing::Test {
 protected:
  RecordedPlaces() : configurations_(table({{"lr", spread(20, 0.02, 0.3)}, {"momentum", spread(20, 0, 0.9)}})) {
    recording_.make_graph = keep_work;
    n_recorded = n_replayed = 0;
  }

  void add(const std::vector<int64_t>& trials) {
    for (auto* place : {&recorded_, &plain_}) {
      for (const auto trial : trials) place->add(trial);
    }
  }
  void drop(const std::vector<int64_t>& trials) {
    for (auto* place : {&recorded_, &plain_}) {
      for (const auto trial : trials) place->drop(trial);
    }
  }
  /// Trains an interval and compares all trials, weights and scores.
  void train() {
    using Kind = std::pair<Place*, const TileSource*>;
    for (const auto& [place, source] : {Kind{&recorded_, &recording_}, Kind{&plain_, &source_}}) {
      place->settle(*source);
      std::map<int64_t, Tensor> orders;
      for (const auto age : place->ages()) orders[age] = (torch::arange(90) * 7 + age * 13) % 90;
      place->tile()->train_epoch(task_.data().train, orders);
    }
    const Metric* const metric = &task_.metrics()[1];
    const Tensor scores = recorded_.tile()->score(task_.data().validation, std::span(&metric, 1))[0];
    const Tensor expected = plain_.tile()->score(task_.data().validation, std::span(&metric, 1))[0];
    for (const auto trial : plain_.trials()) {
      const auto here = recorded_.slot_of(trial), there = plain_.slot_of(trial);
      EXPECT_TRUE(torch::equal(recorded_.tile()->copy_row(here)[0], plain_.tile()->copy_row(there)[0])) << trial;
      EXPECT_EQ(scores[here].item<double>(), expected[there].item<double>()) << trial;
    }
  }

  const SmallTask task_{/*batch_norm=*/true};
  const Configurations configurations_;
  const Settings settings_;
  const TileSource source_{task_, configurations_, settings_, torch::kCPU, 5};
  TileSource recording_ = source_;
  Place recorded_{0}, plain_{0};
};

TEST_F(RecordedPlaces, TrainAsOthers) {
  add({0, 1, 2, 3, 4, 5, 6, 7});
  for (int i = 0; i < 3; ++i) train();
  // Full minibatches, the last one (90 = 5 * 16 + 10), the evaluation.
  EXPECT_EQ(n_recorded, 3);
  EXPECT_EQ(n_replayed, 4 + 5 + 5 + 2 + 2);
}

TEST_F(RecordedPlaces, KeepARecordingWhereFewLeaveAndOthersTakeTheirRows) {
  add({0, 1, 2, 3, 4, 5, 6, 7});
  train();
  train();
  const int n_before = n_recorded;
  drop({2, 5});
  train();
  EXPECT_EQ(recorded_.tile()->n_trials(), 8);
  EXPECT_EQ(plain_.tile()->n_trials(), 6);
  EXPECT_EQ(n_recorded, n_before);
  add({11, 12});
  train();  // of different ages now: each trial in an order of its own
  EXPECT_EQ(recorded_.tile()->n_trials(), 8);
  const int n_after = n_recorded;
  train();
  train();
  EXPECT_EQ(n_recorded, n_after + 2);  // those that had run once
}

TEST_F(RecordedPlaces, CloseUpWhereManyLeave) {
  add({0, 1, 2, 3, 4, 5, 6, 7});
  train();
  train();
  drop({0, 1, 2});
  train();
  EXPECT_EQ(recorded_.tile()->n_trials(), 5);
  add({8, 9});
  train();
  EXPECT_EQ(recorded_.tile()->n_trials(), 7);
  Place other(0);
  other.add(15);
  recorded_.merge(other);
  plain_.add(15);
  train();
}

}  // namespace device_graph_test
}  // namespace lockstep
