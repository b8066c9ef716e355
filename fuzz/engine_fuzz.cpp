// Engine files: the bytes as they are, once more with every checksum made right, so that the
// parsers behind the checksums are reached, and once as if its weights had been packed here. Half
// of the mutations are those of fields. What loads and is small also runs.
#include <cstdlib>
#include <vector>

#include "backends/registry.h"
#include "engine/build.h"
#include "engine/context.h"
#include "engine/engine_file.h"
#include "engine/file_format.h"
#include "engine/plan.h"
#include "engine_mutator.h"
#include "fuzz.h"
#include "mutator.h"

namespace {

using namespace tendon;

constexpr int64_t kMostMultiplyAdds = 1'000'000;
constexpr size_t kMostBytes = size_t{1} << 20;

size_t bytes_of_ports(const std::vector<EnginePort>& ports) {
  size_t bytes = 0;
  for (const EnginePort& port : ports) {
    bytes += static_cast<size_t>(port.range.opt.element_count()) * size_of(port.dtype);
  }
  return bytes;
}

bool is_small(const CompiledEngine& engine) {
  int64_t multiply_adds = 0;
  for (const LayerRecord& layer : engine.layers()) multiply_adds += layer.multiply_adds;
  const size_t bytes = engine.activation_bytes() + bytes_of_ports(engine.inputs()) +
                       bytes_of_ports(engine.outputs());
  return multiply_adds <= kMostMultiplyAdds && bytes <= kMostBytes;
}

void load(std::span<const std::byte> bytes) {
  const auto engine =
      compiled_engine_from_bytes(bytes, nullptr, "fuzz", [](std::string_view device) {
        return backends_for_device(device == "cpu" ? "cpu" : "reference");
      });
  // As on a machine without the engine's device: what the manifest recorded is believed.
  const auto absent = compiled_engine_from_bytes(
      bytes, nullptr, "fuzz", [](std::string_view) -> std::vector<Backend*> {
        throw Error(ErrorKind::kUnsupported, "there is no such device");
      });
  if (absent->unavailable().empty()) std::abort();
  is_small(*absent);
  if (!is_small(*engine)) return;
  TensorMap inputs;
  for (const EnginePort& port : engine->inputs()) {
    inputs.emplace(port.name, Tensor(port.dtype, port.range.opt));
  }
  ExecutionContext(engine).infer(inputs);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzzing::check_reader(data, size, load);
  const auto given = std::as_bytes(std::span(data, size));
  std::vector<std::byte> sealed(given.begin(), given.end());
  engine_file::reseal(sealed);
  fuzzing::check_reader(reinterpret_cast<const uint8_t*>(sealed.data()), size, load);
  const std::vector<Backend*> backends = backends_for_device("cpu");
  const auto here = fuzzing::EngineMutator(0).built_by(
      {reinterpret_cast<const char*>(data), size},
      engine_file::fingerprint_field(fingerprint_of(backends)), packer_of(backends));
  if (!here) return 0;
  return fuzzing::check_reader(reinterpret_cast<const uint8_t*>(here->data()), here->size(), load);
}

#if defined(__has_feature) && !defined(TENDON_REPLAY)
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned int seed) {
  return fuzzing::mutate<fuzzing::EngineMutator>(data, size, max_size, seed);
}
#endif
