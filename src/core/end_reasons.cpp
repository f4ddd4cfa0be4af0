#include "core/end_reasons.h"

#include <cmath>
#include <cstdio>

namespace lockstep {

namespace {

std::string number(double x, int digits) {
  char text[40];
  std::snprintf(text, sizeof(text), "%.*g", digits, x);
  return text;
}

}  // namespace

std::string stop_reason(Goal goal, int64_t interval, const Verdict& verdict) {
  int digits = 6;
  // "0.5 is below 0.5" would not say why.
  while (digits < 17 && number(verdict.value, digits) == number(verdict.threshold, digits)) ++digits;
  return "median_stopping at interval " + std::to_string(interval) + ": best " + number(verdict.value, digits) +
         (goal == Goal::kMaximize ? " is below" : " is above") + " the median " + number(verdict.threshold, digits) +
         " of running averages";
}

std::string divergence_reason(int64_t interval, double metric) {
  const char* name = std::isnan(metric) ? "nan" : metric > 0 ? "inf" : "-inf";
  return "diverged at interval " + std::to_string(interval) + ": the metric is " + name;
}

std::string finish_reason(int64_t n_intervals) {
  return n_intervals == 1 ? "finished: trained its only interval"
                          : "finished: trained all " + std::to_string(n_intervals) + " intervals";
}

}  // namespace lockstep
