#include "cli/node_text.h"

#include "base/json.h"

namespace tendon::cli {
namespace {

template <class T>
std::vector<T> list_of(const Json& value) {
  return value.get<std::vector<T>>();
}

template <class Test>
bool all_of(const Json& list, const Test& test) {
  return std::all_of(list.begin(), list.end(), test);
}

Attribute attribute_from(const std::string& text) {
  const Json value = Json::parse(text, nullptr, false);
  if (value.is_number_integer()) return value.get<int64_t>();
  if (value.is_number()) return value.get<float>();
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) {
    if (all_of(value, [](const Json& item) { return item.is_number_integer(); })) {
      return list_of<int64_t>(value);
    }
    if (all_of(value, [](const Json& item) { return item.is_number(); })) {
      return list_of<float>(value);
    }
    if (all_of(value, [](const Json& item) { return item.is_string(); })) {
      return list_of<std::string>(value);
    }
  }
  return text;
}

}  // namespace

Op op_from_text(const std::string& type, const std::vector<std::string>& attributes) {
  OnnxNode node{.type = type, .opset = 28};
  for (const std::string& text : attributes) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      fail(ErrorKind::kUsage, "attribute '{}' has no value; write NAME=VALUE", text);
    }
    const std::string name = text.substr(0, equals);
    if (!node.attributes.emplace(name, attribute_from(text.substr(equals + 1))).second) {
      fail(ErrorKind::kUsage, "attribute '{}' is given twice", name);
    }
  }
  std::optional<Op> op;
  try {
    op = op_from_onnx(node);
  } catch (const Error& error) {
    fail(ErrorKind::kUsage, "[{}] {}", type, error.what());
  }
  if (!op) {
    fail(ErrorKind::kUsage,
         "there is no operator '{}' that stands for itself; docs/operators.md lists them", type);
  }
  const Attributes known = attributes_of(*op);
  for (const auto& [name, value] : node.attributes) {
    if (known.contains(name)) continue;
    std::vector<std::string_view> names;
    for (const auto& [attribute, unused] : known) names.push_back(attribute);
    fail(ErrorKind::kUsage, "{} has no attribute '{}'; it has: {}", type, name,
         fmt::join(names, ", "));
  }
  return *op;
}

}  // namespace tendon::cli
