// Dropout at inference: its input, and a mask of ones where it is asked for.
#include "onnx/expansions.h"

namespace tendon {

void expand_dropout(const OnnxNode& node, Expansion& expansion) {
  if (node.inputs.size() > 2 && !node.inputs[2].empty()) {
    fail(ErrorKind::kUnsupported,
         "has the input training_mode; export the model in evaluation mode (model.eval())");
  }
  expansion.node_making({node.outputs[0]}, "Identity", {expansion.input(0)});
  if (node.outputs.size() < 2 || node.outputs[1].empty()) return;
  const std::string shape = expansion.node("Shape", {expansion.input(0)});
  expansion.node_making({node.outputs[1]}, "ConstantOfShape", {shape},
                        {{"value", Tensor::from<bool>(Shape{1}, {true})}});
}

}  // namespace tendon
