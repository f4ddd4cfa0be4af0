#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include <nlohmann/json.hpp>

#include "store/results.h"

namespace lockstep {

/// A sweep's results as they were at one moment.
struct LiveSnapshot {
  int64_t version = 0;  ///< counts up
  SweepRecord record;
  std::map<int64_t, std::vector<double>> reports;
  nlohmann::ordered_json importance;  ///< `page_importance`
  bool is_training = false;           ///< a process writes to the folder
};

/// Reads a sweep that may be running, again and again, in a thread of its own: when its files have changed, at most once
/// a second, and for at most a twentieth of the time.
class LiveSweep {
 public:
  /// Reads it once; throws as `load_results` does.
  explicit LiveSweep(std::string directory);
  ~LiveSweep();
  LiveSweep(const LiveSweep&) = delete;
  LiveSweep& operator=(const LiveSweep&) = delete;

  const std::string& directory() const { return directory_; }
  std::shared_ptr<const LiveSnapshot> latest() const;
  /// The latest as soon as its version is not `version`, or the same one after `limit`.
  std::shared_ptr<const LiveSnapshot> wait(int64_t version, std::chrono::milliseconds limit) const;

 private:
  std::shared_ptr<LiveSnapshot> read(const LiveSnapshot* before) const;
  void watch();

  const std::string directory_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::shared_ptr<const LiveSnapshot> latest_;
  bool closing_ = false;
  std::thread thread_;  ///< last: it uses all of the above
};

/// What one page has been told of a live sweep, and so what it has to be told next.
class LiveView {
 public:
  /// A server-sent event: `document`, with all of it, for a page that knows nothing or what is no longer so (a resumed
  /// sweep begins before its end); `increment`, with the trials that are new or have changed; "" when nothing has.
  std::string next_event(const LiveSnapshot& snapshot);

 private:
  struct Known {
    TrialState state = TrialState::kWaiting;
    int64_t n_reports = 0;
    size_t n_exploits = 0;
  };
  bool still_holds(const LiveSnapshot& snapshot) const;
  std::string document(const LiveSnapshot& snapshot);

  int64_t version_ = 0;  ///< 0: nothing was told
  UtcTime start_;
  int64_t stride_ = 1;
  std::unordered_map<int64_t, Known> known_;  ///< by number
  nlohmann::ordered_json importance_;
};

/// Whether a process holds the lock of a sweep's folder (`DirectoryLock`), as far as Linux tells.
bool is_training(const std::string& directory);

/// Changes when something is written to a sweep, or its process begins or ends: sizes and times of its files.
std::string files_state(const std::string& directory);

}  // namespace lockstep
