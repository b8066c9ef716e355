// Softmax and LogSoftmax before opset 13: the axes from `axis` on are one.
#include "onnx/expansions.h"

namespace tendon {

void expand_flat_softmax(const OnnxNode& node, Expansion& expansion) {
  const std::string& x = expansion.input(0);
  const auto axis = node.get<int64_t>("axis", 1);
  const std::string flat = expansion.node("Flatten", {x}, {{"axis", axis}});
  const std::string result = expansion.node(node.type, {flat}, {{"axis", int64_t{-1}}});
  const std::string shape = expansion.node("Shape", {x});
  expansion.node_making(node.outputs, "Reshape", {result, shape});
}

}  // namespace tendon
