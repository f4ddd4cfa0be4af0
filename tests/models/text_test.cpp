#include "models/data/text.h"

#include "models/files.h"

namespace lockstep::models {
namespace {

SplitOptions fractions(double validation, double test) {
  SplitOptions out;
  out.validation_fraction = validation;
  out.test_fraction = test;
  return out;
}

/// A part's windows as text again: inputs, then targets.
std::vector<std::pair<std::string, std::string>> windows_of(const PreparedData& data, const PreparedPart& part) {
  std::vector<std::pair<std::string, std::string>> out;
  const int64_t context = data.input_shape.at(0);
  EXPECT_EQ(part.tokens.size(), static_cast<size_t>(part.size * context));
  EXPECT_EQ(part.labels.size(), part.tokens.size());
  for (int64_t i = 0; i < part.size; ++i) {
    auto& [inputs, targets] = out.emplace_back();
    for (int64_t j = 0; j < context; ++j) {
      inputs += data.classes.at(static_cast<size_t>(part.tokens.at(static_cast<size_t>(i * context + j))));
      targets += data.classes.at(static_cast<size_t>(part.labels.at(static_cast<size_t>(i * context + j))));
    }
  }
  return out;
}

using Windows = std::vector<std::pair<std::string, std::string>>;

TEST(PrepareText, CutsContiguousPartsIntoWindows) {
  const PreparedData data = prepare_text("abcdefghijabcbabcdbab", 3, fractions(0.29, 0.24), "a.txt");  // 10, 6 and 5
  EXPECT_EQ(data.task, TaskKind::kLanguage);
  EXPECT_EQ(data.input_shape, (std::vector<int64_t>{3}));
  EXPECT_EQ(windows_of(data, data.train), (Windows{{"abc", "bcd"}, {"def", "efg"}, {"ghi", "hij"}}));
  EXPECT_EQ(windows_of(data, data.validation), (Windows{{"abc", "bcb"}})) << "what is left over is no window";
  EXPECT_EQ(windows_of(data, data.test), (Windows{{"cdb", "dba"}}));
  EXPECT_EQ(data.n_unknown, 0);
  EXPECT_EQ(prepare_text("ababababab", 2, fractions(0.5, 0), "a.txt").test.size, 0);
}

TEST(PrepareText, LearnsTheVocabularyFromTheTrainingPart) {
  const PreparedData data = prepare_text("bababababaXabYab", 2, fractions(0.375, 0), "a.txt");
  EXPECT_EQ(data.classes, (std::vector<std::string>{"a", "b", "(unknown)"}));
  EXPECT_EQ(data.n_unknown, 2);
  EXPECT_EQ(windows_of(data, data.validation), (Windows{{"(unknown)a", "ab"}, {"b(unknown)", "(unknown)a"}}));
}

TEST(PrepareText, ReadsCharactersOfUtf8) {
  const PreparedData data =
      prepare_text("\xef\xbb\xbf\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\r\n\xc3\xa4\r\n\xc3\xa4", 1, fractions(0.4, 0), "a.txt");
  EXPECT_EQ(data.classes, (std::vector<std::string>{"\n", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"}));
  EXPECT_EQ(data.train.size, 3);
  for (const auto* bad : {"ab\xff", "ab\xc3", "ab\xc0\x80", "ab\xed\xa0\x80", "ab\xf4\x90\x80\x80", "ab\xe2\x28\xa1", "ab\x80"}) {
    expect_error<DataError>([&] { prepare_text(std::string("one\ntwo\n") + bad, 1, fractions(0.3, 0.3), "a.txt"); },
                            {"a.txt:3", "not UTF-8", "iconv"});
  }
}

TEST(PrepareText, RefusesWhatIsTooShort) {
  expect_error<DataError>([] { prepare_text("", 4, fractions(0.2, 0.2), "a.txt"); }, {"a.txt", "0 characters are too few"});
  expect_error<DataError>([] { prepare_text("abcdefghijklmnopqrst", 4, fractions(0.2, 0.3), "a.txt"); },
                          {"20 characters", "part of 4", "window of 4", "`context`"});
  expect_error<DataError>([] { prepare_text(std::string(100, 'a'), 4, fractions(0.2, 0.2), "a.txt"); },
                          {"only one character"});
}

}  // namespace
}  // namespace lockstep::models
