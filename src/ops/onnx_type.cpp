#include "ops/onnx_type.h"

#include <algorithm>

#include "base/format.h"

namespace tendon {
namespace {

struct Row {
  int64_t number;
  DataType type;
};
constexpr Row kRows[] = {
    {1, DataType::kFloat32},   {2, DataType::kUInt8},    {3, DataType::kInt8},
    {5, DataType::kInt16},     {6, DataType::kInt32},    {7, DataType::kInt64},
    {9, DataType::kBool},      {10, DataType::kFloat16}, {11, DataType::kFloat64},
    {16, DataType::kBFloat16},
};

struct Foreign {
  int64_t number;
  std::string_view name;
};
constexpr Foreign kForeign[] = {
    {4, "uint16"},      {8, "string"},          {12, "uint32"},       {13, "uint64"},
    {14, "complex64"},  {15, "complex128"},     {17, "float8e4m3fn"}, {18, "float8e4m3fnuz"},
    {19, "float8e5m2"}, {20, "float8e5m2fnuz"}, {21, "uint4"},        {22, "int4"},
    {23, "float4e2m1"}, {24, "float8e8m0"},     {25, "uint2"},        {26, "int2"},
};

}  // namespace

DataType data_type_from_onnx(int64_t number) {
  const auto* found = std::ranges::find(kRows, number, &Row::number);
  if (found != std::end(kRows)) return found->type;
  const auto* foreign = std::ranges::find(kForeign, number, &Foreign::number);
  if (foreign != std::end(kForeign)) {
    fail(ErrorKind::kUnsupported, "element type {} is not supported; export the model in float32",
         foreign->name);
  }
  fail_input("element type number {} is not one of ONNX's", number);
}

int64_t onnx_number_of(DataType type) { return std::ranges::find(kRows, type, &Row::type)->number; }

}  // namespace tendon
