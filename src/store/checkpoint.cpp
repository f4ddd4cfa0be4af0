#include "store/checkpoint.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <nlohmann/json.hpp>

#include <lockstep/error.h>

#include "store/output_directory.h"

namespace lockstep {

namespace {

// magic, version, size of the header, header (JSON), what the executor saved, CRC-32 of all before. Numbers in the
// machine's own byte order: a checkpoint goes on where it was made.
constexpr std::array<char, 16> kMagic = {'l', 'o', 'c', 'k', 's', 't', 'e', 'p', ' ', 'w', 'e', 'i', 'g', 'h', 't', 's'};
constexpr int64_t kVersion = 1;
constexpr int64_t kLargestHeader = int64_t{1} << 30;
constexpr size_t kChunk = size_t{1} << 20;

std::string path_in(const std::string& directory) {
  return (std::filesystem::path(directory) / kCheckpointFile).string();
}

std::string header_text(const CheckpointHeader& header) {
  nlohmann::json times = nlohmann::json::array();
  for (const TickTime& time : header.times) times.push_back({time.started_s, time.trained_s});
  return nlohmann::json{{"times", times},
                        {"kept", {header.kept.trial, header.kept.interval, header.kept.metric}}}
      .dump();
}

CheckpointHeader parse_header(const std::string& text) {
  const auto json = nlohmann::json::parse(text);
  CheckpointHeader header;
  for (const auto& time : json.at("times")) header.times.push_back({time.at(0), time.at(1)});
  const auto& kept = json.at("kept");
  header.kept = {kept.at(0), kept.at(1), kept.at(2)};
  return header;
}

uint32_t checksum(uint32_t sum, const void* data, size_t size_bytes) {
  if (size_bytes == 0) return sum;  // zlib starts anew where nothing comes from nowhere
  return static_cast<uint32_t>(crc32_z(sum, static_cast<const Bytef*>(data), size_bytes));
}

}  // namespace

CheckpointWriter::CheckpointWriter(const std::string& directory, const CheckpointHeader& header,
                                   const Executor& executor)
    : file_(path_in(directory)) {
  uint32_t sum = 0;
  const ByteSink sink = [&](const void* data, size_t size_bytes) {
    sum = checksum(sum, data, size_bytes);
    file_.write(data, size_bytes);
  };
  const std::string text = header_text(header);
  const auto size = static_cast<int64_t>(text.size());
  sink(kMagic.data(), kMagic.size());
  sink(&kVersion, sizeof kVersion);
  sink(&size, sizeof size);
  sink(text.data(), text.size());
  executor.save(sink);
  file_.write(&sum, sizeof sum);
  file_.sync();
}

std::unique_ptr<Checkpoint> Checkpoint::open(const std::string& directory) {
  const std::string path = path_in(directory);
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return nullptr;
  return std::unique_ptr<Checkpoint>(new Checkpoint(path));
}

Checkpoint::Checkpoint(std::string path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) refuse(std::string("cannot be read: ") + std::strerror(errno));
  try {
    std::array<char, kMagic.size()> magic{};
    int64_t version = 0, size = 0;
    check_sum();
    read(magic.data(), magic.size());
    read(&version, sizeof version);
    if (magic != kMagic) refuse("is no checkpoint");
    if (version != kVersion) {
      refuse("is of version " + std::to_string(version) + ", and this one reads version " + std::to_string(kVersion));
    }
    read(&size, sizeof size);
    if (size < 0 || size > std::min(kLargestHeader, readable_end_ - at_)) refuse("is damaged");
    std::string text(static_cast<size_t>(size), '\0');
    read(text.data(), text.size());
    header_ = parse_header(text);
    saved_begin_ = at_;
  } catch (const nlohmann::json::exception&) {
    close(descriptor_);
    refuse("is damaged");
  } catch (...) {
    close(descriptor_);
    throw;
  }
}

Checkpoint::~Checkpoint() { close(descriptor_); }

/// Before anything is believed: a file that was copied in part or that a disk has changed is noticed here.
void Checkpoint::check_sum() {
  struct stat status {};
  if (fstat(descriptor_, &status) != 0) refuse(std::string("cannot be read: ") + std::strerror(errno));
  uint32_t stored = 0, sum = 0;
  readable_end_ = static_cast<int64_t>(status.st_size);
  const int64_t content_end = readable_end_ - static_cast<int64_t>(sizeof stored);
  if (content_end < 0) refuse("is damaged");
  std::vector<char> chunk(kChunk);
  while (at_ < content_end) {
    const size_t n = std::min(chunk.size(), static_cast<size_t>(content_end - at_));
    read(chunk.data(), n);
    sum = checksum(sum, chunk.data(), n);
  }
  read(&stored, sizeof stored);
  if (stored != sum) refuse("is damaged");
  readable_end_ = content_end;
  at_ = 0;
}

ByteSource Checkpoint::saved() {
  at_ = saved_begin_;
  return [this](void* data, size_t size_bytes) { read(data, size_bytes); };
}

void Checkpoint::read(void* data, size_t size_bytes) {
  if (static_cast<int64_t>(size_bytes) > readable_end_ - at_) refuse("ends too early");
  auto* bytes = static_cast<char*>(data);
  for (size_t done = 0; done < size_bytes;) {
    const ssize_t n = pread(descriptor_, bytes + done, size_bytes - done, at_ + static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) refuse(std::string("cannot be read: ") + std::strerror(errno));
    if (n == 0) refuse("ends too early");
    done += static_cast<size_t>(n);
  }
  at_ += static_cast<int64_t>(size_bytes);
}

void Checkpoint::refuse(const std::string& problem) const {
  throw OutputError(path_ + " " + problem + "; remove it, and `lockstep resume` trains again from the start");
}

}  // namespace lockstep
