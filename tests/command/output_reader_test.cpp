#include "command/output_reader.h"

#include <cmath>

#include <gtest/gtest.h>

#include "command/recording_sink.h"

namespace lockstep {
namespace {

using testing::RecordingSink;
using Texts = std::vector<std::string>;

Texts texts(const std::vector<LoggedMetric>& metrics) {
  Texts result;
  for (const LoggedMetric& metric : metrics) result.push_back(RecordingSink::text(metric));
  return result;
}

Texts all_of(const std::string& output) {
  OutputReader reader;
  Texts result = texts(reader.read(output));
  for (const std::string& each : texts(reader.finish())) result.push_back(each);
  return result;
}

TEST(OutputReader, EveryNumberOfAnObjectIsAMetricOfItsStep) {
  EXPECT_EQ(all_of("epoch 5\n{\"accuracy\": 0.93, \"step\": 5, \"epoch\": 5, \"note\": \"best\", \"new\": true, \"last\": null}\n"),
            (Texts{"accuracy=0.93@5", "epoch=5@5"}));
  EXPECT_EQ(all_of("  {\"loss\": 1}  \r\n"), Texts{"loss=1"});
}

TEST(OutputReader, WhatIsNoReportIsPassedOver) {
  EXPECT_EQ(all_of("{\"event\": \"saved\"}\n{}\n[0.5]\n0.5\n{\"accuracy\": 0.5\n\"accuracy\": 0.6}\n{accuracy: 0.5}\n{\"step\": 3}\n"
                   "{\"list\": [0.5], \"nested\": {\"accuracy\": 0.5}}\nloss {\"loss\": 0.5}\n"),
            Texts{});
}

TEST(OutputReader, TakesNaNAsPythonWritesIt) {
  const auto metrics = OutputReader().read("{\"loss\": NaN, \"other\": -Infinity, \"step\": 2.0}\n");
  ASSERT_EQ(metrics.size(), 2u);
  EXPECT_TRUE(std::isnan(metrics[0].value));
  EXPECT_EQ(metrics[1].value, -INFINITY);
  EXPECT_EQ(metrics[0].step, 2);
}

TEST(OutputReader, AStepThatIsNoIntegerIsNone) {
  EXPECT_EQ(all_of("{\"a\": 1, \"step\": 0.5}\n{\"a\": 2, \"step\": \"3\"}\n{\"a\": 3, \"step\": 0}\n"), (Texts{"a=1", "a=2", "a=3@0"}));
}

TEST(OutputReader, LinesMayComeInAnyPieces) {
  const std::string output =
      "x\n{\"a\": 1}\nAttempted to log scalar metric b:\n0.25\r\n\rAttempted to log scalar metric c:\r\n1e-05\r\n{\"d\": 2}";
  const Texts expected = {"a=1", "b=0.25", "c=1e-05", "d=2"};
  for (size_t size = 1; size <= output.size(); ++size) {
    OutputReader reader;
    Texts result;
    for (size_t at = 0; at < output.size(); at += size) {
      for (const std::string& each : texts(reader.read(std::string_view(output).substr(at, size)))) result.push_back(each);
    }
    for (const std::string& each : texts(reader.finish())) result.push_back(each);
    EXPECT_EQ(result, expected) << size;
    EXPECT_EQ(texts(reader.finish()), Texts{});
  }
}

TEST(OutputReader, AzuremlTextIsANameAndAValueOnTheNextLine) {
  EXPECT_EQ(all_of("Attempted to log scalar metric Regularization Strength::\n1.0\n"), Texts{"Regularization Strength:=1"});
  EXPECT_EQ(all_of("Attempted to log scalar metric a:\nAttempted to log scalar metric b:\nnan\n"), Texts{"b=nan"});
  EXPECT_EQ(all_of("Attempted to log scalar metric a:\nfoo\n0.5\n"), Texts{});
  EXPECT_EQ(all_of("Attempted to log scalar metric a:\n{\"b\": 1}\n0.5\n"), Texts{"b=1"});
}

TEST(OutputReader, HugeLinesAreHarmless) {
  OutputReader reader;
  const std::string megabyte(1 << 20, '[');
  reader.read("{\"a\": ");
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(reader.read(megabyte).empty());
  EXPECT_TRUE(reader.read("1}").empty());
  EXPECT_EQ(texts(reader.read("\n{\"b\": 2}\n")), Texts{"b=2"});
  // As deep as fits into a line.
  EXPECT_EQ(all_of("{\"a\": 1, \"deep\": " + std::string(500'000, '[') + std::string(500'000, ']') + "}\n{\"b\": 2}\n"), (Texts{"a=1", "b=2"}));
}

TEST(OutputReader, FindsALineBehindAProgressBar) {
  OutputReader reader;
  const auto metrics = reader.read("\r 50%|#####     | 5/10 [00:01<00:01,  4.9it/s]{\"accuracy\": 0.5}\n"
                                   "config {\"accuracy\": 0.9}\n");
  ASSERT_EQ(metrics.size(), 1u);
  EXPECT_EQ(metrics[0].value, 0.5);
}

}  // namespace
}  // namespace lockstep
