// Engine files: the bytes as they are, and once more with every checksum made right, so that the
// parsers behind the checksums are reached.
#include <vector>

#include "backends/registry.h"
#include "engine/engine_file.h"
#include "engine/file_format.h"
#include "fuzz.h"

namespace {

void load(std::span<const std::byte> bytes) {
  tendon::compiled_engine_from_bytes(bytes, nullptr, "fuzz", [](std::string_view) {
    return tendon::backends_for_device("reference");
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tendon::fuzzing::check_reader(data, size, load);
  const auto given = std::as_bytes(std::span(data, size));
  std::vector<std::byte> sealed(given.begin(), given.end());
  tendon::engine_file::reseal(sealed);
  return tendon::fuzzing::check_reader(reinterpret_cast<const uint8_t*>(sealed.data()), size, load);
}
