#include "report/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "report/format.h"

namespace lockstep {

std::string progress_line(const IntervalReport& report, const std::string& metric_name) {
  const Progress& p = report.progress;
  std::string out = "interval " + std::to_string(report.tick) + " | " + format_count(p.n_finished + p.n_stopped + p.n_diverged) +
                    "/" + format_count(p.n_trials) + " done | " + format_count(p.n_running) + " running | " +
                    format_count(p.n_stopped) + " stopped";
  if (p.n_diverged > 0) out += " | " + format_count(p.n_diverged) + " diverged";
  if (p.best.trial >= 0) {
    out += " | best " + metric_name + " " + format_number(p.best.metric) + " (trial " + std::to_string(p.best.trial) + ")";
  }
  if (p.elapsed_s > 0 && p.trial_intervals > 0) {
    const double rate = static_cast<double>(p.trial_intervals) / p.elapsed_s;
    out += " | " + format_count(static_cast<int64_t>(rate)) + " trial-epochs/s";
    // An upper bound: what is stopped later costs nothing.
    if (p.trial_intervals_left > 0) {
      out += " | at most " + format_duration(static_cast<double>(p.trial_intervals_left) / rate) + " left";
    }
  }
  return out;
}

ProgressDisplay::ProgressDisplay(std::FILE* stream, bool live, double seconds_between)
    : stream_(stream), live_(live), seconds_between_(seconds_between) {}

ProgressDisplay::~ProgressDisplay() { break_line(); }

void ProgressDisplay::on_start(const SweepSpec& spec, const Configurations&) {
  metric_name_ = spec.objective.primary_metric;
  last_ = Clock::now();
}

size_t ProgressDisplay::terminal_width() const {
  winsize size{};
  if (ioctl(fileno(stream_), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

void ProgressDisplay::on_interval(const IntervalReport& report) {
  std::string line = progress_line(report, metric_name_);
  if (live_) {
    // One column is left free: a terminal may wrap when the last one is written.
    line = line.substr(0, std::max<size_t>(terminal_width(), 2) - 1);
    std::fprintf(stream_, "\r\033[K%s", line.c_str());
    std::fflush(stream_);
    line_open_ = true;
    return;
  }
  pending_ = std::move(line);
  if (report.tick > 1 && std::chrono::duration<double>(Clock::now() - last_).count() < seconds_between_) return;
  std::fprintf(stream_, "%s\n", pending_.c_str());
  std::fflush(stream_);
  pending_.clear();
  last_ = Clock::now();
}

void ProgressDisplay::on_end(const SweepResult&) {
  if (!pending_.empty()) std::fprintf(stream_, "%s\n", pending_.c_str());
  pending_.clear();
  break_line();
}

void ProgressDisplay::break_line() {
  if (line_open_) std::fprintf(stream_, "\n");
  line_open_ = false;
  std::fflush(stream_);
}

}  // namespace lockstep
