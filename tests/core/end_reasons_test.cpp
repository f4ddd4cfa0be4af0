// Why a trial ended at a rung, in words.
#include <gtest/gtest.h>

#include "core/end_reasons.h"

namespace lockstep {
namespace {

Verdict place(double value, double threshold, int32_t n_compared, int32_t n_kept) {
  Verdict verdict;
  verdict.value = value;
  verdict.threshold = threshold;
  verdict.n_compared = n_compared;
  verdict.n_kept = n_kept;
  return verdict;
}

std::string reason(PolicyKind kind, const Verdict& verdict, Goal goal = Goal::kMaximize) {
  EarlyTermination policy;
  policy.kind = kind;
  return stop_reason(goal, policy, 0, 9, verdict);
}

TEST(EndReasons, SayWhoGoesOnAtARung) {
  EXPECT_EQ(reason(PolicyKind::kSuccessiveHalving, place(0.61, 0.7, 81, 27)),
            "successive_halving at interval 9: 0.61 is not among the best 27 of 81, down to 0.7");
  EXPECT_EQ(reason(PolicyKind::kHyperband, place(0.61, 0.5, 3, 1), Goal::kMinimize),
            "hyperband at interval 9: 0.61 is not the best of 3, which is 0.5");
  EXPECT_EQ(reason(PolicyKind::kAsha, place(0.61, 0.5, 8, 2), Goal::kMinimize),
            "asha at interval 9: 0.61 is not among the best 2 of 8, up to 0.5");
}

TEST(EndReasons, TellCloseValuesApartAndLetTiesStand) {
  EXPECT_EQ(reason(PolicyKind::kAsha, place(0.49999999999, 0.5, 3, 1)),
            "asha at interval 9: 0.49999999999 is not the best of 3, which is 0.5");
  EXPECT_EQ(reason(PolicyKind::kAsha, place(0.5, 0.5, 3, 1)),
            "asha at interval 9: 0.5 is not the best of 3, which is 0.5");
}

}  // namespace
}  // namespace lockstep
