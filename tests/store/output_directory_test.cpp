#include "store/output_directory.h"

#include <filesystem>

#include <gtest/gtest.h>

#include <lockstep/error.h>

#include "core/message.h"
#include "store/temporary_folder.h"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

std::string refusal(const std::string& directory, bool overwrite = false) {
  return message_of<OutputError>([&] { check_output_directory(directory, overwrite); });
}

TEST(DefaultOutputDirectory, IsNamedAfterTheSweepAndTheTime) {
  SweepSpec spec;
  spec.file = "some/where/digits_mlp.yml";
  const UtcTime now = parse_utc("2026-11-24 02:54:50");
  EXPECT_EQ(default_output_directory(spec, now), "lockstep-results/digits_mlp-20261124-025450");
  spec.display_name = "My sweep: ../x";
  EXPECT_EQ(default_output_directory(spec, now), "lockstep-results/My-sweep--..-x-20261124-025450");
  spec.display_name = "..";
  EXPECT_EQ(default_output_directory(spec, now), "lockstep-results/sweep-20261124-025450");
}

TEST(OutputDirectory, MayBeMissingAtAnyDepth) {
  const TemporaryFolder folder;
  EXPECT_EQ(refusal(folder / "a/b/c"), "(did not throw)");
  EXPECT_FALSE(fs::exists(folder / "a")) << "a check must not make it";
  prepare_output_directory(folder / "a/b/c", false);
  EXPECT_TRUE(fs::is_directory(folder / "a/b/c"));
}

TEST(OutputDirectory, UnderAFileIsRefused) {
  const TemporaryFolder folder;
  write_text(folder / "file", "x");
  EXPECT_EQ(refusal(folder / "file"),
            folder / "file" + ": it is a file, not a folder; choose another folder with --output");
  EXPECT_EQ(refusal(folder / "file/out"), folder / "file/out" + ": " + (folder / "file") +
                                              " is a file, not a folder; choose another folder with --output");
}

TEST(OutputDirectory, ThatCannotBeMadeIsRefused) {
  const std::string message = message_of<OutputError>([] { prepare_output_directory("/proc/lockstep", false); });
  expect_start(message, "/proc/lockstep: cannot ");
  EXPECT_NE(message.find("choose another folder with --output"), std::string::npos) << message;
}

TEST(OutputDirectory, WithASweepIsRefusedUnlessOverwritten) {
  const TemporaryFolder folder;
  write_text(folder / "sweep.db", "old");
  EXPECT_EQ(refusal(folder.path()), folder.path() +
                                        " holds the results of a sweep already; let it go on with `lockstep resume`, "
                                        "choose another folder with --output, or replace them with --overwrite");
  EXPECT_EQ(refusal(folder.path(), true), "(did not throw)");
}

TEST(OutputDirectory, OverwritingRemovesASweepsFilesAlone) {
  const TemporaryFolder folder;
  const std::vector<std::string> ours = {"sweep.db", "sweep.db-wal", "sweep.db-shm", "trials.csv", "best.json"};
  for (const std::string& name : ours) write_text(folder / name, "old");
  write_text(folder / "notes.txt", "mine");
  prepare_output_directory(folder.path(), true);
  for (const std::string& name : ours) EXPECT_FALSE(fs::exists(folder / name)) << name;
  EXPECT_EQ(read_text(folder / "notes.txt"), "mine");
}

TEST(WriteFileAtomically, ReplacesTheFileAndLeavesNoOther) {
  const TemporaryFolder folder;
  write_text(folder / "best.json", "a longer old content");
  write_file_atomically(folder.path(), "best.json", "new");
  EXPECT_EQ(read_text(folder / "best.json"), "new");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
}

TEST(WriteFileAtomically, KeepsTheOldFileWhenItFails) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "best.json");  // a file cannot be renamed over a folder
  write_text(folder / "best.json/inside", "kept");
  const std::string message =
      message_of<OutputError>([&] { write_file_atomically(folder.path(), "best.json", "new"); });
  expect_start(message, folder / "best.json.tmp cannot be renamed: ");
  EXPECT_EQ(read_text(folder / "best.json/inside"), "kept");
  EXPECT_FALSE(fs::exists(folder / "best.json.tmp"));
}

}  // namespace
}  // namespace lockstep
