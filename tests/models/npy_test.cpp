#include "models/data/npy.h"

#include <cmath>

#include "models/data/bytes.h"
#include "models/files.h"

namespace lockstep::models {
namespace {

std::string golden(const std::string& name) {
  return read_bytes(std::string(LOCKSTEP_SOURCE_DIR) + "/tests/models/golden/" + name + ".npy");
}

NpyArray read_golden(const std::string& name) { return read_npy(golden(name), name); }

/// What make_npy_golden.py wrote.
std::vector<double> expected(size_t n, double modulo, double divisor) {
  std::vector<double> out;
  for (size_t i = 0; i < n; ++i) out.push_back(std::fmod(static_cast<double>(i), modulo) / divisor);
  return out;
}

TEST(ReadNpy, ReadsEveryType) {
  for (const auto* type : {"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"}) {
    const NpyArray array = read_golden(std::string(type) + "_C_5x3_v1");
    EXPECT_EQ(array.shape, (std::vector<int64_t>{5, 3})) << type;
    EXPECT_EQ(array.values, expected(15, 100, 1)) << type;
  }
  EXPECT_EQ(read_golden("float32_C_5x3_v1").values, expected(15, 100, 4));
  EXPECT_EQ(read_golden("float64_C_5x3_v1").values, expected(15, 100, 4));
  EXPECT_EQ(read_golden("bool_C_5x3_v1").values, expected(15, 2, 1));
}

TEST(ReadNpy, ReadsFortranOrderAndLaterVersions) {
  EXPECT_EQ(read_golden("float32_F_5x3_v2").values, expected(15, 100, 4));
  const NpyArray cube = read_golden("int16_F_4x3x2_v3");
  EXPECT_EQ(cube.shape, (std::vector<int64_t>{4, 3, 2}));
  EXPECT_EQ(cube.values, expected(24, 100, 1));
  EXPECT_EQ(read_golden("float64_C_7_v2").shape, (std::vector<int64_t>{7}));
  EXPECT_TRUE(read_golden("float64_C_0x3_v1").values.empty());
}

TEST(ReadNpy, RefusesOtherTypes) {
  expect_error<DataError>([] { read_golden("float16_C_5x3_v1"); }, {"float16", "'<f2'", "astype"});
  std::string big = golden("float32_C_5x3_v1");
  big[big.find("<f4")] = '>';
  expect_error<DataError>([&] { read_npy(big, "big.npy"); }, {"big.npy", "'>f4'", "little-endian"});
}

TEST(ReadNpy, RefusesDamagedFiles) {
  const std::string bytes = golden("float32_C_5x3_v1");
  expect_error<DataError>([&] { read_npy(bytes.substr(0, bytes.size() - 1), "a.npy"); }, {"a.npy", "cut short"});
  for (const size_t size : {6, 9, 40}) {
    expect_error<DataError>([&] { read_npy(bytes.substr(0, size), "a.npy"); },
                            {"a.npy", "cut short within its header"});
  }
  expect_error<DataError>([&] { read_npy("x,y\n1,2\n", "a.npy"); }, {"a.npy", "not an NPY file", "numpy.save"});
  std::string later = bytes;
  later[6] = 9;
  expect_error<DataError>([&] { read_npy(later, "a.npy"); }, {"version 9"});
  // A shape whose product overflows must not become a small allocation, or a huge one.
  std::string huge = bytes;
  const std::string shape = "(5, 3), }", wide = "(4294967296, 4294967297), }";
  huge.replace(huge.find(shape), wide.size(), wide);
  expect_error<DataError>([&] { read_npy(huge, "a.npy"); }, {"cut short"});
}

}  // namespace
}  // namespace lockstep::models
