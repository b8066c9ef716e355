// TensorInfo: what is known of an input or output before running: name, element type, axes.
#pragma once

#include <tendon/tensor.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace tendon {

/// The upper end of an axis that may have any size.
inline constexpr int64_t kAnySize = std::numeric_limits<int64_t>::max();

/// One axis: a fixed size (min == max), or the sizes from min to max that a caller may choose.
struct Axis {
  int64_t min = 1;
  int64_t max = kAnySize;
  /// The model's name for an axis that is not fixed, such as "batch"; may be empty.
  std::string symbol;

  static Axis of(int64_t size) { return {size, size, {}}; }
  bool fixed() const { return min == max; }
  bool operator==(const Axis&) const = default;
};

struct TensorInfo {
  std::string name;
  DataType dtype = DataType::kFloat32;
  std::vector<Axis> axes;

  /// Whether a tensor of this shape fits.
  bool accepts(const Shape& shape) const;
  bool operator==(const TensorInfo&) const = default;
};

/// "(batch, 3, 240, 320)"; a range of sizes prints as "1..4".
std::string to_string(const std::vector<Axis>& axes);
/// "image [dtype=float32, shape=(batch, 3, 240, 320)]"
std::string to_string(const TensorInfo& info);
/// One line each.
std::string to_string(const std::vector<TensorInfo>& infos);

/// Null when there is none of that name.
const TensorInfo* find(const std::vector<TensorInfo>& infos, std::string_view name);
/// What `tensors` hold, with fixed axes.
std::vector<TensorInfo> tensor_infos_from(const TensorMap& tensors);

}  // namespace tendon
