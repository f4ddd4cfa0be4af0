#include "models/data/embedded.h"

// The assembler copies the file as it is: a generated array of half a million numbers takes the compiler many seconds.
#define LOCKSTEP_EMBED(name, path)                         \
  asm(".section .rodata.lockstep_data, \"a\", @progbits\n" \
      ".balign 16\n"                                       \
      "lockstep_data_" #name ":\n"                         \
      ".incbin \"" path "\"\n"                             \
      "lockstep_data_" #name "_end:\n"                     \
      ".balign 16\n"                                       \
      ".previous\n");                                      \
  extern "C" __attribute__((visibility("hidden"))) const char lockstep_data_##name[]; \
  extern "C" __attribute__((visibility("hidden"))) const char lockstep_data_##name##_end[]

LOCKSTEP_EMBED(digits, LOCKSTEP_DATA_DIR "/digits.csv.gz");
LOCKSTEP_EMBED(letter, LOCKSTEP_DATA_DIR "/letter.csv.gz");
LOCKSTEP_EMBED(california, LOCKSTEP_DATA_DIR "/california.csv.gz");
LOCKSTEP_EMBED(genesis, LOCKSTEP_DATA_DIR "/genesis.txt.gz");

namespace lockstep::models {

const std::vector<EmbeddedDataSet>& embedded_data_sets() {
  static const std::vector<EmbeddedDataSet> all = {
      {"digits", "label", {lockstep_data_digits, lockstep_data_digits_end}},
      {"letter", "lettr", {lockstep_data_letter, lockstep_data_letter_end}},
      {"california", "median_house_value", {lockstep_data_california, lockstep_data_california_end}},
      {"genesis", "", {lockstep_data_genesis, lockstep_data_genesis_end}},
  };
  return all;
}

}  // namespace lockstep::models
