// Network: a policy as it was imported, before anything is optimised.
#pragma once

#include <tendon/tensor_info.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tendon {

/// An immutable handle; copies share the network. Made by the loaders in loaders.h.
class Network {
 public:
  const std::string& name() const;
  /// In the model's order, with the model's symbols.
  std::vector<TensorInfo> inputs() const;
  /// Found by shape inference: an axis that follows an input's symbol carries that symbol. Throws
  /// Error as engine_from_network does when the shapes contradict each other.
  std::vector<TensorInfo> outputs() const;
  /// ONNX metadata_props.
  const std::map<std::string, std::string>& metadata() const;
  int64_t node_count() const;
  /// Elements of all floating-point constants.
  int64_t parameter_count() const;

  /// For Tendon's own rooms.
  struct Impl;
  explicit Network(std::shared_ptr<const Impl> impl);
  const Impl& impl() const { return *impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace tendon
