// Consumers: the layers whose outputs tell how well a range serves.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "quant/calibrated_values.h"

namespace tendon {

/// A convolution or product with constant weights, as rows of inputs times a matrix.
struct Consumer {
  std::string name;
  /// The observed value that it reads.
  std::string source;
  /// Its inputs are that value times this.
  double factor = 1;
  /// (width, outputs) float32. A row of a convolution is a patch in the order channel, window.
  Tensor weights;
  /// Empty for a product, whose rows are the channels of one place.
  std::vector<WindowAxis> window;

  int64_t width() const { return weights.shape()[0]; }
};

/// Those of the canonical graph whose rows can be taken from what is observed.
std::vector<Consumer> consumers_of(const Graph& graph, std::span<const CalibratedValue> values);

}  // namespace tendon
