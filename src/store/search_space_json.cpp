#include "store/search_space_json.h"

#include <stdexcept>

#include <nlohmann/json.hpp>

#include <lockstep/error.h>

namespace lockstep {

namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Parameter& parameter) {
  const DistributionSpec& spec = parameter.distribution.spec;
  Json json = {{"name", parameter.name}, {"type", parameter.distribution.type_name()}};
  const auto add = [&json](const char* first, auto a, const char* second, auto b) {
    json[first] = a;
    json[second] = b;
  };
  switch (spec.kind) {
    case DistributionKind::kChoice: json["values"] = Json::parse(Value(parameter.distribution.values).to_json()); break;
    case DistributionKind::kRandInt: json["upper"] = spec.count; break;
    case DistributionKind::kNormal:
    case DistributionKind::kQNormal:
    case DistributionKind::kLogNormal:
    case DistributionKind::kQLogNormal: add("mu", spec.a, "sigma", spec.b); break;
    case DistributionKind::kInt: {
      const auto first = static_cast<int64_t>(spec.a);
      const auto step = static_cast<int64_t>(spec.q);
      add("min_value", first, "max_value", first + step * (spec.count - 1));
      json["step"] = step;
      break;
    }
    case DistributionKind::kLogInt:
      add("min_value", static_cast<int64_t>(spec.a), "max_value", static_cast<int64_t>(spec.b));
      json["log"] = true;
      break;
    case DistributionKind::kUniform:
    case DistributionKind::kQUniform:
    case DistributionKind::kLogUniform:
    case DistributionKind::kQLogUniform:
    case DistributionKind::kLogUniformValues: add("min_value", spec.a, "max_value", spec.b); break;
  }
  if (spec.kind == DistributionKind::kQUniform || spec.kind == DistributionKind::kQLogUniform ||
      spec.kind == DistributionKind::kQNormal || spec.kind == DistributionKind::kQLogNormal) {
    json["q"] = spec.q;
  }
  return json;
}

Value to_value(const Json& json) {
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_integer()) return json.get<int64_t>();
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) return json.get<std::string>();
  if (json.is_array()) {
    Value::List list;
    for (const Json& each : json) list.push_back(to_value(each));
    return list;
  }
  if (json.is_object()) {
    Value::Map map;
    for (const auto& [name, each] : json.items()) map.emplace_back(name, to_value(each));
    return map;
  }
  return {};
}

Distribution to_distribution(const Json& json) {
  const auto type = json.at("type").get<std::string>();
  const auto real = [&json](const char* name) { return json.at(name).get<double>(); };
  const auto integer = [&json](const char* name) { return json.at(name).get<int64_t>(); };
  if (type == "choice") return choice(to_value(json.at("values")).as_list());
  if (type == "randint") return randint(integer("upper"));
  if (type == "uniform") return uniform(real("min_value"), real("max_value"));
  if (type == "quniform") return quniform(real("min_value"), real("max_value"), real("q"));
  if (type == "loguniform") return loguniform(real("min_value"), real("max_value"));
  if (type == "qloguniform") return qloguniform(real("min_value"), real("max_value"), real("q"));
  if (type == "normal") return normal(real("mu"), real("sigma"));
  if (type == "qnormal") return qnormal(real("mu"), real("sigma"), real("q"));
  if (type == "lognormal") return lognormal(real("mu"), real("sigma"));
  if (type == "qlognormal") return qlognormal(real("mu"), real("sigma"), real("q"));
  if (type == "log_uniform_values") return log_uniform_values(real("min_value"), real("max_value"));
  if (type == "int" && json.value("log", false)) return log_int_range(integer("min_value"), integer("max_value"));
  if (type == "int") return int_range(integer("min_value"), integer("max_value"), integer("step"));
  throw OutputError("unknown type of distribution '" + type + "'");
}

}  // namespace

std::string search_space_to_json(const SearchSpace& space) {
  Json json = Json::array();
  for (const Parameter& parameter : space.parameters()) json.push_back(to_json(parameter));
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

SearchSpace search_space_from_json(const std::string& json) {
  try {
    SearchSpace space;
    for (const Json& each : Json::parse(json)) space.add(each.at("name").get<std::string>(), to_distribution(each));
    return space;
  } catch (const std::exception& failure) {
    throw OutputError(std::string("the recorded search space cannot be read: ") + failure.what());
  }
}

}  // namespace lockstep
