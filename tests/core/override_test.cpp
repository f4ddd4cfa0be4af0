#include <gtest/gtest.h>

#include <lockstep/sweep_spec.h>

#include "core/message.h"
#include "core/sweep_text.h"

namespace lockstep {
namespace {

SweepSpec parse_with(const std::vector<std::string>& settings, const std::string& text = kGoodSweep) {
  std::vector<Override> overrides;
  for (const std::string& setting : settings) overrides.push_back(parse_override(setting));
  return parse_sweep(text, "s.yml", overrides);
}

std::string refusal(const std::vector<std::string>& settings) {
  return message_of<InputError>([&] { parse_with(settings); });
}

TEST(Override, SplitsAtTheFirstEqualsSign) {
  const Override override = parse_override("a.b=c=d");
  EXPECT_EQ(override.key, "a.b");
  EXPECT_EQ(override.value, "c=d");
  EXPECT_EQ(parse_override("a=").value, "");
}

TEST(Override, RefusesTextWithoutKeyOrEqualsSign) {
  const std::string cure = "; write --set KEY=VALUE, such as --set limits.max_total_trials=100";
  EXPECT_EQ(message_of<InputError>([] { parse_override("abc"); }), "--set abc: has no '='" + cure);
  EXPECT_EQ(message_of<InputError>([] { parse_override("=1"); }), "--set =1: has no key before the '='" + cure);
  for (const char* setting : {".a=1", "a.=1", "a..b=1"}) {
    EXPECT_NE(refusal({setting}).find("has no name before or after a dot" + cure), std::string::npos) << setting;
  }
}

TEST(Override, ReplacesValues) {
  const SweepSpec spec = parse_with({"limits.max_total_trials=10", "search_space.lr.max_value=-2", "trial.epochs=3",
                                     "sampling_algorithm.seed=9", "trial.model='12'"});
  EXPECT_EQ(spec.limits.max_total_trials, 10);
  EXPECT_EQ(spec.search_space[0].distribution.spec.b, -2);
  EXPECT_EQ(spec.trial.at("epochs").value, Value(3));
  EXPECT_EQ(spec.trial.at("epochs").where.to_string(), "--set trial.epochs");
  EXPECT_EQ(spec.trial.at("model").value, Value("12"));
  EXPECT_EQ(spec.sampling.seed, 9u);
}

TEST(Override, CreatesMapsOnTheWay) {
  const std::string text = "type: sweep\ntrial:\nobjective: {goal: maximize, primary_metric: m}\n";
  const SweepSpec spec = parse_with({"search_space.lr.type=uniform", "search_space.lr.min_value=0",
                                     "search_space.lr.max_value=1", "trial.dataset={csv: a.csv, target: y}"},
                                    text);
  EXPECT_EQ(spec.search_space[0].distribution.spec.kind, DistributionKind::kUniform);
  EXPECT_EQ(spec.trial.at("dataset").value.to_json(), "{\"csv\": \"a.csv\", \"target\": \"y\"}");
}

TEST(Override, LastOneWins) {
  EXPECT_EQ(parse_with({"trial.epochs=3", "trial.epochs=4"}).trial.at("epochs").value, Value(4));
}

TEST(Override, ExpandsShortForms) {
  const std::string text = replaced("\n  type: random\n  seed: 7\n", " random\n");
  EXPECT_EQ(parse_with({"sampling_algorithm.seed=9"}, text).sampling.seed, 9u);
  EXPECT_EQ(parse_with({"early_termination=none"}).early_termination.kind, PolicyKind::kNone);
  EXPECT_EQ(parse_with({"early_termination="}).early_termination.kind, PolicyKind::kNone);
  EXPECT_EQ(parse_with({"early_termination=none", "early_termination.type=median_stopping"}).early_termination.kind,
            PolicyKind::kMedianStopping);
}

TEST(Override, SetsASeedWhereThereIsNoSamplingBlock) {
  const std::string text = replaced("sampling_algorithm:\n  type: random\n  seed: 7\n", "");
  const SweepSpec spec = parse_with({"sampling_algorithm.seed=9"}, text);
  EXPECT_EQ(spec.sampling.algorithm, SamplingAlgorithm::kRandom);
  EXPECT_EQ(spec.sampling.seed, 9u);
}

TEST(Override, FindsKeysThatContainDots) {
  const std::string text = replaced("  lr:\n", "  opt.lr:\n");
  EXPECT_EQ(parse_with({"search_space.opt.lr.max_value=-3"}, text).search_space[0].distribution.spec.b, -3);
}

TEST(Override, IsNamedAsThePlaceOfAnError) {
  EXPECT_EQ(refusal({"limits.max_total_trials=0"}),
            "--set limits.max_total_trials: limits.max_total_trials: 0 is too small; write 1 to 1000000");
  expect_start(refusal({"search_space.lr.max_value=-9"}),
               "s.yml:8: search_space.lr.min_value: -7.0 is above max_value -9.0; swap them");
  EXPECT_EQ(refusal({"search_space.lr={type: uniform, max_value: 1}"}),
            "--set search_space.lr: search_space.lr.min_value: is missing; add 'min_value: 0'");
  expect_start(refusal({"trial.epochs=[1"}), "--set trial.epochs: trial.epochs: is not YAML: ");
  expect_start(refusal({"trial.a={b: 1, b: 2}"}), "--set trial.a: trial.a.b: stands twice in the same map; remove");
  expect_start(refusal({"limts.timeout=3"}),
               "--set limts.timeout: limts: unknown field of a sweep file: 'limts'; did you mean 'limits'?");
  EXPECT_EQ(refusal({"trial.model.size=3"}),
            "--set trial.model.size: trial.model: is no map, so nothing can be set in it; set it as a whole: "
            "--set 'trial.model=...'");
}

TEST(Override, NestsNoDeeperThanTheKeptTextMay) {
  std::string key = "trial";
  for (int depth = 2; depth <= 64; ++depth) key += ".a";
  const SweepSpec spec = parse_sweep(kGoodSweep, "s.yml", {{key, "1"}});
  EXPECT_NO_THROW(parse_sweep(spec.text, "s.yml"));
  EXPECT_EQ(refusal({key + ".a=1"}), "--set " + key + ".a: makes the file nested more than 64 deep; flatten it");
}

TEST(Override, KeepsTheMergedText) {
  const std::string odd = "  model: mlp\n  q: '12'\n  n: ~\n  t: a, b\n  neg: -1\n  l: [a, {b: 'c: d'}]\n  e: ''\n";
  const SweepSpec spec = parse_with({"trial.epochs=3", "trial.note=\"a\\nb # c\""}, replaced("  model: mlp\n", odd));
  const SweepSpec again = parse_sweep(spec.text, "again.yml");
  ASSERT_EQ(again.trial.size(), spec.trial.size());
  for (const auto& [name, setting] : spec.trial) {
    EXPECT_EQ(again.trial.at(name).value, setting.value) << name << " in\n" << spec.text;
  }
  EXPECT_EQ(again.trial.at("epochs").value, Value(3));
  EXPECT_EQ(again.trial.at("note").value, Value("a\nb # c"));
  EXPECT_EQ(again.limits.timeout_s, 60);
}

}  // namespace
}  // namespace lockstep
