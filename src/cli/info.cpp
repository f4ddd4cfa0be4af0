#include <memory>
#include <thread>

#include <nlohmann/json.hpp>

#include <lockstep/backend.h>
#include <lockstep/error.h>

#include "cli/commands.h"
#include "cli/training.h"
#include "report/format.h"
#include "store/export.h"

namespace lockstep::cli {
namespace {

void info(const std::string& format) {
  std::string cuda = "ready";
  std::vector<std::string> devices{"cpu"};
  try {
    const int n_devices = cuda_backend().device_count();
    for (int i = 0; i < n_devices; ++i) devices.push_back("cuda:" + std::to_string(i));
  } catch (const DeviceError& error) {
    cuda = error.what();
  }
  const auto n_threads = static_cast<int64_t>(std::thread::hardware_concurrency());
  if (format == "json") {
    nlohmann::ordered_json out;
    out["version"] = LOCKSTEP_VERSION;
    out["compiler"] = LOCKSTEP_COMPILER;
    out["build_type"] = LOCKSTEP_BUILD_TYPE;
    out["backends"] = {{"host", "ready"}, {"cuda", cuda}};
    out["devices"] = devices;
    out["libtorch"] = {{"version", torch_version()}, {"path", torch_path()}};
    out["threads"] = n_threads;
    print(json_text(out) + "\n");
    return;
  }
  std::string all;
  for (const auto& device : devices) all += (all.empty() ? "" : ", ") + device;
  print(format_table({{"lockstep", std::string(LOCKSTEP_VERSION) + " (" + LOCKSTEP_BUILD_TYPE + ", " + LOCKSTEP_COMPILER + ")"},
                      {"backend host", "ready"},
                      {"backend cuda", cuda},
                      {"devices", all},
                      {"LibTorch", torch_version() + ", " + torch_path()},
                      {"threads", std::to_string(n_threads)}}));
}

}  // namespace

void add_info(CLI::App& app) {
  auto format = std::make_shared<std::string>("text");
  auto* command = app.add_subcommand("info", "show what was built and what is found on this machine");
  command->add_option("--format", *format, "text or json")->check(CLI::IsMember({"text", "json"}))->capture_default_str();
  command->callback([format] { info(*format); });
}

}  // namespace lockstep::cli
