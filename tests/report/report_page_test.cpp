#include "report/report_page.h"

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <sstream>

#include <gtest/gtest.h>

#include "report/made_sweep.h"
#include "report/page_data.h"
#include "store/output_directory.h"
#include "store/temporary_folder.h"

namespace lockstep {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::vector<float> floats_of(const std::string& base64_text) {
  static const std::string kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  uint32_t group = 0;
  int n_bits = 0;
  for (const char c : base64_text) {
    if (c == '=') break;
    group = group << 6 | static_cast<uint32_t>(kDigits.find(c));
    n_bits += 6;
    if (n_bits < 8) continue;
    n_bits -= 8;
    bytes += static_cast<char>(group >> n_bits & 255);
  }
  std::vector<float> floats(bytes.size() / sizeof(float));
  std::memcpy(floats.data(), bytes.data(), floats.size() * sizeof(float));
  return floats;
}

size_t count(const std::string& text, const std::string& what) {
  size_t n = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The JSON document in a page.
Json data_of(const std::string& page) {
  const std::string tag = "<script type=\"application/json\" id=\"sweep-data\">";
  const size_t begin = page.find(tag) + tag.size();
  return Json::parse(page.substr(begin, page.find("</script>", begin) - begin));
}

std::string made_page(const std::string& folder, const testing::MadeSweep& made) {
  testing::make_sweep(folder, made);
  write_report(folder, folder + "/" + kReportFile);
  return text_of(folder + "/" + kReportFile);
}

/// Two trials with reports, one without.
SweepRecord three_trials() {
  SweepRecord record;
  record.primary_metric = "accuracy";
  record.search_space.add("lr", loguniform(-3, 0)).add("kind", choice({"a", Value::List{1, 2}, true}));
  for (int64_t number : {0, 1, 4}) {
    TrialRecord trial;
    trial.number = number;
    trial.hyperparameters = {0.1 * static_cast<double>(number + 1), record.search_space[1].distribution.values[number == 4 ? 1 : 2]};
    record.trials.push_back(trial);
  }
  record.trials[0].value = 0.75;
  return record;
}

TEST(Base64, IsTheStandardOne) {
  for (const auto& [plain, coded] : {std::pair{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}}) {
    EXPECT_EQ(base64(plain, std::strlen(plain)), coded);
  }
}

TEST(PageData, HasTrialsAndCurves) {
  const auto data = page_data(three_trials(), {{0, {0.5, 0.75}}, {4, {kNan, -std::numeric_limits<double>::infinity(), 0.25}}});
  EXPECT_EQ(data["trials"]["number"], Json({0, 1, 4}));
  EXPECT_EQ(data["trials"]["value"], Json({0.75, nullptr, nullptr}));
  EXPECT_EQ(data["trials"]["parameters"][1], Json({2, 2, 1}));
  EXPECT_EQ(data["parameters"][0]["log"], true);
  EXPECT_EQ(data["parameters"][1]["categories"], Json({"a", "[1, 2]", "true"}));
  EXPECT_EQ(data["curves"]["lengths"], Json({2, 0, 3}));
  const auto floats = floats_of(data["curves"]["values"]);
  ASSERT_EQ(floats.size(), 5u);
  EXPECT_EQ(floats[1], 0.75f);
  EXPECT_TRUE(std::isnan(floats[2]));
  EXPECT_TRUE(std::isinf(floats[3]));
  EXPECT_EQ(data["importance"]["reason"], "it takes 10 trials with a finite accuracy, and there are 1");
  EXPECT_EQ(data["best"]["trial"], 0);
}

TEST(PageData, KeepsEveryKthReportAndTheLast) {
  EXPECT_EQ(n_kept_reports(0, 3), 0);
  EXPECT_EQ(n_kept_reports(1, 3), 1);
  EXPECT_EQ(n_kept_reports(2, 3), 2);
  EXPECT_EQ(n_kept_reports(4, 3), 2);
  EXPECT_EQ(n_kept_reports(5, 3), 3);
  const SweepRecord record = three_trials();
  const std::map<int64_t, std::vector<double>> reports{{0, {1, 2, 3, 4, 5}}, {4, {6, 7, 8, 9}}};
  EXPECT_EQ(report_stride(reports, 9), 1);
  EXPECT_EQ(report_stride(reports, 8), 2);
  std::vector<const TrialRecord*> trials{&record.trials[0], &record.trials[2]};
  EXPECT_EQ(floats_of(page_curves(trials, reports, 3)["values"]), (std::vector<float>{1, 4, 5, 6, 9}));
  EXPECT_EQ(floats_of(page_curves(trials, reports, 3, {2, 1})["values"]), (std::vector<float>{5, 9}));
}

TEST(PageData, StrideEndsForManyTrialsOfFewReports) {
  std::map<int64_t, std::vector<double>> reports;
  for (int64_t trial = 0; trial < 100; ++trial) reports[trial] = {1, 2, 3};
  EXPECT_EQ(report_stride(reports, 10), 2);  // first and last of each are more than 10
}

TEST(ReportPage, IsWholeAndNeedsNothingElse) {
  const TemporaryFolder folder;
  const std::string page = made_page(folder.path(), {.n_trials = 30, .n_intervals = 8});
  EXPECT_EQ(page.substr(0, 15), "<!DOCTYPE html>");
  EXPECT_EQ(page.substr(page.size() - 8), "</html>\n");
  EXPECT_EQ(count(page, "<!-- part: "), 0u);
  EXPECT_EQ(count(page, " src="), 0u);
  EXPECT_EQ(count(page, "<link "), 1u);  // the icon, which is empty
  EXPECT_NE(page.find("MIT License"), std::string::npos);
  EXPECT_NE(page.find("class Sweep"), std::string::npos);
  const Json data = data_of(page);
  EXPECT_EQ(data["trials"]["number"].size(), 30u);
  EXPECT_EQ(data["state"], "completed");
  EXPECT_GT(data["savings"].get<double>(), 0);
}

TEST(ReportPage, NoTextOfAUserIsMarkup) {
  const TemporaryFolder plain, hostile;
  const std::string page = made_page(hostile.path(), {.n_trials = 30, .n_intervals = 8, .hostile = true});
  // As many elements as in a page of harmless texts: what users wrote made none.
  EXPECT_EQ(count(page, "<"), count(made_page(plain.path(), {.n_trials = 30, .n_intervals = 8}), "<"));
  const Json data = data_of(page);
  EXPECT_EQ(data["display_name"], testing::kHostileMarkup);
  EXPECT_EQ(data["metric"], testing::kHostileTexts[1]);
  for (size_t i = 0; i < std::size(testing::kHostileTexts); ++i) EXPECT_EQ(data["parameters"][i]["name"], testing::kHostileTexts[i]);
  EXPECT_EQ(data["parameters"].back()["name"].get<std::string>().size(), 10'000u);
}

TEST(ReportPage, BytesThatAreNotUtf8DoNotHinderIt) {
  SweepRecord record = three_trials();
  record.display_name = "caf\xe9";
  EXPECT_EQ(data_of(report_page(page_data(record, {})))["display_name"], "caf\xEF\xBF\xBD");
}

TEST(ReportPage, TenThousandTrialsOfAHundredIntervalsTakeLessThan20Megabytes) {
  SweepRecord record;
  record.primary_metric = "accuracy";
  for (int p = 0; p < 10; ++p) record.search_space.add("hyperparameter_" + std::to_string(p), uniform(0, 1));
  std::map<int64_t, std::vector<double>> reports;
  for (int64_t number = 0; number < 10'000; ++number) {
    TrialRecord trial;
    trial.number = number;
    trial.state = TrialState::kStopped;
    for (int64_t p = 0; p < 10; ++p) trial.hyperparameters.emplace_back(std::fmod(static_cast<double>(number * 7919 + p) * 0.618033988749895, 1.0));
    trial.value = std::fmod(static_cast<double>(number) * 0.7548776662466927, 1.0);
    trial.n_intervals = 100;
    trial.reason = "median_stopping at interval 17: best 0.774194 is below the median 0.817204 of running averages";
    reports[number].assign(100, *trial.value);
    record.trials.push_back(std::move(trial));
  }
  const std::string page = report_page(page_data(record, reports));
  EXPECT_LT(page.size(), 20'000'000u);
  EXPECT_GT(page.size(), 4'000'000u + 1'000'000u);  // all reports are there: 4 bytes each, in base64
}

TEST(ReportPage, OfASweepWithoutAnyTrial) {
  SweepRecord record;
  record.primary_metric = "loss";
  const Json data = data_of(report_page(page_data(record, {})));
  EXPECT_EQ(data["trials"]["number"].size(), 0u);
  EXPECT_TRUE(data["best"].is_null());
}

TEST(WriteReport, SaysWhatCannotBeWritten) {
  const TemporaryFolder folder;
  testing::make_sweep(folder.path(), {.n_trials = 3, .n_intervals = 2});
  try {
    write_report(folder.path(), folder.path() + "/none/report.html");
    FAIL();
  } catch (const OutputError& error) {
    EXPECT_NE(std::string(error.what()).find("none/report.html"), std::string::npos) << error.what();
  }
  EXPECT_THROW(write_report(folder.path() + "/none", folder.path() + "/report.html"), OutputError);
}

}  // namespace
}  // namespace lockstep
