// Sweep files, and files with a search space or a policy alone. Each must be refused by a lockstep::Error or be good
// for what it is for: its configurations are drawn, its policy plays to recorded curves, and what is kept of it reads
// back as the same sweep. Comments `#set key=value` stand for the option --set.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

#include <lockstep/sampling.h>

#include "command/command_line.h"
#include "core/brackets.h"
#include "fuzz/policy_run.h"

namespace lockstep::fuzz {
namespace {

constexpr int64_t kMaxTrial = int64_t{1} << 53;

std::vector<Override> overrides_of(const std::string& text) {
  static const std::string kMark = "#set ";
  std::vector<Override> overrides;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(kMark)) overrides.push_back(parse_override(line.substr(kMark.size())));
  }
  return overrides;
}

/// Some configurations, from both ends, as JSON; of a program its command lines, too.
std::string configurations_text(const SweepSpec& spec) {
  Context context;
  context.seed = spec.sampling.seed.value_or(1);
  const int64_t last = std::min(max_trials(spec.sampling, spec.search_space), kMaxTrial);
  const int64_t n = std::min<int64_t>(last, 3);
  std::string text = sampling_note(spec);
  for (const int64_t first : {int64_t{0}, last - n}) {
    const Configurations drawn = sample(host_backend(), context, spec.sampling, spec.search_space, first, n);
    for (int64_t trial = first; trial < first + n; ++trial) {
      for (int64_t column = 0; column < spec.search_space.n_params(); ++column) {
        text += drawn.value(trial, column).to_json() + "\n";
      }
      if (spec.command) text += command_line(*spec.command, drawn, trial, "outputs") + "\n";
    }
  }
  return text;
}

const RecordedCurves& some_curves() {
  static const RecordedCurves kCurves = [] {
    RecordedCurves curves;
    for (int trial = 0; trial < 12; ++trial) {
      curves.names.push_back(std::to_string(trial));
      auto& curve = curves.curves.emplace_back();
      for (int interval = 1; interval <= (trial % 4 == 3 ? 5 : 9); ++interval) {
        curve.push_back(std::sin(trial) + 0.1 * interval * std::cos(3 * trial));
      }
      if (trial == 4) curve[6] = NAN;
      if (trial == 7) curve[2] = -INFINITY;
    }
    return curves;
  }();
  return kCurves;
}

/// The one below holds whatever the text says.
template <class Try>
void refused_or(Try attempt) {
  try {
    attempt();
  } catch (const Error&) {
  }
}

void try_sweep(const std::string& text, const std::vector<Override>& overrides) {
  const SweepSpec spec = parse_sweep(text, "sweep.yml", overrides);
  const std::string configurations = configurations_text(spec);
  refused_or([&] { describe_policy(spec.early_termination, {trial_count(spec), 100, 30}); });
  // The journal keeps the text, and a sweep is resumed from it.
  try {
    const SweepSpec again = parse_sweep(spec.text, "sweep.yml");
    if (configurations_text(again) == configurations && again.text == spec.text) return;
  } catch (const Error& refusal) {
    std::fprintf(stderr, "what was kept is refused: %s\n%s\n", refusal.what(), spec.text.c_str());
  }
  __builtin_trap();
}

}  // namespace
}  // namespace lockstep::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lockstep;
  const std::string text(reinterpret_cast<const char*>(data), size);
  fuzz::refused_or([&] {
    const std::vector<Override> overrides = fuzz::overrides_of(text);
    fuzz::refused_or([&] { fuzz::try_sweep(text, overrides); });
    fuzz::refused_or([&] { fuzz::configurations_text(parse_space(text, "space.yml", overrides)); });
    fuzz::refused_or([&] {
      const PolicyFile policy = parse_policy(text, "policy.yml", overrides);
      fuzz::simulate(fuzz::some_curves(), policy.goal.value_or(Goal::kMinimize), policy.early_termination);
    });
  });
  return 0;
}
