// Elementwise kernels of the toy backend.
#include "support/toy_backend.h"

#include <cmath>

namespace tendon::testing {
namespace {

class ToyUnary : public Kernel {
 public:
  ToyUnary(Unary op, int64_t count) : op_(op), count_(count) {}
  int in_place_input() const override { return 0; }
  void run(const KernelArguments& arguments) const override {
    const auto* x = static_cast<const float*>(arguments.inputs[0]);
    auto* y = static_cast<float*>(arguments.outputs[0]);
    for (int64_t i = 0; i < count_; ++i) y[i] = static_cast<float>(op_.apply(x[i]));
  }

 private:
  Unary op_;
  int64_t count_;
};

class ToyBinary : public Kernel {
 public:
  ToyBinary(BinaryKind kind, int64_t count) : kind_(kind), count_(count) {}
  int in_place_input() const override { return 0; }
  std::string detail() const override { return "plain loop"; }
  void run(const KernelArguments& arguments) const override {
    const auto* a = static_cast<const float*>(arguments.inputs[0]);
    const auto* b = static_cast<const float*>(arguments.inputs[1]);
    auto* y = static_cast<float*>(arguments.outputs[0]);
    for (int64_t i = 0; i < count_; ++i) y[i] = apply(a[i], b[i]);
  }

 private:
  float apply(float a, float b) const {
    switch (kind_) {
      case BinaryKind::kAdd: return a + b;
      case BinaryKind::kSub: return a - b;
      case BinaryKind::kDiv: return a / b;
      case BinaryKind::kPow: return std::pow(a, b);
      default: return a * b;
    }
  }

  BinaryKind kind_;
  int64_t count_;
};

bool is_float(const Argument& argument) { return argument.type.dtype == DataType::kFloat32; }

}  // namespace

ToyBackend::ToyBackend()
    : ToyBackend({{"toy:unary", make_toy_unary}, {"toy:binary", make_toy_binary}}) {}

Offer make_toy_unary(const KernelRequest& request) {
  const auto* op = get_if<Unary>(request.node.op);
  if (op == nullptr) return Declined{};
  if (!is_float(request.inputs[0])) return Declined{"needs float32"};
  return std::make_unique<ToyUnary>(*op, request.outputs[0].shape.element_count());
}

Offer make_toy_binary(const KernelRequest& request) {
  const auto* op = get_if<Binary>(request.node.op);
  if (op == nullptr) return Declined{};
  if (!is_float(request.inputs[0])) return Declined{"needs float32"};
  if (request.input_shape(0) != request.input_shape(1)) {
    return Declined{fmt::format("needs equal shapes, got {} and {}", request.input_shape(0),
                                request.input_shape(1))};
  }
  if (op->kind > BinaryKind::kPow) return Declined{"needs one of Add, Sub, Mul, Div, Pow"};
  return std::make_unique<ToyBinary>(op->kind, request.outputs[0].shape.element_count());
}

Offer refuse(const KernelRequest&) { return Declined{"is never willing"}; }

}  // namespace tendon::testing
