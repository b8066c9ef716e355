#include "onnx/expand.h"

#include "onnx/expansions.h"

namespace tendon {
namespace {

struct Row {
  std::string_view type;
  /// The last opset that needs it.
  int last_opset;
  void (*expand)(const OnnxNode& node, Expansion& expansion);
};

constexpr Row kRows[] = {
    {"Dropout", kNewestOpset, expand_dropout},
    {"LogSoftmax", 12, expand_flat_softmax},
    {"Softmax", 12, expand_flat_softmax},
};

}  // namespace

std::string Expansion::constant(Tensor tensor) {
  return node("Constant", {}, {{"value", std::move(tensor)}});
}

std::string Expansion::node(std::string type, std::vector<std::string> inputs,
                            Attributes attributes) {
  const std::string output = unique_name_(fmt::format("{}/{}", node_.outputs[0], type));
  node_making({output}, std::move(type), std::move(inputs), std::move(attributes));
  return output;
}

void Expansion::node_making(std::vector<std::string> outputs, std::string type,
                            std::vector<std::string> inputs, Attributes attributes) {
  const std::string name = nodes.empty() ? node_.name : fmt::format("{}/{}", node_.name, type);
  nodes.push_back({std::move(type), "", name, kNewestOpset, std::move(attributes),
                   std::move(inputs), std::move(outputs)});
}

const std::string& Expansion::input(size_t index) const {
  if (index >= node_.inputs.size() || node_.inputs[index].empty()) {
    fail_input("input {} is missing", index);
  }
  return node_.inputs[index];
}

bool expand(const OnnxNode& node, Expansion& expansion) {
  if (!node.domain.empty()) return false;
  for (const Row& row : kRows) {
    if (row.type == node.type && node.opset <= row.last_opset) {
      row.expand(node, expansion);
      return true;
    }
  }
  return false;
}

}  // namespace tendon
