#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace lockstep {

/// The page as one file that needs nothing else: our HTML, style and scripts, plotly.js, and `data` (`page_data`), in
/// which every '<' is written \u003c, so that no text in it can end the element that it is in.
std::string report_page(const nlohmann::ordered_json& data);

/// Writes the page of the results in `directory` to `path`, whole or not at all. Throws OutputError.
void write_report(const std::string& directory, const std::string& path);

}  // namespace lockstep
