// libFuzzer's own mutations and ours in turn: its know bytes and what a comparison looked for, ours know lines and
// numbers.

#include <cstdint>
#include <cstring>

#include "fuzz/mutations.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int seed) {
  if (seed % 2 == 0) return LLVMFuzzerMutate(data, size, max_size);
  std::string input(reinterpret_cast<const char*>(data), size);
  lockstep::fuzz::Random random(seed);
  lockstep::fuzz::mutate(input, input, random, max_size);
  if (input.empty()) input = "\n";
  std::memcpy(data, input.data(), input.size());
  return input.size();
}
