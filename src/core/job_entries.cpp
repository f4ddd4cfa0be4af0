#include "core/job_entries.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <system_error>
#include <vector>

#include "core/yaml_reader.h"

namespace lockstep {

namespace fs = std::filesystem;

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string folder_of(const std::string& file) { return fs::path(file).parent_path().string(); }

std::string local_path(const YamlNode& node, const std::string& folder, const std::string& what) {
  std::string text = read_text(node);
  if (text.starts_with("azureml:")) {
    node.refuse("'" + text + "' is kept by Azure ML", "download it, and write the path of " + what + " on this machine");
  }
  if (text.starts_with("file://")) {
    text.erase(0, 7);
  } else if (text.starts_with("file:")) {
    text.erase(0, 5);
  } else if (text.find("://") != std::string::npos || text.starts_with("git+")) {
    node.refuse("'" + text + "' is not on this machine", "download it, and write the path of " + what + " here");
  }
  if (text.empty()) node.refuse("is empty", "write the path of " + what);
  if (text.find('\0') != std::string::npos) node.refuse("is no path", "write the path of " + what);
  std::string path = fs::absolute(fs::path(folder) / text).lexically_normal().string();
  if (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::string existing_path(const YamlNode& node, const std::string& folder, bool may_be_file, bool may_be_folder) {
  const std::string what = !may_be_folder ? "a file" : may_be_file ? "a file or folder" : "a folder";
  const std::string path = local_path(node, folder, what);
  std::error_code failure;
  const fs::file_status status = fs::status(path, failure);
  if (!fs::exists(status)) {
    const bool missing = status.type() == fs::file_type::not_found;
    node.refuse(path + (missing ? " is not there" : " cannot be looked at: " + failure.message()),
                "write the path of " + what + ", relative to the file that names it");
  }
  if (fs::is_directory(status) ? !may_be_folder : !may_be_file) {
    node.refuse(path + (fs::is_directory(status) ? " is a folder" : " is a file"), "write the path of " + what);
  }
  return path;
}

bool is_data_type(const std::string& type) {
  static const std::vector<std::string> kTypes = {"uri_file",     "uri_folder",   "mltable",      "custom_model",
                               "mlflow_model", "triton_model", "safe_tensors_model"};
  return contains(kTypes, type);
}

bool is_literal_type(const std::string& type) {
  static const std::vector<std::string> kTypes = {"string", "number", "integer", "boolean"};
  return contains(kTypes, type);
}

std::string type_of(const YamlNode& node) {
  const YamlNode* type = find_value(node, "type");
  if (!type) return "";
  std::string name = read_text(*type);
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (!is_data_type(name) && !is_literal_type(name)) {
    refuse_unknown(*type, "type", type->text,
                   {"uri_file", "uri_folder", "mltable", "custom_model", "mlflow_model", "triton_model", "string",
                    "number", "integer", "boolean"});
  }
  return name;
}

}  // namespace lockstep
