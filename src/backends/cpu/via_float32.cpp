// Bfloat16 tensors of any operator by way of its float32 kernel: what CPUs without bfloat16
// products run, and operators that have no code of their own for it.
#include <array>

#include "backends/cpu/backend.h"
#include "backends/cpu/bfloat16.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/support.h"

namespace tendon::cpu {
namespace {

constexpr size_t kMostTensors = 16;
constexpr size_t kAlignment = 64;

/// A tensor that changes its type: where its float32 twin lies in the workspace.
struct Twin {
  size_t index = 0;
  size_t offset = 0;
  int64_t count = 0;
};

class ViaFloat32 final : public Kernel {
 public:
  ViaFloat32(std::unique_ptr<Kernel> kernel, std::string name)
      : kernel_(std::move(kernel)), name_(std::move(name)) {
    workspace_bytes_ = rounded(kernel_->workspace_bytes());
  }

  void add_input(size_t index, int64_t count) { inputs_.push_back(place(index, count)); }
  void add_output(size_t index, int64_t count) { outputs_.push_back(place(index, count)); }
  void add_constant(size_t index, Tensor value) {
    if (kernel_->reads_constant(index)) {
      packed_bytes_ += value.byte_size();
      constants_[index] = std::move(value);
    }
    is_constant_[index] = true;
  }

  void run(const KernelArguments& arguments) const override {
    std::array<const void*, kMostTensors> inputs{};
    std::array<void*, kMostTensors> outputs{};
    std::ranges::copy(arguments.inputs, inputs.begin());
    std::ranges::copy(arguments.outputs, outputs.begin());
    for (size_t i = 0; i < arguments.inputs.size(); ++i) {
      if (is_constant_[i]) inputs[i] = constants_[i].defined() ? constants_[i].raw() : nullptr;
    }
    for (const Twin& twin : inputs_) {
      const auto* x = static_cast<const BFloat16*>(arguments.inputs[twin.index]);
      auto* y = reinterpret_cast<float*>(arguments.workspace + twin.offset);
      parallel_for(twin.count, kElementsPerTask,
                   [&](int64_t begin, int64_t end) { widen(x + begin, y + begin, end - begin); });
      inputs[twin.index] = y;
    }
    for (const Twin& twin : outputs_) outputs[twin.index] = arguments.workspace + twin.offset;
    kernel_->run({std::span(inputs).first(arguments.inputs.size()),
                  std::span(outputs).first(arguments.outputs.size()), arguments.workspace});
    for (const Twin& twin : outputs_) {
      const auto* x = reinterpret_cast<const float*>(arguments.workspace + twin.offset);
      auto* y = static_cast<BFloat16*>(arguments.outputs[twin.index]);
      parallel_for(twin.count, kElementsPerTask,
                   [&](int64_t begin, int64_t end) { narrow(x + begin, y + begin, end - begin); });
    }
  }
  size_t workspace_bytes() const override { return workspace_bytes_; }
  bool reads_constant(size_t input) const override {
    return !is_constant_[input] && kernel_->reads_constant(input);
  }
  size_t packed_bytes() const override { return packed_bytes_ + kernel_->packed_bytes(); }
  std::string detail() const override {
    const std::string detail = kernel_->detail();
    return detail.empty() ? name_ : fmt::format("{}, {}", name_, detail);
  }

 private:
  static size_t rounded(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }
  Twin place(size_t index, int64_t count) {
    const Twin twin{index, workspace_bytes_, count};
    workspace_bytes_ += rounded(static_cast<size_t>(count) * sizeof(float));
    return twin;
  }

  std::unique_ptr<Kernel> kernel_;
  std::string name_;
  std::vector<Twin> inputs_, outputs_;
  std::array<Tensor, kMostTensors> constants_;
  std::array<bool, kMostTensors> is_constant_{};
  size_t workspace_bytes_ = 0;
  size_t packed_bytes_ = 0;
};

bool is_bfloat16(const TensorType& type) { return type.dtype == DataType::kBFloat16; }

}  // namespace

Offer make_via_float32(const KernelRequest& request) {
  const auto input_is = [&](size_t i) {
    return request.has_input(i) && is_bfloat16(request.inputs[i].type);
  };
  bool any = std::ranges::any_of(request.outputs, is_bfloat16);
  for (size_t i = 0; i < request.inputs.size(); ++i) any = any || input_is(i);
  if (!any) return Declined{};
  if (std::holds_alternative<Cast>(request.node.op)) return Declined{};
  if (request.inputs.size() > kMostTensors || request.outputs.size() > kMostTensors) {
    return decline("has more than {} inputs or outputs", kMostTensors);
  }
  Node node = request.node;
  if (auto* conv = std::get_if<QuantizedConv>(&node.op)) conv->y_dtype = DataType::kFloat32;
  if (auto* product = std::get_if<QuantizedMatMul>(&node.op)) product->y_dtype = DataType::kFloat32;
  std::vector<Argument> inputs(request.inputs.begin(), request.inputs.end());
  std::vector<TensorType> outputs(request.outputs.begin(), request.outputs.end());
  std::array<Tensor, kMostTensors> constants;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!input_is(i)) continue;
    inputs[i].type.dtype = DataType::kFloat32;
    if (inputs[i].value == nullptr) continue;
    constants[i] = cast(*inputs[i].value, DataType::kFloat32);
    inputs[i].value = &constants[i];
  }
  for (TensorType& type : outputs) {
    if (is_bfloat16(type)) type.dtype = DataType::kFloat32;
  }
  const KernelRequest wide{node,           inputs,         outputs,          request.threads,
                           request.tf32,   request.device, request.winograd, request.known,
                           request.packing};
  for (const KernelRow& row : cpu_backend().kernels()) {
    Offer offer = row.make(wide);
    auto* kernel = std::get_if<std::unique_ptr<Kernel>>(&offer);
    if (kernel == nullptr) continue;
    auto made = std::make_unique<ViaFloat32>(std::move(*kernel), std::string(row.name));
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!input_is(i)) continue;
      if (constants[i].defined()) {
        made->add_constant(i, std::move(constants[i]));
      } else {
        made->add_input(i, inputs[i].type.shape.element_count());
      }
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (request.node.outputs[i] == kNone || !is_bfloat16(request.outputs[i])) continue;
      made->add_output(i, outputs[i].shape.element_count());
    }
    return made;
  }
  return decline("no kernel takes it in float32");
}

}  // namespace tendon::cpu
