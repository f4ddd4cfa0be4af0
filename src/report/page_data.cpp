#include "report/page_data.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>

#include "core/distribution_kinds.h"
#include "report/importance.h"
#include "store/export.h"
#include "store/trial_state.h"

namespace lockstep {

using Json = nlohmann::ordered_json;

namespace {

constexpr int64_t kPageFormat = 1;

Json parameters_json(const SearchSpace& space) {
  Json out = Json::array();
  for (const Parameter& parameter : space.parameters()) {
    const DistributionKind kind = parameter.distribution.spec.kind;
    Json each = {{"name", parameter.name}, {"type", parameter.distribution.type_name()}, {"log", is_logarithmic(kind)}};
    if (kind == DistributionKind::kChoice) {
      each["categories"] = Json::array();
      for (const Value& value : parameter.distribution.values) each["categories"].push_back(value.to_string());
    }
    out.push_back(std::move(each));
  }
  return out;
}

/// A category as its place among the choices.
Json value_json(const Distribution& distribution, const Value& value) {
  if (distribution.spec.kind != DistributionKind::kChoice) {
    if (value.is_integer()) return value.as_integer();
    return value.is_real() ? Json(value.as_real()) : Json(nullptr);
  }
  const auto found = std::find(distribution.values.begin(), distribution.values.end(), value);
  return found == distribution.values.end() ? Json(nullptr) : Json(found - distribution.values.begin());
}

/// To a thousandth: what a page shows of times.
double rounded_seconds(UtcTime from, UtcTime to) {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::milliseconds>(to - from).count()) / 1000;
}

}  // namespace

std::string base64(const void* data, size_t size_bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto* bytes = static_cast<const unsigned char*>(data);
  std::string out;
  out.reserve((size_bytes + 2) / 3 * 4);
  for (size_t i = 0; i < size_bytes; i += 3) {
    const size_t n = std::min<size_t>(3, size_bytes - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) group = group << 8 | (k < n ? bytes[i + k] : 0u);
    for (size_t k = 0; k < 4; ++k) out += k <= n ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

int64_t n_kept_reports(int64_t n_reports, int64_t stride) {
  return n_reports <= 0 ? 0 : (n_reports - 1 + stride - 1) / stride + 1;
}

int64_t report_stride(const std::map<int64_t, std::vector<double>>& reports, int64_t max_reports) {
  for (int64_t stride = 1;; ++stride) {
    int64_t n = 0;
    for (const auto& [trial, values] : reports) n += n_kept_reports(static_cast<int64_t>(values.size()), stride);
    // Two of a trial are the least.
    if (n <= std::max(max_reports, 2 * static_cast<int64_t>(reports.size()))) return stride;
  }
}

Json page_head(const SweepRecord& record) {
  Json out = {{"format", kPageFormat},
              {"display_name", record.display_name},
              {"directory", record.directory},
              {"metric", record.primary_metric},
              {"goal", record.goal == Goal::kMaximize ? "maximize" : "minimize"},
              {"state", end_word(record.end)},
              {"failure", record.failure},
              {"n_trials", record.n_trials},
              {"trial_intervals", record.trial_intervals},
              {"trial_intervals_full", record.trial_intervals_full},
              {"savings", record.savings()},
              {"n_exploits", record.n_exploits()},
              {"elapsed_s", record.elapsed_s},
              {"start", utc_text(record.start)},
              {"seed", std::to_string(record.seed)},  // 64 bits, which a number in JavaScript does not hold
              {"device", record.device},
              {"processor", record.processor},
              {"data_fingerprint", record.data_fingerprint},
              {"n_slots", record.n_slots},
              {"lockstep_version", record.lockstep_version},
              {"torch_version", record.torch_version},
              {"notes", record.notes},
              {"spec_file", record.spec_file},
              {"spec_text", record.spec_text},
              {"parameters", parameters_json(record.search_space)},
              {"best", nullptr}};
  if (record.best() != nullptr) {
    out["best"] = best_json(record);
    if (record.trials.size() < 2) out["best"]["note"] = "";
  }
  return out;
}

Json page_trials(const SweepRecord& record, const std::vector<const TrialRecord*>& trials) {
  Json out = Json::object();
  for (const char* name : {"number", "state", "value", "best_interval", "intervals", "start_s", "duration_s", "exploits", "reason"}) {
    out[name] = Json::array();
  }
  out["parameters"] = Json::array();
  for (const TrialRecord* trial : trials) {
    out["number"].push_back(trial->number);
    out["state"].push_back(state_word(trial->state));
    out["value"].push_back(trial->value ? Json(*trial->value) : Json(nullptr));
    out["best_interval"].push_back(trial->best_interval);
    out["intervals"].push_back(trial->n_intervals);
    out["start_s"].push_back(rounded_seconds(record.start, trial->start));
    out["duration_s"].push_back(trial->complete ? Json(rounded_seconds(trial->start, *trial->complete)) : Json(nullptr));
    out["exploits"].push_back(trial->exploits.size());
    out["reason"].push_back(trial->reason);
  }
  for (int64_t param = 0; param < record.search_space.n_params(); ++param) {
    Json column = Json::array();
    for (const TrialRecord* trial : trials) {
      column.push_back(value_json(record.search_space[param].distribution, trial->hyperparameters[static_cast<size_t>(param)]));
    }
    out["parameters"].push_back(std::move(column));
  }
  return out;
}

Json page_curves(const std::vector<const TrialRecord*>& trials, const std::map<int64_t, std::vector<double>>& reports,
                 int64_t stride, const std::vector<int64_t>& from) {
  static_assert(std::endian::native == std::endian::little, "the page reads little-endian floats");
  std::vector<float> values;
  Json lengths = Json::array();
  for (size_t t = 0; t < trials.size(); ++t) {
    const auto found = reports.find(trials[t]->number);
    const int64_t n = found == reports.end() ? 0 : static_cast<int64_t>(found->second.size());
    lengths.push_back(n);
    for (int64_t kept = from.empty() ? 0 : from[t]; kept < n_kept_reports(n, stride); ++kept) {
      values.push_back(static_cast<float>(found->second[static_cast<size_t>(std::min(kept * stride, n - 1))]));
    }
  }
  return {{"stride", stride},
          {"lengths", std::move(lengths)},
          {"from", from},
          {"values", base64(values.data(), values.size() * sizeof(float))}};
}

Json page_importance(const SweepRecord& record) {
  const Importance importance = hyperparameter_importance(record);
  Json shares = Json::array();
  for (const auto& each : importance.shares) shares.push_back({{"name", each.name}, {"share", each.share}});
  return {{"shares", std::move(shares)},          {"together", importance.together},
          {"held_out_r2", importance.held_out_r2}, {"n_trials", importance.n_trials},
          {"n_left_out", importance.n_left_out},   {"reason", importance.reason}};
}

Json page_data(const SweepRecord& record, const std::map<int64_t, std::vector<double>>& reports) {
  std::vector<const TrialRecord*> trials;
  for (const TrialRecord& trial : record.trials) trials.push_back(&trial);
  Json out = page_head(record);
  out["trials"] = page_trials(record, trials);
  out["curves"] = page_curves(trials, reports, report_stride(reports));
  out["importance"] = page_importance(record);
  return out;
}

}  // namespace lockstep
