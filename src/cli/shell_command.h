#pragma once

#include <string>
#include <vector>

#include "command/shell_template.h"

namespace lockstep::cli {

/// A command in which `{name}` stands for a value, put in as `ShellTemplate` does. Throws InputError for a name that is none of `names`, and
/// for a name of these that it does not use.
class CommandTemplate {
 public:
  CommandTemplate(std::string text, const std::vector<std::string>& names);
  /// @param values in the order of the names
  std::string with(const std::vector<std::string>& values) const;

 private:
  ShellTemplate filled_;
};

/// Runs commands by /bin/sh, `n_jobs` at a time. Of each the number in the last line of its standard output; NaN where
/// there is none or it ended with another exit code than 0.
std::vector<double> numbers_of(const std::vector<std::string>& commands, int n_jobs);

}  // namespace lockstep::cli
