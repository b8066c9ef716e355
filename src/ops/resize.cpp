#include "ops/resize.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "ops/checks.h"
#include "ops/elements.h"
#include "ops/wide.h"

namespace tendon {
namespace {

/// What decides where an axis is read.
struct AxisScale {
  int64_t input = 1;
  int64_t output = 1;
  double scale = 1;
  double roi_begin = 0;
  double roi_end = 1;
};

void require_one_of(std::string_view name, std::string_view value,
                    std::initializer_list<std::string_view> choices) {
  if (std::ranges::find(choices, value) != choices.end()) return;
  fail_input("attribute '{}' is '{}', expected one of {}", name, value, fmt::join(choices, ", "));
}

/// Axes as given, counted from the front; each once.
std::vector<int> chosen_axes(const Resize& op, int rank) {
  std::vector<int> chosen;
  if (op.axes.empty()) {
    chosen.resize(static_cast<size_t>(rank));
    std::iota(chosen.begin(), chosen.end(), 0);
    return chosen;
  }
  normalize_axes(op.axes, rank);
  for (const int64_t axis : op.axes) chosen.push_back(normalize_axis(axis, rank));
  return chosen;
}

int64_t rounded_size(double size) {
  constexpr double kLargest = 1e12;
  if (!(size >= 0 && size <= kLargest)) fail_input("a size of {} is out of range", size);
  return static_cast<int64_t>(size);
}

void set_from_sizes(const Resize& op, std::span<const int> chosen,
                    const std::vector<int64_t>& sizes, std::vector<AxisScale>& axes) {
  const bool stretch = op.keep_aspect_ratio_policy == "stretch";
  const bool larger = op.keep_aspect_ratio_policy == "not_smaller";
  double common = larger ? 0 : HUGE_VAL;
  for (size_t i = 0; i < chosen.size(); ++i) {
    AxisScale& axis = axes[static_cast<size_t>(chosen[i])];
    if (sizes[i] < 0) fail_input("a size of {} is out of range", sizes[i]);
    axis.output = sizes[i];
    if (axis.input == 0) continue;
    axis.scale = static_cast<double>(axis.output) / static_cast<double>(axis.input);
    common = larger ? std::max(common, axis.scale) : std::min(common, axis.scale);
  }
  if (stretch || !std::isfinite(common)) return;
  for (const int which : chosen) {
    AxisScale& axis = axes[static_cast<size_t>(which)];
    axis.scale = common;
    axis.output = rounded_size(std::floor(common * static_cast<double>(axis.input) + 0.5));
  }
}

void set_from_scales(std::span<const int> chosen, const std::vector<double>& scales,
                     std::vector<AxisScale>& axes) {
  for (size_t i = 0; i < chosen.size(); ++i) {
    AxisScale& axis = axes[static_cast<size_t>(chosen[i])];
    if (!(scales[i] > 0) || !std::isfinite(scales[i])) {
      fail_input("a scale of {} is out of range", scales[i]);
    }
    axis.scale = scales[i];
    // In float, as ONNX Runtime does: 10 * 0.7f is 7 there.
    axis.output =
        rounded_size(std::floor(static_cast<float>(axis.input) * static_cast<float>(scales[i])));
  }
}

std::vector<AxisScale> axis_scales(const Resize& op, const Shape& shape, const Tensor* roi,
                                   const Tensor* scales, const Tensor* sizes) {
  std::vector<AxisScale> axes;
  for (const int64_t dim : shape) axes.push_back({dim, dim});
  const std::vector<int> chosen = chosen_axes(op, shape.rank());
  const auto require_count = [&](const Tensor& tensor, std::string_view name, size_t each) {
    if (tensor.size() != static_cast<int64_t>(chosen.size() * each)) {
      fail_input("'{}' has {} elements, expected {}", name, tensor.size(), chosen.size() * each);
    }
  };
  const bool by_scales = scales != nullptr && scales->size() > 0;
  const bool by_sizes = sizes != nullptr && sizes->size() > 0;
  if (by_scales == by_sizes) fail_input("needs either 'scales' or 'sizes'");
  if (by_scales) {
    require_count(*scales, "scales", 1);
    set_from_scales(chosen, to_doubles(*scales), axes);
  } else {
    require_count(*sizes, "sizes", 1);
    set_from_sizes(op, chosen, to_int64s(*sizes), axes);
  }
  if (op.coordinate_transformation_mode == "tf_crop_and_resize") {
    if (roi == nullptr) fail_input("tf_crop_and_resize needs 'roi'");
    require_count(*roi, "roi", 2);
    const std::vector<double> bounds = to_doubles(*roi);
    for (size_t i = 0; i < chosen.size(); ++i) {
      axes[static_cast<size_t>(chosen[i])].roi_begin = bounds[i];
      axes[static_cast<size_t>(chosen[i])].roi_end = bounds[i + chosen.size()];
    }
  }
  return axes;
}

/// The input coordinate of output position `o`.
double coordinate(std::string_view mode, const AxisScale& axis, int64_t o) {
  const auto x = static_cast<double>(o);
  const auto input = static_cast<double>(axis.input);
  const auto output = static_cast<double>(axis.output);
  if (mode == "asymmetric") return x / axis.scale;
  if (mode == "align_corners") return axis.output == 1 ? 0 : x * (input - 1) / (output - 1);
  if (mode == "tf_half_pixel_for_nn") return (x + 0.5) / axis.scale;
  if (mode == "tf_crop_and_resize") {
    const double width = (axis.roi_end - axis.roi_begin) * (input - 1);
    if (axis.output == 1) return 0.5 * (axis.roi_begin + axis.roi_end) * (input - 1);
    return axis.roi_begin * (input - 1) + x * width / (output - 1);
  }
  const double half_pixel = (x + 0.5) / axis.scale - 0.5;
  if (mode == "pytorch_half_pixel") return axis.output == 1 ? 0 : half_pixel;
  if (mode == "half_pixel_symmetric") {
    return input / 2 * (1 - output / (axis.scale * input)) + half_pixel;
  }
  return half_pixel;
}

double nearest(std::string_view mode, double x) {
  if (mode == "floor") return std::floor(x);
  if (mode == "ceil") return std::ceil(x);
  return mode == "round_prefer_ceil" ? std::floor(x + 0.5) : std::ceil(x - 0.5);
}

/// The interpolating function at distance x, without antialiasing 0 from `support` on.
double kernel_at(const Resize& op, double x) {
  x = std::fabs(x);
  if (op.mode == "linear") return std::max(0.0, 1.0 - x);
  const double a = op.cubic_coeff_a;
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/// The taps of a linear or cubic interpolation at `x`. Positions outside are those at the border.
std::vector<Resize::Tap> interpolating_taps(const Resize& op, const AxisScale& axis, double x) {
  const double shrink = op.antialias ? std::min(axis.scale, 1.0) : 1.0;
  const double support = op.mode == "linear" ? 1 : 2;
  const auto first = static_cast<int64_t>(std::floor(-support / shrink)) + 1;
  const double base = std::ceil(x) - 1;
  std::vector<Resize::Tap> taps;
  double sum = 0;
  for (int64_t k = first; k < 2 - first; ++k) {
    double weight = kernel_at(op, shrink * (static_cast<double>(k) - (x - base)));
    const double place = base + static_cast<double>(k);
    const double inside = std::clamp(place, 0.0, static_cast<double>(axis.input - 1));
    if (op.exclude_outside && place != inside) weight = 0;
    sum += weight;
    if (weight != 0) taps.push_back({static_cast<int64_t>(inside), weight});
  }
  if (op.antialias || op.exclude_outside) {
    for (Resize::Tap& tap : taps) tap.weight /= sum;
  }
  return taps;
}

constexpr double kMaxTaps = 1e6;

Resize::Axis axis_taps(const Resize& op, const AxisScale& axis) {
  Resize::Axis result{axis.input, {}};
  const auto last = static_cast<double>(axis.input - 1);
  if (op.antialias && !(4 / axis.scale < kMaxTaps)) {
    fail_input("a scale of {} is too small for antialiasing", axis.scale);
  }
  for (int64_t o = 0; o < axis.output; ++o) {
    const double x = coordinate(op.coordinate_transformation_mode, axis, o);
    std::vector<Resize::Tap>& taps = result.taps.emplace_back();
    const bool crops = op.coordinate_transformation_mode == "tf_crop_and_resize";
    if (!std::isfinite(x)) fail_input("'roi' holds no usable numbers");
    if (crops && (x < 0 || x > last)) continue;
    if (op.mode == "nearest") {
      taps = {{static_cast<int64_t>(std::clamp(nearest(op.nearest_mode, x), 0.0, last)), 1.0}};
    } else {
      taps = interpolating_taps(op, axis, x);
    }
  }
  return result;
}

/// `x` with one axis read through its taps.
std::vector<double> interpolated(const std::vector<double>& x, const AxisSplit& split,
                                 const Resize::Axis& axis, double outside) {
  const auto inner = static_cast<size_t>(split.inner);
  std::vector<double> y(static_cast<size_t>(split.outer) * axis.taps.size() * inner);
  double* to = y.data();
  for (int64_t outer = 0; outer < split.outer; ++outer) {
    for (const auto& taps : axis.taps) {
      if (taps.empty()) std::fill_n(to, inner, outside);
      for (const Resize::Tap& tap : taps) {
        const double* from = x.data() + (outer * split.count + tap.index) * split.inner;
        for (size_t i = 0; i < inner; ++i) to[i] += tap.weight * from[i];
      }
      to += inner;
    }
  }
  return y;
}

const Tensor* given(std::span<const Tensor> inputs, size_t index) {
  return has_input(inputs, index) ? &inputs[index] : nullptr;
}

}  // namespace

bool Resize::Axis::changes() const {
  if (input != std::ssize(taps)) return true;
  for (size_t i = 0; i < taps.size(); ++i) {
    if (taps[i].size() != 1 || taps[i][0].index != static_cast<int64_t>(i)) return true;
  }
  return false;
}

std::vector<Resize::Axis> Resize::resized_axes(const Shape& shape, const Tensor* roi,
                                               const Tensor* scales, const Tensor* sizes) const {
  std::vector<Axis> result;
  for (const AxisScale& axis : axis_scales(*this, shape, roi, scales, sizes)) {
    result.push_back(axis_taps(*this, axis));
  }
  return result;
}

std::vector<TensorType> Resize::infer(Arguments arguments) const {
  const TensorType& x = require_numeric(arguments, 0, "X").type;
  require_one_of("mode", mode, {"nearest", "linear", "cubic"});
  require_one_of("nearest_mode", nearest_mode,
                 {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"});
  require_one_of("coordinate_transformation_mode", coordinate_transformation_mode,
                 {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                  "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"});
  require_one_of("keep_aspect_ratio_policy", keep_aspect_ratio_policy,
                 {"stretch", "not_larger", "not_smaller"});
  static constexpr std::string_view kNames[] = {"", "roi", "scales", "sizes"};
  const Tensor* known[4] = {};
  for (size_t i = 1; i < std::size(known); ++i) {
    if (!tendon::has_input(arguments, i)) continue;
    if (i < 3) require_floating(arguments, i, kNames[i]);
    // The region matters in one mode only; exporters of older opsets leave something there.
    const bool matters = i > 1 || coordinate_transformation_mode == "tf_crop_and_resize";
    if (matters) known[i] = &require_known(arguments, i, kNames[i]);
  }
  Shape shape;
  for (const AxisScale& axis : axis_scales(*this, x.shape, known[1], known[2], known[3])) {
    if (axis.output > 0 && axis.input == 0) fail_input("X {} has no elements to read", x.shape);
    shape.push_back(axis.output);
  }
  shape.element_count();
  return {{x.dtype, shape}};
}

std::vector<Tensor> Resize::reference(std::span<const Tensor> inputs) const {
  Shape shape = inputs[0].shape();
  const auto resized = resized_axes(shape, given(inputs, 1), given(inputs, 2), given(inputs, 3));
  std::vector<double> values = to_doubles(inputs[0]);
  for (int i = 0; i < shape.rank(); ++i) {
    const Axis& axis = resized[static_cast<size_t>(i)];
    if (!axis.changes()) continue;
    values = interpolated(values, split_at(shape, i), axis, extrapolation_value);
    shape[i] = std::ssize(axis.taps);
  }
  if (is_integer(inputs[0].dtype())) {
    for (double& value : values) value = std::nearbyint(value);
  }
  return {cast(Tensor::from<double>(shape, values), inputs[0].dtype())};
}

}  // namespace tendon
