#include "report/sample_writer.h"

#include <cstdlib>
#include <cstring>
#include <limits>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace lockstep {
namespace {

SearchSpace space() {
  SearchSpace space;
  space.add("lr", uniform(0, 1)).add("act, \"x\"", choice({"relu", "a, \"b\"", 3, true, Value::List{1, 2}}));
  space.add("depth", int_range(-5, 5));
  return space;
}

std::string written(SampleFormat format, const std::vector<double>& draws, int64_t first = 0) {
  const auto n_trials = static_cast<int64_t>(draws.size()) / 3;
  SampleWriter writer(space(), format, n_trials);
  std::string text = writer.header();
  // One at a time, as chunks come.
  for (int64_t i = 0; i < n_trials; ++i) writer.append(first + i, 1, draws.data() + 3 * i, text);
  return text + writer.footer();
}

const std::vector<double> kDraws = {0.1, 0, -5, 1.0 / 3, 1, 0, 2, 4, 5};

TEST(SampleWriter, WritesCsvWithQuotesWhereTheyAreNeeded) {
  EXPECT_EQ(written(SampleFormat::kCsv, kDraws, 1'000'000'000'000),
            "trial,lr,\"act, \"\"x\"\"\",depth\n"
            "1000000000000,0.1,relu,-5\n"
            "1000000000001,0.3333333333333333,\"a, \"\"b\"\"\",0\n"
            "1000000000002,2.0,\"[1, 2]\",5\n");
  EXPECT_EQ(written(SampleFormat::kCsv, {}), "trial,lr,\"act, \"\"x\"\"\",depth\n");
}

TEST(SampleWriter, RealsReadBackToTheSameBits) {
  for (const double x : {0.1, 1e-300, 5e-324, 1.7976931348623157e308, 123456789.125, 1e22, -0.0, 1e-5}) {
    const std::string csv = written(SampleFormat::kCsv, {x, 0, 0});
    const std::string field = csv.substr(csv.find("\n0,") + 3);
    const double back = std::strtod(field.c_str(), nullptr);
    EXPECT_EQ(std::memcmp(&back, &x, sizeof x), 0) << field;
  }
}

TEST(SampleWriter, WritesJsonThatKeepsTheKinds) {
  const nlohmann::json json = nlohmann::json::parse(written(SampleFormat::kJson, kDraws, 7));
  ASSERT_EQ(json.size(), 3u);
  EXPECT_EQ(json[0], nlohmann::json::parse(R"({"trial": 7, "lr": 0.1, "act, \"x\"": "relu", "depth": -5})"));
  EXPECT_EQ(json[1]["act, \"x\""], "a, \"b\"");
  EXPECT_TRUE(json[2]["lr"].is_number_float());
  EXPECT_EQ(json[2]["act, \"x\""], nlohmann::json({1, 2}));
  EXPECT_EQ(nlohmann::json::parse(written(SampleFormat::kJson, {})).size(), 0u);
}

TEST(SampleWriter, WritesWhatIsNotFinite) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_NE(written(SampleFormat::kCsv, {infinity, 0, 0}).find("\n0,inf,relu,0\n"), std::string::npos);
  EXPECT_TRUE(nlohmann::json::parse(written(SampleFormat::kJson, {infinity, 0, 0}))[0]["lr"].is_null());
}

TEST(SampleWriter, WritesNumpysFormat) {
  const std::string bytes = written(SampleFormat::kNpy, kDraws);
  EXPECT_EQ(bytes.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  const size_t length = static_cast<unsigned char>(bytes[8]) + 256u * static_cast<unsigned char>(bytes[9]);
  EXPECT_EQ((10 + length) % 64, 0u);
  const std::string header = bytes.substr(10, length);
  EXPECT_EQ(header.find("{'descr': '<f8', 'fortran_order': False, 'shape': (3, 3), }"), 0u) << header;
  EXPECT_EQ(header.back(), '\n');
  ASSERT_EQ(bytes.size(), 10 + length + kDraws.size() * sizeof(double));
  EXPECT_EQ(std::memcmp(bytes.data() + 10 + length, kDraws.data(), kDraws.size() * sizeof(double)), 0);
}

}  // namespace
}  // namespace lockstep
