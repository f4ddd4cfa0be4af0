#pragma once

#include <string>

#include <lockstep/value.h>

namespace lockstep {

/// A value as a program gets it, on its command line or in its environment: as Python's str() has it, which is what the
/// reference hands over ("1e-05", "0.1", "3.0", "True"); lists and maps as JSON, which every language reads.
std::string argument_text(const Value& value);

/// A text as one word of a shell command: as it is where the shell takes it so, in single quotes otherwise.
std::string shell_quoted(const std::string& text);

}  // namespace lockstep
