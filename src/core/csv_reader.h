#pragma once

#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <vector>

namespace lockstep {

/// Reads CSV as RFC 4180 has it: fields may be quoted, and then hold commas, line breaks and doubled quotes. Line ends may
/// be CR LF, a byte order mark is skipped, and so are blank lines. Spaces and tabs around a field that is not quoted are
/// not part of it.
class CsvReader {
 public:
  /// @param file for messages
  CsvReader(std::istream& text, std::string file) : text_(text), file_(std::move(file)) {}

  /// The next record; false at the end. Throws DataError for a quote that is never closed.
  bool next(std::vector<std::string>& fields);
  /// Where that record begins; lines count from 1.
  int64_t line() const { return line_; }

 private:
  std::istream& text_;
  std::string file_;
  int64_t line_ = 0;
  int64_t n_lines_ = 0;  ///< read so far
};

/// The whole of `text` as a number; knows nan and inf. nullopt for anything else, and for nothing.
std::optional<double> read_csv_number(const std::string& text);

}  // namespace lockstep
