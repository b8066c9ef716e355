#include "ops/quantized_inputs.h"

#include "ops/checks.h"

namespace tendon {

const Argument& require_quantized_operands(Arguments arguments) {
  const DataType x = require_input(arguments, 0, "X").type.dtype;
  if (x != DataType::kUInt8 && x != DataType::kInt8) {
    fail_input("input 0 ('X') is {}, expected uint8 or int8", x);
  }
  return require_type(arguments, 1, "W", DataType::kInt8);
}

void require_epilogue(Arguments arguments, int64_t channels, const Shape& y) {
  require_shape(require_type(arguments, 2, "scale", DataType::kFloat32), "scale", Shape{channels});
  if (has_input(arguments, 3) && arguments[3].type.dtype != DataType::kFloat16 &&
      arguments[3].type.dtype != DataType::kBFloat16) {
    require_type(arguments, 3, "bias", DataType::kFloat32);
  }
  if (!has_input(arguments, 4)) return;
  const Argument& residual = arguments[4];
  const DataType type = residual.type.dtype;
  if (type != DataType::kFloat32 && type != DataType::kFloat16 && type != DataType::kBFloat16 &&
      type != DataType::kInt8 && type != DataType::kUInt8) {
    fail_input("residual is {}, expected float32, float16, bfloat16, int8 or uint8", type);
  }
  require_shape(residual, "residual", y);
}

}  // namespace tendon
