// Small models for the importer, and what it says about them.
#pragma once

#include <string>
#include <string_view>

#include "ir/infer.h"
#include "onnx/importer.h"
#include "support/files.h"
#include "support/graphs.h"
#include "support/onnx_builder.h"

namespace tendon::testing {

inline Graph import(const OnnxBuilder& model) {
  const std::string text = model.text();
  return graph_from_onnx_bytes(as_bytes(text), "test.onnx");
}

/// What output y of the model is for input x.
inline Tensor y_of(const OnnxBuilder& model, const Tensor& x) {
  Graph graph = import(model);
  bind_inputs(graph, {{"x", x.shape()}});
  return run_reference(graph, {{"x", x}}).at("y");
}

/// What importing and binding the inputs throws; "no error" where they do not.
inline Failure failure_of(const std::string& text) {
  return failure_from([&] {
    Graph graph = graph_from_onnx_bytes(as_bytes(text), "test.onnx");
    bind_inputs(graph, {});
  });
}

/// x -> Relu -> y
inline OnnxBuilder relu_model(int64_t opset = 17) {
  OnnxBuilder model(opset);
  model.input("x", {"2", "3"});
  model.node("Relu", {"x"}, {"y"}, {}, "relu");
  model.output("y");
  return model;
}

inline OnnxBuilder softmax_model(int64_t opset, std::string_view type, int64_t axis) {
  OnnxBuilder model(opset);
  model.input("x", {"2", "3", "4"});
  model.node(type, {"x"}, {"y"}, {{"axis", axis}});
  model.output("y");
  return model;
}

}  // namespace tendon::testing
