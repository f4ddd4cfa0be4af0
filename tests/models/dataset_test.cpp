#include <lockstep/models/dataset.h>

#include <cmath>
#include <cstring>

#include "models/data/bytes.h"
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

TEST(LoadData, ReadsNpyFiles) {
  const Folder folder;
  std::vector<double> x, y;
  for (int i = 0; i < 20; ++i) {
    for (int c = 0; c < 4; ++c) x.push_back(i * 10 + c);
    y.push_back(i % 2);
  }
  folder.write("x.npy", npy("(20, 4)", x));
  folder.write("y.npy", npy("(20,)", y));
  const std::string dataset = "  dataset: {npy: {inputs: x.npy, targets: y.npy}}\n";
  const LoadedData loaded = load_data(folder.spec(dataset));
  EXPECT_EQ(loaded.data.n_inputs(), 4);
  EXPECT_EQ(loaded.data.task, TaskKind::kClassification);
  EXPECT_EQ(loaded.data.train.size, 12);

  folder.write("y.npy", npy("(19,)", std::vector<double>(y.begin(), y.end() - 1)));
  expect_error<DataError>([&] { load_data(folder.spec(dataset)); },
                          {"y.npy", "(19)", "(20, 4)", "one target an example"});
  folder.write("y.npy", npy("(20,)", y));
  x[9] = INFINITY;
  folder.write("x.npy", npy("(20, 4)", x));
  expect_error<DataError>([&] { load_data(folder.spec(dataset)); }, {"x.npy", "row 2", "column 1", "infinite"});
  folder.write("x.npy", npy("(0, 4)", {}));
  expect_error<DataError>([&] { load_data(folder.spec(dataset)); }, {"x.npy", "empty"});
  expect_error<InputError>([&] { load_data(folder.spec("  dataset: {npy: x.npy}\n")); },
                           {"sweep.yml:4", "dataset.npy", "inputs"});
  expect_error<InputError>([&] { load_data(folder.spec("  dataset: {npy: {inputs: x.npy}}\n")); },
                           {"dataset.npy.targets", "needed"});
}

TEST(LoadData, ReadsIdxImages) {
  const Folder folder;
  // 40 images of 4x3: pixel value i + j of class i % 2; the test file's are brighter by 100.
  const auto images = [](int n, int brighter) {
    std::string out("\0\0\x08\x03\0\0\0", 7);
    out += std::string{static_cast<char>(n), 0, 0, 0, 4, 0, 0, 0, 3};
    for (int i = 0; i < n; ++i) {
      for (int j = 0; j < 12; ++j) out += static_cast<char>(i + j + brighter);
    }
    return out;
  };
  const auto labels = [](int n) {
    std::string out("\0\0\x08\x01\0\0\0", 7);
    out += static_cast<char>(n);
    for (int i = 0; i < n; ++i) out += static_cast<char>(i % 2);
    return out;
  };
  folder.write_gzip("x.idx.gz", images(40, 0));
  folder.write("y.idx", labels(40));
  folder.write("x2.idx", images(6, 100));
  folder.write("y2.idx", labels(6));
  const std::string both = "idx: {inputs: x.idx.gz, targets: y.idx}";
  const LoadedData loaded = load_data(folder.spec("  dataset: {" + both + "}\n"));
  EXPECT_EQ(loaded.data.input_shape, (std::vector<int64_t>{1, 4, 3}));
  EXPECT_EQ(loaded.data.classes, (std::vector<std::string>{"0", "1"}));
  EXPECT_EQ(loaded.data.train.size, 24);
  EXPECT_EQ(loaded.notes.at(0), "data x.idx.gz: inputs of 1x4x3, 2 classes; 24 examples to train, 8 to validate, 8 to test");
  // One mean and deviation for the channel, of the training part.
  const auto& x = loaded.data.train.inputs;
  double mean = 0, squares = 0;
  for (const float value : x) mean += value / static_cast<double>(x.size());
  for (const float value : x) squares += value * value / static_cast<double>(x.size());
  EXPECT_NEAR(mean, 0, 1e-6);
  EXPECT_NEAR(squares, 1, 1e-6);
  EXPECT_NEAR((x[1] - x[0]) * 11, x[11] - x[0], 1e-5) << "pixels keep their differences";

  const LoadedData with_test = load_data(
      folder.spec("  dataset: {" + both + ", test: {inputs: x2.idx, targets: y2.idx}, examples: 20}\n"));
  EXPECT_EQ(with_test.data.train.size, 16);
  EXPECT_EQ(with_test.data.validation.size, 4);
  EXPECT_EQ(with_test.data.test.size, 6);
  for (const float value : with_test.data.test.inputs) EXPECT_GT(value, 3) << "scaled as the training part is";
  const LoadedData sequences = load_data(folder.spec("  dataset: {" + both + ", layout: sequences}\n"));
  EXPECT_EQ(sequences.data.input_shape, (std::vector<int64_t>{4, 3}));

  const auto refuses = [&](const std::string& dataset, const std::vector<std::string>& parts) {
    expect_error<InputError>([&] { load_data(folder.spec("  dataset: {" + dataset + "}\n")); }, parts);
  };
  refuses("idx: x.idx.gz", {"sweep.yml:4", "dataset.idx", "{inputs: x.idx, targets: y.idx}"});
  refuses("idx: {inputs: x.idx.gz}", {"dataset.idx.targets", "needed"});
  refuses(both + ", test: x2.idx", {"dataset.test", "inputs and targets"});
  refuses(both + ", examples: 0", {"dataset.examples", "from 1"});
  refuses(both + ", layout: image", {"dataset.layout", "'image'", "did you mean 'images'"});
  refuses(both + ", layout: channels_last", {"dataset.layout", "(40, 4, 3)", "(n, height, width, channels)"});
  refuses(both + ", shuffle: true", {"dataset.shuffle", "not known", "layout"});
  expect_error<DataError>([&] { load_data(folder.spec("  dataset: {" + both + ", examples: 41}\n")); },
                          {"x.idx.gz", "`examples: 41`", "40"});
  expect_error<DataError>(
      [&] { load_data(folder.spec("  dataset: {" + both + ", test: {inputs: y2.idx, targets: y2.idx}}\n")); },
      {"y2.idx", "(6)", "(40, 4, 3)", "same shape"});
}

std::string golden_path(const std::string& name) { return std::string(LOCKSTEP_SOURCE_DIR) + "/tests/models/golden/" + name; }

TEST(LoadData, ReadsNpzArrays) {
  const Folder folder;
  const std::string file = "npz: {file: " + golden_path("deflated.npz") + ", inputs: x, targets: y}";
  const std::string more = ", validation: {inputs: x, targets: y}, test: {file: " + golden_path("stored.npz") +
                           ", inputs: x, targets: y}";
  const LoadedData loaded = load_data(folder.spec("  dataset: {" + file + more + "}\n"));
  EXPECT_EQ(loaded.data.input_shape, (std::vector<int64_t>{4, 3}));
  EXPECT_EQ(loaded.data.train.size, 6);
  EXPECT_EQ(loaded.data.validation.inputs, loaded.data.train.inputs);
  EXPECT_EQ(loaded.data.test.inputs, loaded.data.train.inputs);
  for (size_t feature = 0; feature < 3; ++feature) {  // each has a mean of its own
    double sum = 0;
    for (size_t i = 0; i < 24; ++i) sum += loaded.data.train.inputs[3 * i + feature];
    EXPECT_NEAR(sum, 0, 1e-5);
  }
  const LoadedData images = load_data(folder.spec("  dataset: {" + file + more + ", layout: images, task: regression}\n"));
  EXPECT_EQ(images.data.input_shape, (std::vector<int64_t>{1, 4, 3}));
  EXPECT_EQ(images.data.task, TaskKind::kRegression);
  expect_error<DataError>(
      [&] {
        load_data(folder.spec("  dataset: {npz: {file: " + golden_path("stored.npz") + ", inputs: xx, targets: y}}\n"));
      },
      {"stored.npz", "no array 'xx'", "did you mean 'x'", "it has x, y"});
  expect_error<InputError>([&] { load_data(folder.spec("  dataset: {npz: {inputs: x, targets: y}}\n")); },
                           {"dataset.npz.file", "needed"});
}

TEST(LoadData, TurnsChannelsToTheFront) {
  const Folder folder;
  std::vector<double> x, y;
  for (int i = 0; i < 20; ++i) {
    for (int pixel = 0; pixel < 4; ++pixel) {
      for (int channel = 0; channel < 3; ++channel) x.push_back(channel == 1 ? 7 : i + 10 * pixel + 100 * channel);
    }
    y.push_back(i % 2);
  }
  x[1 + 3 * 4 * 3] = NAN;  // missing
  folder.write("x.npy", npy("(20, 2, 2, 3)", x));
  folder.write("y.npy", npy("(20,)", y));
  const LoadedData loaded =
      load_data(folder.spec("  dataset: {npy: {inputs: x.npy, targets: y.npy}, layout: channels_last}\n"));
  EXPECT_EQ(loaded.data.input_shape, (std::vector<int64_t>{3, 2, 2}));
  for (int64_t i = 0; i < loaded.data.train.size; ++i) {
    const float* image = loaded.data.train.inputs.data() + i * 12;
    EXPECT_LT(image[0], image[1]);
    EXPECT_LT(image[1], image[2]);
    for (size_t pixel = 4; pixel < 8; ++pixel) EXPECT_EQ(image[pixel], 0) << "a constant channel";
    for (size_t pixel = 0; pixel < 4; ++pixel) EXPECT_NEAR(image[pixel], image[8 + pixel], 1e-6);
  }
}

TEST(LoadData, ReadsCifarFiles) {
  const Folder folder;
  const std::string ten = read_bytes(golden_path("cifar10.bin"));
  std::string many;
  for (int i = 0; i < 10; ++i) many += ten;
  folder.write("a.bin", many);
  folder.write_gzip("b.bin.gz", many);
  folder.write("test.bin", ten);
  const LoadedData loaded = load_data(
      folder.spec("  dataset: {cifar: [a.bin, b.bin.gz], test: test.bin, examples: 30}\n  validation_fraction: 0.4\n"));
  EXPECT_EQ(loaded.data.input_shape, (std::vector<int64_t>{3, 32, 32}));
  EXPECT_EQ(loaded.data.classes, (std::vector<std::string>{"0", "3", "9"}));
  EXPECT_EQ(loaded.data.train.size + loaded.data.validation.size, 30);
  EXPECT_EQ(loaded.data.test.size, 3);
  EXPECT_EQ(loaded.data.test.labels, (std::vector<int64_t>{1, 0, 2}));
  expect_error<DataError>([&] { load_data(folder.spec("  dataset: {cifar: a.bin, labels: fine}\n")); },
                          {"a.bin", "leave `labels` out"});
  expect_error<InputError>([&] { load_data(folder.spec("  dataset: {cifar: a.bin, labels: find}\n")); },
                           {"dataset.labels", "did you mean 'fine'"});
  expect_error<InputError>([&] { load_data(folder.spec("  dataset: {cifar: []}\n")); }, {"dataset.cifar", "no files"});
}

TEST(LoadData, ReadsTexts) {
  const Folder folder;
  std::string text;
  for (int i = 0; i < 100; ++i) text += "the quick brown fox ";
  folder.write_gzip("fox.txt.gz", text);
  const LoadedData loaded = load_data(folder.spec("  dataset: {text: fox.txt.gz, context: 10}\n"));
  EXPECT_EQ(loaded.data.task, TaskKind::kLanguage);
  EXPECT_EQ(loaded.data.train.size, 119);
  EXPECT_EQ(loaded.data.validation.size, 39);
  EXPECT_NE(loaded.notes.at(0).find("text of 16 different characters, windows of 10; 119 windows to train"),
            std::string::npos)
      << loaded.notes.at(0);
  expect_error<InputError>([&] { load_data(folder.spec("  dataset: {text: fox.txt.gz, context: 0}\n")); },
                           {"dataset.context", "from 1"});
  expect_error<InputError>([&] { load_data(folder.spec("  dataset: {text: fox.txt.gz, target: y}\n")); },
                           {"dataset.target", "not known"});
  expect_error<DataError>([&] { load_data(folder.spec("  dataset: {text: dog.txt}\n")); }, {"dog.txt", "no such file"});

  const LoadedData genesis = load_data(folder.spec("  dataset: genesis\n"));
  EXPECT_EQ(genesis.data.input_shape, (std::vector<int64_t>{64}));
  int64_t n = 0;
  for (const auto* part : {&genesis.data.train, &genesis.data.validation, &genesis.data.test}) n += part->size;
  EXPECT_LE(n, 196818 / 64);
  EXPECT_GE(n, 196818 / 64 - 3) << "less than a window is left out at the end of each part";
  std::string begin;
  for (size_t i = 0; i < 56; ++i) begin += genesis.data.classes[static_cast<size_t>(genesis.data.train.tokens[i])];
  EXPECT_EQ(begin, "In the beginning God created the heaven and the earth.\nA");
}

TEST(LoadData, LoadsForProgramsWithoutASweepFile) {
  const Folder folder;
  folder.write("a.csv", rows(50));
  EXPECT_EQ(load_dataset(Value("digits")).data.train.size, load_data(folder.spec("  dataset: digits\n")).data.train.size);
  const Value::Map csv{{"csv", Value(folder.path("a.csv"))}, {"target", Value("y")}};
  EXPECT_EQ(load_dataset(Value(csv)).data.validation.size, 10);
  expect_error<InputError>([] { load_dataset(Value("digit")); }, {"trial.dataset", "did you mean 'digits'"});
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
