#include <memory>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "report/comparison.h"
#include "store/export.h"

namespace lockstep::cli {
namespace {

void compare(const std::vector<std::string>& directories, const std::string& format) {
  std::vector<SweepRecord> sweeps;
  for (const std::string& directory : directories) sweeps.push_back(load_results(directory));
  const SweepComparison comparison = compare_sweeps(std::move(sweeps));
  print(format == "json" ? json_text(comparison_json(comparison)) + "\n" : comparison_text(comparison));
}

}  // namespace

void add_compare(CLI::App& app) {
  auto directories = std::make_shared<std::vector<std::string>>();
  auto format = std::make_shared<std::string>("text");
  auto* command = app.add_subcommand("compare", "show sweeps side by side");
  command->add_option("DIR", *directories, "folders of sweeps' results")->required()->expected(2, -1);
  command->add_option("--format", *format, "text or json")->check(CLI::IsMember({"text", "json"}))->capture_default_str();
  command->footer("Example:\n  lockstep compare results/random results/asha");
  command->callback([directories, format] { compare(*directories, *format); });
}

}  // namespace lockstep::cli
