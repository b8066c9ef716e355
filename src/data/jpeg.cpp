// libjpeg with an error manager that jumps out instead of ending the process.
#include "data/jpeg.h"

#include <csetjmp>
#include <cstdio>
// jpeglib.h needs <cstdio> before it.
#include <jpeglib.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/format.h"
#include "base/limits.h"

namespace tendon {
namespace {

constexpr int kMaxScans = 100;

constexpr std::array<uint16_t, DCTSIZE2> kStandardLuminance = {
    16, 11, 10, 16, 24,  40,  51,  61,  12, 12, 14, 19, 26,  58,  60,  55,  //
    14, 13, 16, 24, 40,  57,  69,  56,  14, 17, 22, 29, 51,  87,  80,  62,  //
    18, 22, 37, 56, 68,  109, 103, 77,  24, 35, 55, 64, 81,  104, 113, 92,  //
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99};

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

void refuse_warnings(j_common_ptr info, int level) {
  if (level < 0) escape(info);
}

/// A small file may hold thousands of scans, each of which costs a pass over the whole image.
void count_scans(j_common_ptr info) {
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > kMaxScans) {
    auto* manager = reinterpret_cast<ErrorManager*>(info->err);
    std::snprintf(manager->message, sizeof manager->message, "more than %d scans", kMaxScans);
    longjmp(manager->escape, 1);
  }
}

/// All state of one decode; nothing in it needs a destructor when the library jumps.
struct Decoder {
  jpeg_decompress_struct info{};
  ErrorManager errors{};
  jpeg_progress_mgr progress{};

  explicit Decoder(std::span<const std::byte> bytes) : bytes_(bytes) {
    info.err = jpeg_std_error(&errors.base);
    errors.base.error_exit = escape;
    errors.base.emit_message = refuse_warnings;
    progress.progress_monitor = count_scans;
  }
  ~Decoder() { jpeg_destroy_decompress(&info); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  bool read_header() {
    if (setjmp(errors.escape) != 0) return false;
    jpeg_create_decompress(&info);
    info.progress = &progress;
    jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(bytes_.data()), bytes_.size());
    jpeg_read_header(&info, TRUE);
    return true;
  }

  bool read_pixels(J_COLOR_SPACE order, uint8_t* line, std::span<uint8_t> planes) {
    if (setjmp(errors.escape) != 0) return false;
    info.out_color_space = order;
    jpeg_start_decompress(&info);
    const size_t width = info.output_width;
    const size_t plane = width * info.output_height;
    while (info.output_scanline < info.output_height) {
      uint8_t* target = planes.data() + info.output_scanline * width;
      JSAMPROW row = line;
      jpeg_read_scanlines(&info, &row, 1);
      for (size_t x = 0; x < width; ++x) {
        target[x] = line[3 * x];
        target[x + plane] = line[3 * x + 1];
        target[x + 2 * plane] = line[3 * x + 2];
      }
    }
    jpeg_finish_decompress(&info);
    return true;
  }

 private:
  std::span<const std::byte> bytes_;
};

JpegHeader checked_header(Decoder& decoder, std::string_view place) {
  if (!decoder.read_header()) {
    fail_input("{}: no readable JPEG image: {}", place, decoder.errors.message);
  }
  const auto& info = decoder.info;
  if (info.num_components != 3) {
    fail_input("{}: a JPEG image with {} components, expected 3 (colour)", place,
               info.num_components);
  }
  const JpegHeader header{
      info.image_height, info.image_width,
      info.quant_tbl_ptrs[0] != nullptr &&
          std::ranges::equal(info.quant_tbl_ptrs[0]->quantval, kStandardLuminance)};
  if (header.height * header.width > limits().max_jpeg_pixels) {
    fail_input("{}: a JPEG image of {} x {} pixels, more than the limit of {}", place,
               header.height, header.width, limits().max_jpeg_pixels);
  }
  return header;
}

}  // namespace

JpegHeader read_jpeg_header(std::span<const std::byte> bytes, std::string_view place) {
  Decoder decoder(bytes);
  return checked_header(decoder, place);
}

void decode_jpeg(std::span<const std::byte> bytes, std::string_view place, int64_t height,
                 int64_t width, bool swap_red_and_blue, std::span<uint8_t> planes) {
  Decoder decoder(bytes);
  const JpegHeader header = checked_header(decoder, place);
  if (header.height != height || header.width != width) {
    fail_input("{}: an image of {} x {} pixels (height x width), expected {} x {}", place,
               header.height, header.width, height, width);
  }
  TENDON_ASSERT(static_cast<int64_t>(planes.size()) == 3 * height * width);
  std::vector<uint8_t> line(static_cast<size_t>(3 * width));
  if (!decoder.read_pixels(swap_red_and_blue ? JCS_EXT_BGR : JCS_RGB, line.data(), planes)) {
    fail_input("{}: damaged JPEG image: {}", place, decoder.errors.message);
  }
}

}  // namespace tendon
