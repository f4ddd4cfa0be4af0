#pragma once

#include <atomic>

namespace lockstep::cli {

/// While one lives, the first SIGINT or SIGTERM sets `requested()`, so that the sweep ends after its interval and writes its
/// results; the second ends the program at once with exit code 130. One at a time.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  const std::atomic<bool>& requested() const;
  /// As a first signal does, but in silence.
  void request();
};

}  // namespace lockstep::cli
