// Any bytes as JSON.
#include "base/json.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return tendon::fuzzing::check_reader(data, size, [](std::span<const std::byte> bytes) {
    tendon::parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, "fuzz");
  });
}
