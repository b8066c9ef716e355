// Any bytes as an ONNX model: an Error or a graph, and what is exported reads back.
#include <cstdint>
#include <cstdlib>

#include "base/limits.h"
#include "base/log.h"
#include "ir/infer.h"
#include "onnx/exporter.h"
#include "onnx/importer.h"

namespace {

std::string exported(const tendon::Graph& graph) {
  try {
    return tendon::onnx_bytes_from_graph(graph, {.opset = 21});
  } catch (const tendon::Error&) {
    return "";
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tendon;
  Logger::global().set_severity(Severity::kCritical);
  try {
    Graph graph = graph_from_onnx_bytes(std::as_bytes(std::span(data, size)), "fuzz");
    bind_inputs(graph, {});
    const std::string text = exported(graph);
    if (text.empty()) return 0;
    try {
      graph_from_onnx_bytes(std::as_bytes(std::span(text)), "exported");
    } catch (const Error& error) {
      Logger::global().log(Severity::kCritical, error.what());
      std::abort();
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInternal) return 0;
    Logger::global().log(Severity::kCritical, error.what());
    std::abort();
  }
  return 0;
}
