// Any bytes as a camera's JPEG row.
#include <vector>

#include "base/limits.h"
#include "data/jpeg.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tendon::limits().max_jpeg_pixels = 1 << 16;
  return tendon::fuzzing::check_reader(data, size, [](std::span<const std::byte> bytes) {
    const auto [height, width, is_quality_50] = tendon::read_jpeg_header(bytes, "fuzz");
    std::vector<uint8_t> planes(static_cast<size_t>(3 * height * width));
    tendon::decode_jpeg(bytes, "fuzz", height, width, is_quality_50, planes);
  });
}
