#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep::models {

/// Cuts CSV text (RFC 4180) into rows of cells: quotes, doubled quotes, line breaks within quotes, LF or CRLF, a
/// byte-order mark. Lines with nothing in them are skipped.
class CsvReader {
 public:
  /// @param text must outlive the reader
  /// @param name the file, for messages
  CsvReader(std::string_view text, std::string name, char delimiter);

  /// Reads the next row; false at the end. The cells are valid until the next call. Blanks around a cell without quotes
  /// are cut off. Throws DataError for a quote that is never closed and for text after a closing quote.
  bool next(std::vector<std::string_view>& cells);
  /// Line on which the row read last begins, from 1.
  int64_t line() const { return row_line_; }

 private:
  std::string_view quoted_cell();

  std::string_view text_;
  std::string name_;
  char delimiter_;
  size_t position_ = 0;
  int64_t line_ = 1;
  int64_t row_line_ = 0;
  std::deque<std::string> unescaped_;  // cells with doubled quotes, of the row read last
};

}  // namespace lockstep::models
