#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <lockstep/error.h>
#include <lockstep/sweep_spec.h>

namespace lockstep::models {

/// "did you mean 'csv'? " where a known name is near, then `what` and the known names.
std::string cure_for(const std::string& name, const std::vector<std::string>& known, const std::string& what);

/// The entries of a `dataset:` map (or of a map in it), each asked for once and then known. Every error names the entry.
class Fields {
 public:
  /// @param map must outlive it
  Fields(const Value& map, SourceLocation where, std::string key)
      : map_(map), where_(std::move(where)), key_(std::move(key)) {}

  InputError error(const std::string& name, const std::string& problem, const std::string& cure) const;
  const Value* find(const std::string& name);
  bool has(const std::string& name) { return find(name) != nullptr; }
  /// The entries of a map in this one.
  Fields inner(const std::string& name, const Value& map) const { return {map, where_, key_ + "." + name}; }

  /// A name or path. Numbers count as text: a column may be called 64.
  std::string text(const std::string& name, const std::string& default_value);
  std::string needed_text(const std::string& name, const std::string& cure);
  /// One name or a list of them.
  std::vector<std::string> texts(const std::string& name);
  /// An integer from 1.
  int64_t count(const std::string& name, int64_t default_value);
  /// A text's place among `known`.
  size_t one_of(const std::string& name, const std::vector<std::string>& known, size_t default_value);

  void refuse_unknown() const;

 private:
  std::string as_name(const Value& value, const std::string& name) const;

  const Value& map_;
  SourceLocation where_;
  std::string key_;
  std::vector<std::string> known_;
};

}  // namespace lockstep::models
