// Any bytes as an ONNX model: an Error or a graph, and what is exported reads back. Half of the
// mutations are those of messages.
#include <cstring>

#include "fuzz.h"
#include "ir/infer.h"
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
// libFuzzer's own mutation of bytes.
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned int seed) {
  if (seed % 2 == 0) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto mutated = fuzzing::WireMutator(seed).mutate(text, max_size)) {
      std::memcpy(data, mutated->data(), mutated->size());
      return mutated->size();
    }
  }
  return LLVMFuzzerMutate(data, size, max_size);
}
#endif
