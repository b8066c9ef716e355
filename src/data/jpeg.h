// JPEG frames: header and pixels, with every warning of the decoder treated as damage.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace tendon {

struct JpegHeader {
  int64_t height = 0;
  int64_t width = 0;
  /// Quantised with the standard's own tables, which is what quality 50 gives.
  bool is_quality_50 = false;
};

/// Throws Error{kBadInput} naming `place` unless `bytes` start with a JPEG of three components
/// within limits(). Bytes after the end marker are ignored by both functions.
JpegHeader read_jpeg_header(std::span<const std::byte> bytes, std::string_view place);

/// Decodes to three planes (3, height, width), red first, or blue first if `swap_red_and_blue`.
/// Throws Error{kBadInput} when the image is damaged or not of the size that `planes` holds.
void decode_jpeg(std::span<const std::byte> bytes, std::string_view place, int64_t height,
                 int64_t width, bool swap_red_and_blue, std::span<uint8_t> planes);

}  // namespace tendon
