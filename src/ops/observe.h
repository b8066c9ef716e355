// Observe: the input itself, at a place where a run shows the value to whoever watches it.
#pragma once

#include "ops/op.h"

namespace tendon {

/// Put behind values before fusing; no pass removes it or moves it across arithmetic.
struct Observe : SingleType<Observe> {
  static constexpr std::string_view kOnnxType = "Observe";
  static constexpr std::string_view kDomain = kTendonDomain;
  /// The value's name in the graph that observers were put into.
  std::string name;
  /// The axis of channels, counted from the front; it follows the layout.
  int64_t axis = 0;
  static constexpr auto kFields =
      std::tuple{Field{"name", &Observe::name}, Field{"axis", &Observe::axis}};
  bool operator==(const Observe&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const {
    const TensorType& type = require_input(arguments, 0, "input").type;
    if (type.shape.rank() > 0 || axis != 0) normalize_axis(axis, type.shape.rank());
    return {type};
  }
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const { return {inputs[0]}; }
};
static_assert(Operator<Observe>);

}  // namespace tendon
