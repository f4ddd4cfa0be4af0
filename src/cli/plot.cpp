#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/commands.h"
#include "report/format.h"
#include "report/importance.h"
#include "report/plot.h"

namespace lockstep::cli {
namespace {

/// Whether the locale's characters are UTF-8, by the variables that say so, in POSIX's order.
bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (!value || !*value) continue;
    std::string text = value;
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text.find("utf-8") != std::string::npos || text.find("utf8") != std::string::npos;
  }
  return false;
}

/// The terminal's width; into a pipe or a file $COLUMNS, else 80.
size_t output_width() {
  constexpr size_t kLeast = 40, kMost = 1000;
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return std::clamp<size_t>(size.ws_col, kLeast, kMost);
  const char* columns = std::getenv("COLUMNS");
  const long width = columns ? std::strtol(columns, nullptr, 10) : 0;
  return width > 0 ? std::clamp(static_cast<size_t>(width), kLeast, kMost) : 80;
}

std::string curve_text(const SweepRecord& record, const PlotStyle& style) {
  std::vector<Step> values;
  for (const TrialRecord& trial : record.trials) {
    if (trial.value) values.emplace_back(trial.number, *trial.value);
  }
  const std::vector<Step> steps = best_so_far(values, record.goal == Goal::kMaximize);
  const std::string metric = printable(record.primary_metric);
  if (steps.empty()) return "No trial has reported a finite " + metric + ".\n";
  return "Best " + shortened(metric, style.width / 2) + " so far: " + format_number(steps.back().second) + ", of trial " +
         std::to_string(steps.back().first) + "\n" + draw_curve(steps, record.trials.back().number, style);
}

std::string importance_text(const SweepRecord& record, const PlotStyle& style) {
  const Importance importance = hyperparameter_importance(record);
  if (importance.shares.empty()) return "Importance of hyperparameters: " + printable(importance.reason) + "\n";
  std::vector<Bar> bars;
  for (const Importance::Share& share : importance.shares) bars.push_back({share.name, share.share});
  bars.push_back({"(several together)", importance.together});
  std::string out = "Importance of hyperparameters, of " + format_count(importance.n_trials, "trial") + "\n" +
                    draw_bars(bars, style);
  char note[160];
  std::snprintf(note, sizeof note, "The model behind it predicts %.0f %% of the variance of trials that it has not seen.\n",
                100 * std::max(0.0, importance.held_out_r2));
  return out + note;
}

void plot(const std::string& directory) {
  const SweepRecord record = load_results(directory);
  const PlotStyle style{locale_is_utf8(), output_width() - 1};  // a terminal may wrap when the last column is written
  print(curve_text(record, style) + "\n" + importance_text(record, style));
}

}  // namespace

void add_plot(CLI::App& app) {
  auto directory = std::make_shared<std::string>();
  auto* command = app.add_subcommand("plot", "draw a sweep in the terminal: best value so far, importances");
  command->add_option("DIR", *directory, "folder of a sweep's results")->required();
  command->footer(
      "Drawn with Braille and block characters where the locale is UTF-8, else with ASCII (LC_ALL=C); as wide as the\n"
      "terminal, or as $COLUMNS says.\n\n"
      "Example:\n  lockstep plot lockstep-results/digits_mlp-20260101-120000");
  command->callback([directory] { plot(*directory); });
}

}  // namespace lockstep::cli
