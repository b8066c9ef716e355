// QuantizeLinear and DequantizeLinear: ties, saturation, axes, and scales that do not fit.
#include <limits>

#include "ops/onnx_type.h"
#include "support/graphs.h"
#include "support/run_op.h"

namespace tendon {
namespace {

using namespace testing;

Tensor bytes(const Shape& shape, const std::vector<int8_t>& values) {
  return Tensor::from<int8_t>(shape, values);
}

TEST(QuantizeLinear, RoundsTiesToEvenAndSaturates) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor x = floats({7}, {0.25f, 0.75f, -0.25f, 1e9f, -1e9f, 1.0f, nan});
  const Tensor y = run_op(QuantizeLinear{}, {x, floats({}, {0.5f}), bytes({}, {1})})[0];
  EXPECT_EQ(y, bytes({7}, {1, 3, 1, 127, -128, 3, 0}));
  EXPECT_EQ(run_op(QuantizeLinear{}, {x, floats({}, {0.5f})})[0].dtype(), DataType::kUInt8);
  QuantizeLinear wide;
  wide.output_dtype = onnx_number_of(DataType::kInt16);
  EXPECT_EQ(run_op(wide, {x, floats({}, {0.5f})})[0].data<int16_t>()[3], 32767);
}

TEST(QuantizeLinear, DividesInFloatAsTheDefinitionSays) {
  // In double the quotient lies below the tie.
  const Tensor x = floats({1}, {0.35f});
  const Tensor y = run_op(QuantizeLinear{}, {x, floats({}, {0.1f}), bytes({}, {0})})[0];
  EXPECT_EQ(y, bytes({1}, {4}));
}

TEST(QuantizeLinear, ByAxisThereAndBack) {
  QuantizeLinear quantize;
  quantize.axis = 0;
  DequantizeLinear dequantize;
  dequantize.axis = -2;
  const Tensor x = floats({2, 2}, {1, 2, 30, -40});
  const Tensor scale = floats({2}, {1, 10});
  const Tensor zero = bytes({2}, {0, 5});
  const Tensor y = run_op(quantize, {x, scale, zero})[0];
  EXPECT_EQ(y, bytes({2, 2}, {1, 2, 8, 1}));
  EXPECT_EQ(run_op(dequantize, {y, scale, zero})[0], x);
}

TEST(Quantization, Refuses) {
  const Tensor x = random_tensor({2, 3});
  const Tensor scale = floats({}, {1});
  QuantizeLinear blocks;
  blocks.block_size = 2;
  QuantizeLinear to_float;
  to_float.output_dtype = onnx_number_of(DataType::kFloat32);
  const Refusal refusals[] = {
      {QuantizeLinear{}, {x, floats({2}, {1, 1})}, {"'scale' has shape (2,), expected (3,)"}},
      {QuantizeLinear{}, {x, scale, bytes({1}, {0})}, {"'zero_point' has shape (1,), expected ()"}},
      {QuantizeLinear{}, {x, ints({1})}, {"('scale') is int64"}},
      {QuantizeLinear{}, {x, scale, ints({})}, {"'zero_point'"}},
      {to_float, {x, scale}, {"quantized type is float32"}},
      {blocks, {x, scale}, {"'block_size' is 2"}, ErrorKind::kUnsupported},
      {DequantizeLinear{}, {x, scale}, {"'x'", "expected an integer type"}},
      {DequantizeLinear{}, {bytes({1}, {0}), scale, ints({})}, {"'zero_point'"}},
  };
  for (const Refusal& refusal : refusals) expect_refused(refusal);
}

}  // namespace
}  // namespace tendon
