// Lines of the first integer convolution on images: what the instruction sets implement.
#pragma once

#include <cstdint>

#include "backends/cpu/image_lines.h"
#include "base/data_type.h"

namespace tendon::cpu {

/// The convolution of one image's codes. A prepared line holds an input line's codes with its
/// border, as what the instruction multiplies takes; one step multiplies a word of neighbouring
/// codes.
struct CodeLines : ImageLines {
  float x_scale = 1;
  /// Chosen for the instructions in use: bytes of a code in a prepared line, codes of a word, and
  /// what is added to each so that it has no sign.
  int64_t code_bytes = 1, group = 1;
  int32_t shift = 0;
  /// [panels, kernel_height, groups of a kernel line, panel] words, aligned to vectors.
  const int32_t* weights_of_codes = nullptr;
  /// [row classes, column classes, y_step()]: what the sums start from.
  const int32_t* starts = nullptr;
  int64_t column_classes = 1;
  /// Of each line and of each pixel of a line, up to the end of its last tile.
  const uint8_t* row_class = nullptr;
  const uint8_t* column_class = nullptr;
  /// [y_step()]
  const float* scale = nullptr;
  DataType y_dtype = DataType::kUInt8;
  float y_scale = 1;

  /// Codes of a kernel line, rounded up to whole words.
  int64_t groups() const { return (kernel_width * channels + group - 1) / group; }
  int64_t prepared_bytes() const {
    const int64_t pixels = (round_up(y_width, tile) - 1) * stride + kernel_width;
    return round_up((pixels * channels + group) * code_bytes, 64);
  }
};

/// The work on one line, for the vectors in use.
struct CodeLineSteps {
  void (*plan)(CodeLines&);
  void (*border)(const CodeLines&, void* prepared);
  /// One input line, over a border: saturate(round((x - offset) / x_scale)) in int8, NaN giving 0.
  void (*prepare)(const CodeLines&, const void* source, void* prepared);
  /// Sums of line `line` of the result from kernel_height prepared lines.
  void (*convolve)(const CodeLines&, const void* const* prepared, int64_t line, int32_t* y);
  /// Maxima over windows of 3 pixels with stride 2 and a border of 1 of `count` lines of sums, as
  /// codes saturate(round(activation(scale * sum + bias) / y_scale)), dense.
  void (*pool)(const CodeLines&, const int32_t* const* made, int64_t count, void* y);
};
/// With `vnni`, the CPU has AVX-512 VNNI.
CodeLineSteps code_line_steps(DataType images, DataType y, bool vnni);

}  // namespace tendon::cpu
