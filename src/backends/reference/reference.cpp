// One row for every operator: slow, exact to double accumulation, and allocating at every run.
#include "backends/reference/reference.h"

#include <cstring>

namespace tendon {
namespace {

class ReferenceKernel : public Kernel {
 public:
  explicit ReferenceKernel(const KernelRequest& request)
      : op_(request.node.op),
        inputs_(request.inputs.begin(), request.inputs.end()),
        outputs_(request.outputs.begin(), request.outputs.end()) {
    for (Argument& input : inputs_) input.value = nullptr;
  }

  void run(const KernelArguments& arguments) const override {
    std::vector<Tensor> tensors;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const TensorType& type = inputs_[i].type;
      tensors.push_back(inputs_[i].present
                            ? Tensor::view(type.dtype, type.shape, arguments.inputs[i], nullptr)
                            : Tensor());
    }
    const std::vector<Tensor> results = reference(op_, tensors);
    for (size_t i = 0; i < outputs_.size(); ++i) {
      if (arguments.outputs[i] == nullptr) continue;
      if (results[i].type() != outputs_[i]) {
        fail(ErrorKind::kInternal, "inferred {} but computed {}", outputs_[i], results[i].type());
      }
      std::memcpy(arguments.outputs[i], results[i].raw(), results[i].byte_size());
    }
  }

 private:
  Op op_;
  std::vector<Argument> inputs_;
  std::vector<TensorType> outputs_;
};

Offer make_reference(const KernelRequest& request) {
  return std::make_unique<ReferenceKernel>(request);
}

class ReferenceBackend : public Backend {
 public:
  std::string_view name() const override { return "reference"; }
  std::span<const KernelRow> kernels() const override {
    static constexpr KernelRow kRows[] = {{"reference", make_reference}};
    return kRows;
  }
  std::string fingerprint() const override { return "portable"; }
  bool competes() const override { return false; }
};

}  // namespace

Backend& reference_backend() {
  static ReferenceBackend backend;
  return backend;
}

}  // namespace tendon
