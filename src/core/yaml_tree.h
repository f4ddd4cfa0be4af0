#pragma once

#include <string>
#include <vector>

#include <lockstep/error.h>
#include <lockstep/value.h>

namespace lockstep {

/// What is nested deeper is refused.
inline constexpr int kMaxYamlDepth = 64;

/// A YAML document as a tree in which everything knows where it was written: what yaml-cpp's nodes forget after an
/// edit. Scalars keep their text, and whether they were quoted, until somebody asks for their value.
struct YamlNode {
  enum class Kind { kScalar, kList, kMap };

  Kind kind = Kind::kScalar;
  std::string text;                ///< of a scalar; "" unquoted is null
  bool quoted = false;             ///< a quoted scalar is text whatever it looks like
  std::vector<YamlNode> children;  ///< elements of a list, values of a map in the order written
  std::string key;                 ///< under which it stands in its map
  std::string path;                ///< dotted from the document's root: `search_space.lr.values[2]`
  SourceLocation where;            ///< of the value; of the key where the value starts further down

  bool is_map() const { return kind == Kind::kMap; }
  bool is_list() const { return kind == Kind::kList; }
  bool is_scalar() const { return kind == Kind::kScalar; }
  bool is_null() const;

  /// The entry of a map, or nullptr (of anything else, too).
  const YamlNode* find(const std::string& name) const;
  YamlNode* find(const std::string& name);
  /// Its value, scalars typed as YAML 1.2's core schema has them. Whole numbers beyond 64 bits become reals.
  Value value() const;
  /// Throws InputError with its place and path.
  [[noreturn]] void refuse(const std::string& problem, const std::string& cure) const;
};

/// Types an unquoted scalar as YAML 1.2's core schema does: null, boolean, integer (also 0x and 0o), real, else text.
Value plain_scalar_value(const std::string& text);

/// Parses one document. Throws InputError with file, line and cure for text that is not YAML, more than one document,
/// a key that stands twice in a map, tags and merge keys. An empty document is a null scalar. Paths start at `path`.
YamlNode parse_yaml(const std::string& text, const std::string& file, const std::string& path = "");

/// Writes the tree as YAML that parses to the same tree, but for places.
std::string emit_yaml(const YamlNode& node);

}  // namespace lockstep
