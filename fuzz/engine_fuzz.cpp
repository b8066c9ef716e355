// Engine files: the bytes as they are, and once more with every checksum made right, so that the
// parsers behind the checksums are reached.
#include <tendon/error.h>
#include <tendon/log.h>

#include <vector>

#include "backends/registry.h"
#include "engine/engine_file.h"
#include "engine/file_format.h"

namespace {

void load(std::span<const std::byte> bytes) {
  try {
    tendon::compiled_engine_from_bytes(bytes, nullptr, "fuzz", [](std::string_view) {
      return tendon::backends_for_device("reference");
    });
  } catch (const tendon::Error& error) {
    if (error.kind() == tendon::ErrorKind::kInternal) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool quiet = [] {
    tendon::Logger::global().set_severity(tendon::Severity::kCritical);
    return true;
  }();
  (void)quiet;
  std::vector<std::byte> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(data[i]);
  load(bytes);
  tendon::engine_file::reseal(bytes);
  load(bytes);
  return 0;
}
