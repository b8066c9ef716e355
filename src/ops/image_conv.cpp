#include "ops/image_conv.h"

#include <algorithm>
#include <array>

#include "ops/binary.h"
#include "ops/transpose.h"
#include "ops/wide.h"

namespace tendon {

FusedConv ImageConv::conv() const {
  FusedConv conv;
  static_cast<WindowAttributes&>(conv) = *this;
  conv.activation = activation;
  conv.channels_last = true;
  return conv;
}

MaxPool ImageConv::pool() {
  MaxPool pool;
  pool.kernel_shape = {3, 3};
  pool.strides = {2, 2};
  pool.pads = {1, 1, 1, 1};
  pool.channels_last = true;
  return pool;
}

bool ImageConv::is_pool(const MaxPool& other, const Shape& x) {
  const std::vector<int64_t> window = {3, 3};
  if (x.rank() != 4 || other.kernel_shape != window) return false;
  const ImageLayout images = image_layout(x, other.channels_last);
  return std::ranges::all_of(
      window_axes(other, images.spatial, window, other.ceil_mode), [](const WindowAxis& axis) {
        return axis.stride == 2 && axis.dilation == 1 && axis.pad_begin == 1 &&
               axis.output == (axis.input - 1) / 2 + 1;
      });
}

Shape ImageConv::prepared(const Shape& x) const {
  return channels_last ? x : Shape{x[0], x[2], x[3], x[1]};
}

std::vector<TensorType> ImageConv::infer(Arguments arguments) const {
  const TensorType& x = require_input(arguments, 0, "X").type;
  const TensorType& weight = require_input(arguments, 1, "W").type;
  if (x.shape.rank() != 4) fail_input("X is {}, expected images with four axes", x);
  if (x.dtype != DataType::kUInt8 && x.dtype != DataType::kFloat16 &&
      x.dtype != DataType::kBFloat16 && x.dtype != DataType::kFloat32) {
    fail_input("X is {}, expected uint8, float16, bfloat16 or float32", x);
  }
  std::vector<Argument> plain(arguments.begin(),
                              arguments.begin() + std::min<size_t>(arguments.size(), 3));
  plain[0].type = {weight.dtype, prepared(x.shape)};
  plain[0].value = nullptr;
  if (has_input(arguments, 3)) {
    const TensorType expected{DataType::kFloat32, {plain[0].type.shape.back()}};
    if (arguments[3].type != expected) {
      fail_input("offset is {}, expected {}", arguments[3].type, expected);
    }
  }
  require_output_format(y_dtype, y_scale);
  Argument y{conv().infer(plain)[0], nullptr, true};
  if (!is_floating(y_dtype)) y.type.dtype = y_dtype;
  return {pooled ? pool().infer({&y, 1})[0] : y.type};
}

std::vector<Tensor> ImageConv::reference(std::span<const Tensor> inputs) const {
  std::vector<Tensor> wide;
  for (const Tensor& input : inputs) {
    wide.push_back(input.defined() ? cast(input, DataType::kFloat64) : Tensor());
  }
  if (!channels_last) wide[0] = Transpose{.perm = {0, 2, 3, 1}}.reference({&wide[0], 1})[0];
  if (has_input(wide, 3)) {
    const std::array<Tensor, 2> operands = {wide[0], wide[3]};
    wide[0] = Binary{BinaryKind::kSub}.reference(operands)[0];
  }
  Tensor y = conv().reference(std::span(wide).first(std::min<size_t>(wide.size(), 3)))[0];
  if (pooled) y = pool().reference({&y, 1})[0];
  if (is_floating(y_dtype)) return {cast(y, inputs[1].dtype())};
  return {requantized(to_doubles(y), y.shape(), y_dtype, y_scale)};
}

}  // namespace tendon
