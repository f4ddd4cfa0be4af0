// Runs in forks of programs with several threads: no allocation, no lock, no wrapper of the C library (raw_syscall.h).

#include "command/process_tree.h"

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <sys/mman.h>

#include "command/raw_syscall.h"

namespace lockstep {

namespace {

/// The kernel's linux_dirent64, which the C library does not declare.
struct DirectoryEntry {
  uint64_t inode;
  int64_t offset;
  uint16_t size_bytes;
  uint8_t type;
  char name[1];
};

/// The number that `text` is, or -1.
int64_t as_number(const char* text) {
  int64_t number = 0;
  if (*text == '\0') return -1;
  for (; *text != '\0'; ++text) {
    if (*text < '0' || *text > '9') return -1;
    number = number * 10 + (*text - '0');
  }
  return number;
}

/// Writes "NUMBER/stat".
void write_stat_path(int64_t number, char* out) {
  char digits[20];
  int n = 0;
  do {
    digits[n++] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number > 0);
  while (n > 0) *out++ = digits[--n];
  for (const char* c = "/stat"; *c != '\0'; ++c) *out++ = *c;
  *out = '\0';
}

}  // namespace

void for_each_number(int descriptor, void (*visit)(void* context, int64_t number), void* context) {
  alignas(DirectoryEntry) char buffer[4096];
  long size = 0;
  while ((size = raw_syscall(SYS_getdents64, descriptor, buffer, sizeof buffer)) > 0) {
    for (long at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const DirectoryEntry*>(buffer + at);
      at += entry->size_bytes;
      const int64_t number = as_number(entry->name);
      if (number >= 0) visit(context, number);
    }
  }
}

size_t read_process_stat(int proc, int64_t pid, char& state, int64_t* fields, size_t n_fields) {
  char path[32];
  write_stat_path(pid, path);
  const int file = static_cast<int>(raw_syscall(SYS_openat, proc, path, O_RDONLY | O_CLOEXEC, 0));
  if (file < 0) return 0;
  char text[1024];
  const long size = raw_syscall(SYS_read, file, text, sizeof text);
  raw_syscall(SYS_close, file);
  // The name is in brackets and may hold any character, brackets too: the last one is the one that closes it.
  long at = size - 1;
  while (at >= 0 && text[at] != ')') --at;
  if (at < 0 || at + 2 >= size) return 0;
  state = text[at + 2];
  at += 3;
  size_t n = 0;
  while (n < n_fields) {
    while (at < size && text[at] == ' ') ++at;
    const bool is_negative = at < size && text[at] == '-';
    if (is_negative) ++at;
    if (at >= size || text[at] < '0' || text[at] > '9') break;
    uint64_t number = 0;
    for (; at < size && text[at] >= '0' && text[at] <= '9'; ++at) number = number * 10 + static_cast<uint64_t>(text[at] - '0');
    fields[n++] = static_cast<int64_t>(is_negative ? 0 - number : number);
  }
  return n;
}

ProcessTable::~ProcessTable() {
  if (processes_ != nullptr) raw_syscall(SYS_munmap, processes_, capacity_ * sizeof(Process));
}

void ProcessTable::add(const Process& process) {
  if (size_ == capacity_) {
    const size_t wanted = capacity_ == 0 ? 4096 : 2 * capacity_;
    const long grown =
        capacity_ == 0 ? raw_syscall(SYS_mmap, 0, wanted * sizeof(Process), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                       : raw_syscall(SYS_mremap, processes_, capacity_ * sizeof(Process), wanted * sizeof(Process), MREMAP_MAYMOVE);
    if (grown == -1) return;  // what was killed makes room for the rest, at the next call
    processes_ = reinterpret_cast<Process*>(grown);
    capacity_ = wanted;
  }
  processes_[size_++] = process;
}

void ProcessTable::read() {
  size_ = 0;
  const int proc = static_cast<int>(raw_syscall(SYS_openat, AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
  if (proc < 0) return;
  struct Context {
    ProcessTable* table;
    int proc;
  } context{this, proc};
  for_each_number(
      proc,
      [](void* opaque, int64_t pid) {
        auto& [table, folder] = *static_cast<Context*>(opaque);
        char state = 0;
        int64_t fields[3];  // parent, group, session
        if (read_process_stat(folder, pid, state, fields, 3) != 3) return;
        const bool has_ended = state == 'Z' || state == 'X';
        table->add({static_cast<pid_t>(pid), static_cast<pid_t>(fields[0]), static_cast<pid_t>(fields[2]), has_ended, false});
      },
      &context);
  raw_syscall(SYS_close, proc);
}

ProcessTable::Process* ProcessTable::find(pid_t pid) {
  size_t begin = 0;
  size_t end = size_;
  while (begin < end) {
    const size_t middle = begin + (end - begin) / 2;
    if (processes_[middle].pid < pid) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin < size_ && processes_[begin].pid == pid ? processes_ + begin : nullptr;
}

ProcessTable::Signalled ProcessTable::signal_chosen(int signal) {
  Signalled signalled;
  for (size_t i = 0; i < size_; ++i) {
    const Process& process = processes_[i];
    if (!process.is_chosen || process.has_ended) continue;
    if (raw_syscall(SYS_kill, process.pid, signal) == 0) {
      ++signalled.n_reached;
    } else if (errno == EPERM) {
      ++signalled.n_denied;
    }
  }
  return signalled;
}

ProcessTable::Signalled ProcessTable::signal_descendants(pid_t ancestor, int signal) {
  read();
  // Numbers mostly ascend from parent to child, so that the first pass finds nearly all.
  for (bool has_changed = true; has_changed;) {
    has_changed = false;
    for (size_t i = 0; i < size_; ++i) {
      Process& process = processes_[i];
      if (process.is_chosen || process.pid == ancestor) continue;
      const Process* parent = process.parent == ancestor ? nullptr : find(process.parent);
      if (process.parent != ancestor && (parent == nullptr || !parent->is_chosen)) continue;
      process.is_chosen = true;
      has_changed = true;
    }
  }
  return signal_chosen(signal);
}

ProcessTable::Signalled ProcessTable::signal_session(pid_t session, int signal) {
  read();
  for (size_t i = 0; i < size_; ++i) processes_[i].is_chosen = processes_[i].session == session;
  return signal_chosen(signal);
}

}  // namespace lockstep
