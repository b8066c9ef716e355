// Rooflines: each layer's speed under what the processor and its memory allow.
#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "compare/report/html.h"
#include "compare/report/sections.h"

namespace tendon::report {
namespace {

constexpr int kPictureWidth = 1000, kPictureHeight = 400;
constexpr size_t kMostLayers = 2000;

/// A layer as a point: operations a byte, and operations a second.
struct Point {
  const LayerInfo* layer;
  double intensity, speed, seconds;
};

/// The processor's ceiling for a layer's precision; 0 where none was measured.
double ceiling_of(const LayerInfo& layer, const MachinePeak& peak) {
  if (layer.precision == DataType::kFloat32) return peak.float32;
  return layer.precision == DataType::kInt8 ? peak.int8 : 0;
}

std::vector<Point> points_of(const ComparedRunner& runner) {
  std::vector<Point> points;
  for (size_t i = 0; i < std::min(runner.layers.size(), runner.layer_seconds.size()); ++i) {
    const LayerInfo& layer = runner.layers[i];
    const double seconds = runner.layer_seconds[i];
    if (layer.multiply_adds <= 0 || layer.bytes_moved <= 0 || !(seconds > 0)) continue;
    if (ceiling_of(layer, *runner.peak) <= 0) continue;
    const double operations = 2 * static_cast<double>(layer.multiply_adds);
    points.push_back({&layer, operations / static_cast<double>(layer.bytes_moved),
                      operations / seconds, seconds});
  }
  std::ranges::stable_sort(points, std::greater<>(), &Point::seconds);
  if (points.size() > kMostLayers) points.resize(kMostLayers);
  return points;
}

/// Seconds that the layer takes at least under the roof.
double least_seconds(const Point& point, const MachinePeak& peak) {
  const double operations = point.speed * point.seconds;
  return std::max(operations / ceiling_of(*point.layer, peak),
                  operations / point.intensity / peak.bytes);
}

/// Whole powers of ten around all values.
struct Decades {
  double low, high;

  double share(double value) const { return (std::log10(value) - low) / (high - low); }
};
Decades decades_around(std::vector<double> values) {
  const auto [least, most] = std::ranges::minmax(values);
  const double low = std::floor(std::log10(least));
  return {low, std::max(low + 1, std::ceil(std::log10(most)))};
}

class Picture {
 public:
  Picture(const std::vector<Point>& points, const MachinePeak& peak) : peak_(peak) {
    std::vector<double> x, y;
    for (const Point& point : points) {
      x.push_back(point.intensity);
      y.push_back(point.speed);
      y.push_back(ceiling_of(*point.layer, peak));
      x.push_back(ceiling_of(*point.layer, peak) / peak.bytes);
    }
    x_ = decades_around(x);
    y_ = decades_around(y);
  }

  std::string svg(const std::vector<Point>& points, std::string_view name) const {
    double total = 0;
    for (const Point& point : points) total += point.seconds;
    std::string dots;
    for (const Point& point : points) {
      // A line without length: round caps stay round however the picture is stretched.
      dots += fmt::format(
          "<path class=\"dot {}\" stroke-width=\"{:.1f}\" d=\"{}h0\"><title>{} ({}): {} ms, {} "
          "Gop/s, {} operations a byte, {} of the roof</title></path>",
          point.layer->precision == DataType::kInt8 ? "narrow" : "wide",
          5 + 25 * std::sqrt(point.seconds / total), move_to(point.intensity, point.speed),
          label(point.layer->name), label(point.layer->kernel),
          fmt::format("{:.3f}", 1e3 * point.seconds), fmt::format("{:.0f}", 1e-9 * point.speed),
          fmt::format("{:.1f}", point.intensity),
          percent(least_seconds(point, peak_) / point.seconds));
    }
    return fmt::format(
        "<div class=\"plot\"><div class=\"ends\"><span>{:.0f} Gop/s</span><span>{}</span></div>"
        "<svg class=\"roofline\" viewBox=\"0 0 {} {}\" preserveAspectRatio=\"none\" role=\"img\" "
        "aria-label=\"Roofline of {}: speed of each layer over its operations a byte\">"
        "<path class=\"roof\" d=\"{}\"/><path class=\"roof\" d=\"{}\"/>{}</svg><div></div>"
        "<div class=\"axis\"><span>{} op/byte</span><span>{}</span></div></div>\n",
        std::pow(10, y_.high - 9), plain(y_.low - 9), kPictureWidth, kPictureHeight, label(name),
        roof_of(points, DataType::kFloat32), roof_of(points, DataType::kInt8), dots, plain(x_.low),
        plain(x_.high));
  }

 private:
  static std::string plain(double exponent) { return fmt::format("{:g}", std::pow(10, exponent)); }
  std::string move_to(double intensity, double speed) const {
    return fmt::format("M{:.1f} {:.1f}", kPictureWidth * x_.share(intensity),
                       kPictureHeight * (1 - y_.share(speed)));
  }
  /// Nothing where no layer is of that precision.
  std::string roof_of(const std::vector<Point>& points, DataType precision) const {
    for (const Point& point : points) {
      if (point.layer->precision == precision) return roof(ceiling_of(*point.layer, peak_));
    }
    return "";
  }
  /// Rises with the memory's rate up to the ceiling.
  std::string roof(double ceiling) const {
    const double left = std::pow(10, x_.low), right = std::pow(10, x_.high);
    const double bend = std::clamp(ceiling / peak_.bytes, left, right);
    const auto line_to = [&](double intensity, double speed) {
      std::string to = move_to(intensity, speed);
      to.front() = 'L';
      return to;
    };
    return move_to(left, std::min(ceiling, left * peak_.bytes)) +
           line_to(bend, std::min(ceiling, bend * peak_.bytes)) + line_to(right, ceiling);
  }

  const MachinePeak& peak_;
  Decades x_{}, y_{};
};

std::string card_of(const ComparedRunner& runner, size_t position) {
  const std::vector<Point> points = points_of(runner);
  if (points.empty()) return "";
  double least = 0, spent = 0;
  for (const Point& point : points) {
    least += least_seconds(point, *runner.peak);
    spent += point.seconds;
  }
  const std::string rest = fmt::format(
      "{} with multiplications took {}; at the roof they would take {}, {} of it. On {} thread(s): "
      "float32 {:.0f} Gop/s, 8-bit {:.0f} Gop/s, {:.0f} GB/s from memory.",
      count_of(static_cast<int64_t>(points.size()), "layer"), milliseconds(spent),
      milliseconds(least), percent(least / spent), runner.threads, runner.peak->float32 * 1e-9,
      runner.peak->int8 * 1e-9, runner.peak->bytes * 1e-9);
  return fmt::format("<h3><i class=\"swatch {}\"></i>{}</h3>\n<p class=\"note\">{}</p>\n{}",
                     series(position), label(runner.name), rest,
                     Picture(points, *runner.peak).svg(points, runner.name));
}

}  // namespace

std::string roofline_section(const ComparisonReport& report) {
  std::string cards;
  for (size_t i = 0; i < report.runners.size(); ++i) {
    const auto& peak = report.runners[i].peak;
    if (peak && peak->bytes > 0) cards += card_of(report.runners[i], i);
  }
  if (cards.empty()) return "";
  return heading(
             "roofline", "Roofline",
             "Each layer with multiplications, the larger the longer it takes: how many "
             "operations it does for each byte that it moves, and how many a second. The lines "
             "are what the memory and the processor allow, measured in the same run. Winograd's "
             "algorithm and AMX may lie above them, and so may layers whose data lie in a "
             "cache.") +
         "<p class=\"legend\"><span><i class=\"swatch wide\"></i>float32</span><span><i "
         "class=\"swatch narrow\"></i>8-bit</span></p>\n" +
         cards;
}

}  // namespace tendon::report
