// Generic reading and writing of operators through their kFields.
#pragma once

#include <type_traits>

#include "ops/onnx_type.h"
#include "ops/op.h"

namespace tendon {

template <class Member>
Attribute attribute_from_member(const Member& member) {
  if constexpr (std::is_same_v<Member, bool>) {
    return static_cast<int64_t>(member);
  } else if constexpr (std::is_same_v<Member, DataType>) {
    return onnx_number_of(member);
  } else if constexpr (std::is_enum_v<Member>) {
    return static_cast<int64_t>(member);
  } else {
    return Attribute(member);
  }
}

/// Leaves `member` at its default where the attribute is absent.
template <class Member>
void set_member(Member& member, const OnnxNode& node, std::string_view name) {
  if constexpr (std::is_same_v<Member, DataType>) {
    member = data_type_from_onnx(node.get<int64_t>(name, onnx_number_of(member)));
  } else if constexpr (std::is_same_v<Member, bool> || std::is_enum_v<Member>) {
    member = static_cast<Member>(node.get<int64_t>(name, static_cast<int64_t>(member)));
  } else {
    member = node.get<Member>(name, member);
  }
}

/// Reads every field by its name; what most operators' from_onnx is.
template <class T>
T read_fields(const OnnxNode& node) {
  T op;
  std::apply([&](const auto&... field) { (set_member(op.*field.member, node, field.name), ...); },
             T::kFields);
  return op;
}

template <class T>
T op_from_onnx_node(const OnnxNode& node) {
  if constexpr (requires { T::from_onnx(node); }) {
    return T::from_onnx(node);
  } else {
    return read_fields<T>(node);
  }
}

template <class T>
Attributes attributes_of_fields(const T& op) {
  Attributes attributes;
  std::apply(
      [&](const auto&... field) {
        (attributes.emplace(std::string(field.name), attribute_from_member(op.*field.member)), ...);
      },
      T::kFields);
  return attributes;
}

}  // namespace tendon
