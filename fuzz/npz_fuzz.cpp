// Any bytes as an .npz archive: the ZIP reader and the .npy reader behind it.
#include "base/npz.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return tendon::fuzzing::check_reader(
      data, size, [](std::span<const std::byte> bytes) { tendon::parse_npz(bytes, "fuzz"); });
}
