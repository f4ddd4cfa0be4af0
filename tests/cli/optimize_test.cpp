// `lockstep optimize`, as users call it.

#include <nlohmann/json.hpp>

#include "cli/program.h"

namespace lockstep::testing {
namespace {

using Json = nlohmann::json;

class CliOptimize : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    write("space.yml",
          "search_space:\n"
          "  x: {type: uniform, min_value: -3, max_value: 3}\n"
          "  kind: {type: choice, values: [\"it's\", 'b $HOME', 'c']}\n");
    // 0 at x = 1 and the kind with a quote in it.
    write("loss.sh",
          "echo evaluating \"$1\"\n"
          "case \"$2\" in \"it's\") add=0;; 'b $HOME') add=1;; c) add=2;; *) exit 9;; esac\n"
          "awk -v x=\"$1\" -v add=$add 'BEGIN { print (x - 1) * (x - 1) + add }'\n");
  }
};

TEST_F(CliOptimize, FindsTheLeastOfAFunction) {
  const Ran ran = run("optimize --function branin --q 24 --rounds 5 --seed 3 --format json");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const Json found = Json::parse(ran.out);
  EXPECT_EQ(found["evaluations"], 120);
  EXPECT_LT(found["regret"].get<double>(), 0.05);
  ASSERT_EQ(found["trace"].size(), 5u);
  EXPECT_GE(found["trace"][0].get<double>(), found["trace"][4].get<double>());
  const Json blind = Json::parse(run("optimize --function branin --q 24 --rounds 5 --seed 3 --format json --rule random").out);
  EXPECT_GT(blind["regret"].get<double>(), found["regret"].get<double>());
  EXPECT_EQ(run("optimize --function branin --q 24 --rounds 2 --seed 3 --format json --rule sobol").exit_code, 0);
}

TEST_F(CliOptimize, RunsACommandWithQuotedValues) {
  const Ran ran = run("optimize --space space.yml --command 'sh loss.sh {x} {kind}' --q 6 --rounds 8 --seed 1 -j 4");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.out.find("kind: it's"), std::string::npos) << ran.out;
  EXPECT_NE(ran.err.find("round 8 | 48 evaluated"), std::string::npos) << ran.err;
  const Ran maximised =
      run("optimize --space space.yml --command 'sh loss.sh {x} {kind}' --goal maximize --q 6 --rounds 8 --seed 1 --format json");
  EXPECT_GT(Json::parse(maximised.out)["best"].get<double>(), 15);
}

TEST_F(CliOptimize, CountsFailuresAndGoesOn) {
  // A third of the evaluations fail.
  const Ran ran = run("optimize --space space.yml --command 'case {kind} in c) exit 1;; esac; sh loss.sh {x} {kind}' "
                      "--q 6 --rounds 6 --seed 2 --format json");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const Json found = Json::parse(ran.out);
  EXPECT_GT(found["failed"].get<int>(), 0);
  EXPECT_LT(found["best"].get<double>(), 1);
  const Ran nothing = run("optimize --space space.yml --command 'echo {x} {kind} >/dev/null; false' --rounds 3 --seed 1");
  EXPECT_EQ(nothing.exit_code, 7);
  EXPECT_NE(nothing.err.find("none of 3 evaluations gave a number"), std::string::npos) << nothing.err;
}

TEST_F(CliOptimize, FailsAShareOfAFunction) {
  // Which ones was worked out apart: of SplitMix64's numbers from 5 on, 13 of the first 60 are below 0.2.
  const Ran ran = run("optimize --function mixed --failures 0.2 --q 12 --rounds 5 --seed 5 --format json");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const Json found = Json::parse(ran.out);
  EXPECT_EQ(found["failed"], 13);
  EXPECT_EQ(found["distinct"], 60);
  EXPECT_LT(found["regret"].get<double>(), found["trace"][0].get<double>()) << "it learnt nothing";
  EXPECT_EQ(found["seconds_of_asks"].size(), 5u);
  const Json others = Json::parse(run("optimize --function branin --failures 0.2 --q 60 --rounds 1 --seed 5 --format json").out);
  EXPECT_EQ(others["failed"], 13) << "the share depends on what is proposed";
  EXPECT_EQ(run("optimize --function branin --failures 1 --rounds 3 --seed 5").exit_code, 7);
}

TEST_F(CliOptimize, RefusesWhatItCannotDo) {
  EXPECT_EQ(run("optimize").exit_code, 2);
  EXPECT_EQ(run("optimize --function branin --command 'echo 1'").exit_code, 2);
  EXPECT_EQ(run("optimize --command 'echo {x}'").exit_code, 2);
  EXPECT_EQ(run("optimize --function nothing").exit_code, 2);
  EXPECT_EQ(run("optimize --function branin --failures 1.5").exit_code, 2);
  EXPECT_EQ(run("optimize --function branin --model-size 1").exit_code, 2);
  EXPECT_EQ(run("optimize --space space.yml --command 'echo {x} {kind}' --failures 0.2").exit_code, 2);
  const Ran unknown = run("optimize --space space.yml --command 'echo {x} {kind} {y}' --seed 1");
  EXPECT_EQ(unknown.exit_code, 3);
  EXPECT_NE(unknown.err.find("{y}"), std::string::npos) << unknown.err;
  const Ran unused = run("optimize --space space.yml --command 'echo {x}' --seed 1");
  EXPECT_EQ(unused.exit_code, 3);
  EXPECT_NE(unused.err.find("kind"), std::string::npos) << unused.err;
}

}  // namespace
}  // namespace lockstep::testing
