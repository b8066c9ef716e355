// The only place that visits every operator.
#include "ops/op_set.h"

#include "ops/fields.h"

namespace tendon {
namespace {

template <class T, class... Rest>
bool read_member(const OnnxNode& node, std::optional<Op>& result, std::variant<T, Rest...>*) {
  if (domain_of<T>() == node.domain && T::accepts(node.type)) {
    result = op_from_onnx_node<T>(node);
    return true;
  }
  if constexpr (sizeof...(Rest) > 0) {
    return read_member(node, result, static_cast<std::variant<Rest...>*>(nullptr));
  } else {
    return false;
  }
}

std::string to_string(const Attribute& attribute) {
  return std::visit(
      [](const auto& value) -> std::string {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, Tensor>) {
          return to_string(value.type());
        } else if constexpr (std::is_same_v<T, std::string>) {
          return fmt::format("'{}'", value);
        } else {
          return fmt::format("{}", value);
        }
      },
      attribute);
}

template <class T>
Attributes attributes_of_member(const T& member) {
  if constexpr (requires { member.attributes(); }) {
    return member.attributes();
  } else {
    return attributes_of_fields(member);
  }
}

/// All attributes of the same type at their defaults.
template <class T>
Attributes default_attributes(const T& member) {
  if constexpr (requires { member.attributes(); }) {
    OnnxNode node;
    node.type = member.onnx_type();
    return T::from_onnx(node).attributes();
  } else {
    return attributes_of_fields(T{});
  }
}

}  // namespace

template <class T>
Op Op::from(T member) {
  Op op;
  op.emplace<T>(std::move(member));
  return op;
}

template <class... Members>
struct Makers<std::variant<Members...>> {
  std::tuple<Op (*)(Members)...> all{&Op::from<Members>...};
};
const Makers<Operators> kMakers;

Op::Op() = default;
Op::Op(const Op&) = default;
Op::Op(Op&&) noexcept = default;
// By way of a copy: the variant's own assignment takes a seventh of the compile time.
Op& Op::operator=(const Op& other) { return *this = Op(other); }
Op& Op::operator=(Op&&) noexcept = default;
Op::~Op() = default;

bool Op::operator==(const Op& other) const {
  return static_cast<const Operators&>(*this) == static_cast<const Operators&>(other);
}

std::string_view kind_of(const Attribute& attribute) {
  static constexpr std::string_view kKinds[] = {"int",  "float",  "string", "tensor",
                                                "ints", "floats", "strings"};
  return kKinds[attribute.index()];
}

std::string_view type_of(const Op& op) {
  return std::visit([](const auto& member) { return std::string_view(member.onnx_type()); }, op);
}

std::string_view domain_of(const Op& op) {
  return std::visit([](const auto& member) { return domain_of<std::decay_t<decltype(member)>>(); },
                    op);
}

Attributes attributes_of(const Op& op) {
  return std::visit([](const auto& member) { return attributes_of_member(member); }, op);
}

std::vector<TensorType> infer(const Op& op, Arguments arguments) {
  return std::visit([&](const auto& member) { return member.infer(arguments); }, op);
}

std::vector<Tensor> reference(const Op& op, std::span<const Tensor> inputs) {
  return std::visit([&](const auto& member) { return member.reference(inputs); }, op);
}

std::optional<std::vector<Tensor>> value_from_types(const Op& op, Arguments arguments) {
  return std::visit(
      [&](const auto& member) -> std::optional<std::vector<Tensor>> {
        if constexpr (requires { member.value_from_types(arguments); }) {
          return member.value_from_types(arguments);
        } else {
          return std::nullopt;
        }
      },
      op);
}

std::optional<Op> op_from_onnx(const OnnxNode& node) {
  std::optional<Op> result;
  read_member(node, result, static_cast<Operators*>(nullptr));
  return result;
}

std::string to_string(const Op& op) {
  const Attributes defaults =
      std::visit([](const auto& member) { return default_attributes(member); }, op);
  std::string inside;
  for (const auto& [name, value] : attributes_of(op)) {
    if (value == defaults.at(name)) continue;
    inside += fmt::format("{}{}={}", inside.empty() ? "" : ", ", name, to_string(value));
  }
  return inside.empty() ? std::string(type_of(op)) : fmt::format("{}({})", type_of(op), inside);
}

}  // namespace tendon
