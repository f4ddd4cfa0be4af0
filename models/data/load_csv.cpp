#include <utility>
#include <vector>

#include "models/data/bytes.h"
#include "models/data/csv.h"
#include "models/data/formats.h"

namespace lockstep::models {

namespace {

char read_delimiter(Fields& fields) {
  const std::string text = fields.text("delimiter", ",");
  if (text == "tab" || text == "\\t") return '\t';
  if (text.size() != 1 || text == "\"" || text == "\n") {
    throw fields.error("delimiter", "'" + text + "' is not a delimiter", "give one character, such as ';', or tab");
  }
  return text[0];
}

}  // namespace

PreparedData load_csv(const SweepSpec& spec, Fields& fields, PrepareOptions& options, std::string& name) {
  std::vector<std::pair<std::string, FileRole>> paths;
  if (fields.has("csv")) {
    paths.emplace_back(fields.text("csv", ""), FileRole::kSplit);
  } else {
    paths.emplace_back(fields.needed_text("train", "name the CSV file to train on"), FileRole::kTrain);
  }
  for (const auto& [part, role] :
       {std::pair{"validation", FileRole::kValidation}, std::pair{"test", FileRole::kTest}}) {
    if (fields.has(part)) paths.emplace_back(fields.text(part, ""), role);
  }
  CsvOptions csv;
  csv.target = options.target = fields.needed_text("target", "name the column to predict");
  csv.delimiter = read_delimiter(fields);
  csv.categorical = fields.texts("categorical");
  csv.drop = fields.texts("drop");
  read_common(fields, options);
  csv.target_is_class = options.task == TaskKind::kClassification;
  fields.refuse_unknown();

  std::vector<CsvText> files;
  for (const auto& [path, role] : paths) {
    const std::string resolved = resolve(spec, path);
    files.push_back({resolved, read_bytes(resolved)});
    options.roles.push_back(role);
  }
  const Table table = read_csv(files, csv);
  name = table.name;
  return prepare(table, options);
}

}  // namespace lockstep::models
