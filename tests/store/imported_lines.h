#pragma once

#include <string>

#include <gtest/gtest.h>

#include "store/imported_sweep.h"

namespace lockstep {

/// All that an import says of what it left out or read otherwise.
inline std::string lines_of(const ImportedSweep& sweep) {
  std::string out;
  for (const std::string& line : sweep.left_out.lines("left out")) out += line + "\n";
  for (const std::string& note : sweep.notes) out += note + "\n";
  return out;
}

inline void expect_says(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "in: " << text;
}

}  // namespace lockstep
