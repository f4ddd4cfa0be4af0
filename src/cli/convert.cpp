#include <memory>
#include <string>

#include "cli/commands.h"
#include "core/hyperdrive_file.h"
#include "core/text_file.h"

namespace lockstep::cli {

void add_convert(CLI::App& app) {
  auto file = std::make_shared<std::string>();
  auto* command = app.add_subcommand("convert", "write a HyperDrive run configuration as a sweep file");
  command->add_option("FILE", *file, "its JSON, or an hdconfig.yml (Azure ML SDK v1)")->required();
  command->footer(
      "The sweep file goes to standard output; comments in it say what was left out. `lockstep run FILE` takes such a\n"
      "configuration as it is, too, where it names its script.\n\n"
      "Example:\n"
      "  lockstep convert hyperdrive.json > sweep.yml");
  command->callback([file] { print(convert_hyperdrive(read_text_file(*file), *file)); });
}

}  // namespace lockstep::cli
