// Elementwise operators and windows of signal processing.
#include <limits>
#include <numbers>

#include "onnx/expansions.h"

namespace tendon {

void expand_is_nan(const OnnxNode& node, Expansion& expansion) {
  const std::string& x = expansion.input(0);
  expansion.node_making(node.outputs, "Not", {expansion.node("Equal", {x, x})});
}

void expand_is_inf(const OnnxNode& node, Expansion& expansion) {
  std::string x = expansion.input(0);
  const bool positive = node.get<int64_t>("detect_positive", 1) != 0;
  const bool negative = node.get<int64_t>("detect_negative", 1) != 0;
  if (positive && negative) x = expansion.node("Abs", {x});
  // NaN equals nothing.
  const double wanted = positive   ? std::numeric_limits<double>::infinity()
                        : negative ? -std::numeric_limits<double>::infinity()
                                   : std::numeric_limits<double>::quiet_NaN();
  expansion.node_making(node.outputs, "Equal", {x, expansion.scalar_like(wanted, x)});
}

void expand_swish(const OnnxNode& node, Expansion& expansion) {
  const std::string& x = expansion.input(0);
  const float fallback = node.domain.empty() ? 1.0f : 1.702f;
  const double alpha = node.get<float>("alpha", fallback);
  const std::string scaled =
      alpha == 1 ? x : expansion.node("Mul", {x, expansion.scalar_like(alpha, x)});
  expansion.node_making(node.outputs, "Mul", {x, expansion.node("Sigmoid", {scaled})});
}

void expand_window(const OnnxNode& node, Expansion& expansion) {
  constexpr int64_t kFloat64 = 11;
  struct Window {
    std::string_view type;
    double a0, a1, a2;
  };
  static constexpr Window kWindows[] = {{"HannWindow", 0.5, 0.5, 0},
                                        {"HammingWindow", 25.0 / 46.0, 21.0 / 46.0, 0},
                                        {"BlackmanWindow", 0.42, 0.5, 0.08}};
  const Window* window = kWindows;
  while (window->type != node.type) ++window;
  const auto number = [&](double value) { return expansion.constant(Tensor::scalar(value)); };
  const std::string size = expansion.node("Cast", {expansion.input(0)}, {{"to", kFloat64}});
  const std::string places = expansion.node("Range", {number(0), size, number(1)});
  const bool periodic = node.get<int64_t>("periodic", 1) != 0;
  const std::string period = periodic ? size : expansion.node("Sub", {size, number(1)});
  const auto wave = [&](double turns, double factor) {
    const std::string angle = expansion.node("Mul", {places, number(turns * 2 * std::numbers::pi)});
    const std::string cosine = expansion.node("Cos", {expansion.node("Div", {angle, period})});
    return expansion.node("Mul", {cosine, number(factor)});
  };
  std::string y = expansion.node("Sub", {number(window->a0), wave(1, window->a1)});
  if (window->a2 != 0) y = expansion.node("Add", {y, wave(2, window->a2)});
  expansion.node_making(node.outputs, "Cast", {y},
                        {{"to", node.get<int64_t>("output_datatype", 1)}});
}

}  // namespace tendon
