// A block of tiles by one of Winograd's schemes: inputs transformed, multiplied by transformed
// windows, and transformed back.
#if defined(TENDON_WINOGRAD_BLOCK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TENDON_WINOGRAD_BLOCK_INL_H_
#undef TENDON_WINOGRAD_BLOCK_INL_H_
#else
#define TENDON_WINOGRAD_BLOCK_INL_H_
#endif

#include "backends/cpu/floats-inl.h"
#include "backends/cpu/matmul_tile-inl.h"
#include "backends/cpu/winograd_schemes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {

/// Where a tile begins in y.
struct Place {
  int64_t image, row, column;
};
HWY_INLINE Place place_of(const WinogradBlock& block, int64_t tile) {
  const int64_t columns = block.tile_columns(), rows = block.tile_rows();
  return {tile / (columns * rows), tile / columns % rows * kWinogradOutputs,
          tile % columns * kWinogradOutputs};
}

template <class Scheme, class T>
HWY_NOINLINE void transform_tile(const WinogradBlock& block, int64_t tile, int64_t number) {
  constexpr int64_t kInputs = Scheme::kInputs, kStride = Scheme::kStride;
  const Floats d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const WinogradPart part = block.part(number);
  const int64_t last_row = kInputs - part.rows.between;
  const int64_t last_column = kInputs - part.columns.between;
  const Place place = place_of(block, block.first_tile + tile);
  const int64_t top = place.row * kStride - block.pad_top + part.rows.between;
  const int64_t left = place.column * kStride - block.pad_left + part.columns.between;
  const T* image =
      static_cast<const T*>(block.x) + place.image * block.height * block.width * block.channels;
  const int64_t step = block.input_step();
  float* to = block.transformed + number * block.places() * step + tile * block.channels;
  for (int64_t c = 0; c < block.channels; c += lanes) {
    V half_done[kInputs][kInputs];
    for (int64_t i = 0; i < kInputs; ++i) {
      V line[kInputs];
      const int64_t row = top + i * kStride;
      const bool row_inside = i < last_row && row >= 0 && row < block.height;
      const T* from = image + (row * block.width + left) * block.channels + c;
      HWY_UNROLL(6)
      for (int64_t j = 0; j < kInputs; ++j) {
        const int64_t column = j * kStride;
        const bool inside =
            row_inside && j < last_column && left + column >= 0 && left + column < block.width;
        // What the next tile reads that this one does not.
        if (j >= kInputs - kWinogradOutputs) {
          hwy::Prefetch(from + (column + kWinogradOutputs * kStride) * block.channels);
        }
        line[j] = inside ? load_floats(d, from + column * block.channels) : hn::Zero(d);
      }
      Scheme::inputs(line, half_done[i]);
    }
    for (int64_t j = 0; j < last_column; ++j) {
      V line[kInputs], done[kInputs];
      HWY_UNROLL(6)
      for (int64_t i = 0; i < kInputs; ++i) line[i] = half_done[i][j];
      Scheme::inputs(line, done);
      for (int64_t i = 0; i < last_row; ++i) {
        hn::StoreU(done[i], d, to + (i * kInputs + j) * step + c);
      }
    }
  }
}

/// One vector of outputs of one tile: `products` are a vector for each place, `step` elements
/// apart.
template <class Scheme, class T>
HWY_NOINLINE void finish_tile(const WinogradBlock& block, const float* products, int64_t step,
                              int64_t first_channel, const Place& place) {
  constexpr int64_t kInputs = Scheme::kInputs;
  const Floats d;
  V half_done[4][kInputs];
  for (int64_t j = 0; j < kInputs; ++j) {
    V line[kInputs], done[4];
    HWY_UNROLL(6)
    for (int64_t i = 0; i < kInputs; ++i) {
      line[i] = hn::LoadU(d, products + (i * kInputs + j) * step);
    }
    Scheme::outputs(line, done);
    HWY_UNROLL(4)
    for (int64_t i = 0; i < 4; ++i) half_done[i][j] = done[i];
  }
  const V bias = block.bias != nullptr ? hn::LoadU(d, block.bias + first_channel) : hn::Zero(d);
  const T* const residual = static_cast<const T*>(block.residual);
  T* const y = static_cast<T*>(block.y);
  const int64_t rows = HWY_MIN(kWinogradOutputs, block.y_height - place.row);
  const int64_t columns = HWY_MIN(kWinogradOutputs, block.y_width - place.column);
  for (int64_t i = 0; i < rows; ++i) {
    V line[4];
    Scheme::outputs(half_done[i], line);
    int64_t at = ((place.image * block.y_height + place.row + i) * block.y_width + place.column) *
                     block.y_channels +
                 first_channel;
    for (int64_t j = 0; j < columns; ++j, at += block.y_channels) {
      V value = hn::Add(line[j], bias);
      if (residual != nullptr) value = hn::Add(value, load_floats(d, residual + at));
      if (block.activation == Activation::kRelu) {
        // Not Max, which may turn NaN into 0.
        value = hn::IfThenZeroElse(hn::Lt(value, hn::Zero(d)), value);
      }
      store_floats(d, value, y + at);
    }
  }
}

/// [channels, 9, width] to [channels, width] for each place of a part, `step` elements apart.
template <class Scheme, class T>
HWY_NOINLINE void transform_windows(const T* windows, int64_t channels, int64_t width, int64_t step,
                                    WinogradPart part, float* to) {
  constexpr int64_t kInputs = Scheme::kInputs;
  const Floats d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t last_row = kInputs - part.rows.between;
  const int64_t last_column = kInputs - part.columns.between;
  for (int64_t c = 0; c < channels; ++c, windows += 9 * width, to += width) {
    for (int64_t v = 0; v < width; v += lanes) {
      V half_done[3][kInputs];
      HWY_UNROLL(3)
      for (int64_t i = 0; i < 3; ++i) {
        const T* line = windows + 3 * i * width + v;
        const V taps[3] = {load_floats(d, line), load_floats(d, line + width),
                           load_floats(d, line + 2 * width)};
        Scheme::window(taps, part.columns, half_done[i]);
      }
      for (int64_t j = 0; j < last_column; ++j) {
        const V taps[3] = {half_done[0][j], half_done[1][j], half_done[2][j]};
        V done[kInputs];
        Scheme::window(taps, part.rows, done);
        for (int64_t i = 0; i < last_row; ++i) {
          hn::Store(done[i], d, to + (i * kInputs + j) * step + v);
        }
      }
    }
  }
}

/// Adds the products of a part's `channels` channels from the first one on, whose windows' places
/// are `step` elements apart. The very first ones of all are no sum yet, and there every place has
/// its own.
template <class Scheme>
HWY_INLINE void multiply_places(const WinogradBlock& block, int64_t number, int64_t step,
                                int64_t first, int64_t channels, int64_t width) {
  const WinogradPart part = block.part(number);
  for (int64_t i = 0; i < Scheme::kInputs - part.rows.between; ++i) {
    for (int64_t j = 0; j < Scheme::kInputs - part.columns.between; ++j) {
      const int64_t place = i * Scheme::kInputs + j;
      const float* a =
          block.transformed + (number * block.places() + place) * block.input_step() + first;
      float* c = block.products + place * block.product_step(width);
      multiply_rows<2>(a, block.channels, block.tiles, block.places_of_windows + place * step,
                       channels, c, width, number > 0 || first > 0, a + block.input_step());
    }
  }
}

template <class Scheme, class T>
HWY_INLINE void compute_block(const WinogradBlock& block) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(Floats()));
  const int64_t width = 2 * lanes;
  const int64_t most = block.window_channels(width), step = block.window_step(width);
  for (int64_t part = 0; part < block.parts(); ++part) {
    for (int64_t tile = 0; tile < block.tiles; ++tile) {
      transform_tile<Scheme, T>(block, tile, part);
    }
  }
  for (int64_t panel = block.first_panel; panel < block.last_panel; ++panel) {
    for (int64_t part = 0; part < block.parts(); ++part) {
      for (int64_t first = 0; first < block.channels; first += most) {
        const int64_t channels = HWY_MIN(most, block.channels - first);
        transform_windows<Scheme>(
            static_cast<const T*>(block.windows) + (panel * block.channels + first) * 9 * width,
            channels, width, step, block.part(part), block.places_of_windows);
        multiply_places<Scheme>(block, part, step, first, channels, width);
      }
    }
    for (int64_t tile = 0; tile < block.tiles; ++tile) {
      const Place place = place_of(block, block.first_tile + tile);
      // The last panel may be half empty.
      const int64_t last = HWY_MIN(block.y_channels, (panel + 1) * width);
      for (int64_t channel = panel * width; channel < last; channel += lanes) {
        finish_tile<Scheme, T>(block, block.products + tile * width + channel % width,
                               block.product_step(width), channel, place);
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#endif
