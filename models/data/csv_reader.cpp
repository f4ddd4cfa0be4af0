#include "models/data/csv_reader.h"

#include <algorithm>
#include <cstring>

#include <lockstep/error.h>

namespace lockstep::models {

namespace {

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

CsvReader::CsvReader(std::string_view text, std::string name, char delimiter)
    : text_(text), name_(std::move(name)), delimiter_(delimiter) {
  if (text_.starts_with("\xef\xbb\xbf")) position_ = 3;
}

std::string_view CsvReader::quoted_cell() {
  const int64_t opened = line_;
  const size_t begin = ++position_;
  bool doubled = false;
  size_t end = begin;
  while (true) {
    end = text_.find('"', end);
    if (end == std::string_view::npos) {
      throw DataError(name_ + ":" + std::to_string(opened) +
                      ": a quote is opened and never closed; close it, or double "
                      "it (\"\") if it belongs to a quoted text");
    }
    if (end + 1 >= text_.size() || text_[end + 1] != '"') break;
    doubled = true;
    end += 2;
  }
  const std::string_view inside = text_.substr(begin, end - begin);
  line_ += std::count(inside.begin(), inside.end(), '\n');
  position_ = end + 1;
  if (!doubled) return inside;
  std::string& out = unescaped_.emplace_back();
  for (size_t i = 0; i < inside.size(); ++i) {
    out += inside[i];
    if (inside[i] == '"') ++i;
  }
  return out;
}

bool CsvReader::next(std::vector<std::string_view>& cells) {
  unescaped_.clear();
  while (position_ < text_.size()) {
    cells.clear();
    row_line_ = line_;
    bool quoted = false;
    while (true) {
      // A quote opens a quoted cell only at its beginning, after blanks at most (which a tab or blank delimiter may
      // be).
      size_t begin = position_;
      while (begin < text_.size() && text_[begin] == ' ' && delimiter_ != ' ') ++begin;
      if (begin < text_.size() && text_[begin] == '"') {
        position_ = begin;
        quoted = true;
        cells.push_back(quoted_cell());
        size_t rest = position_;
        while (rest < text_.size() && text_[rest] != delimiter_ && (text_[rest] == ' ' || text_[rest] == '\r')) ++rest;
        if (rest < text_.size() && text_[rest] != delimiter_ && text_[rest] != '\n') {
          throw DataError(name_ + ":" + std::to_string(line_) + ": column " + std::to_string(cells.size()) +
                          ": text after a closing quote; double a quote (\"\") that belongs to a quoted text");
        }
        position_ = rest;
      } else {
        size_t end = position_;
        while (end < text_.size() && text_[end] != delimiter_ && text_[end] != '\n') ++end;
        cells.push_back(trimmed(text_.substr(position_, end - position_)));
        position_ = end;
      }
      if (position_ >= text_.size()) break;
      if (text_[position_++] == '\n') {
        ++line_;
        break;
      }
      if (position_ >= text_.size()) cells.emplace_back();  // the text ends in a delimiter: one more, empty cell
      if (position_ >= text_.size()) break;
    }
    if (cells.size() > 1 || quoted || !cells.front().empty()) return true;
  }
  return false;
}

}  // namespace lockstep::models
