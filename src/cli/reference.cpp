#include <memory>

#include "cli/commands.h"
#include "core/sweep_keys.h"

namespace lockstep::cli {
namespace {

std::string cell(std::string text) {
  for (size_t at = 0; (at = text.find_first_of("|\n", at)) != std::string::npos; at += 2) text.replace(at, 1, text[at] == '|' ? "\\|" : "  ");
  return text;
}

/// What CLI11 calls a type, in words: "TEXT:{text,json}", "INT:INT in [1 - 4096]", "FLOAT:NONNEGATIVE".
std::string value_text(const CLI::Option& option) {
  if (option.get_items_expected_max() == 0) return "";  // a flag
  const std::string type = option.get_type_name();
  const std::string name = type.substr(0, type.find(':'));
  const std::string check = type.size() > name.size() ? type.substr(name.size() + 1) : "";
  if (check.empty()) return "`" + name + "`";
  if (check[0] == '{') {
    std::string out = "`" + check.substr(1, check.size() - 2) + "`";
    for (size_t at = 0; (at = out.find(',', at)) != std::string::npos; at += 4) out.replace(at, 1, "`, `");
    return out;
  }
  std::string out = "`" + name + "`";
  const size_t open = check.find(" in ["), middle = check.find(" - ");
  if (open != std::string::npos && middle != std::string::npos) {
    out += ", " + check.substr(open + 5, middle - open - 5) + " to " + check.substr(middle + 3, check.find(']') - middle - 3);
  } else if (check == "NONNEGATIVE") {
    out += ", 0 or more";
  } else if (check == "POSITIVE") {
    out += ", above 0";
  }
  return out;
}

/// Its options, as a table.
std::string options_table(const CLI::App& command) {
  std::string out = "| option | value | default | meaning |\n|---|---|---|---|\n";
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_group().empty() || option == command.get_help_ptr()) continue;
    std::string name = option->get_name(option->get_positional(), !option->get_positional());
    for (size_t at = 0; (at = name.find(',', at)) != std::string::npos; at += 6) name.replace(at, 1, "`, `");
    const std::string fallback = option->get_required() ? "needed" : option->get_default_str().empty() ? "" : "`" + option->get_default_str() + "`";
    out += "| `" + name + "` | " + cell(value_text(*option)) + " | " + cell(fallback) + " | " + cell(option->get_description()) + " |\n";
  }
  return out;
}

/// Every command, with its options, as Markdown.
std::string command_line_reference(const CLI::App& app) {
  std::string out;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_group().empty()) continue;
    out += "## lockstep " + command->get_name() + "\n\n" + command->get_description() + "\n\n" + options_table(*command) + "\n";
  }
  out.pop_back();
  return out;
}

}  // namespace

void add_reference(CLI::App& app) {
  auto what = std::make_shared<std::string>();
  auto* command = app.add_subcommand("reference", "print a reference as Markdown, for the documentation");
  command->group("");  // not for users: tests/docs writes docs/reference-*.md with it
  command->add_option("WHAT", *what)->required()->check(CLI::IsMember({"command-line", "sweep-file"}));
  command->callback([&app, what] { print(*what == "sweep-file" ? sweep_file_reference() : command_line_reference(app)); });
}

}  // namespace lockstep::cli
