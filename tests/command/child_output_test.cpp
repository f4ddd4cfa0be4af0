#include "command/child_output.h"

#include <sys/resource.h>

#include <csignal>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <lockstep/error.h>

#include "store/temporary_folder.h"

namespace lockstep {
namespace {

std::vector<std::string> lines_of(const std::vector<std::string>& pieces) {
  std::vector<std::string> lines;
  const auto keep = [&](std::string_view line) { lines.emplace_back(line); };
  LineSplitter splitter;
  for (const std::string& piece : pieces) splitter.take(piece, keep);
  splitter.finish(keep);
  return lines;
}

using Lines = std::vector<std::string>;

TEST(LineSplitter, CutsAtNewlines) {
  EXPECT_EQ(lines_of({}), Lines());
  EXPECT_EQ(lines_of({"a\nb\n"}), Lines({"a", "b"}));
  EXPECT_EQ(lines_of({"a\n\nb"}), Lines({"a", "", "b"}));
  EXPECT_EQ(lines_of({"a", "b\nc", "", "d"}), Lines({"ab", "cd"}));
}

TEST(LineSplitter, CutsAtReturns) {
  EXPECT_EQ(lines_of({"a\r\nb\r\n\r\n"}), Lines({"a", "b", ""}));
  EXPECT_EQ(lines_of({"a\r", "\nb\r", "\r\n", "\n"}), Lines({"a", "b", "", ""}));
  EXPECT_EQ(lines_of({"\r10%\r20%\n"}), Lines({"", "10%", "20%"}));
}

TEST(LineSplitter, KeepsNulBytesAndWhatIsNoText) {
  const std::string junk("\0\xff\xfe\x80", 4);
  EXPECT_EQ(lines_of({junk + "\n" + junk}), Lines({junk, junk}));
}

TEST(LineSplitter, CutsLongLinesShort) {
  const size_t longest = LineSplitter::kLongestLine;
  const Lines cut = {std::string(longest, 'x'), "y"};
  EXPECT_EQ(lines_of({std::string(longest, 'x') + "\ny\n"}), cut);
  EXPECT_EQ(lines_of({std::string(longest + 1, 'x') + "\ny\n"}), cut);
  EXPECT_EQ(lines_of({std::string(longest - 1, 'x'), std::string(3 * longest, 'x'), "z\ny"}), cut);
}

TEST(OutputFile, KeepsNothingBeyondItsLimit) {
  const TemporaryFolder folder;
  {
    OutputFile file(folder / "output", 10);
    EXPECT_EQ(file.append("12345"), std::nullopt);
    EXPECT_EQ(file.append("67890"), std::nullopt);
    EXPECT_EQ(read_text(folder / "output"), "1234567890");
    EXPECT_EQ(file.append("abc"), std::nullopt);
    EXPECT_EQ(file.append("def"), std::nullopt);
  }
  EXPECT_EQ(read_text(folder / "output"), "1234567890\n[lockstep: the output goes on; what is beyond 10 bytes is not kept]\n");
}

TEST(OutputFile, SplitsWhatCrossesItsLimit) {
  const TemporaryFolder folder;
  OutputFile file(folder / "output", 3);
  file.append("12345");
  EXPECT_EQ(read_text(folder / "output").substr(0, 5), "123\n[");
}

TEST(OutputFile, SaysWhereItCannotBeMade) {
  const TemporaryFolder folder;
  try {
    const OutputFile file(folder / "no/output", 10);
    FAIL();
  } catch (const OutputError& error) {
    EXPECT_NE(std::string(error.what()).find(folder / "no/output cannot be written: No such file"), std::string::npos) << error.what();
  }
}

TEST(OutputFile, WarnsOnceOfAFullDisk) {
  OutputFile file("/dev/full", 1000);
  const auto warning = file.append("a");
  ASSERT_TRUE(warning);
  EXPECT_NE(warning->find("/dev/full cannot be written: No space left on device"), std::string::npos) << *warning;
  EXPECT_EQ(file.append("b"), std::nullopt);
}

/// Lets files grow to so many bytes while it lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, SIG_IGN);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    signal(SIGXFSZ, SIG_DFL);
  }

 private:
  rlimit before_{};
};

TEST(OutputFile, SaysWhatIsMissingOnceThereIsSpace) {
  const TemporaryFolder folder;
  OutputFile file(folder / "output", 1000);
  {
    const FileSizeLimit limit(5);
    EXPECT_TRUE(file.append("12345678"));
    EXPECT_FALSE(file.append("90"));
  }
  EXPECT_FALSE(file.append("abc"));
  EXPECT_FALSE(file.append("def"));
  EXPECT_EQ(read_text(folder / "output"),
            "12345\n[lockstep: 5 bytes are missing here, which could not be written: File too large]\nabcdef");
}

}  // namespace
}  // namespace lockstep
