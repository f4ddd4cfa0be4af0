#pragma once

#include <string>

#include <lockstep/sweep_spec.h>

#include "models/data/fields.h"
#include "models/data/prepare.h"

namespace lockstep::models {

/// A path of a sweep file, which starts at its folder.
std::string resolve(const SweepSpec& spec, const std::string& path);

/// What all of them but a text take: `task` and `examples`.
void read_common(Fields& fields, PrepareOptions& options);

/// Each loads what a `dataset:` map of its format names, and prepares it. `name` becomes the name of the (first) file. They
/// throw InputError for a field, DataError for a file.
PreparedData load_csv(const SweepSpec& spec, Fields& fields, PrepareOptions& options, std::string& name);
/// `format` is one of `array_formats()`.
PreparedData load_arrays(const SweepSpec& spec, const std::string& format, Fields& fields, PrepareOptions& options,
                         std::string& name);
const std::vector<std::string>& array_formats();
PreparedData load_text(const SweepSpec& spec, Fields& fields, const PrepareOptions& options, std::string& name);

}  // namespace lockstep::models
