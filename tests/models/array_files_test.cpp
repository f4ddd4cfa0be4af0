// IDX, CIFAR and NPZ files; those in golden/ are by make_array_golden.py.

#include <cmath>
#include <random>

#include "models/data/bytes.h"
#include "models/data/cifar.h"
#include "models/data/idx.h"
#include "models/data/npy.h"
#include "models/data/zip.h"
#include "models/files.h"

namespace lockstep::models {
namespace {

std::string golden_file(const std::string& name) {
  return read_bytes(std::string(LOCKSTEP_SOURCE_DIR) + "/tests/models/golden/" + name);
}

std::vector<double> counted(size_t n, double divisor = 1) {
  std::vector<double> out;
  for (size_t i = 0; i < n; ++i) out.push_back(static_cast<double>(i % 100) / divisor);
  return out;
}

std::vector<double> all_of(const Array& array) {
  std::vector<double> out;
  for (size_t i = 0; i < array.size(); ++i) out.push_back(array[i]);
  return out;
}

/// Reads a file cut short at every length, and with bytes changed at random: it may be refused, by a DataError that names
/// it, or read, and nothing else.
void damage(const std::string& bytes, const std::function<void(const std::string&)>& read, bool cut_is_refused) {
  for (size_t size = 0; size < bytes.size(); size += 1 + size / 64) {
    try {
      read(bytes.substr(0, size));
      EXPECT_FALSE(cut_is_refused) << "read " << size << " bytes of " << bytes.size();
    } catch (const DataError& error) {
      EXPECT_NE(std::string(error.what()).find("a.file"), std::string::npos) << error.what();
    }
  }
  std::mt19937 random(5);
  for (int i = 0; i < 3000; ++i) {
    std::string changed = bytes;
    for (int n = 0; n <= i % 4; ++n) changed[random() % changed.size()] = static_cast<char>(random() % 3 == 0 ? 255 : random());
    try {
      read(changed);
    } catch (const DataError& error) {
      EXPECT_NE(std::string(error.what()).find("a.file"), std::string::npos) << error.what();
    }
  }
}

TEST(ReadIdx, ReadsEveryType) {
  for (const auto* type : {"uint8", "int8", "int16", "int32", "float32", "float64"}) {
    const Array array = read_idx(golden_file(std::string("idx_") + type + "_5x3.idx"), type);
    EXPECT_EQ(array.shape, (std::vector<int64_t>{5, 3})) << type;
    EXPECT_EQ(all_of(array), counted(15, type[0] == 'f' ? 4 : 1)) << type;
  }
  const Array images = read_idx(golden_file("idx_uint8_4x6x5.idx.gz"), "images");
  EXPECT_EQ(images.shape, (std::vector<int64_t>{4, 6, 5}));
  EXPECT_EQ(images.bytes.size(), 120u) << "bytes stay bytes: an eighth of the memory";
  EXPECT_EQ(all_of(images), counted(120));
}

TEST(ReadIdx, RefusesDamagedFiles) {
  const std::string bytes = golden_file("idx_int16_5x3.idx");
  expect_error<DataError>([&] { read_idx(bytes.substr(0, bytes.size() - 1), "a.file"); },
                          {"a.file", "cut short", "(5, 3) values of 2 bytes", "29 bytes follow"});
  expect_error<DataError>([&] { read_idx(bytes + "x", "a.file"); }, {"longer than it should be"});
  expect_error<DataError>([&] { read_idx("x,y\n1,2\n", "a.file"); }, {"a.file", "not an IDX file"});
  // Sizes whose product overflows.
  std::string huge = bytes;
  for (size_t i = 4; i < 12; ++i) huge[i] = '\xff';
  expect_error<DataError>([&] { read_idx(huge, "a.file"); }, {"cut short"});
  damage(bytes, [](const std::string& text) { read_idx(text, "a.file"); }, true);
}

TEST(ReadCifar, ReadsBothKinds) {
  const auto expect = [](const CifarImages& images, const std::vector<double>& labels) {
    EXPECT_EQ(images.labels, labels);
    EXPECT_EQ(images.images.shape, (std::vector<int64_t>{3, 3, 32, 32}));
    for (size_t i = 0; i < 3; ++i) {
      for (size_t j = 0; j < 3072; ++j) ASSERT_EQ(images.images[i * 3072 + j], (7 * i + j) % 251) << i << ", " << j;
    }
  };
  expect(read_cifar(golden_file("cifar10.bin"), CifarLabel::kOnly, "a"), {3, 0, 9});
  expect(read_cifar(golden_file("cifar100.bin"), CifarLabel::kCoarse, "a"), {3, 0, 19});
  expect(read_cifar(golden_file("cifar100.bin"), CifarLabel::kFine, "a"), {30, 0, 99});
}

TEST(ReadCifar, RefusesOtherFiles) {
  const std::string ten = golden_file("cifar10.bin"), hundred = golden_file("cifar100.bin");
  expect_error<DataError>([&] { read_cifar(hundred, CifarLabel::kOnly, "a.file"); },
                          {"a.file", "9222 bytes", "CIFAR-10's records of 3073", "`labels: fine`"});
  expect_error<DataError>([&] { read_cifar(ten, CifarLabel::kFine, "a.file"); }, {"CIFAR-100's", "leave `labels` out"});
  expect_error<DataError>([&] { read_cifar("", CifarLabel::kOnly, "a.file"); }, {"0 bytes", "binary version"});
  std::string wrong = ten;
  wrong[3073] = 10;
  expect_error<DataError>([&] { read_cifar(wrong, CifarLabel::kOnly, "a.file"); },
                          {"image 1", "label 10", "10 classes"});
  damage(ten.substr(0, 3073), [](const std::string& text) { read_cifar(text, CifarLabel::kOnly, "a.file"); }, true);
}

TEST(ZipReader, ReadsWhatNumpyWrites) {
  for (const auto* name : {"stored.npz", "deflated.npz", "zip64.npz"}) {
    const std::string bytes = golden_file(name);
    const ZipReader zip(bytes, name);
    EXPECT_EQ(zip.names(), (std::vector<std::string>{"x.npy", "y.npy"})) << name;
    const NpyArray x = read_npy(zip.read("x.npy"), "x"), y = read_npy(zip.read("y.npy"), "y");
    EXPECT_EQ(x.shape, (std::vector<int64_t>{6, 4, 3}));
    EXPECT_EQ(x.values, counted(72, 4)) << name;
    EXPECT_EQ(y.values, counted(6)) << name;
  }
}

TEST(ZipReader, RefusesDamagedFiles) {
  const std::string bytes = golden_file("deflated.npz");
  expect_error<DataError>([&] { ZipReader(bytes.substr(0, bytes.size() / 2), "a.file"); }, {"a.file", "cut short"});
  expect_error<DataError>([] { ZipReader("x,y\n1,2\n", "a.file"); }, {"a.file", "not an NPZ file", "numpy.savez"});
  const ZipReader zip(bytes, "a.file");
  expect_error<DataError>([&] { zip.read("z.npy"); }, {"a.file", "no member 'z.npy'"});
  std::string stored = golden_file("stored.npz");
  stored[stored.find("NUMPY") + 130] ^= 1;
  const ZipReader changed(stored, "a.file");
  expect_error<DataError>([&] { changed.read("x.npy"); }, {"a.file, x.npy", "checksum"});
  std::string other = bytes;
  other[other.find("PK\1\2") + 10] = 12;  // the method: bzip2
  const ZipReader unknown(other, "a.file");
  expect_error<DataError>([&] { unknown.read("x.npy"); }, {"method 12", "savez"});
  other = bytes;
  other[other.find("PK\1\2") + 8] = 1;
  const ZipReader locked(other, "a.file");
  expect_error<DataError>([&] { locked.read("x.npy"); }, {"encrypted"});
  for (const auto* name : {"stored.npz", "deflated.npz", "zip64.npz"}) {
    damage(golden_file(name),
           [](const std::string& text) {
             const ZipReader reader(text, "a.file");
             for (const auto& member : reader.names()) read_npy(reader.read(member), "a.file, " + member);
           },
           true);
  }
}

}  // namespace
}  // namespace lockstep::models
