// A node as an ONNX file states it: type, opset and typed attributes.
#pragma once

#include <tendon/tensor.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/format.h"

namespace tendon {

using Attribute = std::variant<int64_t, float, std::string, Tensor, std::vector<int64_t>,
                               std::vector<float>, std::vector<std::string>>;
using Attributes = std::map<std::string, Attribute, std::less<>>;

/// "int", "float", "string", "tensor", "ints", "floats" or "strings".
std::string_view kind_of(const Attribute& attribute);

struct OnnxNode {
  std::string type;
  std::string domain;
  std::string name;
  int opset = 17;
  Attributes attributes;
  /// Empty strings are optional inputs or outputs left out.
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;

  bool has(std::string_view attribute) const {
    return attributes.find(attribute) != attributes.end();
  }

  /// The attribute, or `fallback` where it is absent. Throws Error{kBadInput} on another kind.
  template <class T>
  T get(std::string_view attribute, T fallback) const {
    const auto found = attributes.find(attribute);
    return found == attributes.end() ? fallback : typed<T>(*found);
  }
  /// The attribute. Throws Error{kBadInput} when it is absent or of another kind.
  template <class T>
  T require(std::string_view attribute) const {
    const auto found = attributes.find(attribute);
    if (found == attributes.end()) fail_input("attribute '{}' is missing", attribute);
    return typed<T>(*found);
  }

 private:
  template <class T>
  static T typed(const Attributes::value_type& entry) {
    if (const T* value = std::get_if<T>(&entry.second)) return *value;
    fail_input("attribute '{}' is of kind {}, expected {}", entry.first, kind_of(entry.second),
               kind_of(Attribute(T{})));
  }
};

}  // namespace tendon
