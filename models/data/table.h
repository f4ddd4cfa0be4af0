#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lockstep::models {

/// A column of a table: numbers, with NaN where one is missing, or categories, with code -1 where one is missing.
struct Column {
  std::string name;
  bool is_text = false;
  std::vector<double> numbers;          ///< [n_rows], when not text
  std::vector<int32_t> codes;           ///< [n_rows], when text: which category
  std::vector<std::string> categories;  ///< in the order of their first appearance
};

/// What a data file holds, whatever its format.
struct Table {
  std::string name;  ///< the file, for messages
  std::vector<Column> columns;
  int64_t n_rows = 0;
  std::vector<int64_t> file_rows;  ///< rows that came from each file, in order; they sum to n_rows

  const Column* find(const std::string& column) const {
    for (const auto& each : columns) {
      if (each.name == column) return &each;
    }
    return nullptr;
  }
};

}  // namespace lockstep::models
