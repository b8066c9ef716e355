#include "ops/unary.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "ops/checks.h"
#include "ops/wide.h"

namespace tendon {
namespace {

struct Parameter {
  std::string_view name;
  float fallback = 0;
};

struct Row {
  UnaryKind kind;
  std::string_view type;
  double (*on_doubles)(double x, double alpha, double beta);
  /// Null for functions of floating tensors only.
  int64_t (*on_integers)(int64_t x) = nullptr;
  Parameter alpha = {};
  Parameter beta = {};
};

using Plain = double (*)(double);
/// A function of <cmath> as a row's function.
template <Plain kFunction>
double plain(double x, double, double) {
  return kFunction(x);
}

int64_t negated(int64_t x) { return wrapping_product(x, -1); }
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }
double hard_sigmoid(double x, double alpha, double beta) {
  return std::isnan(x) ? x : std::clamp(alpha * x + beta, 0.0, 1.0);
}
double elu(double x, double alpha, double) { return x < 0 ? alpha * std::expm1(x) : x; }
double gelu_tanh(double x, double, double) {
  const double cubic = x + 0.044715 * x * x * x;
  return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / std::numbers::pi) * cubic));
}

constexpr Row kRows[] = {
    {UnaryKind::kRelu, "Relu", [](double x, double, double) { return x < 0 ? 0.0 : x; },
     [](int64_t x) { return std::max<int64_t>(x, 0); }},
    {UnaryKind::kSqrt, "Sqrt", plain<std::sqrt>},
    {UnaryKind::kExp, "Exp", plain<std::exp>},
    {UnaryKind::kErf, "Erf", plain<std::erf>},
    {UnaryKind::kNeg, "Neg", [](double x, double, double) { return -x; }, negated},
    {UnaryKind::kSigmoid, "Sigmoid",
     [](double x, double, double) { return 1.0 / (1.0 + std::exp(-x)); }},
    {UnaryKind::kTanh, "Tanh", plain<std::tanh>},
    {UnaryKind::kSin, "Sin", plain<std::sin>},
    {UnaryKind::kCos, "Cos", plain<std::cos>},
    {UnaryKind::kGelu, "Gelu",
     [](double x, double, double) { return 0.5 * x * (1.0 + std::erf(x / std::numbers::sqrt2)); }},
    {UnaryKind::kGeluTanh, "Gelu", gelu_tanh},
    {UnaryKind::kAbs, "Abs", plain<std::fabs>, [](int64_t x) { return x < 0 ? negated(x) : x; }},
    {UnaryKind::kSign, "Sign",
     [](double x, double, double) { return x > 0   ? 1.0
                                           : x < 0 ? -1.0
                                                   : x; },
     [](int64_t x) { return static_cast<int64_t>((x > 0) - (x < 0)); }},
    {UnaryKind::kFloor, "Floor", plain<std::floor>},
    {UnaryKind::kCeil, "Ceil", plain<std::ceil>},
    {UnaryKind::kRound, "Round", plain<std::nearbyint>},
    {UnaryKind::kReciprocal, "Reciprocal", [](double x, double, double) { return 1.0 / x; }},
    {UnaryKind::kLog, "Log", plain<std::log>},
    {UnaryKind::kTan, "Tan", plain<std::tan>},
    {UnaryKind::kAsin, "Asin", plain<std::asin>},
    {UnaryKind::kAcos, "Acos", plain<std::acos>},
    {UnaryKind::kAtan, "Atan", plain<std::atan>},
    {UnaryKind::kSinh, "Sinh", plain<std::sinh>},
    {UnaryKind::kCosh, "Cosh", plain<std::cosh>},
    {UnaryKind::kAsinh, "Asinh", plain<std::asinh>},
    {UnaryKind::kAcosh, "Acosh", plain<std::acosh>},
    {UnaryKind::kAtanh, "Atanh", plain<std::atanh>},
    {UnaryKind::kNot, "Not", nullptr, [](int64_t x) { return static_cast<int64_t>(x == 0); }},
    {UnaryKind::kLeakyRelu,
     "LeakyRelu",
     [](double x, double alpha, double) { return x < 0 ? alpha * x : x; },
     nullptr,
     {"alpha", 0.01f}},
    {UnaryKind::kElu, "Elu", elu, nullptr, {"alpha", 1.0f}},
    {UnaryKind::kCelu,
     "Celu",
     [](double x, double alpha, double) { return x < 0 ? alpha * std::expm1(x / alpha) : x; },
     nullptr,
     {"alpha", 1.0f}},
    {UnaryKind::kSelu,
     "Selu",
     [](double x, double alpha, double gamma) { return gamma * elu(x, alpha, 0); },
     nullptr,
     {"alpha", 1.67326319217681884765625f},
     {"gamma", 1.05070102214813232421875f}},
    {UnaryKind::kThresholdedRelu,
     "ThresholdedRelu",
     [](double x, double alpha, double) { return x <= alpha ? 0.0 : x; },
     nullptr,
     {"alpha", 1.0f}},
    {UnaryKind::kHardSigmoid,
     "HardSigmoid",
     hard_sigmoid,
     nullptr,
     {"alpha", 0.2f},
     {"beta", 0.5f}},
    {UnaryKind::kHardSwish, "HardSwish",
     [](double x, double, double) { return x * hard_sigmoid(x, 1.0 / 6.0, 0.5); }},
    {UnaryKind::kSoftplus, "Softplus", plain<softplus>},
    {UnaryKind::kSoftsign, "Softsign",
     [](double x, double, double) { return x / (1.0 + std::fabs(x)); }},
    {UnaryKind::kMish, "Mish", [](double x, double, double) { return x * std::tanh(softplus(x)); }},
    {UnaryKind::kShrink,
     "Shrink",
     [](double x, double lambd, double bias) {
       return x < -lambd ? x + bias : x > lambd ? x - bias : 0.0;
     },
     nullptr,
     {"lambd", 0.5f},
     {"bias", 0.0f}},
    {UnaryKind::kBitwiseNot, "BitwiseNot", nullptr, [](int64_t x) { return ~x; }},
};

const Row* find_type(std::string_view type) {
  const auto* found = std::ranges::find(kRows, type, &Row::type);
  return found == std::end(kRows) ? nullptr : found;
}

const Row& row_of(UnaryKind kind) { return *std::ranges::find(kRows, kind, &Row::kind); }

constexpr std::string_view kApproximate = "approximate";

/// Gelu's two forms are two kinds.
UnaryKind kind_of_node(const OnnxNode& node) {
  const UnaryKind kind = find_type(node.type)->kind;
  if (kind != UnaryKind::kGelu) return kind;
  const std::string form = node.get<std::string>(kApproximate, "none");
  if (form != "none" && form != "tanh") {
    fail_input("attribute 'approximate' is '{}', expected none or tanh", form);
  }
  return form == "tanh" ? UnaryKind::kGeluTanh : kind;
}

}  // namespace

Unary Unary::of(UnaryKind kind) {
  return {kind, row_of(kind).alpha.fallback, row_of(kind).beta.fallback};
}

std::string_view Unary::onnx_type() const { return row_of(kind).type; }

bool Unary::accepts(std::string_view type) { return find_type(type) != nullptr; }

Unary Unary::from_onnx(const OnnxNode& node) {
  Unary op = of(kind_of_node(node));
  const Row& row = row_of(op.kind);
  if (!row.alpha.name.empty()) op.alpha = node.get<float>(row.alpha.name, op.alpha);
  if (!row.beta.name.empty()) op.beta = node.get<float>(row.beta.name, op.beta);
  return op;
}

Attributes Unary::attributes() const {
  const Row& row = row_of(kind);
  Attributes attributes;
  if (!row.alpha.name.empty()) attributes.emplace(row.alpha.name, alpha);
  if (!row.beta.name.empty()) attributes.emplace(row.beta.name, beta);
  if (kind == UnaryKind::kGelu) attributes.emplace(kApproximate, "none");
  if (kind == UnaryKind::kGeluTanh) attributes.emplace(kApproximate, "tanh");
  return attributes;
}

double Unary::apply(double x) const { return row_of(kind).on_doubles(x, alpha, beta); }

std::vector<TensorType> Unary::infer(Arguments arguments) const {
  if (kind == UnaryKind::kNot) return {require_type(arguments, 0, "X", DataType::kBool).type};
  if (kind == UnaryKind::kBitwiseNot) return {require_integer(arguments, 0, "X").type};
  if (row_of(kind).on_integers == nullptr) return {require_floating(arguments, 0, "X").type};
  return {require_numeric(arguments, 0, "X").type};
}

std::vector<Tensor> Unary::reference(std::span<const Tensor> inputs) const {
  const Row& row = row_of(kind);
  return {visit_wide(inputs[0].dtype(), [&](auto wide) {
    using Wide = decltype(wide);
    const Widened<Wide> x(inputs[0]);
    return narrowed<Wide>(inputs[0].dtype(), inputs[0].shape(), [&](Wide* y) {
      const int64_t count = inputs[0].size();
      for (int64_t i = 0; i < count; ++i) {
        if constexpr (std::is_same_v<Wide, double>) {
          y[i] = row.on_doubles(x[i], alpha, beta);
        } else {
          y[i] = row.on_integers(x[i]);
        }
      }
    });
  })};
}

}  // namespace tendon
