#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include <lockstep/error.h>

#include "cli/commands.h"
#include "command/report_client.h"
#include "report/report_page.h"
#include "store/output_directory.h"

namespace lockstep::cli {
namespace {

void write_page(const std::string& directory, const std::string& output) {
  const std::string path = output.empty() ? (std::filesystem::path(directory) / kReportFile).string() : output;
  write_report(directory, path);
  print(path + "\n");
}

void report(const std::vector<std::string>& words, const std::string& output) {
  const bool has_metric = std::ranges::any_of(words, [](const std::string& word) { return word.find('=') != std::string::npos; });
  const char* url = std::getenv("LOCKSTEP_REPORT_URL");
  if (has_metric && url && *url && output.empty()) return send_report(url, parse_report(words));
  std::error_code ignored;
  if (words.size() == 1 && (!has_metric || std::filesystem::is_directory(words[0], ignored))) return write_page(words[0], output);
  if (!has_metric) throw Error(ExitCode::kUsage, "more than one folder; `lockstep compare` shows several sweeps");
  throw Error(ExitCode::kUsage, output.empty() ? "no trial to report to: LOCKSTEP_REPORT_URL is not set. `lockstep run` sets it for the "
                                                 "programs that it runs as trials"
                                               : "a report of metrics has no --output; leave it out");
}

}  // namespace

void add_report(CLI::App& app) {
  auto words = std::make_shared<std::vector<std::string>>();
  auto output = std::make_shared<std::string>();
  auto* command =
      app.add_subcommand("report", "write a sweep's page, one HTML file with charts and a table; or report a trial's metrics");
  command->add_option("DIR", *words, "folder of a sweep's results; or metrics of the trial that calls this, and step=N")
      ->option_text("DIR | NAME=NUMBER...")
      ->required();
  command->add_option("-o,--output", *output, "the file (default: report.html in DIR)")->type_name("FILE");
  command->footer(
      "`run` and `resume` write the page at their end; this writes it again, also of a sweep that is running or was\n"
      "killed. The file needs no network and nothing beside it.\n\n"
      "A shell script that runs as a trial reports its metrics so, and goes on when it is decided that the trial does.\n\n"
      "Examples:\n"
      "  lockstep report lockstep-results/digits_mlp-20260101-120000 -o sweep.html\n"
      "  lockstep report accuracy=0.93 loss=0.1 step=5");
  command->callback([words, output] { report(*words, *output); });
}

}  // namespace lockstep::cli
