#include "ir/identity.h"

#include <map>

#include "base/checksum.h"

namespace tendon {
namespace {

class Hasher {
 public:
  explicit Hasher(const Graph& graph) : graph_(graph) {}

  std::string hash() {
    for (const GraphInput& input : graph_.inputs()) {
      add(fmt::format("input {} {}", graph_.value(input.value).name, input.dtype));
      for (const Dim& dim : input.dims) {
        add(dim.fixed() ? fmt::format("{}", dim.size) : "axis " + dim.symbol);
      }
    }
    const std::vector<bool> needed = find_needed();
    for (const NodeId id : graph_.topological_order()) {
      if (needed[static_cast<size_t>(id)]) add_node(graph_.node(id));
    }
    for (const ValueId output : graph_.outputs()) add_operand(output);
    return to_hex(sha_.finish());
  }

 private:
  void add(std::string_view text) {
    const uint64_t size = text.size();
    sha_.update(std::as_bytes(std::span(&size, 1)));
    sha_.update(std::as_bytes(std::span(text.data(), text.size())));
  }

  void add_tensor(const Tensor& tensor) {
    add(to_string(tensor.type()));
    sha_.update({static_cast<const std::byte*>(tensor.raw()), tensor.byte_size()});
  }

  void add_attribute(const Attribute& attribute) {
    std::visit(
        [&](const auto& value) {
          if constexpr (std::is_same_v<std::decay_t<decltype(value)>, Tensor>) {
            add_tensor(value);
          } else {
            add(fmt::format("{}", value));
          }
        },
        attribute);
  }

  /// A constant that several nodes share is hashed once.
  void add_operand(ValueId id) {
    if (id == kNone) return add("none");
    const Value& value = graph_.value(id);
    if (!value.constant) return add("value " + value.name);
    const auto [entry, is_new] = constants_.try_emplace(id, constants_.size());
    add(fmt::format("constant {}", entry->second));
    if (is_new) add_tensor(*value.constant);
  }

  void add_node(const Node& node) {
    add(domain_of(node.op));
    add(type_of(node.op));
    for (const auto& [name, attribute] : attributes_of(node.op)) {
      add(name);
      add_attribute(attribute);
    }
    for (const ValueId input : node.inputs) add_operand(input);
    for (const ValueId output : node.outputs) add_operand(output);
  }

  std::vector<bool> find_needed() const {
    std::vector<bool> needed(graph_.nodes().size(), false);
    std::vector<ValueId> pending(graph_.outputs());
    while (!pending.empty()) {
      const ValueId id = pending.back();
      pending.pop_back();
      const NodeId producer = id == kNone ? kNone : graph_.value(id).producer;
      if (producer == kNone || needed[static_cast<size_t>(producer)]) continue;
      needed[static_cast<size_t>(producer)] = true;
      const auto& inputs = graph_.node(producer).inputs;
      pending.insert(pending.end(), inputs.begin(), inputs.end());
    }
    return needed;
  }

  const Graph& graph_;
  Sha256 sha_;
  std::map<ValueId, size_t> constants_;
};

}  // namespace

std::string graph_sha256(const Graph& graph) { return Hasher(graph).hash(); }

}  // namespace tendon
