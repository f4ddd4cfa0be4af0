#include "command/command_line.h"

#include <filesystem>
#include <set>
#include <vector>

#include "command/shell_template.h"
#include "core/argument_text.h"
#include "core/expressions.h"
#include "core/nested_choice.h"

namespace lockstep {

std::string hyperparameter_text(const Configurations& configurations, int64_t trial, int64_t param) {
  return argument_text(composed_value(configurations, trial, param));
}

std::string command_line(const CommandSpec& command, const Configurations& configurations, int64_t trial,
                         const std::string& outputs_directory) {
  ShellTemplate filled;
  std::vector<std::string> values;
  const auto unknown = [&](const CommandPiece& piece) {
    return InputError(command.where, "trial.command", "uses " + to_expression(piece) + ", and there is none of that name",
                      "add it, or write another name");
  };
  for (const CommandPiece& piece : command_pieces(command.command)) {
    if (piece.kind == PieceKind::kText) {
      filled.add_text(piece.text);
      continue;
    }
    filled.add_value(values.size());
    if (piece.kind == PieceKind::kOutput) {
      values.push_back((std::filesystem::path(outputs_directory) / piece.text).string());
    } else if (piece.kind == PieceKind::kInput) {
      const auto input = command.inputs.find(piece.text);
      if (input == command.inputs.end()) throw unknown(piece);
      values.push_back(input->second);
    } else {
      const std::optional<int64_t> param = configurations.space().find(piece.text);
      if (!param) throw unknown(piece);
      values.push_back(hyperparameter_text(configurations, trial, *param));
    }
  }
  return filled.with(values);
}

std::map<std::string, std::string> sweep_environment(const Configurations& configurations, int64_t trial) {
  const std::set<std::string> nested = nested_names(configurations.space());
  std::map<std::string, std::string> environment;
  for (int64_t param = 0; param < configurations.space().n_params(); ++param) {
    const std::string& name = configurations.space()[param].name;
    if (nested.count(name) != 0) continue;
    environment["AZUREML_SWEEP_" + name] = hyperparameter_text(configurations, trial, param);
  }
  return environment;
}

}  // namespace lockstep
