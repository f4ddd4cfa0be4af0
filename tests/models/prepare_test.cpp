#include "models/data/prepare.h"

#include <cmath>
#include <numeric>
#include <set>

#include "models/data/csv.h"
#include "models/files.h"

namespace lockstep::models {
namespace {

Table table_of(const std::vector<CsvText>& files, const std::string& target = "y") {
  CsvOptions options;
  options.target = target;
  return read_csv(files, options);
}

PrepareOptions options_of(std::vector<FileRole> roles = {}, std::optional<TaskKind> task = {}) {
  PrepareOptions options;
  options.target = "y";
  options.roles = std::move(roles);
  options.task = task;
  return options;
}

const std::vector<FileRole> kThreeFiles{FileRole::kTrain, FileRole::kValidation, FileRole::kTest};

TEST(Prepare, StandardisesByTheTrainingPartAlone) {
  // Training values 1, 2, 3, 6: mean 3, population variance 3.5. The other parts' values are far away and change
  // nothing.
  const PreparedData data = prepare(table_of({{"train", "x,k,y\n1,5,0\n2,5,1\n3,5,0\n6,5,1\n"},
                                              {"validation", "x,k,y\n1000,9,0\n3,5,1\n"},
                                              {"test", "x,k,y\n-1000,5,0\n3,5,1\n"}}),
                                    options_of(kThreeFiles));
  const double std = std::sqrt(3.5);
  ASSERT_EQ(data.n_inputs(), 2);
  ASSERT_EQ(data.train.size, 4);
  const double want[] = {-2 / std, -1 / std, 0, 3 / std};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_FLOAT_EQ(data.train.inputs[2 * i], static_cast<float>(want[i]));
    EXPECT_EQ(data.train.inputs[2 * i + 1], 0) << "a constant column";
  }
  EXPECT_FLOAT_EQ(data.validation.inputs[0], static_cast<float>(997 / std));
  EXPECT_EQ(data.validation.inputs[1], 0) << "constant in training: nothing was learnt about it";
  EXPECT_FLOAT_EQ(data.test.inputs[0], static_cast<float>(-1003 / std));
}

TEST(Prepare, ConstantsThatRoundBadlyBecomeZero) {
  std::string text = "x,k,y\n";
  for (int i = 0; i < 30; ++i) text += std::to_string(i) + ",0.1," + std::to_string(i % 2) + "\n";
  const PreparedData data = prepare(table_of({{"a", text}}), options_of());
  for (int64_t i = 0; i < data.train.size; ++i) EXPECT_EQ(data.train.inputs[static_cast<size_t>(2 * i + 1)], 0);
}

TEST(Prepare, FillsMissingNumbersWithTheTrainingMedian) {
  // Present in training: 1, 2, 4, 100; median 3. Filled column: 1, 2, 4, 100, 3.
  const PreparedData data = prepare(table_of({{"train", "x,y\n1,0\n2,1\n4,0\n100,1\n,0\n"},
                                              {"validation", "x,y\n7,0\n,1\n"},
                                              {"test", "x,y\n3,0\n"}}),
                                    options_of(kThreeFiles));
  const double mean = 22, std = std::sqrt((21 * 21 + 20 * 20 + 18 * 18 + 78 * 78 + 19 * 19) / 5.0);
  EXPECT_FLOAT_EQ(data.train.inputs[4], static_cast<float>((3 - mean) / std));
  EXPECT_FLOAT_EQ(data.train.inputs[3], static_cast<float>((100 - mean) / std));
  EXPECT_FLOAT_EQ(data.validation.inputs[1], static_cast<float>((3 - mean) / std));
  EXPECT_FLOAT_EQ(data.test.inputs[0], static_cast<float>((3 - mean) / std));
}

TEST(Prepare, MakesOneInputPerTrainingCategory) {
  const PreparedData data = prepare(table_of({{"train", "c,y\nred,0\nblue,1\n?,0\n"},
                                              {"validation", "c,y\nblue,0\ngreen,1\n"},
                                              {"test", "c,y\n,0\n"}}),
                                    options_of(kThreeFiles));
  EXPECT_EQ(data.input_names, (std::vector<std::string>{"c=blue", "c=red", "c=(missing)"}));
  EXPECT_EQ(data.train.inputs, (std::vector<float>{0, 1, 0, 1, 0, 0, 0, 0, 1}));
  EXPECT_EQ(data.validation.inputs, (std::vector<float>{1, 0, 0, 0, 0, 0}));  // green is unknown
  EXPECT_EQ(data.test.inputs, (std::vector<float>{0, 0, 1}));

  const PreparedData complete =
      prepare(table_of({{"train", "c,y\nred,0\nblue,1\n"}, {"validation", "c,y\n?,0\n"}, {"test", "c,y\n?,0\n"}}),
              options_of(kThreeFiles));
  EXPECT_EQ(complete.input_names, (std::vector<std::string>{"c=blue", "c=red"}));
  EXPECT_EQ(complete.validation.inputs, (std::vector<float>{0, 0}));
}

TEST(Prepare, InfersTheTask) {
  const auto infer = [](const std::vector<std::string>& targets, std::optional<TaskKind> task = {}) {
    std::string text = "x,y\n";
    for (size_t i = 0; i < 200; ++i) text += std::to_string(i) + "," + targets[i % targets.size()] + "\n";
    return prepare(table_of({{"a", text}}), options_of({}, task));
  };
  const auto numbers = [](int n) {
    std::vector<std::string> out;
    for (int i = 0; i < n; ++i) out.push_back(std::to_string(3 * i));
    return out;
  };
  EXPECT_EQ(infer({"cat", "dog"}).task, TaskKind::kClassification);
  EXPECT_EQ(infer({"0.5", "1"}).task, TaskKind::kRegression);
  EXPECT_EQ(infer(numbers(50)).task, TaskKind::kClassification);
  EXPECT_EQ(infer(numbers(51)).task, TaskKind::kRegression);
  EXPECT_EQ(infer({"1", "2"}, TaskKind::kRegression).task, TaskKind::kRegression);
  EXPECT_EQ(infer({"0.5", "1"}, TaskKind::kClassification).classes, (std::vector<std::string>{"0.5", "1"}));
  EXPECT_EQ(infer({"10", "9", "-1"}).classes, (std::vector<std::string>{"-1", "9", "10"}));  // by number
}

TEST(Prepare, NumbersClassesInAscendingOrder) {
  const PreparedData data = prepare(table_of({{"train", "x,y\n1,dog\n2,cat\n3,emu\n"},
                                              {"validation", "x,y\n1,emu\n"},
                                              {"test", "x,y\n1,cat\n"}}),
                                    options_of(kThreeFiles));
  EXPECT_EQ(data.classes, (std::vector<std::string>{"cat", "dog", "emu"}));
  EXPECT_EQ(data.train.labels, (std::vector<int64_t>{1, 0, 2}));
  EXPECT_EQ(data.validation.labels, (std::vector<int64_t>{2}));
}

TEST(Prepare, StandardisesRegressionTargets) {
  const PreparedData data =
      prepare(table_of({{"train", "x,y\n1,10.5\n2,20.5\n"}, {"validation", "x,y\n1,35.5\n"}, {"test", "x,y\n1,0\n"}}),
              options_of(kThreeFiles));
  EXPECT_EQ(data.task, TaskKind::kRegression);
  EXPECT_DOUBLE_EQ(data.target_mean, 15.5);
  EXPECT_DOUBLE_EQ(data.target_std, 5);
  EXPECT_EQ(data.train.targets, (std::vector<float>{-1, 1}));
  EXPECT_EQ(data.validation.targets, (std::vector<float>{4}));
}

TEST(Prepare, DropsAndCountsRowsWithoutTarget) {
  std::string text = "x,y\n";
  for (int i = 0; i < 30; ++i) text += std::to_string(i) + "," + (i % 10 == 7 ? "" : std::to_string(i % 2)) + "\n";
  const PreparedData data = prepare(table_of({{"a", text}}), options_of());
  EXPECT_EQ(data.n_dropped, 3);
  EXPECT_EQ(data.train.size + data.validation.size + data.test.size, 27);
}

TEST(Prepare, SplitsATrainingFileAndKeepsATestFile) {
  std::string train = "x,y\n";
  for (int i = 0; i < 100; ++i) train += std::to_string(i) + "," + std::to_string(i % 2) + "\n";
  const std::string other = "x,y\n1000,0\n2000,1\n";
  const auto options = [](std::vector<FileRole> roles) { return options_of(std::move(roles)); };
  const auto all_below = [](const PreparedPart& part, float limit) {
    for (const float x : part.inputs) {
      if (x > limit) return false;
    }
    return true;
  };
  PreparedData data =
      prepare(table_of({{"train", train}, {"test", other}}), options({FileRole::kTrain, FileRole::kTest}));
  EXPECT_EQ(data.train.size, 80);
  EXPECT_EQ(data.validation.size, 20);
  EXPECT_EQ(data.test.size, 2);
  EXPECT_TRUE(all_below(data.train, 3) && all_below(data.validation, 3));
  EXPECT_FALSE(all_below(data.test, 3));

  data =
      prepare(table_of({{"train", train}, {"validation", other}}), options({FileRole::kTrain, FileRole::kValidation}));
  EXPECT_EQ(data.train.size, 80);
  EXPECT_EQ(data.validation.size, 2);
  EXPECT_EQ(data.test.size, 20);
  EXPECT_FALSE(all_below(data.validation, 3));
  EXPECT_TRUE(all_below(data.test, 3));
}

TEST(Prepare, RefusesDataWithNothingToLearn) {
  const auto run = [](const std::string& text) {
    return [text] { prepare(table_of({{"a.csv", text}}), options_of()); };
  };
  expect_error<DataError>(run("x,y\n1,a\n2,a\n3,a\n"), {"a.csv", "'y'", "one class", "'a'"});
  expect_error<DataError>(run("y\n1\n2\n1\n2\n1\n2\n"), {"a.csv", "no column but the target"});
  expect_error<DataError>(run("x,y\n,1\n,1\n,1\n,2\n,2\n,2\n"), {"a.csv", "no input has two different values"});
  expect_error<DataError>(run("x,y\n1,\n2,?\n"), {"'y'", "no values"});
  expect_error<DataError>(run("x,y\n1,0.5\n2,0.5\n3,0.5\n4,0.5\n5,0.5\n"), {"'y'", "0.5", "nothing to learn"});
  expect_error<DataError>(run("x,y\n1,a\n2,a\n3,a\n4,b\n"), {"class 'b' has 1"});
  expect_error<DataError>(run("x,y\n1,0.5\n2,1.5\n"), {"2 usable rows"});
  expect_error<DataError>(
      [] {
        prepare(table_of({{"a.csv", "x,y\n1,a\n2,b\n3,a\n"}}), options_of({}, TaskKind::kRegression));
      },
      {"'y'", "is text", "task: regression"});
}

}  // namespace
}  // namespace lockstep::models
