#pragma once

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

namespace lockstep::testing {

struct Ran {
  int exit_code = -1;
  std::string out;
  std::string err;
};

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// A folder of the test's own, with a small sweep in it, where the program is run.
class CliTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "lockstep-cli-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    write("sweep.yml", kSweep);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  void write(const std::string& name, const std::string& text) const { std::ofstream(dir_ / name) << text; }
  std::string read(const std::string& name) const { return read_file(dir_ / name); }

  /// Runs `lockstep ARGUMENTS` through the shell, in the test's folder.
  Ran run(const std::string& arguments) const { return shell(program() + " " + arguments + " >stdout.txt 2>stderr.txt"); }
  /// Runs a command in the test's folder; what it leaves in stdout.txt and stderr.txt is taken as its output.
  Ran shell(const std::string& command) const {
    const int status = std::system(("cd '" + dir_.string() + "' && " + command).c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), read("stdout.txt"), read("stderr.txt")};
  }
  static std::string program() { return std::string("'") + LOCKSTEP_PROGRAM + "'"; }

  /// The small sweep with one text replaced by another, as bad.yml.
  void write_changed(const std::string& from, const std::string& to) const {
    std::string text = kSweep;
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    write("bad.yml", text.replace(at, from.size(), to));
  }

  static constexpr const char* kSweep =
      "type: sweep\n"                                                     // 1
      "display_name: tiny\n"                                              // 2
      "sampling_algorithm: {type: random, seed: 5}\n"                     // 3
      "trial:\n"                                                          // 4
      "  model: mlp\n"                                                    // 5
      "  dataset: digits\n"                                               // 6
      "  epochs: 6\n"                                                     // 7
      "search_space:\n"                                                   // 8
      "  lr: {type: loguniform, min_value: -7, max_value: -1}\n"          // 9
      "  hidden: {type: choice, values: [8, 16]}\n"                       // 10
      "objective: {goal: maximize, primary_metric: accuracy}\n"           // 11
      "limits: {max_total_trials: 12}\n"                                  // 12
      "early_termination: {type: median_stopping, delay_evaluation: 2}\n";  // 13

  std::filesystem::path dir_;
};

}  // namespace lockstep::testing
