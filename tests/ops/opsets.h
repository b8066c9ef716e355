// The opsets that have each operator, for the table in docs/operators.md.
#pragma once

#include <cstdint>
#include <string_view>

namespace tendon::testing {

struct Opsets {
  std::string_view type;
  int first = 0;
  int last = INT32_MAX;
};

/// Those that came after opset 9 or have gone since.
inline constexpr Opsets kOpsets[] = {
    {"BitShift", 11},
    {"BitwiseAnd", 18},
    {"BitwiseNot", 18},
    {"BitwiseOr", 18},
    {"BitwiseXor", 18},
    {"BlackmanWindow", 17},
    {"CastLike", 15},
    {"Celu", 12},
    {"ConvInteger", 10},
    {"CumSum", 11},
    {"DequantizeLinear", 10},
    {"DynamicQuantizeLinear", 11},
    {"Einsum", 12},
    {"GatherElements", 11},
    {"GatherND", 11},
    {"Gelu", 20},
    {"GreaterOrEqual", 12},
    {"GridSample", 16},
    {"GroupNormalization", 18},
    {"HammingWindow", 17},
    {"HannWindow", 17},
    {"HardSwish", 14},
    {"IsInf", 10},
    {"LayerNormalization", 17},
    {"LessOrEqual", 12},
    {"MatMulInteger", 10},
    {"Mish", 18},
    {"Mod", 10},
    {"NegativeLogLikelihoodLoss", 12},
    {"QLinearConv", 10},
    {"QLinearMatMul", 10},
    {"QuantizeLinear", 10},
    {"RMSNormalization", 23},
    {"Range", 11},
    {"Resize", 10},
    {"ReverseSequence", 10},
    {"Round", 11},
    {"Scatter", 9, 10},
    {"ScatterElements", 11},
    {"ScatterND", 11},
    {"SoftmaxCrossEntropyLoss", 12},
    {"Swish", 24},
    {"ThresholdedRelu", 10},
    {"Trilu", 14},
    {"Upsample", 1, 9},
};

inline Opsets opsets_of(std::string_view type) {
  for (const Opsets& row : kOpsets) {
    if (row.type == type) return row;
  }
  return {type};
}

/// Operators that are newer than the cases of ONNX 1.12, or of which that version has none.
inline constexpr std::string_view kWithoutCases[] = {
    "BitwiseAnd",         "BitwiseNot", "BitwiseOr", "BitwiseXor",       "Gelu",
    "GroupNormalization", "LpPool",     "Mish",      "RMSNormalization", "Swish",
};

}  // namespace tendon::testing
