// Turns a TensorProto into a Tensor, without a copy where the file holds the elements aligned.
#pragma once

#include <tendon/tensor.h>

#include "onnx/external_data.h"
#include "onnx/model.h"

namespace tendon {

/// Where the bytes of a model come from.
struct TensorSource {
  /// Keeps the model's bytes alive; when null, elements are copied.
  std::shared_ptr<const void> owner;
  /// Null where external data cannot be had, as in a model given as bytes.
  ExternalData* external = nullptr;
};

/// Throws Error{kBadInput} for elements that do not fit type and shape, and Error{kUnsupported} for
/// element types that Tendon does not hold; neither names the tensor.
Tensor tensor_from_proto(const TensorProto& proto, const TensorSource& source);

/// A file of test data: one TensorProto and nothing else. The elements are copied.
Tensor tensor_from_proto_bytes(std::span<const std::byte> bytes);

}  // namespace tendon
