// Reading recorded learning curves, and playing them to the loop.

#include "core/recorded_curves.h"

#include <cmath>
#include <sstream>

#include <gtest/gtest.h>
#include <lockstep/error.h>

#include "core/message.h"

namespace lockstep {
namespace {

RecordedCurves parse(const std::string& text) {
  std::istringstream stream(text);
  return parse_curves_csv(stream, "curves.csv");
}

std::string refusal(const std::string& text) {
  return message_of<DataError>([&] { parse(text); });
}

using Curves = std::vector<std::vector<double>>;
using Names = std::vector<std::string>;

TEST(RecordedCurves, RowsAreTrialsInOrderOfFirstAppearance) {
  const RecordedCurves curves = parse("trial,interval,value\n7,2,0.5\nb,1,3\n7,1,0.25\n-3,1,1e-3\nb,2,4\nb,3,+5\n");
  EXPECT_EQ(curves.names, (Names{"7", "b", "-3"}));
  EXPECT_EQ(curves.curves, (Curves{{0.25, 0.5}, {3, 4, 5}, {0.001}}));
  EXPECT_FALSE(curves.counts_from_zero);
  EXPECT_EQ(curves.n_trials(), 3);
  EXPECT_EQ(curves.n_values(), 6);
  EXPECT_EQ(curves.n_intervals(), 3);
}

TEST(RecordedCurves, ColumnsAreFoundByName) {
  const RecordedCurves curves =
      parse("\xEF\xBB\xBFnote, value ,\"interval\",lr,trial\r\n\"a, \"\"b\"\"\",0.5,1.0,0.1,\"x, y\"\r\n"
            "\r\n  \n,0.7,2,0.1,\"x, y\"");
  EXPECT_EQ(curves.names, Names{"x, y"});
  EXPECT_EQ(curves.curves, (Curves{{0.5, 0.7}}));
}

TEST(RecordedCurves, IntervalsMayCountFromZero) {
  const RecordedCurves curves = parse("trial,interval,value\n0,1,2\n0,0,1\n1,0,3\n");
  EXPECT_EQ(curves.curves, (Curves{{1, 2}, {3}}));
  EXPECT_TRUE(curves.counts_from_zero);
}

TEST(RecordedCurves, ValuesMayNotBeFinite) {
  const RecordedCurves curves =
      parse("trial,interval,value\n0,1,nan\n0,2,-inf\n0,3,INF\n0,4,\n0,5,1e999\n0,6,1e-999\n");
  const auto& curve = curves.curves.at(0);
  ASSERT_EQ(curve.size(), 6u);
  EXPECT_TRUE(std::isnan(curve[0]));
  EXPECT_EQ(curve[1], -HUGE_VAL);
  EXPECT_EQ(curve[2], HUGE_VAL);
  EXPECT_TRUE(std::isnan(curve[3]));
  EXPECT_EQ(curve[4], HUGE_VAL);
  EXPECT_EQ(curve[5], 0);
}

TEST(RecordedCurves, RefusalsNameTheLine) {
  const std::string header = "trial,interval,value\n";
  expect_start(refusal(""), "curves.csv: is empty; the first line names the columns");
  expect_start(refusal("trial,epoch,value\n0,1,2\n"), "curves.csv:1: there is no column 'interval'; ");
  expect_start(refusal("trial,trial,interval,value\n0,0,1,2\n"), "curves.csv:1: column 'trial' stands there twice");
  expect_start(refusal(header), "curves.csv: no learning curve is recorded");
  expect_start(refusal(header + "0,1,2\n0,2\n"), "curves.csv:3: has 2 fields");
  expect_start(refusal(header + ",1,2\n"), "curves.csv:2: the trial is empty");
  expect_start(refusal(header + "0,1.5,2\n"), "curves.csv:2: the interval '1.5' is no whole number");
  expect_start(refusal(header + "0,-1,2\n"), "curves.csv:2: the interval '-1' is no whole number");
  expect_start(refusal(header + "0,nan,2\n"), "curves.csv:2: the interval 'nan' is no whole number");
  expect_start(refusal(header + "0,,2\n"), "curves.csv:2: the interval '' is no whole number");
  expect_start(refusal(header + "\n0,1,2x\n"), "curves.csv:3: the value '2x' is no number");
  expect_start(refusal(header + "\"0,1,2\n"), "curves.csv:2: a quote is not closed");
}

TEST(RecordedCurves, RefusesGapsAndRepeats) {
  const std::string header = "trial,interval,value\n";
  expect_start(refusal(header + "a,1,2\na,3,2\n"), "curves.csv:3: trial a has no interval 2 before its interval 3; ");
  expect_start(refusal(header + "a,2,2\na,3,2\n"), "curves.csv:2: trial a has no interval 1 before its interval 2; ");
  expect_start(refusal(header + "a,1,2\na,2,2\na,1,2\n"), "curves.csv:4: trial a reports interval 1 twice; ");
  expect_start(refusal(header + "a,0,2\nb,1,2\n"), "curves.csv:3: trial b has no interval 0 before its interval 1; ");
  EXPECT_NE(refusal(header + "a,0,2\nb,1,2\n").find("counts from 0"), std::string::npos);
}

TEST(RecordedCurves, NamesAFileThatCannotBeRead) {
  expect_start(message_of<DataError>([] { load_curves_csv("/nowhere/at/all.csv"); }),
               "/nowhere/at/all.csv: cannot be opened: No such file or directory; ");
  expect_start(message_of<DataError>([] { load_curves_csv("/"); }), "/: is a folder; ");
}

TEST(RecordedExecutor, PlaysEachCurveFromItsStart) {
  const RecordedCurves curves{{"a", "b", "c"}, {{1, 2, 3}, {4, 5}, {6}}};
  const Context context;
  RecordedExecutor executor(curves, host_backend(), context);
  EXPECT_EQ(executor.n_intervals(0), 3);
  EXPECT_EQ(executor.n_intervals(2), 1);
  std::vector<double> metrics(3);
  executor.start(std::vector<Placement>{{2, 0}, {0, 1}});
  executor.train_interval(metrics.data());
  EXPECT_EQ(metrics[2], 1);
  EXPECT_EQ(metrics[0], 4);
  executor.start(std::vector<Placement>{{1, 2}});
  executor.train_interval(metrics.data());
  EXPECT_EQ(metrics, (std::vector<double>{5, 6, 2}));
  executor.retire(std::vector<int64_t>{2, 1});
  executor.train_interval(metrics.data());
  EXPECT_EQ(metrics[2], 3);
  EXPECT_EQ(executor.test_kept(0), std::nullopt);
}

}  // namespace
}  // namespace lockstep
