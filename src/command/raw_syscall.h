#pragma once

#include <cstdint>
#include <type_traits>

#include <sys/syscall.h>
#include <unistd.h>

namespace lockstep {

template <class Argument>
long as_word(Argument argument) {
  if constexpr (std::is_pointer_v<Argument> || std::is_null_pointer_v<Argument>) {
    return reinterpret_cast<long>(argument);
  } else {
    return static_cast<long>(argument);
  }
}

/// A system call past the C library's wrapper: what runs in the fork of a program with several threads must take no lock,
/// and sanitizers put locks into the wrappers. Like these it returns -1 and sets errno.
template <class... Arguments>
long raw_syscall(long number, Arguments... arguments) {
  return ::syscall(number, as_word(arguments)...);
}

}  // namespace lockstep
