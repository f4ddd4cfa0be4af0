// Event files of TensorBoard, taken apart again here. That TensorBoard reads them is seen in tests/interop.

#include "store/tensorboard_export.h"

#include <cstring>
#include <filesystem>

#include <gtest/gtest.h>

#include <lockstep/error.h>

#include "core/message.h"
#include "store/recorded_sweep.h"
#include "store/temporary_folder.h"
#include "store/tensorboard_events.h"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

TEST(Crc32c, IsThatOfTheStandard) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);  // the check value of CRC catalogues
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43u);
  EXPECT_EQ(crc32c(""), 0u);
}

template <typename T>
T read_number(const std::string& bytes, size_t at) {
  T number;
  std::memcpy(&number, bytes.data() + at, sizeof(number));
  return number;
}

uint32_t masked(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

/// The payloads, after checking how they are framed.
std::vector<std::string> records(const std::string& content) {
  std::vector<std::string> payloads;
  size_t at = 0;
  while (at < content.size()) {
    const auto length = read_number<uint64_t>(content, at);
    EXPECT_EQ(read_number<uint32_t>(content, at + 8), masked(crc32c(std::string_view(content).substr(at, 8))));
    payloads.push_back(content.substr(at + 12, length));
    EXPECT_EQ(payloads.back().size(), length);
    EXPECT_EQ(read_number<uint32_t>(content, at + 12 + length), masked(crc32c(payloads.back())));
    at += 16 + length;
  }
  return payloads;
}

TEST(EventFile, FramesTheBytesOfTheMessages) {
  EventFile events(1.0);
  events.add_scalar(2.0, 300, "loss", 0.5);
  const auto payloads = records(events.content());
  ASSERT_EQ(payloads.size(), 2u);
  using namespace std::string_literals;
  EXPECT_EQ(payloads[0], "\x09\0\0\0\0\0\0\xf0\x3f\x1a\x0d" "brain.Event:2"s);
  // wall_time 2.0, step 300 as a varint of two bytes, summary { value { tag, simple_value 0.5f } }
  EXPECT_EQ(payloads[1], "\x09\0\0\0\0\0\0\0\x40\x10\xac\x02\x2a\x0d\x0a\x0b\x0a\x04loss\x15\0\0\0\x3f"s);
}

std::vector<std::string> runs(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST(ExportTensorboard, WritesTheBestTrials) {
  const TemporaryFolder folder;
  record_five(folder / "out");
  const SweepRecord record = load_results(folder / "out");
  const Reports reports = load_reports(folder / "out");
  EXPECT_FALSE(holds_tensorboard_export(folder / "runs"));
  EXPECT_EQ(export_tensorboard(record, reports, folder / "runs", 2), 2);
  EXPECT_TRUE(holds_tensorboard_export(folder / "runs"));
  EXPECT_EQ(runs(folder / "runs"), (std::vector<std::string>{"trial_0", "trial_4"}));
  size_t n_records = 0;
  for (const auto& entry : fs::directory_iterator(folder / "runs/trial_4")) {
    EXPECT_NE(entry.path().filename().string().find("tfevents"), std::string::npos);
    n_records = records(read_text(entry.path().string())).size();
  }
  EXPECT_EQ(n_records, 1u + 1 + 3 + 1) << "version, start, three intervals, end";
}

TEST(ExportTensorboard, TakesAwayAnEarlierExportAndNothingElse) {
  const TemporaryFolder folder;
  record_five(folder / "out");
  const SweepRecord record = load_results(folder / "out");
  const Reports reports = load_reports(folder / "out");
  EXPECT_EQ(export_tensorboard(record, reports, folder / "runs", 100), 4) << "trial 3 reported no finite metric";
  write_text(folder / "runs/trial_1/notes.txt", "mine");
  write_text(folder / "runs/events.out.tfevents.1.host", "another program's");
  EXPECT_EQ(export_tensorboard(record, reports, folder / "runs", 1), 1);
  EXPECT_EQ(runs(folder / "runs"), (std::vector<std::string>{"trial_0", "trial_1"}));
  EXPECT_EQ(read_text(folder / "runs/trial_1/notes.txt"), "mine");
  EXPECT_EQ(read_text(folder / "runs/events.out.tfevents.1.host"), "another program's");
}

TEST(ExportTensorboard, SaysWhatCannotBeWritten) {
  const TemporaryFolder folder;
  write_text(folder / "file", "");
  const std::string message =
      message_of<OutputError>([&] { export_tensorboard(SweepRecord{}, {}, folder / "file/runs", 1); });
  EXPECT_NE(message.find("cannot be made"), std::string::npos) << message;
}

}  // namespace
}  // namespace lockstep
