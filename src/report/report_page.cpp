#include "report/report_page.h"

#include <string_view>

#include "core/atomic_file.h"
#include "report/page_data.h"
#include "report/page_parts.h"
#include "store/export.h"
#include "store/results.h"

namespace lockstep {

namespace {

std::string data_text(const nlohmann::ordered_json& data) {
  const std::string json = json_text(data, -1);
  std::string out;
  out.reserve(json.size() + json.size() / 64);
  for (const char c : json) {
    if (c == '<') {
      out += "\\u003c";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string report_page(const nlohmann::ordered_json& data, std::string_view template_name) {
  const std::string_view page = page_part(template_name);
  const std::string json = data_text(data);
  const std::string_view plotly = page_part("plotly.js.gz");
  std::string out;
  out.reserve(page.size() + json.size() + plotly.size() * 4 / 3 + 200'000);
  // page.html names its parts in comments of this form, each alone on a line.
  constexpr std::string_view kBegin = "<!-- part: ", kEnd = " -->";
  size_t at = 0;
  for (size_t begin; (begin = page.find(kBegin, at)) != std::string_view::npos;) {
    const size_t end = page.find(kEnd, begin);
    const std::string_view name = page.substr(begin + kBegin.size(), end - begin - kBegin.size());
    out += page.substr(at, begin - at);
    if (name == "data") {
      out.append("<script type=\"application/json\" id=\"sweep-data\">").append(json).append("</script>");
    } else if (name == "plotly.js.gz") {
      out.append("<script type=\"text/plain\" id=\"plotly-gz\">").append(base64(plotly.data(), plotly.size())).append("</script>");
    } else if (name.ends_with(".css")) {
      out.append("<style>\n").append(page_part(name)).append("</style>");
    } else if (name.ends_with(".js")) {
      out.append("<script>\n").append(page_part(name)).append("</script>");
    } else {
      out.append("<!--\n").append(page_part(name)).append("-->");  // a licence
    }
    at = end + kEnd.size();
  }
  return out.append(page.substr(at));
}

void write_report(const std::string& directory, const std::string& path) {
  // The trials first: those that start meanwhile have reports that nobody asks for.
  const SweepRecord record = load_results(directory);
  write_file_atomically(path, report_page(page_data(record, load_reports(directory))));
}

}  // namespace lockstep
