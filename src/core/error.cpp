#include <lockstep/error.h>

namespace lockstep {

namespace {

std::string join(const SourceLocation& where, const std::string& key, const std::string& problem,
                 const std::string& cure) {
  std::string message = where.to_string();
  for (const std::string* part : {&key, &problem}) {
    if (part->empty()) continue;
    if (!message.empty()) message += ": ";
    message += *part;
  }
  if (!cure.empty()) message += "; " + cure;
  return message;
}

}  // namespace

std::string SourceLocation::to_string() const {
  if (line <= 0) return file;
  return (file.empty() ? "line " : file + ":") + std::to_string(line);
}

InputError::InputError(const SourceLocation& where, const std::string& key, const std::string& problem,
                       const std::string& cure)
    : Error(ExitCode::kInput, join(where, key, problem, cure)),
      has_place_(!where.file.empty() || where.line > 0),
      key_(key),
      problem_(problem),
      cure_(cure) {}

InputError InputError::at(const SourceLocation& where, const std::string& prefix) const {
  const std::string dot = prefix.empty() || key_.empty() ? "" : ".";
  return InputError(where, prefix + dot + key_, problem_, cure_);
}

}  // namespace lockstep
