#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "store/results.h"

namespace lockstep {

/// Reports of metrics that a page carries at most. Above, every k-th of each trial and its last one are kept: enough to
/// draw, and what the page counts comes from the trials, which are all there.
inline constexpr int64_t kMaxPageReports = 2'000'000;

/// Of a trial with `n_reports`, how many a page carries at a stride: those of interval 1, 1 + stride, ... and the last.
int64_t n_kept_reports(int64_t n_reports, int64_t stride);
/// The smallest stride that keeps at most `max_reports`.
int64_t report_stride(const std::map<int64_t, std::vector<double>>& reports, int64_t max_reports = kMaxPageReports);

/// What the page shows, as the one JSON document that it reads (docs/report.md): the sweep, its search space, every trial,
/// the curves, importance. `reports` as `load_reports` gives them; a trial may be missing in them.
nlohmann::ordered_json page_data(const SweepRecord& record, const std::map<int64_t, std::vector<double>>& reports);

/// The parts of it that a page which shows a running sweep gets again.
nlohmann::ordered_json page_head(const SweepRecord& record);
nlohmann::ordered_json page_trials(const SweepRecord& record, const std::vector<const TrialRecord*>& trials);
/// Curves of `trials`; of each, the first `from` of those that are kept at the stride are left out.
nlohmann::ordered_json page_curves(const std::vector<const TrialRecord*>& trials,
                                   const std::map<int64_t, std::vector<double>>& reports, int64_t stride,
                                   const std::vector<int64_t>& from = {});
nlohmann::ordered_json page_importance(const SweepRecord& record);

/// Standard base64, with padding.
std::string base64(const void* data, size_t size_bytes);

}  // namespace lockstep
