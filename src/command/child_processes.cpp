#include "command/child_processes.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lockstep/error.h>

#include "command/child_output.h"
#include "command/guard.h"
#include "command/process_tree.h"

namespace lockstep {

namespace {

constexpr int64_t kSecond = 1'000'000'000;
/// For what a program leaves behind when it ends by itself.
constexpr int64_t kLeftoverGrace = 2 * kSecond;
constexpr int64_t kLongestGrace = 365 * 24 * 3600 * kSecond;
constexpr size_t kReadBytes = size_t{64} << 10;

/// What epoll tells of: a child's output, a child's guard, or that the object is being destroyed.
constexpr uint64_t kWake = ~uint64_t{0};
uint64_t output_event(int64_t id) { return static_cast<uint64_t>(id) << 1; }
uint64_t guard_event(int64_t id) { return static_cast<uint64_t>(id) << 1 | 1; }

constexpr const char* kNoProcesses =
    "; raise the limit of processes (`ulimit -u`, or the container's), or let fewer trials run at once";
constexpr const char* kNoDescriptors = "; raise the limit of open files (`ulimit -n`), or let fewer trials run at once";

[[noreturn]] void fail(const std::string& what, int error, const char* cure) {
  throw OutputError(what + ": " + std::strerror(error) + cure);
}

/// Blocks every signal of this thread while it lives: what is forked or started meanwhile begins so.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

std::vector<const char*> pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> all;
  for (const std::string& text : texts) all.push_back(text.c_str());
  all.push_back(nullptr);
  return all;
}

/// The next report; nothing where the guard has ended without one, or, with MSG_DONTWAIT, where there is none yet (EAGAIN).
std::optional<GuardReport> receive_report(int socket, int flags, bool& ended) {
  GuardReport report{};
  ssize_t size = 0;
  do {
    size = recv(socket, &report, sizeof report, flags);
    // ECONNRESET: the guard has not read our last command. Its last report comes behind.
  } while (size < 0 && (errno == EINTR || errno == ECONNRESET));
  ended = !(size < 0 && errno == EAGAIN);
  if (size != sizeof report) return std::nullopt;
  return report;
}

void reap(pid_t guard) {
  while (waitpid(guard, nullptr, 0) < 0 && errno == EINTR) {}
}

[[noreturn]] void fail_to_start(const GuardReport& report, const ChildOptions& options) {
  switch (report.stage) {
    case GuardReport::Stage::kPrepare:
      fail("the trial's guard cannot watch its processes", report.error, "; it needs /proc, and descriptors (`ulimit -n`)");
    case GuardReport::Stage::kProcess:
      fail("no process can be started for a trial", report.error, report.error == EAGAIN ? kNoProcesses : "; free memory");
    case GuardReport::Stage::kDirectory:
      fail(options.directory + " cannot be entered", report.error, "; a trial works in it: make it, or check its permissions");
    case GuardReport::Stage::kInput:
      fail("/dev/null cannot be opened", report.error, "; a trial's standard input comes from it");
    case GuardReport::Stage::kShell:
      fail("/bin/sh cannot be started", report.error,
           report.error == E2BIG ? "; a command may have 128 KiB, and with its environment what `getconf ARG_MAX` says; put "
                                   "it into a script"
                                 : "; a trial's command needs it");
  }
  throw OutputError("the trial's guard failed");
}

/// The kernel kills a program whose guard was killed; this kills what it had started.
void end_without_guard(pid_t guard) {
  using namespace std::chrono_literals;
  ProcessTable processes;
  const auto limit = std::chrono::steady_clock::now() + 5s;
  // As long as the guard is not waited for, no other session can have its number.
  while (processes.signal_session(guard, SIGKILL).n_reached > 0 && std::chrono::steady_clock::now() < limit) {
    std::this_thread::sleep_for(2ms);
  }
  reap(guard);
}

}  // namespace

struct ChildProcesses::Child {
  explicit Child(const ChildOptions& options) : file(options.output_file, options.max_output_bytes) {}

  OutputFile file;
  LineSplitter lines;
  Descriptor socket;                ///< to the guard
  Descriptor output;                ///< nothing once all of its writers have closed it
  pid_t guard = 0;                  ///< under the mutex until the child is forgotten
  bool asked_to_end = false;        ///< under the mutex
};

ChildProcesses::ChildProcesses(ChildCallbacks callbacks)
    : callbacks_(std::move(callbacks)), buffer_(kReadBytes), epoll_(epoll_create1(EPOLL_CLOEXEC)), wake_(eventfd(0, EFD_CLOEXEC)) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWake;
  if (!epoll_ || !wake_ || epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0) {
    fail("trials cannot be watched", errno, kNoDescriptors);
  }
  try {
    const SignalsBlocked blocked;  // they are for the threads that expect them
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    fail("no thread can be started to watch trials", error.code().value(), kNoProcesses);
  }
}

ChildProcesses::~ChildProcesses() {
  std::vector<int64_t> running;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    for (const auto& [id, child] : children_) running.push_back(id);
  }
  for (const int64_t id : running) kill(id);
  const uint64_t one = 1;
  while (write(wake_.get(), &one, sizeof one) < 0 && errno == EINTR) {}
  thread_.join();
}

void ChildProcesses::start(int64_t id, const ChildOptions& options) {
  if (id < 0) throw std::invalid_argument("a child's number is negative");
  if (is_running(id)) throw std::logic_error("child " + std::to_string(id) + " runs already");
  const auto child = std::make_shared<Child>(options);
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) fail("a trial's guard cannot be reached", errno, kNoDescriptors);
  child->socket = Descriptor(sockets[0]);
  Descriptor guard_socket(sockets[1]);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) fail("a trial's output cannot be read", errno, kNoDescriptors);
  child->output = Descriptor(ends[0]);
  Descriptor written_end(ends[1]);
  fcntl(child->output.get(), F_SETFL, O_NONBLOCK);
  {
    // From here on it can be ended, also by another thread: the guard will find the command.
    const std::lock_guard lock(mutex_);
    if (!children_.emplace(id, child).second) throw std::logic_error("child " + std::to_string(id) + " runs already");
  }
  try {
    launch(*child, options, std::move(guard_socket), std::move(written_end));
    watch(id, *child);
  } catch (...) {
    forget(id);
    child->socket.close();  // which ends the guard, and all that it has started
    if (child->guard > 0) end_without_guard(child->guard);
    throw;
  }
  const std::lock_guard lock(mutex_);
  if (closing_) send(id, 0);
}

void ChildProcesses::launch(Child& child, const ChildOptions& options, Descriptor guard_socket, Descriptor written_end) {
  const std::vector<const char*> environment = pointers(options.environment);
  const char* const arguments[] = {"sh", "-c", options.command.c_str(), nullptr};
  const GuardStart guard_start{arguments,   environment.data(), options.directory.c_str(), guard_socket.get(),
                               written_end.get(), getpid(), kLeftoverGrace};
  pid_t guard = 0;
  int error = 0;
  {
    const SignalsBlocked blocked;  // the guard is not to run this program's handlers
    // Not fork(), which calls what libraries have registered for it and waits for their locks.
    guard = _Fork();
    if (guard == 0) run_guard(guard_start);
    error = errno;
  }
  // The guard's alone, so that its death is seen here.
  guard_socket.close();
  written_end.close();
  if (guard < 0) fail("no process can be started for a trial", error, error == EAGAIN ? kNoProcesses : "; free memory");
  {
    const std::lock_guard lock(mutex_);
    child.guard = guard;
  }
  bool ended = false;
  const std::optional<GuardReport> report = receive_report(child.socket.get(), 0, ended);
  if (!report) throw OutputError("a trial was not started: its guard (a process of this program) was killed");
  if (report->kind != GuardReport::Kind::kStarted) fail_to_start(*report, options);
}

void ChildProcesses::watch(int64_t id, const Child& child) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = output_event(id);
  bool is_watched = epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, child.output.get(), &event) == 0;
  event.data.u64 = guard_event(id);
  is_watched = is_watched && epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, child.socket.get(), &event) == 0;
  if (is_watched) return;
  const int error = errno;
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, child.output.get(), nullptr);
  fail("trials cannot be watched", error, kNoDescriptors);
}

void ChildProcesses::terminate(int64_t id, double grace_s) {
  const double grace_ns = grace_s * static_cast<double>(kSecond);
  const std::lock_guard lock(mutex_);
  // At least 1 ns: SIGTERM comes first. NaN is 1 ns as well.
  send(id, grace_ns > 1 ? static_cast<int64_t>(std::min(grace_ns, static_cast<double>(kLongestGrace))) : 1);
}

void ChildProcesses::kill(int64_t id) {
  const std::lock_guard lock(mutex_);
  send(id, 0);
}

void ChildProcesses::wait(int64_t id) {
  if (std::this_thread::get_id() == thread_.get_id()) throw std::logic_error("a callback waits for a child");
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return children_.count(id) == 0 && ending_ != id; });
}

void ChildProcesses::send(int64_t id, int64_t grace_ns) {
  const auto found = children_.find(id);
  if (found == children_.end()) return;
  Child& child = *found->second;
  child.asked_to_end = true;
  const GuardCommand command{grace_ns};
  while (::send(child.socket.get(), &command, sizeof command, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EINTR) {}
  // Should somebody have stopped it.
  if (child.guard > 0) ::kill(child.guard, SIGCONT);
}

bool ChildProcesses::is_running(int64_t id) {
  const std::lock_guard lock(mutex_);
  return children_.count(id) != 0;
}

void ChildProcesses::forget(int64_t id) {
  const std::lock_guard lock(mutex_);
  children_.erase(id);
  changed_.notify_all();
}

void ChildProcesses::run() {
  std::vector<epoll_event> events(64);
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (closing_ && children_.empty()) return;
    }
    const int n = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < n; ++i) {
      const uint64_t event = events[static_cast<size_t>(i)].data.u64;
      if (event == kWake) {
        uint64_t count = 0;
        [[maybe_unused]] const ssize_t size = read(wake_.get(), &count, sizeof count);
        continue;
      }
      const auto id = static_cast<int64_t>(event >> 1);
      std::shared_ptr<Child> child;
      {
        // An event of a child that has ended since may find none, or the next of its number, where it does nothing.
        const std::lock_guard lock(mutex_);
        const auto found = children_.find(id);
        if (found != children_.end()) child = found->second;
      }
      if (!child) continue;
      if (event == output_event(id)) {
        read_output(id, *child, kReadBytes);
      } else {
        finish_if_ended(id, *child);
      }
    }
  }
}

size_t ChildProcesses::read_output(int64_t id, Child& child, size_t limit) {
  ssize_t size = 0;
  do {
    size = read(child.output.get(), buffer_.data(), std::min(limit, buffer_.size()));
  } while (size < 0 && errno == EINTR);
  if (size == 0) {
    // Nobody has it open any longer; epoll would say so for ever.
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, child.output.get(), nullptr);
    child.output.close();
  }
  if (size <= 0) return 0;
  const std::string_view bytes(buffer_.data(), static_cast<size_t>(size));
  const std::optional<std::string> warning = child.file.append(bytes);
  if (warning && callbacks_.on_warning) callbacks_.on_warning(id, *warning);
  if (callbacks_.on_line) child.lines.take(bytes, [&](std::string_view line) { callbacks_.on_line(id, line); });
  return bytes.size();
}

void ChildProcesses::finish_if_ended(int64_t id, Child& child) {
  bool has_ended = false;
  const std::optional<GuardReport> report = receive_report(child.socket.get(), MSG_DONTWAIT, has_ended);
  if (!has_ended) return;
  bool asked_to_end = false;
  {
    // No command reaches it from here on, so that none goes to a process that has got the guard's number since.
    const std::lock_guard lock(mutex_);
    asked_to_end = child.asked_to_end;
    ending_ = id;
    children_.erase(id);
  }
  if (report) {
    reap(child.guard);
  } else {
    end_without_guard(child.guard);
  }

  // What is in the pipe and no more: processes that are beyond us may go on writing.
  int left = 0;
  if (child.output && ioctl(child.output.get(), FIONREAD, &left) != 0) left = 0;
  while (left > 0) {
    const size_t size = read_output(id, child, static_cast<size_t>(left));
    if (size == 0) break;
    left -= static_cast<int>(size);
  }
  if (callbacks_.on_line) child.lines.finish([&](std::string_view line) { callbacks_.on_line(id, line); });
  // Before the descriptors are closed: guards that are just being started may hold them open, and epoll with them.
  if (child.output) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, child.output.get(), nullptr);
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, child.socket.get(), nullptr);
  // Not with the child, which this thread may hold for a moment longer than `wait` waits.
  child.output.close();
  child.socket.close();

  ChildEnd end{-1, SIGKILL, asked_to_end};
  if (report) {
    end.exit_code = WIFEXITED(report->status) ? WEXITSTATUS(report->status) : -1;
    end.signal = WIFSIGNALED(report->status) ? WTERMSIG(report->status) : 0;
    end.was_terminated = report->was_terminated != 0;
    if (report->n_denied > 0 && callbacks_.on_warning) {
      callbacks_.on_warning(id, std::to_string(report->n_denied) + " of its processes belong to another user and go on; end them by hand");
    }
  }
  callbacks_.on_end(id, end);
  const std::lock_guard lock(mutex_);
  ending_.reset();
  changed_.notify_all();
}

}  // namespace lockstep
