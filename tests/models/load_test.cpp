#include "models/data/load.h"

#include <cmath>
#include <cstring>

#include "models/files.h"

namespace lockstep::models {
namespace {

std::string rows(int n, const std::string& delimiter = ",") {
  std::string text = "x" + delimiter + "colour" + delimiter + "y\n";
  for (int i = 0; i < n; ++i) {
    text += std::to_string(i) + delimiter + (i % 3 == 0 ? "red" : "blue") + delimiter + std::to_string(i % 2) + "\n";
  }
  return text;
}

TEST(LoadData, FindsFilesBesideTheSweepFile) {
  const Folder folder;
  folder.write("a.csv", rows(50));
  folder.write_gzip("a.csv.gz", rows(50));
  for (const auto* path : {"a.csv", "./a.csv", "a.csv.gz"}) {
    const LoadedData loaded = load_data(folder.spec("  dataset: {csv: " + std::string(path) + ", target: y}\n"));
    EXPECT_EQ(loaded.data.n_inputs(), 3);
    EXPECT_EQ(loaded.data.train.size, 30);
    EXPECT_EQ(loaded.data.validation.size, 10);
    EXPECT_EQ(loaded.data.test.size, 10);
  }
  const LoadedData absolute = load_data(folder.spec("  dataset: {csv: " + folder.path("a.csv") + ", target: y}\n"));
  EXPECT_EQ(absolute.name, "a.csv");
  EXPECT_NE(absolute.notes.at(0).find("30 examples to train"), std::string::npos);
}

TEST(LoadData, TakesOptions) {
  const Folder folder;
  folder.write("a.csv", rows(50, ";"));
  const LoadedData loaded =
      load_data(folder.spec("  dataset: {csv: a.csv, target: y, delimiter: ';', drop: [colour], categorical: x}\n"));
  EXPECT_EQ(loaded.data.n_inputs(), 30);  // an input for each x of the training part
  EXPECT_EQ(load_data(folder.spec("  dataset: {csv: a.csv, target: y, delimiter: ';', task: regression}\n")).data.task,
            TaskKind::kRegression);
  folder.write("b.tsv", rows(50, "\t"));
  EXPECT_EQ(load_data(folder.spec("  dataset: {csv: b.tsv, target: y, delimiter: tab}\n")).data.n_inputs(), 3);
  folder.write("numbers.csv", "0,1,2\n1,2,0\n2,3,1\n3,4,0\n5,6,1\n1,1,0\n7,1,1\n");
  EXPECT_EQ(load_data(folder.spec("  dataset: {csv: numbers.csv, target: 2, drop: 0}\n")).data.n_inputs(), 1);
}

TEST(LoadData, TakesSplitSettings) {
  const Folder folder;
  folder.write("a.csv", rows(200));
  const std::string dataset = "  dataset: {csv: a.csv, target: y}\n";
  const LoadedData loaded = load_data(folder.spec(dataset + "  validation_fraction: 0.3\n  test_fraction: 0\n"));
  EXPECT_EQ(loaded.data.validation.size, 60);
  EXPECT_EQ(loaded.data.test.size, 0);
  const auto inputs = [&](const std::string& seed) {
    return load_data(folder.spec(dataset + seed)).data.validation.inputs;
  };
  EXPECT_EQ(inputs(""), inputs("  split_seed: 0\n"));
  EXPECT_NE(inputs(""), inputs("  split_seed: 1\n"));
}

TEST(LoadData, ReadsTrainAndTestFiles) {
  const Folder folder;
  folder.write("train.csv", rows(100));
  folder.write("test.csv", rows(10));
  const LoadedData loaded = load_data(folder.spec("  dataset: {train: train.csv, test: test.csv, target: y}\n"));
  EXPECT_EQ(loaded.data.train.size, 80);
  EXPECT_EQ(loaded.data.validation.size, 20);
  EXPECT_EQ(loaded.data.test.size, 10);
}

/// An NPY file, version 1, of float64.
std::string npy(const std::string& shape, const std::vector<double>& values) {
  std::string header = "{'descr': '<f8', 'fortran_order': False, 'shape': " + shape + ", }\n";
  std::string out = "\x93NUMPY";
  out += std::string{'\x01', '\0', static_cast<char>(header.size()), '\0'} + header;
  return out.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double));
}

TEST(LoadData, ReadsNpyFiles) {
  const Folder folder;
  std::vector<double> x, y;
  for (int i = 0; i < 20; ++i) {
    for (int c = 0; c < 4; ++c) x.push_back(i * 10 + c);
    y.push_back(i % 2);
  }
  folder.write("x.npy", npy("(20, 2, 2)", x));
  folder.write("y.npy", npy("(20,)", y));
  const std::string dataset = "  dataset: {npy: {inputs: x.npy, targets: y.npy}}\n";
  const LoadedData loaded = load_data(folder.spec(dataset));
  EXPECT_EQ(loaded.data.n_inputs(), 4);
  EXPECT_EQ(loaded.data.task, TaskKind::kClassification);
  EXPECT_EQ(loaded.data.train.size, 12);

  folder.write("y.npy", npy("(19,)", std::vector<double>(y.begin(), y.end() - 1)));
  expect_error<DataError>([&] { load_data(folder.spec(dataset)); },
                          {"y.npy", "(19)", "(20, 2, 2)", "one target an example"});
  folder.write("y.npy", npy("(20,)", y));
  x[9] = INFINITY;
  folder.write("x.npy", npy("(20, 2, 2)", x));
  expect_error<DataError>([&] { load_data(folder.spec(dataset)); }, {"x.npy", "row 2", "column 1", "infinite"});
  folder.write("x.npy", npy("(0, 4)", {}));
  expect_error<DataError>([&] { load_data(folder.spec(dataset)); }, {"x.npy", "empty"});
  expect_error<InputError>([&] { load_data(folder.spec("  dataset: {npy: x.npy}\n")); },
                           {"sweep.yml:4", "dataset.npy", "inputs"});
  expect_error<InputError>([&] { load_data(folder.spec("  dataset: {npy: {inputs: x.npy}}\n")); },
                           {"dataset.npy.targets", "needed"});
}

TEST(LoadData, CountsDroppedRows) {
  const Folder folder;
  folder.write("a.csv", rows(50) + "1,red,\n2,blue,NA\n");
  const LoadedData loaded = load_data(folder.spec("  dataset: {csv: a.csv, target: y}\n"));
  ASSERT_EQ(loaded.notes.size(), 2u);
  EXPECT_NE(loaded.notes[1].find("2 rows without a value of 'y'"), std::string::npos) << loaded.notes[1];
}

TEST(LoadData, RefusesSettings) {
  const Folder folder;
  folder.write("a.csv", rows(50));
  const auto refuses = [&](const std::string& trial, const std::vector<std::string>& parts) {
    expect_error<InputError>([&] { load_data(folder.spec(trial)); }, parts);
  };
  refuses("  epochs: 1\n", {"sweep.yml", "trial.dataset", "needed", "csv"});
  refuses("  dataset: digit\n", {"sweep.yml:4", "trial.dataset", "'digit'", "did you mean 'digits'", "california"});
  refuses("  dataset: 7\n", {"sweep.yml:4", "trial.dataset", "7"});
  refuses("  dataset: {csv: a.csv}\n", {"trial.dataset.target", "needed"});
  refuses("  dataset: {target: y}\n", {"trial.dataset.train", "needed"});
  refuses("  dataset: {csv: a.csv, targe: y, target: y}\n", {"dataset.targe", "not known", "'target'"});
  refuses("  dataset: {csv: a.csv, target: y, task: regresion}\n",
          {"dataset.task", "'regresion'", "did you mean 'regression'"});
  refuses("  dataset: {csv: a.csv, target: y, delimiter: ';;'}\n", {"dataset.delimiter", "one character"});
  refuses("  dataset: {csv: [a.csv], target: y}\n", {"dataset.csv", "is a list", "text"});
  const std::string dataset = "  dataset: {csv: a.csv, target: y}\n";
  refuses(dataset + "  validation_fraction: 0\n", {"sweep.yml:5", "trial.validation_fraction", "above 0"});
  refuses(dataset + "  test_fraction: 1.5\n", {"trial.test_fraction", "1.5"});
  refuses(dataset + "  test_fraction: much\n", {"trial.test_fraction", "much"});
  refuses(dataset + "  validation_fraction: 0.5\n  test_fraction: 0.5\n", {"nothing to train on", "below 1"});
  refuses(dataset + "  split_seed: -1\n", {"trial.split_seed", "-1"});
  expect_error<InputError>(
      [&] { load_data(folder.spec("  model: mlp\n", "  dataset: {type: choice, values: [digits, letter]}\n")); },
      {"search_space.dataset", "one data set", "`trial:`"});
  expect_error<DataError>([&] { load_data(folder.spec("  dataset: {csv: b.csv, target: y}\n")); },
                          {"b.csv", "no such file"});
}

TEST(LoadData, ShipsDigits) {
  const LoadedData loaded = load_data(Folder().spec("  dataset: digits\n"));
  const PreparedData& data = loaded.data;
  EXPECT_EQ(data.task, TaskKind::kClassification);
  EXPECT_EQ(data.n_inputs(), 64);
  EXPECT_EQ(data.classes.size(), 10u);
  EXPECT_EQ(data.train.size + data.validation.size + data.test.size, 1797);
  EXPECT_NEAR(static_cast<double>(data.train.size), 1797 * 0.6, 10);
  EXPECT_EQ(loaded.notes.size(), 1u);
  // Standardised: over all inputs that vary, mean 0 and variance 1; nothing that is not a number.
  for (size_t c = 0; c < 64; ++c) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < static_cast<size_t>(data.train.size); ++i) {
      const double x = data.train.inputs[i * 64 + c];
      ASSERT_TRUE(std::isfinite(x));
      sum += x;
      squares += x * x;
    }
    const double n = static_cast<double>(data.train.size);
    EXPECT_NEAR(sum / n, 0, 1e-5) << c;
    EXPECT_NEAR(squares / n, squares > 0 ? 1 : 0, 1e-4) << c;
  }
}

TEST(LoadData, ShipsLetterAndCalifornia) {
  const PreparedData letter = load_data(Folder().spec("  dataset: letter\n")).data;
  EXPECT_EQ(letter.task, TaskKind::kClassification);
  EXPECT_EQ(letter.n_inputs(), 16);
  EXPECT_EQ(letter.classes.size(), 26u);
  EXPECT_EQ(letter.classes.front(), "A");
  EXPECT_EQ(letter.train.size + letter.validation.size + letter.test.size, 20000);

  const PreparedData california = load_data(Folder().spec("  dataset: california\n")).data;
  EXPECT_EQ(california.task, TaskKind::kRegression);
  EXPECT_EQ(california.n_inputs(), 8 + 5);
  EXPECT_EQ(california.train.size + california.validation.size + california.test.size, 20640);
  EXPECT_NEAR(california.target_mean, 206856, 2000);  // of all 20,640
  EXPECT_NEAR(california.target_std, 115396, 2000);
  for (const float x : california.train.inputs) ASSERT_TRUE(std::isfinite(x));
}

}  // namespace
}  // namespace lockstep::models
