// "TRT-100300-EntropyCalibration2", then "<name>: <float32 bits of the scale, eight hexadecimal
// digits>" a line. Names may hold blanks and colons.
#include "quant/tensorrt_cache.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>

#include "quant/algorithm.h"
#include "quant/calibration_data.h"

namespace tendon {
namespace {

constexpr std::string_view kStart = "TRT-";
constexpr std::string_view kSeparator = ": ";

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

CalibrationAlgorithm algorithm_from_header(std::string_view line, std::string_view name) {
  const size_t dash = line.find('-', kStart.size());
  if (line.starts_with(kStart) && dash != std::string_view::npos &&
      is_digits(line.substr(kStart.size(), dash - kStart.size()))) {
    const auto rows = algorithm_table();
    const auto found = std::ranges::find(rows, line.substr(dash + 1), &AlgorithmRow::tensorrt_name);
    if (found != rows.end()) return found->algorithm;
  }
  fail_input(
      "{}: the first line is '{}', expected TensorRT's, such as TRT-100300-EntropyCalibration2",
      name, line.substr(0, 80));
}

float scale_from(std::string_view digits, std::string_view place) {
  uint32_t bits = 0;
  const char* end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, bits, 16);
  if (digits.size() != 8 || parsed.ec != std::errc() || parsed.ptr != end) {
    fail_input(
        "{}: the scale is '{}', expected eight hexadecimal digits; the file may be truncated",
        place, digits.substr(0, 40));
  }
  const float scale = std::bit_cast<float>(bits);
  if (!std::isnormal(scale) || scale < 0) {
    fail_input("{}: the scale is {}, expected a normal number above 0; calibrate again", place,
               scale);
  }
  return scale;
}

}  // namespace

TensorRtCache parse_tensorrt_cache(std::string_view text, std::string_view name) {
  if (text.empty()) {
    fail_input("{}: the file is empty, expected a calibration cache; delete it and calibrate again",
               name);
  }
  TensorRtCache cache;
  int number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (++number == 1) {
      cache.algorithm = algorithm_from_header(line, name);
      continue;
    }
    if (line.empty()) continue;
    const std::string place = fmt::format("{}: line {}", name, number);
    const size_t colon = line.rfind(kSeparator);
    if (colon == std::string_view::npos || colon == 0) {
      fail_input("{}: '{}' is not of the form 'name: scale'; the file may be truncated", place,
                 line.substr(0, 80));
    }
    const float scale = scale_from(line.substr(colon + kSeparator.size()), place);
    if (!cache.scales.emplace(line.substr(0, colon), scale).second) {
      fail_input("{}: '{}' has a scale already", place, line.substr(0, colon));
    }
  }
  if (cache.scales.empty()) fail_input("{}: no scale follows the first line", name);
  return cache;
}

std::string text_from_ranges(const Ranges& ranges, std::string_view algorithm,
                             std::string_view version) {
  if (!is_digits(version)) {
    fail(ErrorKind::kUsage,
         "'{}' is no version of TensorRT, expected digits such as 100300 for 10.3", version);
  }
  std::string text = fmt::format("{}{}-{}\n", kStart, version, algorithm);
  for (const auto& [name, range] : ranges) {
    if (name.find('\n') != std::string::npos) {
      fail(ErrorKind::kUnsupported,
           "the value '{}' cannot stand in a cache: its name has a line break", name);
    }
    text += fmt::format("{}{}{:08x}\n", name, kSeparator,
                        std::bit_cast<uint32_t>(scale_of(range.amax)));
  }
  return text;
}

}  // namespace tendon
