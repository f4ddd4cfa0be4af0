#include "report/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "report/format.h"

namespace lockstep {

namespace {

/// A part of the line. Where there is no room for all, the highest `rank` goes first.
struct Part {
  int rank;
  std::string full;
  std::string brief;
};

std::string join(const std::vector<Part>& parts, std::string Part::*text) {
  std::string line;
  for (const Part& part : parts) line.append(line.empty() ? "" : " | ").append(part.*text);
  return line;
}

std::vector<Part> progress_parts(const IntervalReport& report, const std::string& metric_name, bool side_by_side) {
  const Progress& p = report.progress;
  const std::string done =
      format_count(p.n_finished + p.n_stopped + p.n_diverged + p.n_failed) + "/" + format_count(p.n_trials) + " done";
  const auto same = [](int rank, const std::string& text) { return Part{rank, text, text}; };
  std::vector<Part> parts;
  if (side_by_side) parts.push_back(same(5, "interval " + std::to_string(report.tick)));
  parts.push_back(same(0, done));
  parts.push_back(same(4, format_count(p.n_running) + " running"));
  parts.push_back(same(3, format_count(p.n_stopped) + " stopped"));
  if (p.n_diverged > 0) parts.push_back(same(6, format_count(p.n_diverged) + " diverged"));
  if (p.n_failed > 0) parts.push_back(same(3, format_count(p.n_failed) + " failed"));
  if (p.best.trial >= 0) {
    const std::string best = printable(metric_name) + " " + format_number(p.best.metric);
    parts.push_back({0, "best " + best + " (trial " + std::to_string(p.best.trial) + ")", best});
  }
  if (!side_by_side) parts.push_back(same(6, format_count(p.trial_intervals, "report")));
  if (side_by_side && p.elapsed_s > 0 && p.trial_intervals > 0) {
    const double rate = static_cast<double>(p.trial_intervals) / p.elapsed_s;
    const std::string count = format_count(static_cast<int64_t>(rate));
    parts.push_back({2, count + " trial-epochs/s", count + "/s"});
    // An upper bound: what is stopped later costs nothing.
    if (p.trial_intervals_left > 0) {
      const std::string left = format_duration(static_cast<double>(p.trial_intervals_left) / rate) + " left";
      parts.push_back({1, "at most " + left, left});
    }
  }
  return parts;
}

}  // namespace

std::string progress_line(const IntervalReport& report, const std::string& metric_name, size_t width,
                          bool side_by_side) {
  std::vector<Part> parts = progress_parts(report, metric_name, side_by_side);
  std::string line = join(parts, &Part::full);
  while (width_of(line) > width) {
    line = join(parts, &Part::brief);
    if (width_of(line) <= width) break;
    const auto least =
        std::max_element(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.rank < b.rank; });
    if (least->rank == 0) return cut(line, width);
    parts.erase(least);
  }
  return line;
}

ProgressDisplay::ProgressDisplay(std::FILE* stream, bool live, double seconds_between)
    : stream_(stream), live_(live), seconds_between_(seconds_between) {}

ProgressDisplay::~ProgressDisplay() { break_line(); }

void ProgressDisplay::on_start(const SweepSpec& spec, const Configurations&) {
  metric_name_ = spec.objective.primary_metric;
  side_by_side_ = !spec.command;
  last_ = Clock::now();
}

size_t ProgressDisplay::terminal_width() const {
  winsize size{};
  if (ioctl(fileno(stream_), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

void ProgressDisplay::on_interval(const IntervalReport& report) {
  if (report.played_back) return;
  if (live_) {
    // One column is left free: a terminal may wrap when the last one is written.
    const size_t width = std::max<size_t>(terminal_width(), 2) - 1;
    std::fprintf(stream_, "\r\033[K%s", progress_line(report, metric_name_, width, side_by_side_).c_str());
    std::fflush(stream_);
    line_open_ = true;
    return;
  }
  pending_ = progress_line(report, metric_name_, std::string::npos, side_by_side_);
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
