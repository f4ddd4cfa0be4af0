#include "cli/shell_command.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include <lockstep/error.h>

namespace lockstep::cli {

CommandTemplate::CommandTemplate(std::string text, const std::vector<std::string>& names) {
  std::vector<bool> used(names.size());
  std::string before;
  for (size_t at = 0; at < text.size();) {
    const bool opens = text[at] == '{' && (at == 0 || text[at - 1] != '$');
    const size_t end = opens ? text.find('}', at) : std::string::npos;
    const std::string name = end == std::string::npos ? "" : text.substr(at + 1, end - at - 1);
    const bool is_name = !name.empty() && name.find_first_of(" \t\n'\"$;|&<>(){}") == std::string::npos;
    if (!is_name) {
      before += text[at++];
      continue;
    }
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) {
      throw InputError({}, "--command", "has {" + name + "}, which is no hyperparameter of the space",
                       "write the name of one; ${...} of the shell is left as it is");
    }
    const auto which = static_cast<size_t>(found - names.begin());
    used[which] = true;
    filled_.add_text(before);
    filled_.add_value(which);
    before.clear();
    at = end + 1;
  }
  filled_.add_text(before);
  for (size_t i = 0; i < names.size(); ++i) {
    if (used[i]) continue;
    throw InputError({}, "--command", "does not use the hyperparameter " + names[i],
                     "write {" + names[i] + "} where its value belongs, or take it out of the space");
  }
}

std::string CommandTemplate::with(const std::vector<std::string>& values) const { return filled_.with(values); }

namespace {

double number_of(const std::string& command) {
  std::FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return NAN;
  std::string line, last;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) {
    if (c != '\n') {
      line += static_cast<char>(c);
      continue;
    }
    if (line.find_first_not_of(" \t\r") != std::string::npos) last = line;
    line.clear();
  }
  if (line.find_first_not_of(" \t\r") != std::string::npos) last = line;
  if (pclose(pipe) != 0) return NAN;
  char* end = nullptr;
  const double value = std::strtod(last.c_str(), &end);
  while (*end == ' ' || *end == '\t' || *end == '\r') ++end;
  return end == last.c_str() || *end != '\0' ? NAN : value;
}

}  // namespace

std::vector<double> numbers_of(const std::vector<std::string>& commands, int n_jobs) {
  std::vector<double> out(commands.size(), NAN);
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i = next++; i < commands.size(); i = next++) out[i] = number_of(commands[i]);
  };
  std::vector<std::thread> threads;
  for (int job = 0; job < std::min<int>(n_jobs, static_cast<int>(commands.size())); ++job) threads.emplace_back(work);
  for (auto& thread : threads) thread.join();
  return out;
}

}  // namespace lockstep::cli
