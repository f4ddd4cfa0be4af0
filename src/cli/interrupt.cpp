#include "cli/interrupt.h"

#include <csignal>
#include <unistd.h>

#include <lockstep/error.h>

namespace lockstep::cli {
namespace {

std::atomic<bool> requested_flag{false};
struct sigaction old_int, old_term;

void handle(int) {
  static_assert(std::atomic<bool>::is_always_lock_free);  // or a handler could not touch it
  if (requested_flag.exchange(true)) _exit(static_cast<int>(ExitCode::kInterrupted));
  const char text[] = "\nlockstep: finishing the interval and writing the results; once more to end at once\n";
  [[maybe_unused]] const auto written = write(STDERR_FILENO, text, sizeof text - 1);
}

}  // namespace

Interrupt::Interrupt() {
  requested_flag = false;
  struct sigaction action {};
  action.sa_handler = handle;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &old_int);
  sigaction(SIGTERM, &action, &old_term);
}

Interrupt::~Interrupt() {
  sigaction(SIGINT, &old_int, nullptr);
  sigaction(SIGTERM, &old_term, nullptr);
}

const std::atomic<bool>& Interrupt::requested() const { return requested_flag; }

void Interrupt::request() { requested_flag = true; }

}  // namespace lockstep::cli
