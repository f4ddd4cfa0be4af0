// Whatever a value is, and wherever in a command it stands: /bin/sh has exactly its text there.
#include <cstdio>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "command/shell_template.h"
#include "core/argument_text.h"

namespace lockstep {
namespace {

/// What /bin/sh prints for it.
std::string shell(const std::string& command) {
  std::FILE* const pipe = popen(command.c_str(), "r");
  std::string out;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) out += static_cast<char>(c);
  return pclose(pipe) == 0 ? out : out + "(failed)";
}

/// `command` with every @ a place of its own.
ShellTemplate at_signs(const std::string& command) {
  ShellTemplate result;
  size_t from = 0, which = 0;
  for (size_t at; (at = command.find('@', from)) != std::string::npos; from = at + 1) {
    result.add_text(std::string_view(command).substr(from, at - from));
    result.add_value(which++);
  }
  result.add_text(std::string_view(command).substr(from));
  return result;
}

const std::vector<std::string> kValues = {
    "plain", "", "two words", "it's", "\"quoted\"", "$HOME", "`date`", "$(date)", "a\\b", "\\", "*", "~", "a;b", "#x", "line\nbreak",
    "-n", "x=y", "'", "''", "\"", "!", "a&b|c>d<e(f)", "\xc3\xa9", "{a,b}", "\\n"};

TEST(ShellTemplate, ValuesKeepTheirTextWhereverTheyStand) {
  for (const std::string& value : kValues) {
    const auto filled = [&](const std::string& command) { return shell(at_signs(command).with({value, value})); };
    EXPECT_EQ(filled("printf '[%s]' @"), "[" + value + "]");
    EXPECT_EQ(filled("printf '[%s]' a@b"), "[a" + value + "b]");
    EXPECT_EQ(filled("printf '[%s]' \"@\" @"), "[" + value + "][" + value + "]");
    EXPECT_EQ(filled("printf '[%s]' \"a b@c\""), "[a b" + value + "c]");
    EXPECT_EQ(filled("printf '[%s]' 'a b@c'"), "[a b" + value + "c]");
    EXPECT_EQ(filled("printf '[%s]' \\\"@\\' \"it's @\""), "[\"" + value + "'][it's " + value + "]");
    // Command substitution takes line breaks from the end: none of the values has one.
    EXPECT_EQ(filled("printf '[%s]' \"$(printf '%s' @)\""), "[" + value + "]");
    EXPECT_EQ(filled("printf '[%s]' \"x $(printf '%s' \"@\") @\""), "[x " + value + " " + value + "]");
    EXPECT_EQ(filled("( printf '[%s]' @ ) && printf '[%s]' '@'"), "[" + value + "][" + value + "]");
    EXPECT_EQ(filled("printf '' # it isn't \"quoted\n printf '[%s]' @ '@'"), "[" + value + "][" + value + "]");
    EXPECT_EQ(filled("v=@; printf '[%s]' \"${v}\" ${#v}x a#@ | sed 's/\\[[0-9]*x\\]//'"), "[" + value + "][a#" + value + "]" );
  }
}

TEST(ShellTemplate, PlainValuesAreNotQuoted) {
  EXPECT_EQ(at_signs("python train.py --lr @ --name @").with({"1e-05", "a b"}), "python train.py --lr 1e-05 --name 'a b'");
  EXPECT_EQ(shell_quoted("src/a-b_c.csv"), "src/a-b_c.csv");
  EXPECT_EQ(shell_quoted("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_quoted(""), "''");
}

TEST(ShellTemplate, WithoutPlacesItIsTheText) {
  EXPECT_EQ(at_signs("echo \"it's\" # '").with({}), "echo \"it's\" # '");
  EXPECT_EQ(at_signs("").with({}), "");
}

}  // namespace
}  // namespace lockstep
