// What every operator provides: attributes as fields, a shape rule and a plain reference.
#pragma once

#include <concepts>
#include <span>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/format.h"
#include "ops/onnx_node.h"

namespace tendon {

/// One attribute: its ONNX name and the member that holds it. A member's type is one of int64_t,
/// float, bool, std::string, DataType, Tensor, an enum, std::vector<int64_t>, std::vector<float>.
template <class Owner, class Member>
struct Field {
  std::string_view name;
  Member Owner::*member;
};
template <class Owner, class Member>
Field(std::string_view, Member Owner::*) -> Field<Owner, Member>;
template <class Owner, class Member>
Field(const char*, Member Owner::*) -> Field<Owner, Member>;

/// One input as the shape rule sees it.
struct Argument {
  TensorType type;
  /// The input's elements where they are known before running, else null.
  const Tensor* value = nullptr;
  /// False for an optional input that is left out.
  bool present = false;
};
using Arguments = std::span<const Argument>;

/// An operator's attributes with its rules. Its attributes are its kFields, or what
/// `Attributes attributes() const` returns where it has that (together with from_onnx). `infer` and
/// `reference` may return more outputs than a node uses; the rest is ignored. Both throw Error
/// without naming the node: the caller adds it.
template <class T>
concept Operator = std::equality_comparable<T> && std::default_initializable<T> &&
    requires(const T& op, const OnnxNode& node, Arguments arguments,
             std::span<const Tensor> tensors) {
  { op.onnx_type() } -> std::convertible_to<std::string_view>;
  { T::accepts(std::string_view{}) } -> std::same_as<bool>;
  { op.infer(arguments) } -> std::same_as<std::vector<TensorType>>;
  { op.reference(tensors) } -> std::same_as<std::vector<Tensor>>;
  T::kFields;
};

/// Base of operators that stand for exactly one ONNX type: they only name it in kOnnxType.
template <class T>
struct SingleType {
  std::string_view onnx_type() const { return T::kOnnxType; }
  static bool accepts(std::string_view type) { return type == T::kOnnxType; }
  bool operator==(const SingleType&) const = default;
};

/// Operators of Tendon's own, made by passes, live in this domain.
inline constexpr std::string_view kTendonDomain = "tendon";
inline constexpr auto kNoFields = std::tuple<>{};

/// The domain of an operator type: T::kDomain where there is one, else ONNX's default domain.
template <class T>
constexpr std::string_view domain_of() {
  if constexpr (requires { T::kDomain; }) {
    return T::kDomain;
  } else {
    return "";
  }
}

/// Throws unless `index` names a present input; returns it.
inline const Argument& require_input(Arguments arguments, size_t index, std::string_view name) {
  if (index >= arguments.size() || !arguments[index].present) {
    fail_input("input {} ('{}') is missing", index, name);
  }
  return arguments[index];
}
inline bool has_input(Arguments arguments, size_t index) {
  return index < arguments.size() && arguments[index].present;
}
inline bool has_input(std::span<const Tensor> tensors, size_t index) {
  return index < tensors.size() && tensors[index].defined();
}
/// The elements of an input that decides a shape. Throws when they depend on the run.
inline const Tensor& require_known(Arguments arguments, size_t index, std::string_view name) {
  const Argument& argument = require_input(arguments, index, name);
  if (argument.value == nullptr) {
    fail(ErrorKind::kUnsupported,
         "input {} ('{}') decides a shape but is computed while running; Tendon needs it to be "
         "known when the engine is built",
         index, name);
  }
  return *argument.value;
}
inline std::vector<int64_t> require_int64s(Arguments arguments, size_t index,
                                           std::string_view name) {
  return to_int64s(require_known(arguments, index, name));
}
/// Maps a negative axis to its place from the front. Throws when it is outside [-rank, rank).
inline int normalize_axis(int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) {
    fail_input("axis {} is outside [-{}, {})", axis, rank, rank);
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

}  // namespace tendon
