#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lockstep::models {

/// A data set that is built into the library: `models/data/README.md` says where each is from.
struct EmbeddedDataSet {
  std::string name;
  std::string target;     ///< none: a text
  std::string_view gzip;  ///< a gzipped CSV with a header, or a gzipped text
};

const std::vector<EmbeddedDataSet>& embedded_data_sets();

}  // namespace lockstep::models
