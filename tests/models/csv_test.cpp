#include "models/data/csv.h"

#include <cmath>

#include "models/data/csv_reader.h"
#include "models/files.h"

namespace lockstep::models {
namespace {

using Rows = std::vector<std::vector<std::string>>;

Rows rows_of(const std::string& text, char delimiter = ',') {
  CsvReader reader(text, "a.csv", delimiter);
  std::vector<std::string_view> cells;
  Rows out;
  while (reader.next(cells)) out.emplace_back(cells.begin(), cells.end());
  return out;
}

Table read(const std::string& text, CsvOptions options = {}) {
  if (options.target.empty()) options.target = "y";
  return read_csv({{"a.csv", text}}, options);
}

TEST(CsvReader, SplitsRowsAndCells) {
  EXPECT_EQ(rows_of("a,b\n1,2\n3,4"), (Rows{{"a", "b"}, {"1", "2"}, {"3", "4"}}));
  EXPECT_EQ(rows_of("a,b\r\n1,2\r\n"), (Rows{{"a", "b"}, {"1", "2"}}));
  EXPECT_EQ(rows_of("\xef\xbb\xbf" "a,b\n1,\n,2\n,"), (Rows{{"a", "b"}, {"1", ""}, {"", "2"}, {"", ""}}));
  EXPECT_EQ(rows_of("a;b\n\n  \n1; 2 \n", ';'), (Rows{{"a", "b"}, {"1", "2"}}));
  EXPECT_EQ(rows_of("a\tb\n1\t\n", '\t'), (Rows{{"a", "b"}, {"1", ""}}));
  EXPECT_EQ(rows_of(""), Rows{});
}

TEST(CsvReader, KeepsWhatQuotesHold) {
  EXPECT_EQ(rows_of("\"a,b\",\"say \"\"hi\"\"\"\n\" x \",\"\"\n"), (Rows{{"a,b", "say \"hi\""}, {" x ", ""}}));
  EXPECT_EQ(rows_of("\"two\nlines\",1\r\n\"\"\n"), (Rows{{"two\nlines", "1"}, {""}}));
  EXPECT_EQ(rows_of("a \"b\",c\n"), (Rows{{"a \"b\"", "c"}}));  // a quote within a cell is a character
  EXPECT_EQ(rows_of("\"\"\"\",\"\"\"x\"\"\"\n"), (Rows{{"\"", "\"x\""}}));
}

TEST(CsvReader, CountsLinesWithinQuotes) {
  const std::string text = "a,b\n\"1\n2\n3\",x\n\n4,5\n";
  CsvReader reader(text, "a.csv", ',');
  std::vector<std::string_view> cells;
  std::vector<int64_t> lines;
  while (reader.next(cells)) lines.push_back(reader.line());
  EXPECT_EQ(lines, (std::vector<int64_t>{1, 2, 6}));
}

TEST(CsvReader, RefusesBrokenQuotes) {
  expect_error<DataError>([] { rows_of("a,b\n1,\"x\n2,3\n"); }, {"a.csv:2", "never closed"});
  expect_error<DataError>([] { rows_of("a,b\n1,2\n\"x\"y,3\n"); }, {"a.csv:3", "column 1", "closing quote"});
}

CsvOptions with_target(const std::string& target) {
  CsvOptions options;
  options.target = target;
  return options;
}

TEST(ReadCsv, TellsNumbersTextsAndMissingValues) {
  const Table table = read("n,t,y\n1.5,red,0\nNA,?,1\n+2e3,blue,0\n,NaN,1\nnull,red,n/a\n-7,green,2\n");
  ASSERT_EQ(table.columns.size(), 3u);
  EXPECT_EQ(table.n_rows, 6);
  const Column& n = table.columns[0];
  EXPECT_FALSE(n.is_text);
  EXPECT_EQ(n.numbers[0], 1.5);
  EXPECT_TRUE(std::isnan(n.numbers[1]));
  EXPECT_EQ(n.numbers[2], 2000);
  EXPECT_TRUE(std::isnan(n.numbers[3]));
  EXPECT_TRUE(std::isnan(n.numbers[4]));
  EXPECT_EQ(n.numbers[5], -7);
  const Column& t = table.columns[1];
  EXPECT_TRUE(t.is_text);
  EXPECT_EQ(t.categories, (std::vector<std::string>{"red", "blue", "green"}));
  EXPECT_EQ(t.codes, (std::vector<int32_t>{0, -1, 1, -1, 0, 2}));
  EXPECT_TRUE(std::isnan(table.columns[2].numbers[4]));
}

TEST(ReadCsv, TakesColumnsAsTold) {
  CsvOptions options = with_target("y");
  options.categorical = {"code"};
  options.drop = {"id"};
  const Table table = read("id,code,y\nabc,7,1\ndef,8,2\nghi,7,3\n", options);
  ASSERT_EQ(table.columns.size(), 2u);
  EXPECT_EQ(table.find("id"), nullptr);
  EXPECT_TRUE(table.find("code")->is_text);
  EXPECT_EQ(table.find("code")->codes, (std::vector<int32_t>{0, 1, 0}));
  EXPECT_FALSE(table.find("y")->is_text);
}

TEST(ReadCsv, JoinsFilesByColumnName) {
  const Table table =
      read_csv({{"train.csv", "x,c,y\n1,a,0\n2,b,1\n"}, {"test.csv", "y,x,c\n1,3,b\n"}}, with_target("y"));
  EXPECT_EQ(table.n_rows, 3);
  EXPECT_EQ(table.file_rows, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(table.find("x")->numbers, (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(table.find("c")->codes, (std::vector<int32_t>{0, 1, 1}));
  EXPECT_EQ(table.find("y")->numbers, (std::vector<double>{0, 1, 1}));

  // One column is text in the second file only: it is text in both.
  const Table mixed = read_csv({{"train.csv", "x,y\n1,0\n"}, {"test.csv", "x,y\nb,1\n"}}, with_target("y"));
  EXPECT_EQ(mixed.find("x")->categories, (std::vector<std::string>{"1", "b"}));

  expect_error<DataError>([] { read_csv({{"a.csv", "x,y\n1,0\n"}, {"b.csv", "z,y\n1,0\n"}}, with_target("y")); },
                          {"b.csv:1", "'z'", "not in a.csv"});
  expect_error<DataError>([] { read_csv({{"a.csv", "x,w,y\n1,1,0\n"}, {"b.csv", "x,y\n1,0\n"}}, with_target("y")); },
                          {"b.csv:1", "'w'", "not there"});
}

TEST(ReadCsv, RefusesEmptyFiles) {
  expect_error<DataError>([] { read(""); }, {"a.csv", "empty"});
  expect_error<DataError>([] { read("\n \r\n"); }, {"a.csv", "empty"});
  expect_error<DataError>([] { read("x,y\n"); }, {"a.csv", "no rows", "empty"});
}

TEST(ReadCsv, RefusesRaggedRows) {
  expect_error<DataError>([] { read("x,y\n1,2\n\n1,2,3\n"); }, {"a.csv:4", "3 values", "2 names"});
  expect_error<DataError>([] { read("x,y\n1\n"); }, {"a.csv:2", "1 values"});
}

TEST(ReadCsv, RefusesUnknownColumns) {
  expect_error<DataError>([] { read("x,label\n1,2\n", with_target("lable")); },
                          {"a.csv:1", "'lable'", "did you mean 'label'", "target"});
  CsvOptions options = with_target("y");
  options.categorical = {"colr"};
  expect_error<DataError>([&] { read("color,y\n1,2\n", options); }, {"'colr'", "'color'", "categorical"});
  options.categorical = {};
  options.drop = {"zzz"};
  expect_error<DataError>([&] { read("color,y\n1,2\n", options); }, {"'zzz'", "drop", "color, y"});
  options.drop = {"y"};
  expect_error<DataError>([&] { read("color,y\n1,2\n", options); }, {"target", "'y'", "cannot be dropped"});
}

TEST(ReadCsv, RefusesBadHeaders) {
  expect_error<DataError>([] { read("x,x,y\n1,2,3\n"); }, {"a.csv:1", "column 2", "'x'", "twice"});
  expect_error<DataError>([] { read("x,,y\n1,2,3\n"); }, {"a.csv:1", "column 2", "no name"});
  expect_error<DataError>([] { read("x;y\n1;2\n"); }, {"a.csv:1", "one column", "';'", "delimiter"});
  expect_error<DataError>([] { read(std::string("x,y\n\0,2\n", 8)); }, {"not CSV", "npy"});
}

TEST(ReadCsv, RefusesOddTextAmongNumbers) {
  const std::string text = "x,y\n1,0\n2,1\noops,0\n4,1\n";
  expect_error<DataError>([&] { read(text); }, {"a.csv:4", "'x'", "'oops'", "not a number", "categorical"});
  CsvOptions options = with_target("y");
  options.categorical = {"x"};
  EXPECT_TRUE(read(text, options).find("x")->is_text);
  expect_error<DataError>([] { read("x,y\n1,0\n2,1\n3,1e\n4,1\n"); },
                          {"a.csv:4", "'y'", "'1e'", "task: classification"});
  options = with_target("y");
  options.target_is_class = true;
  EXPECT_TRUE(read("x,y\n1,0\n2,1\n3,1e\n4,1\n", options).find("y")->is_text);
}

TEST(ReadCsv, RefusesInfiniteNumbers) {
  expect_error<DataError>([] { read("x,y\n1,0\ninf,1\n"); }, {"a.csv:3", "'x'", "'inf'", "not a finite number"});
  expect_error<DataError>([] { read("x,y\n1,0\n1e999,1\n"); }, {"a.csv:3", "'1e999'"});
  EXPECT_EQ(read("x,y\n1,0\n1e-999,1\n").find("x")->numbers[1], 0);
}

TEST(ReadCsv, RefusesColumnsOfManyTextsUnlessAskedTo) {
  std::string text = "name,y\n";
  for (int i = 0; i < 300; ++i) text += "person " + std::to_string(i) + "," + std::to_string(i % 2) + "\n";
  expect_error<DataError>([&] { read(text); }, {"a.csv:258", "'name'", "256", "drop"});
  CsvOptions options = with_target("y");
  options.categorical = {"name"};
  EXPECT_EQ(read(text, options).find("name")->categories.size(), 300u);
}

}  // namespace
}  // namespace lockstep::models
