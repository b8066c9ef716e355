#include "compare/pictures.h"

#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "data/jpeg_writer.h"

namespace tendon {
namespace {

constexpr int64_t kLeastSide = 8;
constexpr int kQuality = 80;

bool is_picture(const Tensor& tensor) {
  const int rank = tensor.rank();
  return (tensor.dtype() == DataType::kUInt8 || tensor.dtype() == DataType::kFloat32) &&
         rank >= 3 && tensor.shape()[rank - 3] == 3 && tensor.shape()[rank - 2] >= kLeastSide &&
         tensor.shape()[rank - 1] >= kLeastSide;
}

/// Maps values to 0..255.
struct Stretch {
  float low = 0;
  float high = 1;

  explicit Stretch(std::span<const uint8_t>) : high(255) {}
  explicit Stretch(std::span<const float> values) {
    float least = 0;
    float most = 1;
    for (const float value : values) {
      if (!std::isfinite(value)) continue;
      least = std::min(least, value);
      most = std::max(most, value);
    }
    constexpr float kTolerated = 0.01f;
    if (least >= -kTolerated && most <= 1 + kTolerated) return;
    low = least;
    high = most;
  }
  uint8_t operator()(double value) const {
    const double share = (value - static_cast<double>(low)) / static_cast<double>(high - low);
    return share > 0 ? static_cast<uint8_t>(std::lround(255 * std::min(share, 1.0))) : uint8_t{0};
  }
};

/// Averages squares of pixels; planes (3, height, width) become (rows, columns, 3).
template <class T>
Picture make_picture(std::span<const T> planes, int64_t height, int64_t width) {
  const int64_t side = (width + kMaxPictureWidth - 1) / kMaxPictureWidth;
  const int64_t rows = std::max<int64_t>(height / side, 1);
  const int64_t columns = width / side;
  const Stretch stretch(planes);
  std::vector<uint8_t> rgb;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      for (int64_t color = 0; color < 3; ++color) {
        double sum = 0;
        int64_t count = 0;
        for (int64_t y = row * side; y < std::min((row + 1) * side, height); ++y) {
          for (int64_t x = column * side; x < (column + 1) * side; ++x, ++count) {
            sum +=
                static_cast<double>(planes[static_cast<size_t>((color * height + y) * width + x)]);
          }
        }
        rgb.push_back(stretch(sum / static_cast<double>(count)));
      }
    }
  }
  return {"", rows, columns, encode_jpeg(rgb, rows, columns, kQuality)};
}

template <class T>
void add_pictures(const std::string& name, const Tensor& tensor,
                  const std::vector<std::string>& cameras, std::vector<Picture>& pictures) {
  const int64_t height = tensor.shape()[tensor.rank() - 2];
  const int64_t width = tensor.shape().back();
  const auto size = static_cast<size_t>(3 * height * width);
  const size_t count = tensor.data<T>().size() / size;
  for (size_t i = 0; i < count && pictures.size() < kMaxPictures; ++i) {
    pictures.push_back(make_picture(tensor.data<T>().subspan(i * size, size), height, width));
    pictures.back().camera = cameras.size() == count ? cameras[i]
                             : count == 1            ? name
                                                     : fmt::format("{} {}", name, i);
  }
}

}  // namespace

std::vector<Picture> pictures_from_inputs(const TensorMap& inputs,
                                          const std::vector<std::string>& cameras) {
  std::vector<Picture> pictures;
  for (const auto& [name, tensor] : inputs) {
    if (!is_picture(tensor)) continue;
    if (tensor.dtype() == DataType::kUInt8) {
      add_pictures<uint8_t>(name, tensor, cameras, pictures);
    } else {
      add_pictures<float>(name, tensor, cameras, pictures);
    }
  }
  return pictures;
}

}  // namespace tendon
