#include "ops/opset_forms.h"

namespace tendon {

std::span<const OpsetForm> opset_forms() {
  constexpr DataType kInts = DataType::kInt64;
  constexpr DataType kFloat = DataType::kFloat32;
  static constexpr OpsetForm kForms[] = {
      {"Clip", "min", 1, kFloat, 11},         {"Clip", "max", 2, kFloat, 11},
      {"Pad", "pads", 1, kInts, 11},          {"Pad", "value", 2, kFloat, 11},
      {"ReduceL1", "axes", 1, kInts, 18},     {"ReduceL2", "axes", 1, kInts, 18},
      {"ReduceLogSum", "axes", 1, kInts, 18}, {"ReduceLogSumExp", "axes", 1, kInts, 18},
      {"ReduceMax", "axes", 1, kInts, 18},    {"ReduceMean", "axes", 1, kInts, 18},
      {"ReduceMin", "axes", 1, kInts, 18},    {"ReduceProd", "axes", 1, kInts, 18},
      {"ReduceSum", "axes", 1, kInts, 13},    {"ReduceSumSquare", "axes", 1, kInts, 18},
      {"Slice", "starts", 1, kInts, 10},      {"Slice", "ends", 2, kInts, 10},
      {"Slice", "axes", 3, kInts, 10},        {"Split", "split", 1, kInts, 13},
      {"Squeeze", "axes", 1, kInts, 13},      {"Unsqueeze", "axes", 1, kInts, 13},
  };
  return kForms;
}

}  // namespace tendon
