#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace lockstep {

/// The page as one file that needs nothing else: our HTML, style and scripts, plotly.js, and `data` (`page_data`), in
/// which every '<' is written \u003c, so that no text in it can end the element that it is in.
/// @param template_name "page.html", of a sweep, or "sweeps.html", which compares several
std::string report_page(const nlohmann::ordered_json& data, std::string_view template_name = "page.html");

/// Writes the page of the results in `directory` to `path`, whole or not at all. Throws OutputError.
void write_report(const std::string& directory, const std::string& path);

}  // namespace lockstep
