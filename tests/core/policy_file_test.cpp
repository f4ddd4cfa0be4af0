// A policy by itself: from a block, from a file with its name, from a whole sweep file.

#include <gtest/gtest.h>
#include <lockstep/sweep_spec.h>

#include "core/message.h"
#include "core/sweep_text.h"

namespace lockstep {
namespace {

std::string refusal(const std::string& text) {
  return message_of<InputError>([&] { parse_policy(text, "policy.yml"); });
}

TEST(PolicyFile, IsTheBlockItself) {
  const PolicyFile policy =
      parse_policy("type: median_stopping\ndelay_evaluation: 5\nreference: reached\n", "policy.yml");
  EXPECT_EQ(policy.type, "median_stopping");
  EXPECT_EQ(policy.early_termination.kind, PolicyKind::kMedianStopping);
  EXPECT_EQ(policy.early_termination.delay_evaluation, 5);
  EXPECT_EQ(policy.early_termination.reference, MedianReference::kReached);
  EXPECT_EQ(policy.goal, std::nullopt);
}

TEST(PolicyFile, IsTheBlockUnderItsName) {
  const PolicyFile policy = parse_policy(
      "early_termination: {type: median_stopping, evaluation_interval: 3}\n"
      "objective: {goal: Minimize}\n", "policy.yml");
  EXPECT_EQ(policy.early_termination.evaluation_interval, 3);
  EXPECT_EQ(policy.goal, Goal::kMinimize);
  EXPECT_EQ(parse_policy("early_termination: none\n", "policy.yml").early_termination.kind, PolicyKind::kNone);
  EXPECT_EQ(parse_policy("early_termination: none\n", "policy.yml").type, "none");
}

TEST(PolicyFile, IsAWholeSweep) {
  const PolicyFile policy = parse_policy(kGoodSweep, "sweep.yml");
  EXPECT_EQ(policy.early_termination.kind, PolicyKind::kMedianStopping);
  EXPECT_EQ(policy.early_termination.evaluation_interval, 2);
  EXPECT_EQ(policy.early_termination.delay_evaluation, 5);
  EXPECT_EQ(policy.goal, Goal::kMaximize);
}

TEST(PolicyFile, TakesOverridesWhereTheFileHasTheValue) {
  const std::string block = "type: median_stopping\n";
  EXPECT_EQ(parse_policy(block, "p.yml", {{"delay_evaluation", "4"}}).early_termination.delay_evaluation, 4);
  const PolicyFile later = parse_policy(kGoodSweep, "s.yml", {{"early_termination.delay_evaluation", "4"}});
  EXPECT_EQ(later.early_termination.delay_evaluation, 4);
  const PolicyFile off = parse_policy(kGoodSweep, "s.yml", {{"early_termination.type", "none"}});
  EXPECT_EQ(off.early_termination.kind, PolicyKind::kNone);
}

TEST(PolicyFile, RefusesWhatItDoesNotKnow) {
  expect_start(refusal(""), "policy.yml: is empty; ");
  expect_start(refusal("- a\n"), "policy.yml:1: the document is a list; ");
  expect_start(refusal("delay_evaluation: 5\n"), "policy.yml:1: ");
  EXPECT_NE(refusal("delay_evaluation: 5\n").find("type"), std::string::npos);
  EXPECT_NE(refusal("type: median_stoping\n").find("did you mean 'median_stopping'?"), std::string::npos);
  expect_start(refusal("type: median_stopping\ndelay: 5\n"), "policy.yml:2: delay: ");
  expect_start(refusal("type: median_stopping\nevaluation_interval: 0\n"), "policy.yml:2: evaluation_interval: ");
  expect_start(refusal("early_termination: none\nobjective: {goal: up}\n"), "policy.yml:2: objective.goal: ");
  EXPECT_NE(refusal("early_termination: none\nlimit: 3\n").find("limit"), std::string::npos);
}

}  // namespace
}  // namespace lockstep
