#include "core/yaml_tree.h"

#include <algorithm>
#include <set>
#include <sstream>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

namespace lockstep {

namespace {

/// An alias may stand for a tree of aliases, or for the tree that it is part of: small files of no end.
constexpr size_t kMaxNodes = 1'000'000;
/// Beyond what a text of its size can write out, which is a value a letter.
constexpr size_t kMaxAliasedNodes = 10'000;

std::string element_path(const std::string& list, size_t i) { return list + "[" + std::to_string(i) + "]"; }
std::string entry_path(const std::string& map, const std::string& key) { return map.empty() ? key : map + "." + key; }

SourceLocation location_of(const std::string& file, const YAML::Mark& mark) {
  return mark.is_null() ? SourceLocation{file} : SourceLocation{file, mark.line + 1, mark.column + 1};
}

class TreeBuilder {
 public:
  TreeBuilder(std::string file, size_t text_size)
      : file_(std::move(file)), max_nodes_(std::min(kMaxNodes, text_size + kMaxAliasedNodes)) {}

  YamlNode build(const YAML::Node& node, const std::string& path, int depth = 0) {
    const SourceLocation where = location(node.Mark());
    if (depth > kMaxYamlDepth) {
      throw InputError(where, path, "is nested more than " + std::to_string(kMaxYamlDepth) + " deep",
                       "flatten it; an alias must not stand for what it is part of");
    }
    if (++n_nodes_ > max_nodes_) {
      throw InputError(where, path, "has more than " + std::to_string(max_nodes_) + " values", "write fewer aliases");
    }
    YamlNode result;
    result.where = where;
    result.path = path;
    check_tag(node, where, path);
    if (node.IsSequence()) {
      result.kind = YamlNode::Kind::kList;
      for (const YAML::Node& element : node) {
        result.children.push_back(build(element, element_path(path, result.children.size()), depth + 1));
      }
    } else if (node.IsMap()) {
      result.kind = YamlNode::Kind::kMap;
      add_entries(node, path, depth, result);
    } else if (node.IsScalar()) {
      result.text = node.Scalar();
      result.quoted = node.Tag() != "?" && !node.Tag().empty();
    }
    return result;
  }

 private:
  SourceLocation location(const YAML::Mark& mark) const { return location_of(file_, mark); }

  /// yaml-cpp's tags: "?" plain, "!" quoted, "" null.
  static void check_tag(const YAML::Node& node, const SourceLocation& where, const std::string& path) {
    static const std::set<std::string> kKnown = {"", "?", "!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:seq",
                                                 "tag:yaml.org,2002:map"};
    if (kKnown.contains(node.Tag())) return;
    throw InputError(where, path, "has the tag '" + node.Tag() + "', which means nothing here", "remove the tag");
  }

  void add_entries(const YAML::Node& map, const std::string& path, int depth, YamlNode& result) {
    std::set<std::string> seen;
    for (const auto& entry : map) {
      const SourceLocation key_where = location(entry.first.Mark());
      if (!entry.first.IsScalar()) throw InputError(key_where, path, "a key is not text", "write 'name: value'");
      const std::string& key = entry.first.Scalar();
      const std::string child_path = entry_path(path, key);
      if (key == "<<") {
        throw InputError(key_where, child_path, "merge keys are not part of YAML 1.2", "write the merged keys out");
      }
      if (!seen.insert(key).second) {
        throw InputError(key_where, child_path, "stands twice in the same map", "remove or rename one of the two");
      }
      YamlNode child = build(entry.second, child_path, depth + 1);
      child.key = key;
      // A block map starts below its key, and a missing value is where the next token is: the key is what helps.
      if (!child.is_scalar() || child.is_null()) child.where = key_where;
      result.children.push_back(std::move(child));
    }
  }

  std::string file_;
  size_t max_nodes_;
  size_t n_nodes_ = 0;
};

/// Counts documents. yaml-cpp's LoadAll collects empty ones for ever where it finds no value and takes no letter, as in
/// a file that starts with a comma.
class DocumentCounter final : public YAML::EventHandler {
 public:
  int64_t n_documents() const { return n_documents_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (n_documents_ > 0 && mark.pos == last_start_) throw YAML::ParserException(mark, "there is no value");
    last_start_ = mark.pos;
    ++n_documents_;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

 private:
  int64_t n_documents_ = 0;
  int last_start_ = 0;
};

int64_t count_documents(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DocumentCounter counter;
  while (parser.HandleNextDocument(counter)) {
  }
  return counter.n_documents();
}

YamlNode null_document(const std::string& file, const std::string& path) {
  YamlNode node;
  node.path = path;
  node.where.file = file;
  return node;
}

void emit(YAML::Emitter& out, const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kScalar:
      if (node.is_null()) {
        out << YAML::Null;
      } else if (node.quoted) {
        out << YAML::DoubleQuoted << node.text;
      } else {
        out << node.text;
      }
      break;
    case YamlNode::Kind::kList:
      out << YAML::Flow << YAML::BeginSeq;
      for (const YamlNode& child : node.children) emit(out, child);
      out << YAML::EndSeq;
      break;
    case YamlNode::Kind::kMap:
      out << YAML::BeginMap;
      for (const YamlNode& child : node.children) {
        out << YAML::Key << child.key << YAML::Value;
        emit(out, child);
      }
      out << YAML::EndMap;
      break;
  }
}

}  // namespace

bool YamlNode::is_null() const { return is_scalar() && !quoted && plain_scalar_value(text).is_null(); }

const YamlNode* YamlNode::find(const std::string& name) const {
  if (!is_map()) return nullptr;
  for (const YamlNode& child : children) {
    if (child.key == name) return &child;
  }
  return nullptr;
}

YamlNode* YamlNode::find(const std::string& name) {
  return const_cast<YamlNode*>(static_cast<const YamlNode&>(*this).find(name));
}

Value YamlNode::value() const {
  if (is_scalar()) return quoted ? Value(text) : plain_scalar_value(text);
  if (is_list()) {
    Value::List list;
    for (const YamlNode& child : children) list.push_back(child.value());
    return Value(std::move(list));
  }
  Value::Map map;
  for (const YamlNode& child : children) map.emplace_back(child.key, child.value());
  return Value(std::move(map));
}

void YamlNode::refuse(const std::string& problem, const std::string& cure) const {
  throw InputError(where, path, problem, cure);
}

YamlNode parse_yaml(const std::string& text, const std::string& file, const std::string& path) {
  try {
    const int64_t n_documents = count_documents(text);
    if (n_documents > 1) {
      throw InputError({file}, path, "holds " + std::to_string(n_documents) + " YAML documents",
                       "keep one and remove the '---' between them");
    }
    return n_documents == 0 ? null_document(file, path) : TreeBuilder(file, text.size()).build(YAML::Load(text), path);
  } catch (const YAML::Exception& failure) {
    throw InputError(location_of(file, failure.mark), path, "is not YAML: " + failure.msg,
                     "look at the indentation, colons, quotes and brackets there");
  }
}

std::string emit_yaml(const YamlNode& node) {
  YAML::Emitter out;
  out.SetIndent(2);
  emit(out, node);
  return std::string(out.c_str()) + "\n";
}

}  // namespace lockstep
