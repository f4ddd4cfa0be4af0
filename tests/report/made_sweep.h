#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <lockstep/sampling.h>

#include "core/fake_executor.h"
#include "store/journal.h"

namespace lockstep::testing {

/// A sweep that was never trained: configurations as `run` samples them, curves by a formula, decisions by the policy,
/// recorded by the journal.
struct MadeSweep {
  int64_t n_trials = 100;
  int64_t n_intervals = 20;
  bool stops = true;     ///< median stopping; otherwise every trial reports at every interval
  bool hostile = false;  ///< texts that a page must not take for anything but text
};

inline const std::string kHostileMarkup = "<img src=x onerror=\"window.hostile=1\"></script><script>window.hostile=1</script>";
inline const std::string kHostileTexts[] = {kHostileMarkup, "<b>bold</b> & <a href=\"javascript:window.hostile=1\">link</a>", "quotes \" ' ` \\ \n new line",
                                            "emoji \U0001F600\U0001F468\u200D\U0001F469\u200D\U0001F467", "%{x} $\\alpha$ {{y}} -->", "__proto__"};

inline SearchSpace made_space(bool hostile) {
  SearchSpace space;
  if (hostile) {
    Value::List texts;
    for (const auto& text : kHostileTexts) texts.emplace_back(text);
    texts.emplace_back(std::string(10'000, 'x') + "<i>");
    for (const auto& text : kHostileTexts) space.add(text, uniform(0, 1));
    space.add("choices", choice(texts)).add(std::string(10'000, 'n'), loguniform(-3, 3));
    return space;
  }
  space.add("lr", loguniform(-9, -1)).add("weight_decay", loguniform(-12, -3)).add("momentum", uniform(0.5, 0.99));
  space.add("dropout", quniform(0, 0.5, 0.05)).add("hidden", log_int_range(8, 512)).add("depth", int_range(1, 6));
  space.add("activation", choice({"relu", "gelu", "tanh"})).add("optimizer", choice({"sgd", "adam", "adamw"}));
  space.add("batch_size", choice({16, 32, 64, 128})).add("nesterov", choice({true, false}));
  return space;
}

/// Best near one learning rate and without much dropout; rises over the intervals, with a little noise; one in fifty
/// trials diverges.
inline double made_metric(int64_t trial, int64_t interval, double a, double b) {
  const double noise = std::sin(static_cast<double>(trial * 7919 + interval * 104729));
  if (trial % 50 == 49 && interval > 3) return std::numeric_limits<double>::quiet_NaN();
  const double goal = 0.98 - 0.5 * (1 - std::exp(-a * a)) - 0.2 * b;
  return goal * (1 - std::exp(-(static_cast<double>(interval) + 1) / 6)) + 0.004 * noise;
}

inline void make_sweep(const std::string& directory, const MadeSweep& made) {
  SweepSpec spec = loop_spec();
  spec.file = made.hostile ? kHostileMarkup : "sweeps/made.yml";
  spec.display_name = made.hostile ? kHostileMarkup : "made";
  spec.text = "type: sweep\n# " + (made.hostile ? kHostileMarkup : "made by a test") + "\n";
  spec.objective.primary_metric = made.hostile ? kHostileTexts[1] : "accuracy";
  spec.search_space = made_space(made.hostile);
  spec.limits.max_total_trials = made.n_trials;
  if (made.stops) spec = with_median(spec, 1, 5);
  Context context;
  context.seed = 7;
  const Configurations configurations = sample(host_backend(), context, spec);
  Curves curves;
  for (int64_t trial = 0; trial < made.n_trials; ++trial) {
    const double a = made.hostile ? configurations.draws()[static_cast<size_t>(trial * spec.search_space.n_params())]
                                  : std::log(configurations.value(trial, 0).as_real()) / 3 + 5.0 / 3;
    const double b = made.hostile ? 0 : configurations.value(trial, 3).as_real();
    curves.emplace_back();
    for (int64_t i = 1; i <= made.n_intervals; ++i) curves.back().push_back(made_metric(trial, i, a, b));
  }
  RunInfo info;
  info.lockstep_version = "0.1.0";
  info.torch_version = "2.15.0";
  info.device = "cpu";
  info.seed = 7;
  info.n_slots = made.n_trials;
  info.notes = {made.hostile ? kHostileMarkup : "made by a test"};
  Journal journal(directory, info, JournalMode::kOverwrite);
  FakeExecutor executor(std::move(curves));
  const std::vector<SweepObserver*> observers = {&journal};
  run_sweep(spec, configurations, executor, host_backend(), context, observers);
  journal.close();
}

}  // namespace lockstep::testing
