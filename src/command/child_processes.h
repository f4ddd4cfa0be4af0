#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "command/descriptor.h"

namespace lockstep {

/// A program to run.
struct ChildOptions {
  std::string command;                   ///< for /bin/sh -c
  std::string directory;                 ///< where it works
  std::vector<std::string> environment;  ///< all of it, "NAME=value"
  std::string output_file;  ///< gets standard output and standard error, in the order written; what was in it is gone
  int64_t max_output_bytes = int64_t{100} << 20;  ///< what is written beyond is dropped, and the file says so at its end
};

/// How a program ended.
struct ChildEnd {
  int exit_code = -1;  ///< of the program itself, whatever became of what it started; -1: a signal ended it
  int signal = 0;      ///< the one that ended it, 0: none
  bool was_terminated = false;  ///< `terminate` or `kill` came before its end, which it may have met with any exit code
};

/// What `ChildProcesses` tells. All of it is called on its own thread, one after another: a child's lines and warnings,
/// then its end. None may throw or wait for a child; any may start and end children. All but `on_end` may be empty.
struct ChildCallbacks {
  /// A line of the child's output, without its end ("\n", "\r\n" or "\r"); any bytes. Of a line longer than 64 KiB only
  /// the first 64 KiB.
  std::function<void(int64_t id, std::string_view line)> on_line;
  /// Nothing of the child's process tree is left. The number may be used again.
  std::function<void(int64_t id, const ChildEnd& end)> on_end;
  /// What the user should know: a full disk, processes of another user that are left.
  std::function<void(int64_t id, const std::string& warning)> on_warning;
};

/// Runs programs, each with everything that it starts, until they end or are ended.
///
/// A program gets a process group of its own, /dev/null as standard input, default signals and no other descriptor of this
/// process. When it ends by itself, what it leaves behind gets SIGTERM, and SIGKILL after 2 s, daemons included. The same
/// happens to all of it, without delay, when this process ends, however it does. A process per child (`guard.h`) sees to
/// that; if somebody kills that one, the child counts as killed, and of what it started only those are found that did not
/// leave its session (daemons do).
///
/// Its functions can be called from any thread.
class ChildProcesses {
 public:
  explicit ChildProcesses(ChildCallbacks callbacks);
  /// Kills whatever runs and waits until nothing is left, with the callbacks that belong to it.
  ~ChildProcesses();
  ChildProcesses(const ChildProcesses&) = delete;
  ChildProcesses& operator=(const ChildProcesses&) = delete;

  /// Returns when the shell runs, milliseconds later; callbacks may come before. Throws OutputError where it cannot: no processes or descriptors
  /// left, no such folder, the output file cannot be made.
  /// @param id the caller's number for it, at least 0, of no child that runs
  void start(int64_t id, const ChildOptions& options);
  /// SIGTERM to all of it, and SIGKILL to what is left after `grace_s` seconds. Returns at once. Nothing happens where no
  /// such child runs; so for `kill` and `wait`.
  void terminate(int64_t id, double grace_s);
  /// SIGKILL at once to all of it.
  void kill(int64_t id);
  /// Returns when nothing of it is left and its end has been told.
  void wait(int64_t id);

 private:
  struct Child;

  /// Forks the guard and waits until the shell runs.
  void launch(Child& child, const ChildOptions& options, Descriptor guard_socket, Descriptor written_end);
  void watch(int64_t id, const Child& child);
  void forget(int64_t id);
  bool is_running(int64_t id);
  /// Under the mutex.
  void send(int64_t id, int64_t grace_ns);

  void run();
  /// Reads once what is there, `limit` bytes at most. Returns how much it was.
  size_t read_output(int64_t id, Child& child, size_t limit);
  void finish_if_ended(int64_t id, Child& child);

  const ChildCallbacks callbacks_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<int64_t, std::shared_ptr<Child>> children_;
  std::optional<int64_t> ending_;  ///< its end is being told
  bool closing_ = false;
  std::vector<char> buffer_;  ///< of `thread_`
  Descriptor epoll_;
  Descriptor wake_;
  std::thread thread_;  ///< last: it uses all of the above
};

}  // namespace lockstep
