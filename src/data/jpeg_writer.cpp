#include "data/jpeg_writer.h"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
// jpeglib.h needs <cstdio> before it.
#include <jpeglib.h>

#include "base/format.h"

namespace tendon {
namespace {

struct ErrorManager {
  jpeg_error_mgr base;
  jmp_buf escape;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void escape(j_common_ptr info) {
  auto* manager = reinterpret_cast<ErrorManager*>(info->err);
  manager->base.format_message(info, manager->message);
  longjmp(manager->escape, 1);
}

/// All state of one encode; nothing in it needs a destructor when the library jumps.
struct Encoder {
  jpeg_compress_struct info{};
  ErrorManager errors{};
  unsigned char* memory = nullptr;
  unsigned long size = 0;

  Encoder() {
    info.err = jpeg_std_error(&errors.base);
    errors.base.error_exit = escape;
  }
  ~Encoder() {
    jpeg_destroy_compress(&info);
    std::free(memory);
  }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  bool encode(const uint8_t* rgb, int64_t height, int64_t width, int quality) {
    if (setjmp(errors.escape) != 0) return false;
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &memory, &size);
    info.image_height = static_cast<JDIMENSION>(height);
    info.image_width = static_cast<JDIMENSION>(width);
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, quality, TRUE);
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < info.image_height) {
      const size_t offset = size_t{3} * info.next_scanline * info.image_width;
      JSAMPROW row = const_cast<uint8_t*>(rgb) + offset;
      jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    return true;
  }
};

}  // namespace

std::string encode_jpeg(std::span<const uint8_t> rgb, int64_t height, int64_t width, int quality) {
  TENDON_ASSERT(height > 0 && width > 0 && height <= JPEG_MAX_DIMENSION &&
                width <= JPEG_MAX_DIMENSION &&
                static_cast<int64_t>(rgb.size()) == height * width * 3);
  Encoder encoder;
  if (!encoder.encode(rgb.data(), height, width, quality)) {
    fail(ErrorKind::kInternal, "a picture of {} x {} cannot be encoded: {}", height, width,
         encoder.errors.message);
  }
  return std::string(reinterpret_cast<const char*>(encoder.memory), encoder.size);
}

}  // namespace tendon
