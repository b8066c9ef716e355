#include "ops/quantized_image_conv.h"

#include <algorithm>
#include <cmath>

#include "ops/checks.h"
#include "ops/image_conv.h"
#include "ops/transpose.h"
#include "ops/wide.h"

namespace tendon {

QuantizedConv QuantizedImageConv::conv() const {
  QuantizedConv conv;
  static_cast<WindowAttributes&>(conv) = *this;
  conv.activation = activation;
  conv.channels_last = true;
  conv.y_dtype = y_dtype;
  conv.y_scale = y_scale;
  return conv;
}

Shape QuantizedImageConv::codes(const Shape& x) const {
  return channels_last ? Shape{x[0], x[1], x[2], x[3] + 1} : Shape{x[0], x[2], x[3], x[1] + 1};
}

std::vector<TensorType> QuantizedImageConv::infer(Arguments arguments) const {
  require_rank(require_input(arguments, 0, "X"), "X", 4);
  const TensorType& x = arguments[0].type;
  if (x.dtype != DataType::kUInt8 && x.dtype != DataType::kFloat32) {
    fail_input("X is {}, expected uint8 or float32", x);
  }
  if (inside < -128 || inside > 127) fail_input("inside is {}, expected an int8", inside);
  require_output_format(DataType::kInt8, x_scale);
  require_output_format(y_dtype, y_scale);
  if (is_floating(y_dtype)) fail_input("the codes are {}, expected int8 or uint8", y_dtype);
  std::vector<Argument> plain(arguments.begin(), arguments.end());
  plain.resize(std::min<size_t>(plain.size(), 4));
  plain[0] = {{DataType::kInt8, codes(x.shape)}, nullptr, true};
  const Argument y{conv().infer(plain)[0], nullptr, true};
  return {ImageConv::pool().infer({&y, 1})[0]};
}

std::vector<Tensor> QuantizedImageConv::reference(std::span<const Tensor> inputs) const {
  Tensor x = cast(inputs[0], DataType::kFloat64);
  if (!channels_last) x = Transpose{.perm = {0, 2, 3, 1}}.reference({&x, 1})[0];
  const auto values = x.data<double>();
  Tensor made(DataType::kInt8, codes(inputs[0].shape()));
  const auto result = made.mutable_data<int8_t>();
  const auto channels = static_cast<size_t>(made.shape()[3]);
  for (size_t i = 0; i < result.size(); ++i) {
    const size_t channel = i % channels;
    const double code = std::nearbyint(
        (values[std::min(i / channels * (channels - 1) + channel, values.size() - 1)] -
         static_cast<double>(offset)) /
        static_cast<double>(x_scale));
    result[i] = static_cast<int8_t>(channel + 1 == channels ? static_cast<double>(inside)
                                    : std::isnan(code)      ? 0.0
                                                            : std::clamp(code, -128.0, 127.0));
  }
  std::vector<Tensor> plain(inputs.begin(), inputs.end());
  plain[0] = made;
  const Tensor y = conv().reference(plain)[0];
  return {ImageConv::pool().reference({&y, 1})[0]};
}

}  // namespace tendon
