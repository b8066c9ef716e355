// Writes small JPEG pictures.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace tendon {

/// A baseline JPEG of `rgb` (height, width, 3). `quality` in 1..100.
std::string encode_jpeg(std::span<const uint8_t> rgb, int64_t height, int64_t width, int quality);

}  // namespace tendon
