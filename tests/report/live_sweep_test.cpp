#include "report/live_sweep.h"

#include <filesystem>
#include <thread>

#include <gtest/gtest.h>

#include "report/made_sweep.h"
#include "report/page_data.h"
#include "report/sweeps_data.h"
#include "store/output_directory.h"
#include "store/temporary_folder.h"

namespace lockstep {
namespace {

using Json = nlohmann::ordered_json;

std::string kind_of(const std::string& event) { return event.substr(7, event.find('\n') - 7); }

Json data_of(const std::string& event) {
  const size_t begin = event.find("\ndata: ") + 7;
  EXPECT_EQ(event.substr(event.size() - 2), "\n\n");
  EXPECT_EQ(event.find('\n', begin), event.size() - 2) << "an event's data is one line";
  return Json::parse(event.substr(begin));
}

/// Of `n_trials` trials at the given numbers of reports; a trial's k-th report is 100 trial + k.
LiveSnapshot snapshot_of(int64_t version, const std::vector<int64_t>& n_reports) {
  LiveSnapshot snapshot;
  snapshot.version = version;
  snapshot.record.primary_metric = "accuracy";
  snapshot.record.search_space.add("lr", uniform(0, 1));
  for (size_t t = 0; t < n_reports.size(); ++t) {
    TrialRecord trial;
    trial.number = static_cast<int64_t>(t);
    trial.n_intervals = n_reports[t];
    trial.hyperparameters = {0.5};
    for (int64_t k = 1; k <= n_reports[t]; ++k) snapshot.reports[trial.number].push_back(static_cast<double>(100 * t) + static_cast<double>(k));
    snapshot.record.trials.push_back(trial);
  }
  return snapshot;
}

TEST(LiveView, SendsAllFirstAndThenWhatChanged) {
  LiveView view;
  const auto first = view.next_event(snapshot_of(1, {2, 1}));
  EXPECT_EQ(kind_of(first), "document");
  EXPECT_EQ(data_of(first)["curves"]["lengths"], Json({2, 1}));
  EXPECT_EQ(view.next_event(snapshot_of(1, {2, 1})), "");
  const auto second = view.next_event(snapshot_of(2, {2, 4, 1}));
  EXPECT_EQ(kind_of(second), "increment");
  const Json data = data_of(second);
  EXPECT_EQ(data["trials"]["number"], Json({1, 2}));
  EXPECT_EQ(data["curves"]["from"], Json({1, 0}));
  EXPECT_EQ(data["curves"]["lengths"], Json({4, 1}));
  EXPECT_EQ(data["curves"]["values"].get<std::string>().size(), 24u);  // 4 floats: 102, 103, 104 and 201
  EXPECT_FALSE(data.contains("spec_text"));
}

TEST(LiveView, SendsAnEndThatAddsNoReport) {
  LiveView view;
  auto snapshot = snapshot_of(1, {3, 3});
  view.next_event(snapshot);
  snapshot.version = 2;
  snapshot.record.trials[1].state = TrialState::kStopped;
  EXPECT_EQ(data_of(view.next_event(snapshot))["trials"]["state"], Json({"stopped"}));
}

TEST(LiveView, BeginsAnewWhereASweepWentBack) {
  LiveView view;
  view.next_event(snapshot_of(1, {5, 5}));
  EXPECT_EQ(kind_of(view.next_event(snapshot_of(2, {3, 5}))), "document");  // resumed from a checkpoint
  EXPECT_EQ(kind_of(view.next_event(snapshot_of(3, {3}))), "document");
  auto other = snapshot_of(4, {6, 6});
  other.record.start += std::chrono::seconds(1);  // replaced by --overwrite
  EXPECT_EQ(kind_of(view.next_event(other)), "document");
}

TEST(LiveSweep, SeesWhatIsWrittenAndWhoWrites) {
  const TemporaryFolder folder;
  testing::make_sweep(folder.path(), {.n_trials = 5, .n_intervals = 3});
  LiveSweep live(folder.path());
  const auto first = live.latest();
  EXPECT_EQ(first->record.trials.size(), 5u);
  EXPECT_FALSE(first->is_training);
  const DirectoryLock lock(folder.path());
  auto now = first;
  for (int i = 0; i < 100 && !now->is_training; ++i) now = live.wait(now->version, std::chrono::milliseconds(200));
  EXPECT_TRUE(now->is_training);
  EXPECT_TRUE(is_training(folder.path()));
}

TEST(LiveSweep, TellsOfAFolderWithoutASweep) {
  const TemporaryFolder folder;
  EXPECT_THROW(LiveSweep(folder.path()), OutputError);
}

TEST(SweepFolder, FindsSweepsAndTheirBestSoFar) {
  const TemporaryFolder folder;
  testing::make_sweep(folder / "b", {.n_trials = 30, .n_intervals = 4});
  std::filesystem::create_directories(folder / "a");
  testing::make_sweep(folder / "a/deeper", {.n_trials = 3, .n_intervals = 2});
  std::filesystem::create_directories(folder / "empty");
  SweepFolder sweeps(folder.path());
  EXPECT_EQ(sweeps.names(), (std::vector<std::string>{"a/deeper", "b"}));
  const Json data = sweeps.data();
  ASSERT_EQ(data.size(), 2u);
  const auto best = data[1]["curve"]["best"].get<std::vector<double>>();
  EXPECT_TRUE(std::is_sorted(best.begin(), best.end()));
  EXPECT_EQ(best.back(), data[1]["best"]["value"]);
  EXPECT_EQ(data[1]["started"], 30);
}

TEST(SweepFolder, ADamagedSweepDoesNotHideTheOthers) {
  const TemporaryFolder folder;
  testing::make_sweep(folder / "good", {.n_trials = 3, .n_intervals = 2});
  std::filesystem::create_directories(folder / "bad");
  std::ofstream(folder / "bad/sweep.db") << "no database";
  const Json data = SweepFolder(folder.path()).data();
  ASSERT_EQ(data.size(), 2u);
  EXPECT_TRUE(data[0].contains("error"));
  EXPECT_EQ(data[1]["name"], "good");
}

}  // namespace
}  // namespace lockstep
