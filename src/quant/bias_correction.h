// What rounding a weight does to a layer's mean output, and how the bias makes up for it.
#pragma once

#include <optional>

#include "quant/quantized_weight.h"
#include "quant/weight_layers.h"

namespace tendon {

/// For each output channel: the mean over the calibration frames of w * x - codes * scale * x,
/// borders of convolutions taken like their inside. `channel_mean` holds the mean of each input
/// channel. Nothing where the layer's groups mix channels or the means do not fit.
std::optional<std::vector<double>> mean_weight_error(const Graph& graph, const WeightLayer& layer,
                                                     const QuantizedWeight& quantized,
                                                     std::span<const double> channel_mean);

/// Adds `correction` to what `layer` makes: to its constant bias, to the constant that alone is
/// added to its output, or by a new bias.
void add_to_bias(Graph& graph, const WeightLayer& layer, std::span<const double> correction);

}  // namespace tendon
