#include "models/data/bytes.h"

#include "models/files.h"

namespace lockstep::models {
namespace {

TEST(ReadBytes, ReadsPlainAndGzipAlike) {
  const Folder folder;
  std::string text;
  for (int i = 0; i < 200000; ++i) text += std::to_string(i * 7919 % 10007) + "\n";
  EXPECT_EQ(read_bytes(folder.write("a.csv", text)), text);
  const std::string gz = folder.write_gzip("a.csv.gz", text);
  EXPECT_EQ(read_bytes(gz), text);
  EXPECT_EQ(read_bytes(folder.write("b.csv", "")), "");

  // gzip files put one after the other are one file.
  std::ifstream file(gz, std::ios::binary);
  const std::string member((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(read_bytes(folder.write("two.gz", member + member)), text + text);
}

TEST(ReadBytes, RefusesWhatItCannotRead) {
  const Folder folder;
  expect_error<DataError>([&] { read_bytes(folder.path("none.csv")); },
                          {"none.csv", "no such file", "sweep file's folder"});
  expect_error<DataError>([&] { read_bytes(folder.path("")); }, {"folder"});
  expect_error<DataError>([&] { read_bytes(folder.write("a.csv.gz", "x,y\n1,2\n")); }, {"a.csv.gz", "not a gzip"});
}

TEST(ReadBytes, RefusesDamagedGzip) {
  const Folder folder;
  const std::string gz = folder.write_gzip("a.gz", std::string(100000, 'a') + "tail");
  std::ifstream file(gz, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), {});
  expect_error<DataError>([&] { read_bytes(folder.write("cut.gz", bytes.substr(0, bytes.size() / 2))); },
                          {"cut.gz", "cut short"});
  expect_error<DataError>([&] { read_bytes(folder.write("nosum.gz", bytes.substr(0, bytes.size() - 3))); },
                          {"cut short"});
  bytes[bytes.size() - 6] ^= 1;  // in the checksum
  expect_error<DataError>([&] { read_bytes(folder.write("bad.gz", bytes)); }, {"bad.gz", "damaged"});
}

}  // namespace
}  // namespace lockstep::models
