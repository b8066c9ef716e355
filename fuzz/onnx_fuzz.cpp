// Any bytes as an ONNX model: an Error or a graph, and what is exported reads back. Half of the
// mutations are those of messages.
#include "fuzz.h"
#include "ir/infer.h"
#include "mutator.h"
#include "onnx/exporter.h"
#include "onnx/importer.h"
#include "wire_mutator.h"

namespace {

using namespace tendon;

std::string exported(const Graph& graph) {
  try {
    return onnx_bytes_from_graph(graph, {.opset = 21});
  } catch (const Error&) {
    return "";
  }
}

void check(std::span<const std::byte> bytes) {
  Graph graph = graph_from_onnx_bytes(bytes, "fuzz");
  bind_inputs(graph, {});
  const std::string text = exported(graph);
  if (text.empty()) return;
  try {
    graph_from_onnx_bytes(std::as_bytes(std::span(text)), "exported");
  } catch (const Error& error) {
    fail(ErrorKind::kInternal, "an exported model is refused: {}", error.what());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return fuzzing::check_reader(data, size, check);
}

#if defined(__has_feature) && !defined(TENDON_REPLAY)
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned int seed) {
  return fuzzing::mutate<fuzzing::WireMutator>(data, size, max_size, seed);
}
#endif
