#pragma once

#include <string_view>

namespace lockstep {

/// A file of src/report/page, "plotly.js.gz" or "plotly-license.txt", as it was at build time. Aborts on another name.
std::string_view page_part(std::string_view name);

}  // namespace lockstep
