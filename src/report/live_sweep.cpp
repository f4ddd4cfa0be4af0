#include "report/live_sweep.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include <sys/stat.h>

#include "report/page_data.h"
#include "store/export.h"
#include "store/output_directory.h"

namespace lockstep {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

namespace {

constexpr std::chrono::milliseconds kPeriod{1000};
constexpr int kIdleShare = 19;  // for each second of reading so many of rest

std::string event(const char* name, const Json& data) {
  return std::string("event: ") + name + "\ndata: " + json_text(data, -1) + "\n\n";
}

int64_t n_reports(const LiveSnapshot& snapshot, int64_t trial) {
  const auto found = snapshot.reports.find(trial);
  return found == snapshot.reports.end() ? 0 : static_cast<int64_t>(found->second.size());
}

}  // namespace

std::string files_state(const std::string& directory) {
  std::string state = is_training(directory) ? "training " : "";
  for (const char* suffix : {"", "-wal"}) {
    std::error_code missing;
    const fs::path path = directory + "/" + kDatabaseFile + suffix;
    const auto size = fs::file_size(path, missing);
    if (missing) continue;
    state += std::to_string(size) + " " + std::to_string(fs::last_write_time(path, missing).time_since_epoch().count()) + " ";
  }
  return state;
}

bool is_training(const std::string& directory) {
  // Taking the lock to see whether it is free would keep out a sweep that starts at that moment: the kernel's list says it.
  struct stat folder {};
  if (stat(directory.c_str(), &folder) != 0) return false;
  std::ifstream locks("/proc/locks");  // "1: FLOCK  ADVISORY  WRITE 4711 fe:01:1234567 0 EOF"
  const std::string inode = ":" + std::to_string(folder.st_ino);
  for (std::string line; std::getline(locks, line);) {
    if (line.find(" FLOCK ") != std::string::npos && line.find(" WRITE ") != std::string::npos &&
        line.find(inode + " ") != std::string::npos) {
      return true;
    }
  }
  return false;
}

LiveSweep::LiveSweep(std::string directory) : directory_(std::move(directory)) {
  latest_ = read(nullptr);
  thread_ = std::thread([this] { watch(); });
}

LiveSweep::~LiveSweep() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::shared_ptr<const LiveSnapshot> LiveSweep::latest() const {
  const std::lock_guard lock(mutex_);
  return latest_;
}

std::shared_ptr<const LiveSnapshot> LiveSweep::wait(int64_t version, std::chrono::milliseconds limit) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, limit, [&] { return closing_ || latest_->version != version; });
  return latest_;
}

std::shared_ptr<LiveSnapshot> LiveSweep::read(const LiveSnapshot* before) const {
  auto snapshot = std::make_shared<LiveSnapshot>();
  snapshot->is_training = is_training(directory_);
  snapshot->record = load_results(directory_);
  snapshot->reports = load_reports(directory_);
  snapshot->importance = page_importance(snapshot->record);
  snapshot->version = before == nullptr ? 1 : before->version + 1;
  return snapshot;
}

void LiveSweep::watch() {
  std::string state;  // reads once more than needed: what is written while the first reading went on is not missed
  std::unique_lock lock(mutex_);
  auto rest = kPeriod;
  while (!changed_.wait_for(lock, rest, [this] { return closing_; })) {
    const auto before = latest_;
    lock.unlock();
    rest = kPeriod;
    std::shared_ptr<LiveSnapshot> next;
    const std::string now = files_state(directory_);
    if (now != state) {
      const auto begin = Clock::now();
      try {
        next = read(before.get());
        state = now;
      } catch (const Error&) {
        // Half written, or about to be replaced: what was read before stays until it can be read again.
      }
      rest = std::max(rest, std::chrono::duration_cast<std::chrono::milliseconds>(kIdleShare * (Clock::now() - begin)));
    }
    lock.lock();
    if (!next) continue;
    latest_ = std::move(next);
    changed_.notify_all();
  }
}

bool LiveView::still_holds(const LiveSnapshot& snapshot) const {
  if (version_ == 0 || snapshot.record.start != start_ || snapshot.record.trials.size() < known_.size()) return false;
  for (const auto& [number, known] : known_) {
    if (n_reports(snapshot, number) < known.n_reports) return false;
  }
  return true;
}

std::string LiveView::document(const LiveSnapshot& snapshot) {
  stride_ = report_stride(snapshot.reports);
  start_ = snapshot.record.start;
  known_.clear();
  Json data = page_head(snapshot.record);
  std::vector<const TrialRecord*> trials;
  for (const TrialRecord& trial : snapshot.record.trials) {
    trials.push_back(&trial);
    known_[trial.number] = {trial.state, n_reports(snapshot, trial.number), trial.exploits.size()};
  }
  data["trials"] = page_trials(snapshot.record, trials);
  data["curves"] = page_curves(trials, snapshot.reports, stride_);
  data["importance"] = importance_ = snapshot.importance;
  data["is_training"] = snapshot.is_training;
  return event("document", data);
}

std::string LiveView::next_event(const LiveSnapshot& snapshot) {
  if (snapshot.version == version_) return "";
  const bool holds = still_holds(snapshot);
  version_ = snapshot.version;
  if (!holds) return document(snapshot);
  std::vector<const TrialRecord*> trials;
  std::vector<int64_t> from;
  for (const TrialRecord& trial : snapshot.record.trials) {
    Known& known = known_[trial.number];
    const Known now{trial.state, n_reports(snapshot, trial.number), trial.exploits.size()};
    if (known.state == now.state && known.n_reports == now.n_reports && known.n_exploits == now.n_exploits) continue;
    trials.push_back(&trial);
    // Of the reports that the page has, the last may be there only because it was the last.
    from.push_back(known.n_reports == 0 ? 0 : (known.n_reports - 1) / stride_ + 1);
    known = now;
  }
  Json data = page_head(snapshot.record);
  data.erase("parameters");
  data.erase("spec_text");
  data["trials"] = page_trials(snapshot.record, trials);
  data["curves"] = page_curves(trials, snapshot.reports, stride_, from);
  data["is_training"] = snapshot.is_training;
  if (snapshot.importance != importance_) data["importance"] = importance_ = snapshot.importance;
  return event("increment", data);
}

}  // namespace lockstep
