#include "core/expressions.h"

#include <array>
#include <optional>
#include <string_view>

#include <lockstep/error.h>

namespace lockstep {

namespace {

struct Prefix {
  std::string_view name;
  PieceKind kind;
};
constexpr std::array<Prefix, 3> kPrefixes = {{{"search_space", PieceKind::kHyperparameter},
                                              {"inputs", PieceKind::kInput},
                                              {"outputs", PieceKind::kOutput}}};

/// No expression is longer. What looks like the start of one is not searched for its end beyond.
constexpr size_t kMaxExpression = 500;

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\n\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n\r") - first + 1);
}

/// What stands between the braces, if it means a value.
std::optional<CommandPiece> meaning_of(std::string_view inside) {
  inside = trimmed(inside);
  for (const auto& [name, kind] : kPrefixes) {
    if (!inside.starts_with(name) || inside.size() <= name.size() || inside[name.size()] != '.') continue;
    const std::string_view rest = inside.substr(name.size() + 1);
    if (rest.empty() || rest.find_first_of("{}$'\"\n") != std::string_view::npos) return std::nullopt;
    return CommandPiece{kind, std::string(rest)};
  }
  return std::nullopt;
}

/// An expression that starts at `at`, and its length.
std::optional<std::pair<CommandPiece, size_t>> expression_at(const std::string& command, size_t at) {
  const std::string_view rest = std::string_view(command).substr(at, kMaxExpression);
  if (rest.starts_with("${{")) {
    const size_t end = rest.find("}}");
    if (end == std::string_view::npos) {
      throw InputError({}, "", "holds '" + std::string(rest.substr(0, 40)) + "', which is not closed", "write '}}' behind it");
    }
    const std::string_view inside = rest.substr(3, end - 3);
    const auto piece = meaning_of(inside);
    if (piece) return std::pair(*piece, end + 2);
    throw InputError({}, "", "holds the expression '" + std::string(rest.substr(0, end + 2)) + "', which means nothing here",
                     "write ${{search_space.NAME}}, ${{inputs.NAME}} or ${{outputs.NAME}}; ${NAME} is the shell's");
  }
  // A brace more on either side makes it somebody else's template, as the reference has it.
  if (at > 0 && command[at - 1] == '{') return std::nullopt;
  const size_t brace = rest.starts_with("${") ? 1 : 0;
  if (rest.size() <= brace || rest[brace] != '{') return std::nullopt;
  const size_t end = rest.find('}', brace);
  if (end == std::string_view::npos) return std::nullopt;
  const auto piece = meaning_of(rest.substr(brace + 1, end - brace - 1));
  if (!piece || (end + 1 < rest.size() && rest[end + 1] == '}')) return std::nullopt;
  return std::pair(*piece, end + 1);
}

}  // namespace

std::vector<CommandPiece> command_pieces(const std::string& command) {
  std::vector<CommandPiece> pieces;
  std::string text;
  for (size_t at = 0; at < command.size();) {
    auto found = command[at] == '$' || command[at] == '{' ? expression_at(command, at) : std::nullopt;
    if (!found) {
      text += command[at++];
      continue;
    }
    if (!text.empty()) pieces.push_back({PieceKind::kText, std::move(text)});
    text.clear();
    pieces.push_back(std::move(found->first));
    at += found->second;
  }
  if (!text.empty()) pieces.push_back({PieceKind::kText, std::move(text)});
  return pieces;
}

std::string to_expression(const CommandPiece& piece) {
  for (const auto& [name, kind] : kPrefixes) {
    if (kind == piece.kind) return "${{" + std::string(name) + "." + piece.text + "}}";
  }
  return piece.text;
}

}  // namespace lockstep
