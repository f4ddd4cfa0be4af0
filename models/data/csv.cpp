#include "models/data/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <unordered_map>

#include <lockstep/error.h>
#include <lockstep/sweep_spec.h>

#include "models/data/csv_reader.h"

namespace lockstep::models {

namespace {

constexpr size_t kMostTexts = 256;

bool is_missing(std::string_view cell) {
  if (cell.empty() || cell == "?") return true;
  if (cell.size() > 4) return false;
  char lower[4];
  for (size_t i = 0; i < cell.size(); ++i) lower[i] = static_cast<char>(cell[i] | 0x20);
  const std::string_view word(lower, cell.size());
  return word == "na" || word == "nan" || word == "null" || (cell[1] == '/' && (cell == "N/A" || cell == "n/a"));
}

std::optional<double> parse_number(std::string_view cell) {
  if (cell.starts_with('+')) cell.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (end != cell.data() + cell.size() || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    // Too small or too large for a double: from_chars does not say which.
    return std::strtod(std::string(cell).c_str(), nullptr);
  }
  return value;
}

std::string in_quotes(std::string_view text) { return std::string("'").append(text.substr(0, 40)) + "'"; }

/// A column while the files are looked through for what it holds.
struct Survey {
  std::string name;
  bool skipped = false;
  bool text_wanted = false;
  int64_t n_numbers = 0;
  int64_t n_texts = 0;
  std::string first_text;
  std::string first_text_where;
};

class CsvFiles {
 public:
  CsvFiles(const std::vector<CsvText>& files, const CsvOptions& options) : files_(files), options_(options) {
    for (const auto& file : files) read_header(file);
    check_names("target", {options.target});
    check_names("categorical", options.categorical);
    check_names("drop", options.drop);
    for (const auto& name : options.drop) {
      if (name == options.target) {
        throw DataError(where() + ": the target column " + in_quotes(name) + " cannot be dropped");
      }
      column(name).skipped = true;
    }
    for (const auto& name : options.categorical) column(name).text_wanted = true;
  }

  Table read() {
    Table table;
    table.name = files_.front().name;
    for (size_t f = 0; f < files_.size(); ++f) {
      int64_t n = 0;
      each_row(f, [&](const std::string& line, const std::vector<std::string_view>& cells) {
        ++n;
        for (size_t c = 0; c < cells.size(); ++c) survey(columns_[order_[f][c]], cells[c], line);
      });
      if (n == 0) throw DataError(files_[f].name + ": has a header but no rows; the data set is empty");
      table.file_rows.push_back(n);
      table.n_rows += n;
    }
    for (const auto& each : columns_) check(each);
    fill(table);
    return table;
  }

 private:
  std::string where() const { return files_.front().name; }

  Survey& column(const std::string& name) {
    return *std::find_if(columns_.begin(), columns_.end(), [&](const Survey& each) { return each.name == name; });
  }

  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& each : columns_) out.push_back(each.name);
    return out;
  }

  /// The first file's header says what columns there are, those of the others in which order they come.
  void read_header(const CsvText& file) {
    if (file.text.find_first_not_of(" \t\r\n") == std::string::npos) {
      throw DataError(file.name + ": the file is empty; it needs a header line with column names, and rows");
    }
    if (file.text.find('\0') != std::string::npos) {
      throw DataError(file.name +
                      ": this is not CSV text (it has NUL bytes); use `npy:` for NumPy files, and UTF-8 for text");
    }
    CsvReader reader(file.text, file.name, options_.delimiter);
    std::vector<std::string_view> cells;
    reader.next(cells);
    const std::string place = file.name + ":" + std::to_string(reader.line());
    if (cells.size() == 1) {
      for (const char other : {';', '\t', ',', '|'}) {
        if (other == options_.delimiter || cells[0].find(other) == std::string_view::npos) continue;
        throw DataError(place + ": the header has one column, " + in_quotes(cells[0]) +
                        "; if its columns are separated by '" +
                        (other == '\t' ? std::string("\\t") : std::string(1, other)) + "', say so with `delimiter:`");
      }
    }
    std::vector<size_t> order;
    const bool first = columns_.empty();
    for (size_t c = 0; c < cells.size(); ++c) {
      const std::string name(cells[c]);
      const std::string in_header = place + ": column " + std::to_string(c + 1);
      if (name.empty()) throw DataError(in_header + " has no name; the first line must name every column");
      const auto known = names();
      const size_t i = static_cast<size_t>(std::find(known.begin(), known.end(), name) - known.begin());
      if (std::find(order.begin(), order.end(), i) != order.end()) {
        throw DataError(in_header + ": the name " + in_quotes(name) + " is there twice; column names must differ");
      }
      if (i == columns_.size()) {
        if (!first) {
          throw DataError(in_header + ", " + in_quotes(name) + ", is not in " + where() +
                          "; both need the same columns");
        }
        columns_.emplace_back().name = name;
      }
      order.push_back(i);
    }
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (std::find(order.begin(), order.end(), i) == order.end()) {
        throw DataError(place + ": the column " + in_quotes(columns_[i].name) + " of " + where() +
                        " is not there; both need the "
                        "same columns");
      }
    }
    order_.push_back(std::move(order));
  }

  void check_names(const char* role, const std::vector<std::string>& wanted) const {
    const auto known = names();
    for (const auto& name : wanted) {
      if (std::find(known.begin(), known.end(), name) != known.end()) continue;
      const std::string near = nearest_name(name, known);
      std::string cure = near.empty() ? "" : "did you mean " + in_quotes(near) + "? ";
      cure += "The header has";
      for (size_t i = 0; i < known.size() && i < 20; ++i) cure += (i == 0 ? " " : ", ") + known[i];
      if (known.size() > 20) cure += ", ... (" + std::to_string(known.size()) + " columns)";
      throw DataError(where() + ":1: there is no column " + in_quotes(name) + ", which `" + role + ":` names; " + cure);
    }
  }

  template <class Visit>
  void each_row(size_t f, const Visit& visit) const {
    const CsvText& file = files_[f];
    CsvReader reader(file.text, file.name, options_.delimiter);
    std::vector<std::string_view> cells;
    reader.next(cells);  // the header
    while (reader.next(cells)) {
      if (cells.size() != columns_.size()) {
        throw DataError(file.name + ":" + std::to_string(reader.line()) + ": the row has " +
                        std::to_string(cells.size()) + " values, the header " + std::to_string(columns_.size()) +
                        " names; every row needs one value a column (quote a value that has the delimiter in it)");
      }
      line_ = reader.line();
      visit(file.name, cells);
    }
  }

  void survey(Survey& column, std::string_view cell, const std::string& file) const {
    if (column.skipped || is_missing(cell)) return;
    const auto number = parse_number(cell);
    if (number && std::isinf(*number) && !column.text_wanted) {
      throw DataError(file + ":" + std::to_string(line_) + ": column " + in_quotes(column.name) + ": " +
                      in_quotes(cell) +
                      " is not a finite number; correct it, or leave it empty where the value is missing");
    }
    if (number) {
      ++column.n_numbers;
    } else if (column.n_texts++ == 0) {
      column.first_text = cell;
      column.first_text_where = file + ":" + std::to_string(line_);
    }
  }

  void check(const Survey& column) const {
    const bool any_text = column.text_wanted || (column.name == options_.target && options_.target_is_class);
    if (any_text || column.n_texts == 0 || column.n_numbers <= column.n_texts) return;
    throw DataError(column.first_text_where + ": column " + in_quotes(column.name) + ": " +
                    in_quotes(column.first_text) + " is not a number, but " + std::to_string(column.n_numbers) +
                    " other values of the column are; correct it, leave it empty where the value is missing, or " +
                    (column.name == options_.target ? "say `task: classification`"
                                                    : "list the column under `categorical:` or `drop:`"));
  }

  void fill(Table& table) const {
    std::vector<Column> columns(columns_.size());
    std::vector<std::unordered_map<std::string, int32_t>> codes(columns_.size());
    for (size_t c = 0; c < columns.size(); ++c) {
      columns[c].name = columns_[c].name;
      columns[c].is_text = columns_[c].text_wanted || columns_[c].n_texts > 0;
      if (columns_[c].skipped) continue;
      const auto n = static_cast<size_t>(table.n_rows);
      columns[c].is_text ? columns[c].codes.reserve(n) : columns[c].numbers.reserve(n);
    }
    for (size_t f = 0; f < files_.size(); ++f) {
      each_row(f, [&](const std::string& file, const std::vector<std::string_view>& cells) {
        for (size_t i = 0; i < cells.size(); ++i) {
          const size_t c = order_[f][i];
          Column& column = columns[c];
          if (columns_[c].skipped) continue;
          const bool missing = is_missing(cells[i]);
          if (!column.is_text) {
            column.numbers.push_back(missing ? std::numeric_limits<double>::quiet_NaN() : *parse_number(cells[i]));
          } else if (missing) {
            column.codes.push_back(-1);
          } else {
            const auto [at, fresh] = codes[c].try_emplace(std::string(cells[i]), static_cast<int32_t>(codes[c].size()));
            if (fresh) column.categories.emplace_back(cells[i]);
            column.codes.push_back(at->second);
            if (fresh && column.categories.size() > kMostTexts && !columns_[c].text_wanted &&
                column.name != options_.target) {
              throw DataError(file + ":" + std::to_string(line_) + ": column " + in_quotes(column.name) +
                              " has more than " + std::to_string(kMostTexts) +
                              " different texts, and each would become an input; list it under "
                              "`drop:`, or under `categorical:` if that is wanted");
            }
          }
        }
      });
    }
    for (size_t c = 0; c < columns.size(); ++c) {
      if (!columns_[c].skipped) table.columns.push_back(std::move(columns[c]));
    }
  }

  const std::vector<CsvText>& files_;
  const CsvOptions& options_;
  std::vector<Survey> columns_;
  std::vector<std::vector<size_t>> order_;  // [file][cell] -> column
  mutable int64_t line_ = 0;                // of the row being visited
};

}  // namespace

Table read_csv(const std::vector<CsvText>& files, const CsvOptions& options) { return CsvFiles(files, options).read(); }

}  // namespace lockstep::models
