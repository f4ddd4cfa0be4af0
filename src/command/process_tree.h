#pragma once

#include <cstddef>
#include <cstdint>

#include <sys/types.h>

namespace lockstep {

/// The processes of this machine as /proc shows them at one moment. Allocates no memory but by mmap and takes no lock, so
/// that a fork of a program with several threads may use it.
class ProcessTable {
 public:
  ProcessTable() = default;
  ~ProcessTable();
  ProcessTable(const ProcessTable&) = delete;
  ProcessTable& operator=(const ProcessTable&) = delete;

  struct Signalled {
    int64_t n_reached = 0;  ///< were sent it and had not ended
    int64_t n_denied = 0;   ///< belong to another user (sudo)
  };
  /// Sends `signal` to every process that descends from `ancestor`, not to itself. One that is started meanwhile may be
  /// missed: call it until nothing is reached.
  Signalled signal_descendants(pid_t ancestor, int signal);
  /// The same for the processes of a session, its leader included.
  Signalled signal_session(pid_t session, int signal);

 private:
  struct Process {
    pid_t pid;
    pid_t parent;
    pid_t session;
    bool has_ended;  ///< a zombie
    bool is_chosen;
  };

  /// Reads the table anew. What cannot be read is left out.
  void read();
  void add(const Process& process);
  Process* find(pid_t pid);
  Signalled signal_chosen(int signal);

  Process* processes_ = nullptr;  ///< by ascending number
  size_t size_ = 0;
  size_t capacity_ = 0;
};

/// Calls `visit(number)` for every name in the open folder `descriptor` that is a number, such as a process in /proc.
/// Takes no lock and allocates nothing.
void for_each_number(int descriptor, void (*visit)(void* context, int64_t number), void* context);

/// The numbers in /proc/PID/stat that follow the command's name, so that `fields[i]` is what proc(5) calls field i + 4;
/// `state` is field 3. Returns how many there were, 0 where the process is gone.
size_t read_process_stat(int proc, int64_t pid, char& state, int64_t* fields, size_t n_fields);

}  // namespace lockstep
