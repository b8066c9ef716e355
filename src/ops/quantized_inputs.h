// What QuantizedConv and QuantizedMatMul share: their inputs' checks and what follows the sums.
#pragma once

#include "ops/activation.h"
#include "ops/broadcast.h"
#include "ops/requantize.h"

namespace tendon {

/// Checks inputs 0 (uint8 or int8) and 1 (int8); returns input 1.
const Argument& require_quantized_operands(Arguments arguments);
/// Checks inputs 2 (scale, one of `channels`), 3 (bias; its type only) and 4 (residual of shape
/// `y`).
void require_epilogue(Arguments arguments, int64_t channels, const Shape& y);

/// requantize(activation(scale * sums + bias + residual_scale * residual)); sums are float64 and
/// channel_of(i) is the output channel of element i. The bias broadcasts to the sums' shape where
/// it has another size than one element a channel.
template <class Op, class ChannelOf>
Tensor epilogue_of_sums(const Op& op, std::span<const Tensor> inputs, const Tensor& sums,
                        const ChannelOf& channel_of) {
  const std::vector<double> scale = to_doubles(inputs[2]);
  const auto optional = [&](size_t i) {
    return has_input(inputs, i) ? to_doubles(inputs[i]) : std::vector<double>{};
  };
  const std::vector<double> bias = optional(3);
  const std::vector<double> residual = optional(4);
  const bool by_channel =
      bias.size() == scale.size() && inputs[3].shape().back() == inputs[2].size();
  const Shape bias_shape = bias.empty() || by_channel ? Shape{} : inputs[3].shape();
  std::vector<double> values = to_doubles(sums);
  for_each_broadcast<1>(sums.shape(), {broadcast_strides(bias_shape, sums.shape())},
                        [&](int64_t index, const auto& offsets) {
                          const auto i = static_cast<size_t>(index);
                          const auto channel = static_cast<size_t>(channel_of(index));
                          double y = values[i] * scale[channel];
                          if (!bias.empty()) {
                            y += bias[by_channel ? channel : static_cast<size_t>(offsets[0])];
                          }
                          if (!residual.empty()) {
                            y += residual[i] * static_cast<double>(op.residual_scale);
                          }
                          values[i] = apply(op.activation, y);
                        });
  return requantized(values, sums.shape(), op.y_dtype, op.y_scale);
}

}  // namespace tendon
