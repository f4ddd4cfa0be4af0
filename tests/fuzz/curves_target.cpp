// Curve files: refused by a lockstep::Error, or good for a simulation, with a policy that the size of the file picks.

#include <array>
#include <cstdint>
#include <sstream>
#include <string>

#include "core/recorded_curves.h"
#include "fuzz/policy_run.h"

namespace lockstep::fuzz {
namespace {

EarlyTermination policy_for(size_t size) {
  using enum PolicyKind;
  static constexpr std::array kKinds = {kNone, kMedianStopping, kBandit, kTruncationSelection, kSuccessiveHalving,
                                        kHyperband, kAsha};
  EarlyTermination policy;
  policy.kind = kKinds[size % kKinds.size()];
  policy.reference = static_cast<MedianReference>(size / 7 % 3);
  policy.truncation_percentage = 30;
  policy.reduction_factor = 2;
  (size % 2 == 0 ? policy.slack_factor : policy.slack_amount) = 0.1;
  policy.exclude_finished_jobs = size % 3 == 0;
  return policy;
}

}  // namespace
}  // namespace lockstep::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lockstep;
  try {
    std::istringstream text(std::string(reinterpret_cast<const char*>(data), size));
    const RecordedCurves curves = parse_curves_csv(text, "curves.csv");
    fuzz::simulate(curves, size % 2 == 0 ? Goal::kMaximize : Goal::kMinimize, fuzz::policy_for(size));
  } catch (const Error&) {
  }
  return 0;
}
