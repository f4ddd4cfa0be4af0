#include "core/end_reasons.h"

#include <cmath>
#include <cstdio>

#include <lockstep/policy.h>

#include "core/early_termination.h"

namespace lockstep {

namespace {

constexpr int kDigits = 6;

std::string number(double x, int digits) {
  char text[40];
  std::snprintf(text, sizeof(text), "%.*g", digits, x);
  return text;
}

/// What the threshold is: "the best 0.8 / (1 + 0.2)".
std::string threshold_meaning(Goal goal, const EarlyTermination& policy, const Verdict& verdict) {
  const bool maximize = goal == Goal::kMaximize;
  if (policy.kind == PolicyKind::kMedianStopping) return " of running averages";
  if (policy.kind == PolicyKind::kTruncationSelection) {
    return ", which the worst " + std::to_string(policy.truncation_percentage) + " % do not reach";
  }
  const std::string best = ", the best " + number(verdict.best, kDigits);
  if (policy.slack_amount) return best + (maximize ? " - " : " + ") + number(*policy.slack_amount, kDigits);
  return best + (maximize ? " / (1 + " : " * (1 + ") + number(policy.slack_factor.value_or(0), kDigits) + ")";
}

/// Digits that tell two numbers apart, unless they are equal: "0.5 is below 0.5" would not say why.
int digits_for(double a, double b) {
  int digits = kDigits;
  while (digits < 17 && a != b && number(a, digits) == number(b, digits)) ++digits;
  return digits;
}

/// "0.61 is not among the best 27 of 81, down to 0.7".
std::string place_text(Goal goal, const Verdict& verdict) {
  const int digits = digits_for(verdict.value, verdict.threshold);
  const std::string of = " of " + std::to_string(verdict.n_compared) + ", ";
  return number(verdict.value, digits) +
         (verdict.n_kept == 1 ? " is not the best" + of + "which is "
                              : " is not among the best " + std::to_string(verdict.n_kept) + of +
                                    (goal == Goal::kMaximize ? "down to " : "up to ")) +
         number(verdict.threshold, digits);
}

}  // namespace

std::string stop_reason(Goal goal, const EarlyTermination& policy, int64_t trial, int64_t interval,
                        const Verdict& verdict) {
  const std::string at = policy_name(policy) + " at interval " + std::to_string(interval);
  const std::string when = at + ": ";
  if (policy.kind == PolicyKind::kOwn) {
    const std::string words = policy.own->reason(trial, interval, verdict);
    if (!words.empty()) return when + words;
    if (!verdict.judged) return at;
  }
  if (acts_at_rungs(policy.kind)) return when + place_text(goal, verdict);
  const int digits = digits_for(verdict.value, verdict.threshold);
  return when + "best " + number(verdict.value, digits) + (goal == Goal::kMaximize ? " is below " : " is above ") +
         (policy.kind == PolicyKind::kMedianStopping ? "the median " : "") + number(verdict.threshold, digits) +
         (policy.kind == PolicyKind::kOwn ? "" : threshold_meaning(goal, policy, verdict));
}

std::string exploit_reason(Goal goal, const EarlyTermination& policy, int64_t interval, const Verdict& verdict,
                           int64_t source) {
  return policy_name(policy.kind) + " at interval " + std::to_string(interval) + ": " + place_text(goal, verdict) +
         "; takes over from trial " + std::to_string(source);
}

std::string divergence_reason(int64_t interval, double metric) {
  const char* name = std::isnan(metric) ? "nan" : metric > 0 ? "inf" : "-inf";
  return "diverged at interval " + std::to_string(interval) + ": the metric is " + name;
}

std::string finish_reason(int64_t n_intervals) {
  return n_intervals == 1 ? "finished: trained its only interval"
                          : "finished: trained all " + std::to_string(n_intervals) + " intervals";
}

std::string program_finish_reason(int64_t n_reports) {
  return "finished: its program ended after " + std::to_string(n_reports) + (n_reports == 1 ? " report" : " reports");
}

std::string told_finish_reason(int64_t n_reports) {
  return "finished: after " + std::to_string(n_reports) + (n_reports == 1 ? " report" : " reports");
}

std::string abort_reason(AbortCause cause, int64_t interval) {
  const char* what = cause == AbortCause::kTimeout     ? "the sweep reached limits.timeout"
                     : cause == AbortCause::kInterrupt ? "the sweep was interrupted"
                                                       : "limits.trial_timeout";
  return std::string("aborted: ") + what + " after interval " + std::to_string(interval);
}

bool is_cut_off(const std::string& reason) { return reason.starts_with("aborted: the sweep "); }

}  // namespace lockstep
