#include "quant/samples.h"

#include <algorithm>

#include "ops/broadcast.h"

namespace tendon {
namespace {

constexpr uint64_t kDraws = 8;

uint64_t number_of(std::string_view text) {
  uint64_t number = text.size();
  for (const char c : text) number = mixed(number, static_cast<unsigned char>(c));
  return number;
}

/// The places that a row can be taken from: the outputs of a convolution, else everything but the
/// channels.
class Places {
 public:
  Places(const Consumer& consumer, const ObservedTensor& tensor)
      : consumer_(consumer), tensor_(tensor), strides_(row_major_strides(tensor.shape)) {
    for (int axis = 0; axis < tensor.shape.rank(); ++axis) {
      if (axis != tensor.channel_axis) axes_.push_back(axis);
    }
    for (size_t i = 0; i < axes_.size(); ++i) {
      const bool windowed = !consumer.window.empty() && i > 0;
      sizes_.push_back(windowed ? consumer.window[i - 1].output : tensor.shape[axes_[i]]);
      count_ *= sizes_.back();
    }
  }

  int64_t count() const { return count_; }

  std::vector<float> row_at(int64_t place) const {
    std::vector<int64_t> position(axes_.size());
    for (size_t i = axes_.size(); i-- > 0;) {
      position[i] = place % sizes_[i];
      place /= sizes_[i];
    }
    return consumer_.window.empty() ? channels_at(position) : patch_at(position);
  }

 private:
  int64_t stride(int axis) const { return strides_[static_cast<size_t>(axis)]; }
  int64_t channels() const { return tensor_.shape[tensor_.channel_axis]; }

  std::vector<float> channels_at(const std::vector<int64_t>& position) const {
    int64_t offset = 0;
    for (size_t i = 0; i < axes_.size(); ++i) offset += position[i] * stride(axes_[i]);
    std::vector<float> row;
    for (int64_t c = 0; c < channels(); ++c) {
      row.push_back(tensor_.elements[offset + c * stride(tensor_.channel_axis)]);
    }
    return row;
  }

  std::vector<float> patch_at(const std::vector<int64_t>& position) const {
    const WindowAxis& rows = consumer_.window[0];
    const WindowAxis& columns = consumer_.window[1];
    std::vector<float> patch;
    for (int64_t c = 0; c < channels(); ++c) {
      const int64_t plane = position[0] * stride(axes_[0]) + c * stride(tensor_.channel_axis);
      for (int64_t ky = 0; ky < rows.kernel; ++ky) {
        const int64_t y = position[1] * rows.stride - rows.pad_begin + ky * rows.dilation;
        for (int64_t kx = 0; kx < columns.kernel; ++kx) {
          const int64_t x =
              position[2] * columns.stride - columns.pad_begin + kx * columns.dilation;
          const bool inside =
              y >= 0 && y < tensor_.shape[axes_[1]] && x >= 0 && x < tensor_.shape[axes_[2]];
          patch.push_back(
              inside ? tensor_.elements[plane + y * stride(axes_[1]) + x * stride(axes_[2])] : 0);
        }
      }
    }
    return patch;
  }

  const Consumer& consumer_;
  const ObservedTensor& tensor_;
  Strides strides_;
  std::vector<int> axes_;
  std::vector<int64_t> sizes_;
  int64_t count_ = 1;
};

}  // namespace

void RowSample::add(Row row) {
  if (!wants(row.lot)) return;
  rows_.insert(std::ranges::upper_bound(rows_, row), std::move(row));
  if (rows_.size() > kRows) rows_.pop_back();
}

void RowSample::merge(const RowSample& other) {
  for (const Row& row : other.rows_) add(row);
}

void draw_rows(const Consumer& consumer, const ObservedTensor& tensor, FrameKey frame,
               RowSample& sample) {
  const Places places(consumer, tensor);
  const uint64_t seed = mixed(mixed(frame.high, frame.low), number_of(consumer.name));
  for (uint64_t draw = 0; draw < kDraws; ++draw) {
    const uint64_t lot = mixed(seed, draw);
    if (!sample.wants(lot)) continue;
    const auto place =
        static_cast<int64_t>(mixed(lot, seed) % static_cast<uint64_t>(places.count()));
    sample.add({lot, places.row_at(place)});
  }
}

}  // namespace tendon
