#pragma once

#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "command/child_processes.h"
#include "store/temporary_folder.h"

namespace lockstep::testing {

inline bool wait_until(const std::function<bool()>& holds, double limit_s = 20) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::duration<double>(limit_s);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

inline double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Calls `visit` with the number of every process.
inline void for_each_process(const std::function<void(pid_t)>& visit) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const int pid = std::atoi(entry.path().filename().c_str());
    if (pid > 0) visit(pid);
  }
}

inline std::string read_proc(pid_t pid, const std::string& name) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/" + name, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// What follows the command's name in /proc/PID/stat: state, parent, group, session, ...; empty where it is gone.
inline std::vector<std::string> stat_fields(pid_t pid) {
  const std::string text = read_proc(pid, "stat");
  const size_t end = text.rfind(')');
  if (end == std::string::npos) return {};
  std::istringstream rest(text.substr(end + 1));
  return {std::istream_iterator<std::string>(rest), {}};
}

/// Children of a process, zombies too.
inline std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> children;
  for_each_process([&](pid_t pid) {
    const auto fields = stat_fields(pid);
    if (fields.size() > 1 && fields[1] == std::to_string(parent)) children.push_back(pid);
  });
  return children;
}

/// The processes that have inherited the environment of a test's children, whoever is their parent now.
inline std::vector<pid_t> processes_with(const std::string& token) {
  std::vector<pid_t> found;
  for_each_process([&](pid_t pid) {
    if (pid != getpid() && read_proc(pid, "environ").find("TOKEN=" + token + '\0') != std::string::npos) found.push_back(pid);
  });
  return found;
}

/// A folder of its own, and what `ChildProcesses` tells.
class RunningChildren : public ::testing::Test {
 protected:
  struct Told {
    std::vector<std::string> lines;
    std::vector<std::string> warnings;
    std::vector<ChildEnd> ends;
    bool has_line_after_end = false;
  };

  ChildCallbacks callbacks() {
    ChildCallbacks all;
    all.on_line = [this](int64_t id, std::string_view line) {
      const std::lock_guard lock(mutex_);
      told_[id].has_line_after_end |= !told_[id].ends.empty();
      told_[id].lines.emplace_back(line);
    };
    all.on_warning = [this](int64_t id, const std::string& warning) {
      const std::lock_guard lock(mutex_);
      told_[id].warnings.push_back(warning);
    };
    all.on_end = [this](int64_t id, const ChildEnd& end) {
      const std::lock_guard lock(mutex_);
      told_[id].ends.push_back(end);
    };
    return all;
  }

  ChildOptions options(const std::string& command, const std::string& output = "output") const {
    return {command, folder_.path(), {"PATH=/usr/local/bin:/usr/bin:/bin", "TOKEN=" + token()}, folder_ / output};
  }

  Told told(int64_t id) {
    const std::lock_guard lock(mutex_);
    return told_[id];
  }

  /// Waits for a file that a child makes.
  bool appears(const std::string& name) const {
    return wait_until([&] { return std::filesystem::exists(folder_ / name); });
  }

  /// Runs a command to its end.
  Told run(const std::string& command) {
    ChildProcesses children(callbacks());
    children.start(0, options(command));
    children.wait(0);
    return told(0);
  }

  const std::string& token() const { return folder_.path(); }

  TemporaryFolder folder_;
  std::mutex mutex_;
  std::map<int64_t, Told> told_;
};

}  // namespace lockstep::testing
