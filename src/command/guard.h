#pragma once

#include <cstdint>
#include <string>

namespace lockstep {

/// What a guard starts, and by what it is reached. All of it is the caller's memory, used until the program is started.
struct GuardStart {
  const char* const* arguments;    ///< of /bin/sh, up to a null pointer
  const char* const* environment;  ///< up to a null pointer
  const char* directory;           ///< where the program works
  int socket;                      ///< of packets: `GuardCommand` comes in, `GuardReport` goes out
  int output;                      ///< becomes the program's standard output and standard error
  int parent;                      ///< the process at the other end of the socket
  int64_t leftover_grace_ns;       ///< from SIGTERM to SIGKILL, for what a program leaves behind that ends by itself
};

/// Ends what runs: SIGTERM now, SIGKILL after `grace_ns`, at once where it is 0.
struct GuardCommand {
  int64_t grace_ns;
};

struct GuardReport {
  /// What the guard was doing when it failed.
  enum class Stage : int32_t { kPrepare, kProcess, kDirectory, kInput, kShell };
  enum class Kind : int32_t {
    kStarted,
    kNotStarted,  ///< `stage` and `error` say why; the guard has ended
    kEnded,       ///< nothing of the program is left; the guard has ended
  };
  Kind kind;
  Stage stage;
  int32_t error;           ///< an errno
  int32_t status;          ///< of the program, as waitpid has it
  int32_t was_terminated;  ///< a command came before the program ended
  int32_t n_denied;        ///< processes that belong to another user (sudo) and are left
};

/// A guard is a process between us and a program: whatever descends from the program, daemons too, descends from the guard
/// (it is their "child subreaper"), so it can find all of it and knows when nothing is left. When our process ends, by
/// SIGKILL too, the guard kills all of it.
///
/// Called in the child of a fork, with every signal blocked, it never returns. It uses what is safe in the fork of a
/// program with several threads alone, closes every descriptor but the two that it is given, and gives back the memory
/// that it has inherited.
[[noreturn]] void run_guard(const GuardStart& start);

}  // namespace lockstep
