#pragma once

#include <string>
#include <vector>

namespace lockstep {

/// What a piece of a command is: the shell's text, or an expression that stands for a value.
enum class PieceKind { kText, kHyperparameter, kInput, kOutput };

struct CommandPiece {
  PieceKind kind = PieceKind::kText;
  std::string text;  ///< of the shell, or the name of what is meant
};

/// Splits a command at its expressions: `${{search_space.lr}}`, `${{inputs.data}}`, `${{outputs.model}}`, with spaces inside
/// the braces or without; with these three prefixes also `${inputs.data}` and `{inputs.data}`. Anything else in braces is the
/// shell's. Throws InputError (without a place) for a `${{...}}` that is none of the three, or not closed.
std::vector<CommandPiece> command_pieces(const std::string& command);

/// The expression that `piece` came from, in its full form.
std::string to_expression(const CommandPiece& piece);

}  // namespace lockstep
