// Runs one operator on tensors as infer and reference see them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tendon/error.h>

#include <initializer_list>
#include <string_view>
#include <vector>

#include "ops/op_set.h"

namespace tendon::testing {

/// Every tensor's elements count as known; undefined tensors are inputs left out.
inline std::vector<TensorType> infer_op(const Op& op, const std::vector<Tensor>& inputs) {
  std::vector<Argument> arguments;
  for (const Tensor& input : inputs) {
    if (input.defined()) {
      arguments.push_back({input.type(), &input, true});
    } else {
      arguments.emplace_back();
    }
  }
  return infer(op, arguments);
}

/// Outputs of the reference, which must have the types that infer says.
inline std::vector<Tensor> run_op(const Op& op, const std::vector<Tensor>& inputs) {
  const std::vector<TensorType> types = infer_op(op, inputs);
  std::vector<Tensor> outputs = reference(op, inputs);
  EXPECT_EQ(outputs.size(), types.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    EXPECT_EQ(to_string(outputs[i].type()), to_string(types[i])) << to_string(op);
  }
  return outputs;
}

/// Float tensors by their values.
inline Tensor floats(const Shape& shape, const std::vector<float>& values) {
  return Tensor::from<float>(shape, values);
}
inline Tensor ints(const std::vector<int64_t>& values) {
  return Tensor::from<int64_t>(Shape{static_cast<int64_t>(values.size())}, values);
}

/// Bad input to infer: the message holds every part.
struct Refusal {
  Op op;
  std::vector<Tensor> inputs;
  std::vector<std::string_view> parts;
  ErrorKind kind = ErrorKind::kBadInput;
};
inline void expect_refused(const Refusal& refusal) {
  SCOPED_TRACE(to_string(refusal.op));
  try {
    infer_op(refusal.op, refusal.inputs);
    ADD_FAILURE() << "no error was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), refusal.kind);
    for (const std::string_view part : refusal.parts) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr(std::string(part)));
    }
  }
}

}  // namespace tendon::testing
