// Runs in the fork of a program with several threads: no allocation, no lock, no wrapper of the C library (raw_syscall.h).

#include "command/guard.h"

#include <cerrno>
#include <csignal>
#include <ctime>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "command/process_tree.h"
#include "command/raw_syscall.h"

namespace lockstep {

namespace {

/// What ps shows. Not "lockstep": who ends us by name (pkill -9 lockstep) would end those who clean up after us as well.
constexpr char kName[] = "trial-guard";
constexpr int64_t kMillisecond = 1'000'000;
/// Between looks for processes that were killed and are still there.
constexpr int64_t kFirstPause = 2 * kMillisecond;
constexpr int64_t kLongestPause = 100 * kMillisecond;
/// The kernel's signal set is one word, not the C library's sixteen.
constexpr size_t kSignalSetBytes = 8;
constexpr uint64_t kNoSignals = 0;
constexpr uint64_t kAllSignals = ~uint64_t{0};
constexpr int kLastSignal = 64;

int64_t now_ns() {
  timespec time{};
  raw_syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

class Guard {
 public:
  explicit Guard(const GuardStart& start) : start_(start) {}

  [[noreturn]] void run() {
    if (!prepare()) end({GuardReport::Kind::kNotStarted, GuardReport::Stage::kPrepare, error_, 0, 0, 0});
    if (!start_program()) end({GuardReport::Kind::kNotStarted, stage_, error_, 0, 0, 0});
    send({GuardReport::Kind::kStarted, {}, 0, 0, 0, 0});
    // What start_ points to is gone from here on.
    give_back_memory();
    rename();
    watch();
    end({GuardReport::Kind::kEnded, {}, 0, status_, was_terminated_, static_cast<int32_t>(n_denied_)});
  }

 private:
  bool fails() {
    error_ = errno;
    return false;
  }

  void send(const GuardReport& report) {
    while (raw_syscall(SYS_sendto, socket_, &report, sizeof report, MSG_NOSIGNAL, nullptr, 0) < 0 && errno == EINTR) {}
  }
  [[noreturn]] void end(const GuardReport& report) {
    send(report);
    for (;;) raw_syscall(SYS_exit_group, 0);
  }

  bool prepare() {
    // A session of its own: who kills our process group (the shell's `kill -9 %1`, `timeout`) spares the guard.
    raw_syscall(SYS_setsid);
    raw_syscall(SYS_prctl, PR_SET_NAME, kName, 0, 0, 0);
    socket_ = start_.socket;
    // Numbers above 2, so that the program's three cannot fall on them.
    const long socket = raw_syscall(SYS_fcntl, start_.socket, F_DUPFD_CLOEXEC, 3);
    const long output = raw_syscall(SYS_fcntl, start_.output, F_DUPFD_CLOEXEC, 3);
    if (socket < 0 || output < 0) return fails();
    socket_ = static_cast<int>(socket);
    output_ = static_cast<int>(output);
    if (!close_others()) return fails();
    if (raw_syscall(SYS_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) return fails();
    // Children are to stay until they are waited for, and the program is to find every signal as a new process does.
    const uint64_t default_action[8] = {};
    for (int signal = 1; signal <= kLastSignal; ++signal) {
      raw_syscall(SYS_rt_sigaction, signal, default_action, nullptr, kSignalSetBytes);
    }
    const uint64_t child = uint64_t{1} << (SIGCHLD - 1);
    signals_ = static_cast<int>(raw_syscall(SYS_signalfd4, -1, &child, kSignalSetBytes, SFD_NONBLOCK | SFD_CLOEXEC));
    if (signals_ < 0) return fails();
    // The socket tells of our process's end only when nobody has inherited its other end, so the process itself is watched
    // too, where the kernel can.
    parent_ = static_cast<int>(raw_syscall(SYS_pidfd_open, start_.parent, 0));
    is_orphan_ = raw_syscall(SYS_getppid) != start_.parent;
    return true;
  }

  /// Whatever else was open, ours and that of libraries: locks, databases, sockets.
  bool close_others() {
    const long folder = raw_syscall(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (folder < 0) return false;
    struct Context {
      int64_t kept[3];
    } context{{socket_, output_, folder}};
    for_each_number(
        static_cast<int>(folder),
        [](void* opaque, int64_t number) {
          for (const int64_t kept : static_cast<Context*>(opaque)->kept) {
            if (number == kept) return;
          }
          raw_syscall(SYS_close, number);
        },
        &context);
    raw_syscall(SYS_close, folder);
    return true;
  }

  /// The program's first steps share this process's memory, and this process waits until they are done: another copy of
  /// what may be gigabytes is spared.
  bool start_program() {
    guard_pid_ = static_cast<pid_t>(raw_syscall(SYS_getpid));
    alignas(16) static char stack[32 * 1024];
    error_ = 0;
    program_ = clone([](void* guard) { return static_cast<Guard*>(guard)->become_program(); }, stack + sizeof stack,
                     CLONE_VM | CLONE_VFORK | SIGCHLD, this);
    if (program_ < 0) {
      stage_ = GuardReport::Stage::kProcess;
      return fails();
    }
    raw_syscall(SYS_close, output_);
    return error_ == 0;
  }

  /// Returns where the program could not be started.
  int become_program() {
    // Should the guard be killed, the program at least does not outlive it.
    raw_syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (raw_syscall(SYS_getppid) != guard_pid_) return 127;
    raw_syscall(SYS_setpgid, 0, 0);
    stage_ = GuardReport::Stage::kDirectory;
    if (raw_syscall(SYS_chdir, start_.directory) < 0) return not_started();
    stage_ = GuardReport::Stage::kInput;
    const long input = raw_syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY, 0);
    if (input < 0) return not_started();
    if (input != STDIN_FILENO) {
      raw_syscall(SYS_dup3, input, STDIN_FILENO, 0);
      raw_syscall(SYS_close, input);
    }
    raw_syscall(SYS_dup3, output_, STDOUT_FILENO, 0);
    raw_syscall(SYS_dup3, output_, STDERR_FILENO, 0);
    raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, &kNoSignals, nullptr, kSignalSetBytes);
    stage_ = GuardReport::Stage::kShell;
    raw_syscall(SYS_execve, "/bin/sh", start_.arguments, start_.environment);
    return not_started();
  }
  int not_started() {
    error_ = errno;
    return 127;
  }

  /// Shows the guard under its name where ps shows whole command lines, and hides it from `pkill -f` as from pkill.
  void rename() {
    const long proc = raw_syscall(SYS_openat, AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (proc < 0) return;
    constexpr size_t kFirstField = 4;
    constexpr size_t kArgumentsBegin = 48 - kFirstField;
    constexpr size_t kArgumentsEnd = 49 - kFirstField;
    char state = 0;
    int64_t fields[kArgumentsEnd + 1];
    const size_t n = read_process_stat(static_cast<int>(proc), guard_pid_, state, fields, kArgumentsEnd + 1);
    raw_syscall(SYS_close, proc);
    if (n != kArgumentsEnd + 1 || fields[kArgumentsBegin] == 0) return;
    auto* const text = reinterpret_cast<volatile char*>(fields[kArgumentsBegin]);
    const int64_t size = fields[kArgumentsEnd] - fields[kArgumentsBegin];
    for (int64_t i = 0; i < size; ++i) {
      text[i] = i + 1 < size && i < static_cast<int64_t>(sizeof kName) ? kName[i] : '\0';
    }
  }

  /// The fork holds all that our process had in memory: whatever that writes anew would be there twice, a guard each, and
  /// a machine short of memory would take the guard for the largest process. Given back are the large pieces that no file
  /// is behind, but for those that hold this thread's stack and its thread-local variables.
  void give_back_memory() {
    const long maps = raw_syscall(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
    if (maps < 0) return;
    char line[512];
    size_t length = 0;
    char buffer[4096];
    long size = 0;
    while ((size = raw_syscall(SYS_read, maps, buffer, sizeof buffer)) > 0) {
      for (long i = 0; i < size; ++i) {
        if (buffer[i] == '\n') {
          line[length] = '\0';
          give_back_line(line);
          length = 0;
        } else if (length + 1 < sizeof line) {
          line[length++] = buffer[i];
        }
      }
    }
    raw_syscall(SYS_close, maps);
  }

  /// @param line "BEGIN-END rw-p OFFSET DEVICE INODE PATH"
  void give_back_line(const char* line) {
    const auto hexadecimal = [&line] {
      uint64_t number = 0;
      for (;; ++line) {
        const int digit = *line >= '0' && *line <= '9' ? *line - '0' : *line >= 'a' && *line <= 'f' ? *line - 'a' + 10 : -1;
        if (digit < 0) return number;
        number = number * 16 + static_cast<uint64_t>(digit);
      }
    };
    const uint64_t begin = hexadecimal();
    if (*line++ != '-') return;
    const uint64_t end = hexadecimal();
    const bool is_private = line[0] == ' ' && line[1] == 'r' && line[2] == 'w' && line[4] == 'p';
    if (!is_private) return;
    line += 5;
    for (int field = 0; field < 2; ++field) {
      while (*line == ' ') ++line;
      while (*line != ' ' && *line != '\0') ++line;
    }
    while (*line == ' ') ++line;
    if (*line != '0') return;  // a file's inode
    constexpr uint64_t kLeast = uint64_t{1} << 20;
    const auto holds = [=](const void* address) {
      return reinterpret_cast<uint64_t>(address) >= begin && reinterpret_cast<uint64_t>(address) < end;
    };
    if (end - begin < kLeast || holds(&begin) || holds(this) || holds(&errno)) return;
    raw_syscall(SYS_madvise, begin, end - begin, MADV_DONTNEED);
  }

  void watch() {
    for (;;) {
      reap();
      if (nothing_left_) return;
      if (is_orphan_) kill_now_ = true;
      if (program_ended_ && deadline_ns_ < 0) signal_all(start_.leftover_grace_ns);
      if (deadline_ns_ >= 0 && now_ns() >= deadline_ns_) kill_now_ = true;
      int64_t wait_ns = -1;
      if (kill_now_) {
        const auto [n_reached, n_denied] = signal(SIGKILL);
        // Those of other users are beyond us. Everything else goes, at the latest when the kernel lets it.
        n_denied_ = n_denied;
        if (program_ended_ && n_reached == 0 && n_denied > 0) return;
        wait_ns = pause_ns_;
        if (pause_ns_ < kLongestPause) pause_ns_ *= 2;
      } else if (deadline_ns_ >= 0) {
        wait_ns = deadline_ns_ - now_ns();
        if (wait_ns < 0) wait_ns = 0;
      }
      wait(wait_ns);
    }
  }

  /// Waits for a signal, a command, our process's end, or for so long; -1: as long as it takes.
  void wait(int64_t limit_ns) {
    const timespec limit{limit_ns / 1'000'000'000, limit_ns % 1'000'000'000};
    // Descriptors below 0 are passed over.
    pollfd watched[] = {{signals_, POLLIN, 0}, {is_orphan_ ? -1 : socket_, POLLIN, 0}, {is_orphan_ ? -1 : parent_, POLLIN, 0}};
    if (raw_syscall(SYS_ppoll, watched, 3, limit_ns < 0 ? nullptr : &limit, nullptr, 0) <= 0) return;
    if (watched[0].revents != 0) {
      signalfd_siginfo ignored;
      while (raw_syscall(SYS_read, signals_, &ignored, sizeof ignored) > 0) {}
    }
    // The program's end goes before a command that came after it.
    reap();
    if (watched[1].revents != 0) obey();
    if (watched[2].revents != 0) is_orphan_ = true;
  }

  void obey() {
    for (;;) {
      GuardCommand command{};
      const long size = raw_syscall(SYS_recvfrom, socket_, &command, sizeof command, MSG_DONTWAIT, nullptr, nullptr);
      if (size < 0 && errno == EINTR) continue;
      if (size < 0 && errno == EAGAIN) return;
      if (size != sizeof command) {
        is_orphan_ = true;
        return;
      }
      if (!program_ended_) was_terminated_ = 1;
      if (command.grace_ns == 0) kill_now_ = true;
      signal_all(command.grace_ns);
    }
  }

  /// SIGTERM to all, and SIGKILL after `grace_ns`, or earlier where that was asked for before.
  void signal_all(int64_t grace_ns) {
    const int64_t deadline = now_ns() + grace_ns;
    if (deadline_ns_ < 0 || deadline < deadline_ns_) deadline_ns_ = deadline;
    if (kill_now_) return;
    signal(SIGTERM);
    signal(SIGCONT);  // one that is stopped would not take it
  }

  ProcessTable::Signalled signal(int number) {
    // A group is reached as one, also what is started in it meanwhile. It is the program's while that is not waited for.
    if (!program_ended_) raw_syscall(SYS_kill, -program_, number);
    return processes_.signal_descendants(guard_pid_, number);
  }

  void reap() {
    for (;;) {
      int status = 0;
      const long pid = raw_syscall(SYS_wait4, -1, &status, WNOHANG, nullptr);
      if (pid < 0 && errno == EINTR) continue;
      if (pid < 0) {
        nothing_left_ = true;
        n_denied_ = 0;
      }
      if (pid <= 0) return;
      if (pid == program_) {
        program_ended_ = true;
        status_ = status;
      }
    }
  }

  GuardStart start_;
  pid_t guard_pid_ = 0;
  int socket_ = -1;
  int output_ = -1;
  int signals_ = -1;
  int parent_ = -1;
  pid_t program_ = -1;
  volatile int error_ = 0;  ///< the program's first steps write it as well
  volatile GuardReport::Stage stage_ = GuardReport::Stage::kPrepare;

  int status_ = 0;
  bool program_ended_ = false;
  bool nothing_left_ = false;
  bool is_orphan_ = false;  ///< our process has ended
  bool kill_now_ = false;
  int was_terminated_ = 0;
  int64_t deadline_ns_ = -1;  ///< when SIGKILL follows; -1: nothing is being ended
  int64_t pause_ns_ = kFirstPause;
  int64_t n_denied_ = 0;
  ProcessTable processes_;
};

}  // namespace

void run_guard(const GuardStart& start) {
  raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, &kAllSignals, nullptr, kSignalSetBytes);
  Guard(start).run();
}

}  // namespace lockstep
