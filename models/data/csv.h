#pragma once

#include <string>
#include <vector>

#include "models/data/table.h"

namespace lockstep::models {

/// A CSV file's name, for messages, and its text.
struct CsvText {
  std::string name;
  std::string text;
};

struct CsvOptions {
  char delimiter = ',';
  std::string target;                    ///< must be a column
  std::vector<std::string> categorical;  ///< columns to take as text, numbers or not
  std::vector<std::string> drop;         ///< columns to leave out
  bool target_is_class = false;          ///< any text is welcome in the target column
};

/// Reads CSV files with a header line and the same columns (in any order) as one table. A column is text when one of
/// its values is not a number; an empty value, `NA`, `N/A`, `NaN`, `null` or `?` (in any case) is a missing one.
///
/// Throws DataError, with file, line and column, for: an empty file, one without rows, a row with more or fewer values
/// than the header has names, a name given twice or nowhere, an infinite number, and for a column of numbers with the
/// odd text in it or of more than 256 different texts, which is a mistake more often than a category, unless
/// `categorical` names it.
Table read_csv(const std::vector<CsvText>& files, const CsvOptions& options);

}  // namespace lockstep::models
