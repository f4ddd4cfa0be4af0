#pragma once

#include <string>

namespace lockstep {

/// Writes the Python package that stands in for azureml-core, so that a script's `Run.get_context().log(...)` reports to
/// the sweep. The folder goes on the program's PYTHONPATH; where azureml-core is installed, the package steps aside for
/// it. Throws OutputError where it cannot be written.
/// @param directory made where it is missing
void write_python_shim(const std::string& directory);

}  // namespace lockstep
