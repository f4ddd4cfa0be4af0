#include "command/shell_template.h"

#include <utility>

#include "core/argument_text.h"

namespace lockstep {

namespace {

/// `c` as it is written in double quotes.
bool needs_backslash(char c) { return c == '"' || c == '\\' || c == '$' || c == '`'; }

std::string in_single_quotes(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out;
}

std::string in_double_quotes(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (needs_backslash(c)) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

void ShellTemplate::add_text(std::string_view text) {
  rest_ += text;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const char before = std::exchange(last_, c);
    if (escaped_) {
      escaped_ = false;
      continue;
    }
    if (in_comment_) {
      in_comment_ = c != '\n';
      continue;
    }
    if (quoting() == Quoting::kSingle) {
      if (c == '\'') open_.pop_back();
      continue;
    }
    const bool in_double = quoting() == Quoting::kDouble;
    if (c == '#' && !in_double && std::string_view(" \t\n;&|()").find(before) != std::string_view::npos) {
      in_comment_ = true;  // an apostrophe there is none
    } else if (c == '\\') {
      escaped_ = true;
    } else if (c == '"') {
      in_double ? open_.pop_back() : open_.push_back(Quoting::kDouble);
    } else if (c == '\'' && !in_double) {
      open_.push_back(Quoting::kSingle);
    } else if (c == '(' && !in_double) {
      open_.push_back(Quoting::kNone);
    } else if (c == '$' && in_double && i + 1 < text.size() && text[i + 1] == '(') {
      open_.push_back(Quoting::kNone);
      ++i;
    } else if (c == ')' && !in_double && !open_.empty()) {
      open_.pop_back();
    }
  }
}

void ShellTemplate::add_value(size_t which) {
  pieces_.push_back({std::move(rest_), which, quoting()});
  rest_.clear();
  escaped_ = false;
  last_ = 'x';  // a value is part of a word
}

std::string ShellTemplate::with(const std::vector<std::string>& values) const {
  std::string out;
  for (const Piece& piece : pieces_) {
    const std::string& value = values[piece.which];
    out += piece.before;
    switch (piece.quoting) {
      case Quoting::kNone: out += shell_quoted(value); break;
      case Quoting::kSingle: out += in_single_quotes(value); break;
      case Quoting::kDouble: out += in_double_quotes(value); break;
    }
  }
  return out + rest_;
}

}  // namespace lockstep
