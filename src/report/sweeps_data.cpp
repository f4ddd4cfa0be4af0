#include "report/sweeps_data.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include <lockstep/error.h>

#include "report/live_sweep.h"
#include "report/page_data.h"
#include "store/output_directory.h"
#include "store/results.h"

namespace lockstep {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

Json sweep_json(const std::string& directory) {
  const SweepRecord record = load_results(directory);
  Json out = page_head(record);
  for (const char* large : {"spec_text", "notes", "parameters"}) out.erase(large);
  out["started"] = record.trials.size();
  out["stopped"] = record.count(TrialState::kStopped);
  out["diverged"] = record.count(TrialState::kDiverged);
  // By the end of trials, which is when one knows their best.
  std::vector<const TrialRecord*> ended;
  for (const TrialRecord& trial : record.trials) {
    if (trial.value && trial.complete) ended.push_back(&trial);
  }
  std::stable_sort(ended.begin(), ended.end(), [](const auto* a, const auto* b) { return *a->complete < *b->complete; });
  Json trials = Json::array(), seconds = Json::array(), best = Json::array();
  double last = 0;
  for (size_t i = 0; i < ended.size(); ++i) {
    const double value = *ended[i]->value;
    const bool is_better = i == 0 || (record.goal == Goal::kMaximize ? value > last : value < last);
    if (is_better) last = value;
    if (!is_better && i + 1 < ended.size()) continue;
    trials.push_back(i + 1);
    seconds.push_back(std::chrono::duration<double>(*ended[i]->complete - record.start).count());
    best.push_back(last);
  }
  out["curve"] = {{"trials", std::move(trials)}, {"seconds", std::move(seconds)}, {"best", std::move(best)}};
  return out;
}

}  // namespace

std::vector<std::string> SweepFolder::names() const {
  std::vector<std::string> out;
  std::error_code failed;
  const auto look = [&](const std::string& prefix, const auto& self) -> void {
    for (const auto& entry : fs::directory_iterator(fs::path(directory_) / prefix, failed)) {
      std::error_code ignored;
      if (!entry.is_directory(ignored)) continue;
      const std::string name = prefix + entry.path().filename().string();
      if (fs::exists(entry.path() / kDatabaseFile, ignored)) {
        out.push_back(name);
      } else if (prefix.empty()) {
        self(name + "/", self);
      }
    }
  };
  look("", look);
  std::sort(out.begin(), out.end());
  return out;
}

Json SweepFolder::data() {
  Json out = Json::array();
  for (const std::string& name : names()) {
    const std::string directory = (fs::path(directory_) / name).string();
    const std::string state = files_state(directory);
    auto& [known, data] = read_[name];
    if (known != state || data.is_null()) {
      known = state;
      try {
        data = sweep_json(directory);
      } catch (const Error& error) {
        data = {{"error", error.what()}};
      }
      data["name"] = name;
      data["is_training"] = is_training(directory);
    }
    out.push_back(data);
  }
  return out;
}

}  // namespace lockstep
