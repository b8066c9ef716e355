#include "backends/cpu/strided_copy.h"

#include <cstring>

namespace tendon::cpu {
namespace {

/// Edge of the square blocks of a transposition: one row of a block is a cache line of float32.
constexpr int64_t kBlock = 16;
/// Elements of each plane that are interleaved at a time.
constexpr int64_t kInterleavedBlock = 4096;

}  // namespace

void StridedCopy::finish() {
  nest_.finish();
  const int64_t step = nest_.inner_stride(0);
  if (step == 1 || nest_.inner() == 1) {
    method_ = Method::kBlocks;
    return;
  }
  method_ = step == 0 ? Method::kFill : Method::kGather;
  if (step == 0) return;
  for (int axis = 0; axis + 1 < nest_.rank; ++axis) {
    if (nest_.strides[0][static_cast<size_t>(axis)] == 1) plan_transposition(axis);
  }
}

void StridedCopy::plan_transposition(int contiguous_axis) {
  outer_ = {};
  int64_t output_step = nest_.rows() * nest_.inner();
  for (int axis = 0; axis + 1 < nest_.rank; ++axis) {
    const auto i = static_cast<size_t>(axis);
    output_step /= nest_.dims[i];
    if (axis == contiguous_axis) {
      contiguous_ = nest_.dims[i];
      contiguous_output_step_ = output_step;
    } else {
      outer_.push_axis(nest_.dims[i], {nest_.strides[0][i], output_step});
    }
  }
  // Images to channels-last: the planes are few, and nothing lies between their elements.
  interleave_ = contiguous_output_step_ == nest_.inner()
                    ? interleave_function(element_bytes_, nest_.inner())
                    : nullptr;
  method_ = interleave_ != nullptr ? Method::kInterleaving : Method::kTransposition;
  block_ = interleave_ != nullptr ? kInterleavedBlock : kBlock;
  outer_.push_axis((contiguous_ + block_ - 1) / block_, {block_, block_ * contiguous_output_step_});
  outer_.finish_as_rows();
}

std::string_view StridedCopy::method() const {
  switch (method_) {
    case Method::kBlocks: return "blocks";
    case Method::kInterleaving: return "interleaving";
    case Method::kTransposition: return "transposition";
    case Method::kFill: return "fill";
    case Method::kGather: return "gather";
  }
  return {};
}

void StridedCopy::run(const void* source, void* output) const {
  const auto run_as = [&](auto word) {
    using Word = decltype(word);
    const auto* from = static_cast<const Word*>(source) + offset_;
    auto* to = static_cast<Word*>(output);
    if (method_ == Method::kInterleaving) {
      interleave(from, to);
    } else if (method_ == Method::kTransposition) {
      transpose(from, to);
    } else {
      copy(from, to);
    }
  };
  switch (element_bytes_) {
    case 1: return run_as(uint8_t{});
    case 2: return run_as(uint16_t{});
    case 4: return run_as(uint32_t{});
    default: return run_as(uint64_t{});
  }
}

template <class Word>
void StridedCopy::copy(const Word* source, Word* output) const {
  const int64_t n = nest_.inner();
  const int64_t step = nest_.inner_stride(0);
  const auto copy_row = [&](const Word* from, Word* to, int64_t count) {
    if (method_ == Method::kBlocks) {
      std::memcpy(to, from, static_cast<size_t>(count) * sizeof(Word));
    } else if (method_ == Method::kFill) {
      std::fill_n(to, count, *from);
    } else {
      for (int64_t i = 0; i < count; ++i) to[i] = from[i * step];
    }
  };
  if (nest_.rows() == 1) {
    parallel_for(n, kElementsPerTask, [&](int64_t begin, int64_t end) {
      copy_row(source + begin * step, output + begin, end - begin);
    });
    return;
  }
  parallel_for(nest_.rows(), rows_per_task(n), [&](int64_t begin, int64_t end) {
    nest_.for_rows(begin, end, [&](int64_t row, const std::array<int64_t, 1>& offsets) {
      copy_row(source + offsets[0], output + row * n, n);
    });
  });
}

/// Square blocks, so that each cache line is used whole on both sides.
template <class Word>
void StridedCopy::transpose(const Word* source, Word* output) const {
  const int64_t columns = nest_.inner();
  const int64_t column_step = nest_.inner_stride(0);
  const int64_t blocks = (contiguous_ + block_ - 1) / block_;
  parallel_for(outer_.rows(), rows_per_task(kBlock * columns), [&](int64_t begin, int64_t end) {
    outer_.for_rows(begin, end, [&](int64_t row, const std::array<int64_t, 2>& offsets) {
      const int64_t height = std::min(kBlock, contiguous_ - row % blocks * kBlock);
      for (int64_t first = 0; first < columns; first += kBlock) {
        const int64_t width = std::min(kBlock, columns - first);
        const Word* from = source + offsets[0] + first * column_step;
        Word* to = output + offsets[1] + first;
        for (int64_t i = 0; i < height; ++i) {
          for (int64_t j = 0; j < width; ++j) {
            to[i * contiguous_output_step_ + j] = from[j * column_step + i];
          }
        }
      }
    });
  });
}

template <class Word>
void StridedCopy::interleave(const Word* source, Word* output) const {
  const int64_t planes = nest_.inner();
  const int64_t blocks = (contiguous_ + block_ - 1) / block_;
  parallel_for(outer_.rows(), rows_per_task(block_ * planes), [&](int64_t begin, int64_t end) {
    outer_.for_rows(begin, end, [&](int64_t row, const std::array<int64_t, 2>& offsets) {
      const int64_t count = std::min(block_, contiguous_ - row % blocks * block_);
      interleave_(source + offsets[0], nest_.inner_stride(0), count, output + offsets[1]);
    });
  });
}

}  // namespace tendon::cpu
