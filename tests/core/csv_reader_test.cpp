#include "core/csv_reader.h"

#include <cmath>
#include <sstream>

#include <gtest/gtest.h>

#include <lockstep/error.h>

#include "core/message.h"

namespace lockstep {
namespace {

using Record = std::vector<std::string>;

std::vector<Record> read_all(const std::string& text) {
  std::istringstream stream(text);
  CsvReader reader(stream, "file.csv");
  std::vector<Record> records;
  for (Record fields; reader.next(fields);) records.push_back(fields);
  return records;
}

TEST(CsvReader, SplitsAndTrims) {
  EXPECT_EQ(read_all("a, b\t,c\n1,,\n"), (std::vector<Record>{{"a", "b", "c"}, {"1", "", ""}}));
  EXPECT_EQ(read_all(""), std::vector<Record>{});
  EXPECT_EQ(read_all("\n  \r\n"), std::vector<Record>{});
  EXPECT_EQ(read_all("\xEF\xBB\xBF" "a\r\nb"), (std::vector<Record>{{"a"}, {"b"}}));
}

TEST(CsvReader, KeepsWhatIsQuoted) {
  EXPECT_EQ(read_all("\"a,b\",\" c \",\"say \"\"hi\"\"\"\n"), (std::vector<Record>{{"a,b", " c ", "say \"hi\""}}));
  EXPECT_EQ(read_all("\"one\n\ntwo\r\nthree\",x\ny,z\n"), (std::vector<Record>{{"one\n\ntwo\nthree", "x"}, {"y", "z"}}));
  EXPECT_EQ(read_all(" \"a\" ,\"\"\n"), (std::vector<Record>{{"a", ""}})) << "blanks around the quotes";
}

TEST(CsvReader, CountsLinesOfTheFile) {
  std::istringstream stream("a\n\n\"b\nc\"\nd\n");
  CsvReader reader(stream, "file.csv");
  std::vector<int64_t> lines;
  for (Record fields; reader.next(fields);) lines.push_back(reader.line());
  EXPECT_EQ(lines, (std::vector<int64_t>{1, 3, 5}));
}

TEST(CsvReader, RefusesAnOpenQuote) {
  expect_start(message_of<DataError>([] { read_all("a\n\"b\nc\n"); }), "file.csv:2: a quote is not closed");
}

TEST(ReadCsvNumber, TakesAllOfTheText) {
  EXPECT_EQ(read_csv_number("1e-3"), 1e-3);
  EXPECT_EQ(read_csv_number("+2"), 2);
  EXPECT_EQ(read_csv_number("-inf"), -HUGE_VAL);
  EXPECT_TRUE(std::isnan(read_csv_number("nan").value()));
  EXPECT_EQ(read_csv_number("1e999"), HUGE_VAL);
  for (const char* text : {"", "1 2", "0x", "one", "1,5"}) EXPECT_EQ(read_csv_number(text), std::nullopt) << text;
}

}  // namespace
}  // namespace lockstep
