#include "store/checkpoint.h"

#include <csignal>
#include <filesystem>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <lockstep/error.h>

#include "core/fake_executor.h"
#include "core/message.h"
#include "store/output_directory.h"
#include "store/temporary_folder.h"

namespace lockstep {
namespace {

/// Saves `size` bytes, each another.
class BulkExecutor : public FakeExecutor {
 public:
  explicit BulkExecutor(size_t size) : FakeExecutor(Curves{}), size_(size) {}
  void save(const ByteSink& sink) const override {
    for (size_t i = 0; i < size_; ++i) {
      const char byte = static_cast<char>(i * 7);
      sink(&byte, 1);
    }
  }

 private:
  size_t size_;
};

const CheckpointHeader kHeader{{{0, 0.1}, {0.125, 1.0 / 3}}, {4, 2, 0.75}};

std::string bytes_of(const ByteSource& source, size_t size) {
  std::string bytes(size, '\0');
  source(bytes.data(), size);
  return bytes;
}

TEST(Checkpoint, ReadsBackWhatWasWritten) {
  const TemporaryFolder folder;
  EXPECT_EQ(Checkpoint::open(folder.path()), nullptr);
  CheckpointWriter(folder.path(), kHeader, BulkExecutor(1000)).commit();
  const auto checkpoint = Checkpoint::open(folder.path());
  ASSERT_NE(checkpoint, nullptr);
  EXPECT_EQ(checkpoint->n_ticks(), 2);
  EXPECT_EQ(checkpoint->header().times[1].started_s, 0.125);
  EXPECT_EQ(checkpoint->header().times[1].trained_s, 1.0 / 3) << "times must be exact";
  EXPECT_EQ(checkpoint->header().kept.trial, 4);
  EXPECT_EQ(checkpoint->header().kept.interval, 2);
  const std::string bytes = bytes_of(checkpoint->saved(), 1000);
  EXPECT_EQ(bytes[999], static_cast<char>(999 * 7));
  EXPECT_EQ(bytes_of(checkpoint->saved(), 1000), bytes) << "read from its beginning again";
}

/// An empty array, whose data is nowhere, between others.
class EmptyPartExecutor : public FakeExecutor {
 public:
  EmptyPartExecutor() : FakeExecutor(Curves{}) {}
  void save(const ByteSink& sink) const override {
    sink("ab", 2);
    sink(nullptr, 0);
    sink("cd", 2);
  }
};

TEST(Checkpoint, TakesEmptyParts) {
  const TemporaryFolder folder;
  CheckpointWriter(folder.path(), kHeader, EmptyPartExecutor()).commit();
  EXPECT_EQ(bytes_of(Checkpoint::open(folder.path())->saved(), 4), "abcd");
}

TEST(Checkpoint, GivesNoMoreThanWasSaved) {
  const TemporaryFolder folder;
  CheckpointWriter(folder.path(), kHeader, BulkExecutor(10)).commit();
  const auto checkpoint = Checkpoint::open(folder.path());
  EXPECT_THROW(bytes_of(checkpoint->saved(), 11), OutputError);
}

TEST(Checkpoint, TheOneBeforeStaysUntilTheCommit) {
  const TemporaryFolder folder;
  CheckpointWriter(folder.path(), kHeader, BulkExecutor(10)).commit();
  {
    const CheckpointWriter abandoned(folder.path(), CheckpointHeader{}, BulkExecutor(20));
    EXPECT_EQ(Checkpoint::open(folder.path())->n_ticks(), 2);
  }
  EXPECT_EQ(Checkpoint::open(folder.path())->n_ticks(), 2);
  EXPECT_FALSE(std::filesystem::exists(folder / "checkpoint.bin.tmp"));
}

TEST(Checkpoint, WhatAKilledWriterLeftIsOverwritten) {
  const TemporaryFolder folder;
  write_text(folder / "checkpoint.bin.tmp", std::string(5000, 'x'));
  EXPECT_EQ(Checkpoint::open(folder.path()), nullptr);
  CheckpointWriter(folder.path(), kHeader, BulkExecutor(10)).commit();
  EXPECT_EQ(bytes_of(Checkpoint::open(folder.path())->saved(), 10).size(), 10u);
}

TEST(Checkpoint, RefusesEveryDamage) {
  const TemporaryFolder folder;
  CheckpointWriter(folder.path(), kHeader, BulkExecutor(300)).commit();
  const std::string whole = read_text(folder / "checkpoint.bin");
  const std::string message = message_of<OutputError>([&] {
    write_text(folder / "checkpoint.bin", whole.substr(0, whole.size() - 1));
    Checkpoint::open(folder.path());
  });
  EXPECT_EQ(message, folder / "checkpoint.bin" +
                         " is damaged; remove it, and `lockstep resume` trains again from the start");
  for (size_t size = 0; size < whole.size(); size += 13) {
    write_text(folder / "checkpoint.bin", whole.substr(0, size));
    EXPECT_THROW(Checkpoint::open(folder.path()), OutputError) << "cut to " << size;
  }
  for (size_t at = 0; at < whole.size(); at += 7) {
    std::string changed = whole;
    changed[at] ^= 0x20;
    write_text(folder / "checkpoint.bin", changed);
    EXPECT_THROW(Checkpoint::open(folder.path()), OutputError) << "changed at " << at;
  }
}

TEST(Checkpoint, AFullDiskIsAnErrorAndLeavesTheOneBefore) {
  const TemporaryFolder folder;
  CheckpointWriter(folder.path(), kHeader, BulkExecutor(10)).commit();
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    setrlimit(RLIMIT_FSIZE, &limit);
    const std::string message = message_of<OutputError>([&] { CheckpointWriter(folder.path(), kHeader, BulkExecutor(10'000)); });
    _exit(message.find("checkpoint.bin.tmp cannot be written: File too large; free space") != std::string::npos ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(Checkpoint::open(folder.path())->n_ticks(), 2);
  EXPECT_FALSE(std::filesystem::exists(folder / "checkpoint.bin.tmp"));
}

TEST(DirectoryLock, KeepsASecondWriterOut) {
  const TemporaryFolder folder;
  {
    const DirectoryLock lock(folder.path());
    EXPECT_EQ(message_of<OutputError>([&] { DirectoryLock second(folder.path()); }),
              folder.path() + ": another process is writing to it; wait for its end, or end it");
  }
  const DirectoryLock again(folder.path());
}

}  // namespace
}  // namespace lockstep
