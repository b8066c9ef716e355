#include "ops/unary.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace tendon {
namespace {

struct Row {
  UnaryKind kind;
  std::string_view type;
  double (*apply)(double);
};

double relu(double x) { return std::isnan(x) ? x : std::max(x, 0.0); }
double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }
double gelu(double x) { return 0.5 * x * (1.0 + std::erf(x / std::numbers::sqrt2)); }

constexpr Row kRows[] = {
    {UnaryKind::kRelu, "Relu", relu},
    {UnaryKind::kSqrt, "Sqrt", [](double x) { return std::sqrt(x); }},
    {UnaryKind::kExp, "Exp", [](double x) { return std::exp(x); }},
    {UnaryKind::kErf, "Erf", [](double x) { return std::erf(x); }},
    {UnaryKind::kNeg, "Neg", [](double x) { return -x; }},
    {UnaryKind::kSigmoid, "Sigmoid", sigmoid},
    {UnaryKind::kTanh, "Tanh", [](double x) { return std::tanh(x); }},
    {UnaryKind::kSin, "Sin", [](double x) { return std::sin(x); }},
    {UnaryKind::kCos, "Cos", [](double x) { return std::cos(x); }},
    {UnaryKind::kGelu, "Gelu", gelu},
};

const Row* find_type(std::string_view type) {
  const auto* found = std::ranges::find(kRows, type, &Row::type);
  return found == std::end(kRows) ? nullptr : found;
}

const Row& row_of(UnaryKind kind) { return *std::ranges::find(kRows, kind, &Row::kind); }

}  // namespace

std::string_view Unary::onnx_type() const { return row_of(kind).type; }

bool Unary::accepts(std::string_view type) { return find_type(type) != nullptr; }

Unary Unary::from_onnx(const OnnxNode& node) { return {find_type(node.type)->kind}; }

double Unary::apply(double x) const { return row_of(kind).apply(x); }

std::vector<TensorType> Unary::infer(Arguments arguments) const {
  return {require_input(arguments, 0, "X").type};
}

std::vector<Tensor> Unary::reference(std::span<const Tensor> inputs) const {
  std::vector<double> values = to_doubles(inputs[0]);
  std::ranges::transform(values, values.begin(), row_of(kind).apply);
  return {cast(Tensor::from<double>(inputs[0].shape(), values), inputs[0].dtype())};
}

}  // namespace tendon
