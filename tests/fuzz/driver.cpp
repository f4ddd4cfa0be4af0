// What runs a fuzz target where there is no libFuzzer: the inputs of a corpus, then mutations of them. Input i of a
// seed is the same on every machine and needs no input before it. Takes libFuzzer's arguments, as far as it has them:
//
//   fuzz_sweeps [-runs=N] [-seed=N] [-first=N] [-timeout=SECONDS] [-max_len=BYTES] FILE|FOLDER...
//
// Files are run as they are (to repeat a failure), folders are corpora. A child runs the inputs; when it dies of one,
// this writes that input to a file `crash-...` in the present folder and exits with 1.

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz/mutations.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace lockstep::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr rlim_t kMaxDataBytes = rlim_t{2} << 30;

struct Options {
  uint64_t runs = 10'000;  ///< mutated inputs
  uint64_t seed = 1;
  uint64_t first = 0;
  uint64_t timeout = 10;
  uint64_t max_len = 4096;
  std::vector<std::string> corpus;
};

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool read_option(const char* argument, Options& options) {
  const std::pair<const char*, uint64_t*> known[] = {{"-runs=", &options.runs},
                                                     {"-seed=", &options.seed},
                                                     {"-first=", &options.first},
                                                     {"-timeout=", &options.timeout},
                                                     {"-max_len=", &options.max_len}};
  for (const auto& [name, value] : known) {
    if (std::strncmp(argument, name, std::strlen(name)) != 0) continue;
    const char* end = argument + std::strlen(argument);
    return std::from_chars(argument + std::strlen(name), end, *value).ptr == end;
  }
  return false;
}

/// Input `index`: the corpus itself first.
std::string make_input(const Options& options, uint64_t index) {
  if (index < options.corpus.size()) return options.corpus[index];
  std::seed_seq key{options.seed, options.seed >> 32, index, index >> 32};
  Random random(key);
  const auto any = [&]() -> const std::string& { return options.corpus[random() % options.corpus.size()]; };
  std::string input = any();
  do {
    mutate(input, any(), random, options.max_len);
  } while (random() % 2 == 0);
  return input;
}

/// Runs inputs [begin, end), and tells which one through `*index`.
[[noreturn]] void run(const Options& options, uint64_t begin, uint64_t end, volatile uint64_t* index) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // A size out of a file that somebody allocates must fail here, whatever memory the machine has.
  const rlimit limit{kMaxDataBytes, kMaxDataBytes};
  setrlimit(RLIMIT_DATA, &limit);
#endif
  for (uint64_t i = begin; i < end; ++i) {
    *index = i;
    const std::string input = make_input(options, i);
    alarm(static_cast<unsigned>(options.timeout));
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
    alarm(0);
  }
  std::exit(0);
}

std::string describe(int status) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) return "took longer than the timeout";
  if (WIFSIGNALED(status)) return std::string("died: ") + strsignal(WTERMSIG(status));
  return "ended the program with exit code " + std::to_string(WEXITSTATUS(status));
}

int fuzz(int argc, char** argv) {
  Options options;
  std::vector<fs::path> files;
  bool has_folder = false;
  for (int i = 1; i < argc; ++i) {
    if (read_option(argv[i], options)) continue;
    if (fs::is_directory(argv[i])) {
      has_folder = true;
      for (const auto& entry : fs::directory_iterator(argv[i])) {
        if (entry.is_regular_file()) files.push_back(entry.path());
      }
    } else if (fs::is_regular_file(argv[i])) {
      files.emplace_back(argv[i]);
    } else {
      std::fprintf(stderr, "%s: no option, file or folder\n", argv[i]);
      return 2;
    }
  }
  if (files.empty()) {
    std::fprintf(stderr, "nothing to start from: name files or folders of inputs\n");
    return 2;
  }
  std::sort(files.begin(), files.end());  // a folder has an order of its own on every machine
  for (const fs::path& file : files) options.corpus.push_back(read_file(file));
  const uint64_t end = options.corpus.size() + (has_folder ? options.first + options.runs : 0);
  const uint64_t begin = options.first > 0 ? options.corpus.size() + options.first : 0;

  void* shared = mmap(nullptr, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 2;
  auto* index = static_cast<volatile uint64_t*>(shared);
  const pid_t child = fork();
  if (child == 0) run(options, begin, end, index);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return 2;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    std::fprintf(stderr, "Done: %llu inputs, %zu of them as they are\n", static_cast<unsigned long long>(end - begin),
                 begin == 0 ? options.corpus.size() : 0);
    return 0;
  }
  const uint64_t failed = *index;
  const std::string name = "crash-" + std::to_string(options.seed) + "-" + std::to_string(failed);
  std::ofstream(name, std::ios::binary) << make_input(options, failed);
  std::fprintf(stderr, "Input %llu of seed %llu %s. It is in %s\n", static_cast<unsigned long long>(failed),
               static_cast<unsigned long long>(options.seed), describe(status).c_str(), name.c_str());
  return 1;
}

}  // namespace
}  // namespace lockstep::fuzz

int main(int argc, char** argv) { return lockstep::fuzz::fuzz(argc, argv); }
