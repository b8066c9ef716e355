#include "quant/dialect.h"

#include <vector>

#include "base/format.h"

namespace tendon {
namespace {

constexpr Dialect kDialects[] = {
    {"trt", "TensorRT", false, finish_for_tensorrt},
    {"ort", "ONNX Runtime", true, finish_for_onnxruntime},
    {"openvino", "OpenVINO", true, nullptr},
};

}  // namespace

std::span<const Dialect> dialect_table() { return kDialects; }

const Dialect& dialect_from_name(std::string_view name) {
  std::vector<std::string_view> known;
  for (const Dialect& dialect : kDialects) {
    if (dialect.name == name) return dialect;
    known.push_back(dialect.name);
  }
  fail(ErrorKind::kUsage, "there is no Q/DQ form named '{}'; choose {}", name,
       fmt::join(known, ", "));
}

}  // namespace tendon
