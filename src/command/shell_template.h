#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

/// A command for /bin/sh with places for values. A value is put in so that the shell has exactly its text there, whatever the
/// text is: quoted where the command's own text is not, escaped where the place lies in quotes. ($(...) is looked into;
/// here-documents are not.)
class ShellTemplate {
 public:
  void add_text(std::string_view text);
  /// A place for the `which`-th value.
  void add_value(size_t which);
  std::string with(const std::vector<std::string>& values) const;

 private:
  enum class Quoting { kNone, kSingle, kDouble };
  struct Piece {
    std::string before;
    size_t which = 0;
    Quoting quoting = Quoting::kNone;
  };

  Quoting quoting() const { return open_.empty() ? Quoting::kNone : open_.back(); }

  std::vector<Piece> pieces_;
  std::string rest_;
  std::vector<Quoting> open_;  ///< quotes and $(...) that are open behind what was added, the innermost last
  bool escaped_ = false;       ///< a backslash was the last
  bool in_comment_ = false;
  char last_ = ' ';
};

}  // namespace lockstep
