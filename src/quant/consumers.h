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
  /// As the layer has them, float32.
  Tensor weights;
  /// Whether their first axis is the outputs'.
  bool outputs_first = false;
  /// Empty for a product, whose rows are the channels of one place. A row of a convolution is a
  /// patch in the order channel, window.
  std::vector<WindowAxis> window;

  int64_t outputs() const { return weights.shape()[outputs_first ? 0 : 1]; }
  /// Elements of a row.
  int64_t width() const { return weights.size() / outputs(); }
  /// (width, outputs)
  Tensor matrix() const;
};

/// Those of the canonical graph whose rows can be taken from what is observed.
std::vector<Consumer> consumers_of(const Graph& graph, std::span<const CalibratedValue> values);

}  // namespace tendon
