// `lockstep sample`, as users call it.

#include <algorithm>
#include <cstring>
#include <sstream>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/program.h"

namespace lockstep::testing {
namespace {

using Json = nlohmann::json;

class CliSample : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    write("space.yml",
          "search_space:\n"
          "  lr: {type: loguniform, min_value: -7, max_value: -1}\n"
          "  hidden: {type: choice, values: [8, 16]}\n");
    write("grid.yml",
          "sampling_algorithm: grid\n"
          "search_space:\n"
          "  act: {type: choice, values: [relu, 'a,b']}\n"
          "  hidden: {type: choice, values: [8, 16, 32]}\n");
  }
  void expect_refusal(const std::string& arguments, int code, std::initializer_list<const char*> fragments) {
    const Ran ran = run(arguments);
    EXPECT_EQ(ran.exit_code, code) << ran.err;
    EXPECT_EQ(ran.out, "");
    for (const char* fragment : fragments)
      EXPECT_NE(ran.err.find(fragment), std::string::npos) << fragment << "\n" << ran.err;
  }
};

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) out.push_back(line);
  return out;
}

TEST_F(CliSample, DrawsWhatASweepTrains) {
  const std::string grid =
      "--set sampling_algorithm.type=grid --set 'search_space.lr={type: choice, values: [0.1, 0.01]}'";
  for (const std::string& sampling : {std::string(), std::string("--set sampling_algorithm.rule=sobol"), grid}) {
    const size_t n_trials = sampling == grid ? 4 : 12;
    const Ran swept = run("run sweep.yml --quiet --overwrite --output out --set trial.epochs=1 " + sampling);
    ASSERT_EQ(swept.exit_code, 0) << swept.err;
    const Json trials = Json::parse(run("trials out --format json").out);
    ASSERT_EQ(trials.size(), n_trials) << sampling;
    const Ran ran = run("sample sweep.yml -n " + std::to_string(n_trials) + " --format json " + sampling);
    ASSERT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_EQ(ran.err, "") << "the file has a seed";
    const Json drawn = Json::parse(ran.out);
    ASSERT_EQ(drawn.size(), n_trials);
    for (size_t i = 0; i < n_trials; ++i) {
      Json expected = trials[i]["hyperparameters"];
      expected["trial"] = i;
      EXPECT_EQ(drawn[i], expected) << sampling;
    }
  }
}

TEST_F(CliSample, SweepSaysHowMuchOfTheGridItTrains) {
  const std::string grid =
      " sweep.yml --set sampling_algorithm.type=grid --set 'search_space.lr={type: choice, values: [0.1, 0.01]}'";
  EXPECT_NE(run("validate" + grid).out.find("4 trials"), std::string::npos);
  EXPECT_NE(read("stdout.txt").find("Grid: all 4 combinations"), std::string::npos) << read("stdout.txt");
  EXPECT_NE(run("validate --max-total-trials 3" + grid).out.find("Grid: the first 3 of 4 combinations"),
            std::string::npos);
  const Ran ran = run("run --max-total-trials 3 --output out --set trial.epochs=1" + grid);
  EXPECT_NE(ran.err.find("Grid: the first 3 of 4 combinations"), std::string::npos) << ran.err;
}

TEST_F(CliSample, PartsAreThePartsOfTheWhole) {
  const auto whole = lines(run("sample space.yml -n 300000 --seed 5").out);
  const auto part = lines(run("sample space.yml -n 20 --seed 5 --first 262140").out);
  ASSERT_EQ(whole.size(), 300001u);
  ASSERT_EQ(part.size(), 21u);
  EXPECT_EQ(whole[0], "trial,lr,hidden");
  EXPECT_EQ(part[0], whole[0]);
  for (size_t i = 1; i < part.size(); ++i) EXPECT_EQ(part[i], whole[262140 + i]);
  EXPECT_EQ(whole[300000].rfind("299999,", 0), 0u);
}

TEST_F(CliSample, SobolIsEvenAndSeeded) {
  const std::string sobol = "sample space.yml -n 64 --set 'sampling_algorithm={type: random, rule: sobol}' --seed ";
  const auto drawn = lines(run(sobol + "7").out);
  ASSERT_EQ(drawn.size(), 65u);
  const auto n_8 =
      std::count_if(drawn.begin() + 1, drawn.end(), [](const std::string& line) { return line.ends_with(",8"); });
  EXPECT_EQ(n_8, 32);
  EXPECT_EQ(lines(run(sobol + "7").out), drawn);
  EXPECT_NE(lines(run(sobol + "8").out), drawn);
}

TEST_F(CliSample, GridIsWholeUnlessAskedOtherwise) {
  const std::string all = "trial,act,hidden\n0,relu,8\n1,relu,16\n2,relu,32\n3,\"a,b\",8\n4,\"a,b\",16\n5,\"a,b\",32\n";
  EXPECT_EQ(run("sample grid.yml").out, all);
  EXPECT_EQ(run("sample grid.yml --first 4").out, "trial,act,hidden\n4,\"a,b\",16\n5,\"a,b\",32\n");
  EXPECT_EQ(run("sample grid.yml -n 1").out, "trial,act,hidden\n0,relu,8\n");
  expect_refusal("sample grid.yml -n 7", 3, {"grid.yml", "6 combinations", "-n 7"});
  expect_refusal("sample space.yml --set sampling_algorithm=grid", 3,
                 {"space.yml:2", "search_space.lr", "loguniform", "choice"});
}

TEST_F(CliSample, NpyHoldsTheDraws) {
  ASSERT_EQ(run("sample space.yml -n 3 --seed 7 --format npy --output draws.npy").exit_code, 0);
  EXPECT_EQ(read("stdout.txt"), "");
  const std::string bytes = read("draws.npy");
  EXPECT_NE(bytes.find("'shape': (3, 2)"), std::string::npos);
  ASSERT_EQ(bytes.size(), 128 + 6 * sizeof(double));
  double draws[6];
  std::memcpy(draws, bytes.data() + 128, sizeof draws);
  const Json drawn = Json::parse(run("sample space.yml -n 3 --seed 7 --format json").out);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(drawn[i]["lr"], draws[2 * i]);
    EXPECT_EQ(drawn[i]["hidden"], draws[2 * i + 1] == 0 ? 8 : 16);
  }
  EXPECT_EQ(run("sample space.yml -n 3 --seed 7 --format npy").out, bytes);
}

TEST_F(CliSample, NoneSaysTheRateAlone) {
  const Ran ran = run("sample space.yml -n 200000 --seed 7 --format none");
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.out.rfind("200,000 configurations of 2 hyperparameters in ", 0), 0u) << ran.out;
  EXPECT_NE(ran.out.find(" a second\n"), std::string::npos) << ran.out;
}

TEST_F(CliSample, SaysTheSeedThatItDrew) {
  const Ran ran = run("sample space.yml -n 3");
  ASSERT_EQ(ran.err.rfind("Seed: ", 0), 0u) << ran.err;
  const std::string seed = ran.err.substr(6, ran.err.find(' ', 6) - 6);
  EXPECT_EQ(run("sample space.yml -n 3 --seed " + seed).out, ran.out);
}

TEST_F(CliSample, DrawsNothingWhereNothingIsAsked) {
  EXPECT_EQ(run("sample space.yml -n 0 --seed 1").out, "trial,lr,hidden\n");
  EXPECT_EQ(Json::parse(run("sample space.yml -n 0 --seed 1 --format json").out).size(), 0u);
}

TEST_F(CliSample, RefusesWhatIsWrong) {
  expect_refusal("sample space.yml", 2, {"-n"});
  expect_refusal("sample space.yml -n -1", 2, {"-n"});
  expect_refusal("sample space.yml -n 3 --format xml", 2, {"csv"});
  expect_refusal("sample space.yml -n 3 --format none --output out", 2, {"--output"});
  expect_refusal("sample nothere.yml -n 3", 3, {"nothere.yml"});
  expect_refusal("sample space.yml -n 3 --output nothere/out.csv", 5, {"nothere/out.csv", "--output"});
  expect_refusal("sample space.yml -n 3 --device gpu", 6, {"gpu", "cuda"});
}

// A full device, and a reader that goes away.
TEST_F(CliSample, OutputThatFailsOrEnds) {
  const Ran full =
      shell(program() + " sample space.yml -n 100000 --seed 7 --output /dev/full >stdout.txt 2>stderr.txt");
  EXPECT_EQ(full.exit_code, 5);
  EXPECT_NE(full.err.find("/dev/full: "), std::string::npos) << full.err;
  const Ran gone =
      shell("(" + program() +
            " sample space.yml -n 1000000000000 --seed 7 2>stderr.txt; echo $? >code.txt) | head -1 >stdout.txt");
  EXPECT_EQ(gone.out, "trial,lr,hidden\n");
  EXPECT_EQ(gone.err, "");
  EXPECT_EQ(read("code.txt"), "0\n");
}

}  // namespace
}  // namespace lockstep::testing
