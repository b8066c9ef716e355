// Concat, Split and Gather: operators that copy whole blocks.
#include <cstring>

#include "backends/cpu/kernels.h"
#include "backends/cpu/support.h"

namespace tendon::cpu {
namespace {

/// Bytes up to which copying the parts of a row one by one costs more than their bytes do.
constexpr int64_t kNarrowRow = 64;

template <int kBytes>
void copy_pieces_of(const std::byte* from, int64_t from_step, std::byte* to, int64_t to_step,
                    int64_t count) {
  for (int64_t i = 0; i < count; ++i) std::memcpy(to + i * to_step, from + i * from_step, kBytes);
}

/// Copies `count` pieces of `bytes`, which begin `from_step` and `to_step` bytes apart.
void copy_pieces(const std::byte* from, int64_t from_step, std::byte* to, int64_t to_step,
                 int64_t bytes, int64_t count) {
  switch (bytes) {
    case 1: return copy_pieces_of<1>(from, from_step, to, to_step, count);
    case 2: return copy_pieces_of<2>(from, from_step, to, to_step, count);
    case 3: return copy_pieces_of<3>(from, from_step, to, to_step, count);
    case 4: return copy_pieces_of<4>(from, from_step, to, to_step, count);
    case 8: return copy_pieces_of<8>(from, from_step, to, to_step, count);
    case 12: return copy_pieces_of<12>(from, from_step, to, to_step, count);
    case 16: return copy_pieces_of<16>(from, from_step, to, to_step, count);
    default:
      for (int64_t i = 0; i < count; ++i) {
        std::memcpy(to + i * to_step, from + i * from_step, static_cast<size_t>(bytes));
      }
  }
}

/// One operand of a Concat or Split: `bytes` of every row, from `offset` on.
struct Part {
  size_t operand = 0;
  int64_t offset = 0;
  int64_t bytes = 0;
};

/// A tensor seen as rows that begin where the axis does, and the parts that make up a row.
struct JoinedRows {
  int64_t rows = 1;
  int64_t row_bytes = 0;
  std::vector<Part> parts;

  void add(size_t operand, const TensorType& type, int axis) {
    const int64_t bytes =
        extent(type.shape, axis, type.shape.rank()) * static_cast<int64_t>(size_of(type.dtype));
    if (bytes > 0) parts.push_back({operand, row_bytes, bytes});
    row_bytes += bytes;
  }

  /// copy(part, row, rows) so that every part meets every row once.
  template <class Copy>
  void for_each(const Copy& copy) const {
    // Short parts are copied for many rows in one loop.
    if (row_bytes <= kNarrowRow) {
      const int64_t grain = std::max<int64_t>(1, kElementsPerTask * 4 / row_bytes);
      parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
        for (const Part& part : parts) copy(part, begin, end - begin);
      });
      return;
    }
    const auto count = static_cast<int64_t>(parts.size());
    const int64_t grain = std::max<int64_t>(1, kElementsPerTask * 4 * count / row_bytes);
    parallel_for(rows * count, grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        copy(parts[static_cast<size_t>(i % count)], i / count, 1);
      }
    });
  }
};

class ConcatKernel final : public Kernel {
 public:
  explicit ConcatKernel(JoinedRows joined) : joined_(std::move(joined)) {}
  void run(const KernelArguments& arguments) const override {
    auto* output = static_cast<std::byte*>(arguments.outputs[0]);
    joined_.for_each([&](const Part& part, int64_t row, int64_t rows) {
      const auto* input = static_cast<const std::byte*>(arguments.inputs[part.operand]);
      if (joined_.rows == 1 && input == output + part.offset) return;
      copy_pieces(input + row * part.bytes, part.bytes,
                  output + row * joined_.row_bytes + part.offset, joined_.row_bytes, part.bytes,
                  rows);
    });
  }
  std::optional<size_t> place_in_output(size_t input) const override {
    if (joined_.rows != 1) return std::nullopt;
    const auto part = std::ranges::find(joined_.parts, input, &Part::operand);
    if (part == joined_.parts.end()) return std::nullopt;
    return static_cast<size_t>(part->offset);
  }

 private:
  JoinedRows joined_;
};

class SplitKernel final : public Kernel {
 public:
  explicit SplitKernel(JoinedRows joined) : joined_(std::move(joined)) {}
  void run(const KernelArguments& arguments) const override {
    const auto* input = static_cast<const std::byte*>(arguments.inputs[0]);
    joined_.for_each([&](const Part& part, int64_t row, int64_t rows) {
      auto* output = static_cast<std::byte*>(arguments.outputs[part.operand]);
      if (output == nullptr) return;
      copy_pieces(input + row * joined_.row_bytes + part.offset, joined_.row_bytes,
                  output + row * part.bytes, part.bytes, part.bytes, rows);
    });
  }

 private:
  JoinedRows joined_;
};

class GatherKernel final : public Kernel {
 public:
  GatherKernel(const Shape& data, int axis, DataType index_type, int64_t indices,
               int64_t element_bytes)
      : outer_(extent(data, 0, axis)),
        count_(data[axis]),
        block_bytes_(extent(data, axis + 1, data.rank()) * element_bytes),
        indices_(indices),
        index_type_(index_type) {}

  void run(const KernelArguments& arguments) const override {
    const auto* data = static_cast<const std::byte*>(arguments.inputs[0]);
    const void* indices = arguments.inputs[1];
    auto* output = static_cast<std::byte*>(arguments.outputs[0]);
    for (int64_t i = 0; i < indices_; ++i) {
      const int64_t index = index_at(indices, i);
      if (index < -count_ || index >= count_) {
        fail_input("index {} is outside [-{}, {})", index, count_, count_);
      }
    }
    const int64_t grain = std::max<int64_t>(1, kElementsPerTask * 4 / block_bytes_);
    parallel_for(outer_ * indices_, grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t index = index_at(indices, i % indices_);
        const int64_t block = i / indices_ * count_ + (index < 0 ? index + count_ : index);
        std::memcpy(output + i * block_bytes_, data + block * block_bytes_,
                    static_cast<size_t>(block_bytes_));
      }
    });
  }

 private:
  int64_t index_at(const void* indices, int64_t i) const {
    return index_type_ == DataType::kInt64 ? static_cast<const int64_t*>(indices)[i]
                                           : static_cast<const int32_t*>(indices)[i];
  }

  int64_t outer_;
  int64_t count_;
  int64_t block_bytes_;
  int64_t indices_;
  DataType index_type_;
};

}  // namespace

Offer make_concat(const Concat& op, const KernelRequest& request) {
  const Shape& output = request.outputs[0].shape;
  if (output.element_count() == 0) return decline("the output is empty");
  const int axis = normalize_axis(op.axis, output.rank());
  JoinedRows joined;
  joined.rows = extent(output, 0, axis);
  for (size_t i = 0; i < request.inputs.size(); ++i) joined.add(i, request.inputs[i].type, axis);
  return std::make_unique<ConcatKernel>(std::move(joined));
}

Offer make_split(const Split& op, const KernelRequest& request) {
  const Shape& input = request.input_shape(0);
  if (input.element_count() == 0) return decline("the input is empty");
  if (request.has_input(1) && request.inputs[1].value == nullptr) {
    return decline("needs constant sizes");
  }
  const int axis = normalize_axis(op.axis, input.rank());
  JoinedRows joined;
  joined.rows = extent(input, 0, axis);
  const std::vector<TensorType> types = op.infer(request.inputs);
  for (size_t i = 0; i < types.size(); ++i) joined.add(i, types[i], axis);
  return std::make_unique<SplitKernel>(std::move(joined));
}

Offer make_gather(const Gather& op, const KernelRequest& request) {
  if (request.outputs[0].shape.element_count() == 0) return decline("the output is empty");
  const TensorType& data = request.inputs[0].type;
  const TensorType& indices = request.inputs[1].type;
  return std::make_unique<GatherKernel>(data.shape, normalize_axis(op.axis, data.shape.rank()),
                                        indices.dtype, indices.shape.element_count(),
                                        static_cast<int64_t>(size_of(data.dtype)));
}

}  // namespace tendon::cpu
