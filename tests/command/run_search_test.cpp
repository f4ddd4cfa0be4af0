#include <cmath>

#include <gtest/gtest.h>

#include <lockstep/error.h>

#include "command/tracked_runs.h"

namespace lockstep {
namespace {

TrackedRun made(const std::string& id, double loss, int64_t start_ms) {
  TrackedRun run;
  run.id = id;
  run.name = "Run " + id;
  run.start_ms = start_ms;
  size_t ignored = 0;
  run.add("loss", {loss, 1, 1}, ignored);
  run.params["batch size"] = "32";
  run.params["solver"] = "lbfgs";
  run.tags["mlflow.parentRunId"] = "parent";
  return run;
}

TEST(RunSearch, FiltersAsMlflowDocumentsIt) {
  const TrackedRun run = made("a", 0.25, 1000);
  for (const char* filter :
       {"", "metrics.loss < 0.3", "metrics.loss = 0.25 and params.solver = 'lbfgs'", "tags.mlflow.parentRunId = 'parent'",
        "params.\"batch size\" = '32'", "params.`batch size` != '16'", "tags.`mlflow.parentRunId` LIKE 'par%'",
        "attributes.run_name ILIKE 'run _'", "status = 'RUNNING' AND start_time >= 1000", "run_id IN ('b', 'a')",
        "run_id NOT IN ('b')", "params.solver IS NOT NULL", "params.other IS NULL", "metrics.\"loss\">=0.25",
        "tags.\"mlflow.parentRunId\"=\"parent\""}) {
    EXPECT_TRUE(matches(run, filter)) << filter;
  }
  for (const char* filter :
       {"metrics.loss > 0.3", "metrics.other > 0", "metrics.other < 0", "params.solver = 'saga'", "params.other != 'x'",
        "tags.x = ''", "metrics.loss < 0.3 AND params.solver = 'saga'", "attributes.run_name LIKE 'run _'", "run_id IN ('b')",
        "status = 'FINISHED'", "end_time > 0", "params.solver LIKE 'lbfgs_'"}) {
    EXPECT_FALSE(matches(run, filter)) << filter;
  }
}

TEST(RunSearch, RefusesWhatItDoesNotUnderstand) {
  const TrackedRun run = made("a", 0.25, 1000);
  for (const char* filter : {"metrics.loss", "metrics.loss <", "metrics.loss ~ 3", "metrics.loss < 'low'", "losses.x = 1",
                             "metrics.loss < 1 OR metrics.loss > 2", "params.x = 'open", "run_id IN 'a'", "run_id IN ('a'",
                             "AND", "params.x IS EMPTY", "()"}) {
    EXPECT_THROW(matches(run, filter), InputError) << filter;
  }
}

TEST(RunSearch, SortsByValuesAndThenByStart) {
  const TrackedRun a = made("a", 0.5, 1), b = made("b", 0.25, 2), c = made("c", NAN, 3), d = made("d", 0.5, 4);
  const auto sorted = [&](const std::vector<std::string>& keys) {
    std::vector<const TrackedRun*> runs = {&a, &b, &c, &d};
    sort_runs(runs, keys);
    std::string ids;
    for (const TrackedRun* run : runs) ids += run->id;
    return ids;
  };
  EXPECT_EQ(sorted({}), "dcba");
  EXPECT_EQ(sorted({"metrics.loss"}), "bdac");
  EXPECT_EQ(sorted({"metrics.loss DESC", "start_time ASC"}), "adbc");
  EXPECT_EQ(sorted({"attributes.run_name ASC"}), "abcd");
  EXPECT_THROW(sorted({"metrics.loss UPWARDS"}), InputError);
}

TEST(TrackedRun, LatestValueIsThatOfTheHighestStep) {
  TrackedRun run;
  size_t bytes = 0;
  run.add("loss", {1, 10, 5}, bytes);
  run.add("loss", {2, 20, 3}, bytes);
  EXPECT_EQ(run.metrics["loss"].latest.value, 1);
  run.add("loss", {3, 11, 5}, bytes);
  EXPECT_EQ(run.metrics["loss"].latest.value, 3);
  for (int i = 0; i < 20'000; ++i) run.add("loss", {4, 30, 6 + i}, bytes);
  EXPECT_EQ(run.metrics["loss"].history.size(), 10'000u);
  EXPECT_LT(bytes, 1'000'000u);
}

TEST(SeenMetrics, ForgetsTheOldestAlone) {
  SeenMetrics seen;
  for (int64_t i = 0; i < 70'000; ++i) EXPECT_TRUE(seen.add("run", "key", {1, 0, i}));
  EXPECT_FALSE(seen.add("run", "key", {1, 0, 69'999}));
  EXPECT_FALSE(seen.add("run", "key", {1, 0, 10'000}));
  EXPECT_TRUE(seen.add("run", "key", {1, 0, 0})) << "forgotten";
  EXPECT_FALSE(seen.add("run", "key", {NAN, 0, 1}) && seen.add("run", "key", {NAN, 0, 1})) << "NaN is equal to itself here";
}

}  // namespace
}  // namespace lockstep
