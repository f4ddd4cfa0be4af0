#include <filesystem>
#include <memory>

#include "cli/commands.h"
#include "report/report_page.h"
#include "store/output_directory.h"

namespace lockstep::cli {
namespace {

void report(const std::string& directory, const std::string& output) {
  const std::string path = output.empty() ? (std::filesystem::path(directory) / kReportFile).string() : output;
  write_report(directory, path);
  print(path + "\n");
}

}  // namespace

void add_report(CLI::App& app) {
  auto directory = std::make_shared<std::string>();
  auto output = std::make_shared<std::string>();
  auto* command = app.add_subcommand("report", "write a sweep's page: one HTML file with charts and a table, for any browser");
  command->add_option("DIR", *directory, "folder of a sweep's results")->required();
  command->add_option("-o,--output", *output, "the file (default: report.html in DIR)")->type_name("FILE");
  command->footer(
      "`run` and `resume` write the page at their end; this writes it again, also of a sweep that is running or was\n"
      "killed. The file needs no network and nothing beside it.\n\n"
      "Example:\n"
      "  lockstep report lockstep-results/digits_mlp-20260101-120000 -o sweep.html");
  command->callback([directory, output] { report(*directory, *output); });
}

}  // namespace lockstep::cli
