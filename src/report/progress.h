#pragma once

#include <chrono>
#include <cstdio>
#include <string>

#include <lockstep/sweep.h>

namespace lockstep {

/// One line of progress, without a line break: interval, done, running, stopped, best, rate, time left. Where that is
/// wider than `width` columns, words are shortened and the least important parts left out, done and best last.
/// @param side_by_side whether trials train in intervals of the sweep; else reports are counted, and no rate is told
std::string progress_line(const IntervalReport& report, const std::string& metric_name,
                          size_t width = std::string::npos, bool side_by_side = true);

/// Shows progress on a stream: on a terminal one line that is rewritten, otherwise a line every few seconds.
class ProgressDisplay : public SweepObserver {
 public:
  /// @param live rewrite one line, made to fit the terminal's width
  /// @param seconds_between at least so long between plain lines
  ProgressDisplay(std::FILE* stream, bool live, double seconds_between = 5);
  ~ProgressDisplay() override;

  void on_start(const SweepSpec& spec, const Configurations& configurations) override;
  void on_interval(const IntervalReport& report) override;
  void on_end(const SweepResult& result) override;

  /// Ends the live line, so that something else can be printed.
  void break_line();

 private:
  using Clock = std::chrono::steady_clock;
  size_t terminal_width() const;

  std::FILE* stream_;
  bool live_;
  double seconds_between_;
  std::string metric_name_;
  bool side_by_side_ = true;
  Clock::time_point last_;
  std::string pending_;  // the newest plain line, if it was not printed
  bool line_open_ = false;
};

}  // namespace lockstep
