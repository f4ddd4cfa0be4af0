// `lockstep export-model`: the weights of a trial in a file.

#include <cstdint>
#include <cstring>

#include <nlohmann/json.hpp>

#include "cli/program.h"

namespace lockstep::testing {
namespace {

class CliExportModel : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    ASSERT_EQ(run("run sweep.yml -q -o out").exit_code, 0) << read("stderr.txt");
  }
  nlohmann::json header_of(const std::string& name) const {
    const std::string bytes = read(name);
    uint64_t size = 0;
    if (bytes.size() < sizeof size) return {};
    std::memcpy(&size, bytes.data(), sizeof size);
    return nlohmann::json::parse(bytes.substr(sizeof size, size));
  }
};

TEST_F(CliExportModel, WritesTheBestTrialFromTheCheckpoint) {
  const auto best = nlohmann::json::parse(run("best out --format json").out);
  const Ran ran = run("export-model out -o best.safetensors");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.err.find("again"), std::string::npos) << "its weights were there: " << ran.err;
  const auto header = header_of("best.safetensors");
  EXPECT_EQ(header["__metadata__"]["trial"], best["trial"].dump());
  const int64_t width = best["hyperparameters"]["hidden"];
  bool found = false;
  for (const auto& [name, tensor] : header.items()) {
    if (name != "__metadata__") found |= tensor["shape"] == nlohmann::json({width, 64});
  }
  EXPECT_TRUE(found) << header;
}

TEST_F(CliExportModel, TrainsAgainWhatWasNotKeptAndGetsTheSame) {
  const auto best = nlohmann::json::parse(run("best out --format json").out);
  ASSERT_EQ(run("export-model out -o kept.safetensors").exit_code, 0);
  std::filesystem::remove(dir_ / "out/checkpoint.bin");
  const Ran ran = run("export-model out --trial " + best["trial"].dump() + " -o again.safetensors");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.err.find("its weights were not kept"), std::string::npos) << ran.err;
  EXPECT_EQ(read("again.safetensors"), read("kept.safetensors")) << "the weights, bit for bit";
}

TEST_F(CliExportModel, WritesEveryFormat) {
  EXPECT_EQ(run("export-model out --trial 3 --interval 1 -o three.pt").exit_code, 0) << read("stderr.txt");
  EXPECT_EQ(read("three.pt").substr(0, 2), "PK");
  EXPECT_EQ(run("export-model out -o model.bin").exit_code, 0);
  EXPECT_EQ(read("model.bin").substr(0, 2), "PK");
  EXPECT_NE(read("model.bin"), read("three.pt"));
  EXPECT_EQ(run("export-model out -o other --format safetensors").exit_code, 0);
  EXPECT_FALSE(header_of("other").empty());
}

TEST_F(CliExportModel, RefusesWhatIsNotThere) {
  EXPECT_EQ(run("export-model out --trial 99 -o x.pt").exit_code, 3);
  const Ran ran = run("export-model out --trial 0 --interval 100 -o x.pt");
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_NE(ran.err.find("so there are no weights of interval 100"), std::string::npos) << ran.err;
  EXPECT_EQ(run("export-model out -o nowhere/x.pt").exit_code, 5);
  EXPECT_EQ(run("export-model out").exit_code, 2);
}

}  // namespace
}  // namespace lockstep::testing
