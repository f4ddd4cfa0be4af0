#pragma once

#include <string>
#include <utility>
#include <vector>

namespace lockstep::cli {

/// A text as one word of a shell command.
std::string quoted(const std::string& text);

/// A command in which `{name}` stands for a value, put in quoted. Throws InputError for a name that is none of `names`, and
/// for a name of these that it does not use.
class CommandTemplate {
 public:
  CommandTemplate(std::string text, const std::vector<std::string>& names);
  /// @param values in the order of the names
  std::string with(const std::vector<std::string>& values) const;

 private:
  std::vector<std::pair<std::string, size_t>> pieces_;  ///< text before a value, and which value
  std::string rest_;
};

/// Runs commands by /bin/sh, `n_jobs` at a time. Of each the number in the last line of its standard output; NaN where
/// there is none or it ended with another exit code than 0.
std::vector<double> numbers_of(const std::vector<std::string>& commands, int n_jobs);

}  // namespace lockstep::cli
