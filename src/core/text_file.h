#pragma once

#include <string>

namespace lockstep {

/// The contents of a small text file. Throws InputError that names the file and says why it cannot be read: missing, a
/// directory, not permitted, above 16 MiB, or the system's own words.
std::string read_text_file(const std::string& path);

}  // namespace lockstep
