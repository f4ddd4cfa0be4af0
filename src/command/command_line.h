#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <lockstep/configurations.h>
#include <lockstep/sweep_spec.h>

namespace lockstep {

/// A trial's value of a hyperparameter as its program gets it: composed where it is a map that holds others, as Python's
/// str() writes it.
std::string hyperparameter_text(const Configurations& configurations, int64_t trial, int64_t param);

/// The command of a trial with everything filled in, for /bin/sh. `${{outputs.NAME}}` becomes a folder `NAME` of
/// `outputs_directory`, "default" among them. Throws InputError for an expression that names what there is not.
std::string command_line(const CommandSpec& command, const Configurations& configurations, int64_t trial,
                         const std::string& outputs_directory);

/// What a trial's program finds in its environment: {"AZUREML_SWEEP_lr", "0.1"}, and so on. Hyperparameters of a choice's
/// maps come in the choice's value.
std::map<std::string, std::string> sweep_environment(const Configurations& configurations, int64_t trial);

}  // namespace lockstep
