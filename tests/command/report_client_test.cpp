#include "command/report_client.h"

#include <cmath>

#include <gtest/gtest.h>

#include <lockstep/error.h>

#include "command/recording_sink.h"
#include "command/tracking_server.h"

namespace lockstep {
namespace {

using testing::RecordingSink;
using Texts = std::vector<std::string>;

Texts texts(const std::vector<std::string>& words) {
  Texts result;
  for (const LoggedMetric& metric : parse_report(words)) result.push_back(RecordingSink::text(metric));
  return result;
}

TEST(ReportClient, ReadsMetricsAndTheirStep) {
  EXPECT_EQ(texts({"accuracy=0.93"}), Texts{"accuracy=0.93"});
  EXPECT_EQ(texts({"accuracy=0.93", "step=5", "loss=1e-3"}), (Texts{"accuracy=0.93@5", "loss=0.001@5"}));
  EXPECT_EQ(texts({"a=b=2", "loss=-inf"}), (Texts{"a=b=2", "loss=-inf"}));
  EXPECT_TRUE(std::isnan(parse_report({"loss=NaN"})[0].value));
}

TEST(ReportClient, RefusesWhatIsNoMetric) {
  for (const Texts& words : {Texts{}, {"accuracy"}, {"accuracy="}, {"=0.5"}, {"accuracy=high"}, {"accuracy=0.5", "step=0.5"}, {"step=5"},
                             {"accuracy=0.5", "results"}, {"accuracy=0,5"}}) {
    EXPECT_THROW(parse_report(words), InputError);
  }
}

TEST(ReportClient, ReportsAndSaysWhyNot) {
  RecordingSink sink;
  std::string url;
  {
    TrackingServer server(sink, 1);
    for (const std::string& entry : server.open(1, "/results/1")) {
      if (entry.starts_with("LOCKSTEP_REPORT_URL=")) url = entry.substr(entry.find('=') + 1);
    }
    send_report(url, parse_report({"accuracy=0.93", "loss=nan", "other=-inf", "step=5"}));
    EXPECT_EQ(sink.texts(), (Texts{"accuracy=0.93@5", "loss=nan@5", "other=-inf@5"}));
    server.close(1);
    try {
      send_report(url, parse_report({"accuracy=0.93"}));
      FAIL() << "the trial is over";
    } catch (const OutputError& error) {
      EXPECT_NE(std::string(error.what()).find("over"), std::string::npos) << error.what();
    }
  }
  EXPECT_THROW(send_report(url, parse_report({"accuracy=0.93"})), OutputError);
  for (const char* bad : {"", "x", "http://", "http://127.0.0.1", "ftp://127.0.0.1/x"}) {
    EXPECT_THROW(send_report(bad, parse_report({"accuracy=0.93"})), OutputError) << bad;
  }
}

}  // namespace
}  // namespace lockstep
