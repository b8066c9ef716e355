// GatherElements, GatherND, ScatterElements and ScatterND: places that a tensor of indices names.
#include <cstring>

#include "backends/cpu/indices.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/lanes.h"
#include "backends/cpu/loop_nest.h"
#include "ops/elements.h"
#include "ops/wide.h"

namespace tendon::cpu {
namespace {

/// The elements (GatherElements) or slices (GatherND) of a tensor that indices name, in rows that
/// can be walked apart.
class Places {
 public:
  static Places of_elements(const Shape& data, const TensorType& indices, int axis) {
    Places places(data, indices);
    const Strides strides = row_major_strides(data);
    for (int i = 0; i < data.rank(); ++i) {
      places.nest_.push_axis(indices.shape[i], {i == axis ? 0 : strides[static_cast<size_t>(i)]});
    }
    places.nest_.finish();
    places.first_axis_ = axis;
    places.axis_step_ = strides[static_cast<size_t>(axis)];
    return places;
  }
  static Places of_slices(const Shape& data, const TensorType& indices, int batch_dims) {
    Places places(data, indices);
    places.depth_ = indices.shape.back();
    const auto depth = static_cast<int>(places.depth_);
    places.strides_ = row_major_strides(data);
    places.first_axis_ = batch_dims;
    places.slice_rows_ = indices.shape.element_count() / places.depth_;
    places.rows_per_batch_ = places.slice_rows_ / extent(data, 0, batch_dims);
    places.batch_step_ = extent(data, batch_dims, data.rank());
    places.width_ = extent(data, batch_dims + depth, data.rank());
    return places;
  }

  int64_t rows() const { return depth_ == 0 ? nest_.rows() : slice_rows_; }
  /// Elements of a place, and places of a row.
  int64_t width() const { return width_; }
  int64_t row_places() const { return depth_ == 0 ? nest_.inner() : 1; }

  /// Throws Error{kBadInput} for an index outside its axis.
  void check(const void* data) const {
    const Indices indices{data, dtype_};
    const int64_t cycle = std::max<int64_t>(depth_, 1);
    for (int64_t i = 0; i < count_; ++i) {
      indices.check(i, data_[first_axis_ + static_cast<int>(i % cycle)]);
    }
  }
  /// visit(i, offset) with the offset in the data of each place i of the rows [begin, end).
  template <class Visit>
  void for_rows(const void* data, int64_t begin, int64_t end, const Visit& visit) const {
    const Indices indices{data, dtype_};
    if (depth_ > 0) {
      for (int64_t row = begin; row < end; ++row) visit(row, slice_offset(indices, row));
      return;
    }
    const int64_t inner = nest_.inner();
    const int64_t step = nest_.inner_stride(0);
    const int64_t count = data_[first_axis_];
    nest_.for_rows(begin, end, [&](int64_t row, const std::array<int64_t, 1>& offsets) {
      for (int64_t i = 0; i < inner; ++i) {
        const int64_t place = row * inner + i;
        visit(place, offsets[0] + i * step + indices.at(place, count) * axis_step_);
      }
    });
  }

 private:
  Places(const Shape& data, const TensorType& indices)
      : data_(data), dtype_(indices.dtype), count_(indices.shape.element_count()) {}

  int64_t slice_offset(const Indices& indices, int64_t row) const {
    int64_t offset = row / rows_per_batch_ * batch_step_;
    for (int64_t i = 0; i < depth_; ++i) {
      const int axis = first_axis_ + static_cast<int>(i);
      offset += indices.at(row * depth_ + i, data_[axis]) * strides_[static_cast<size_t>(axis)];
    }
    return offset;
  }

  Shape data_;
  DataType dtype_;
  int64_t count_;
  /// The first axis that an index counts along.
  int first_axis_ = 0;
  int64_t width_ = 1;
  /// Of elements.
  LoopNest<1> nest_;
  int64_t axis_step_ = 0;
  /// Of slices: indices of one place, 0 for elements.
  int64_t depth_ = 0;
  Strides strides_{};
  int64_t slice_rows_ = 0;
  int64_t rows_per_batch_ = 1;
  int64_t batch_step_ = 0;
};

template <class Word>
class GatherAtKernel final : public Kernel {
 public:
  explicit GatherAtKernel(const Places& places) : places_(places) {}
  void run(const KernelArguments& arguments) const override {
    places_.check(arguments.inputs[1]);
    const auto* data = static_cast<const Word*>(arguments.inputs[0]);
    auto* output = static_cast<Word*>(arguments.outputs[0]);
    const int64_t width = places_.width();
    const auto copy = [&](int64_t i, int64_t offset) {
      if (width == 1) {
        output[i] = data[offset];
      } else {
        std::memcpy(output + i * width, data + offset, static_cast<size_t>(width) * sizeof(Word));
      }
    };
    parallel_for(places_.rows(), rows_per_task(places_.row_places() * width),
                 [&](int64_t begin, int64_t end) {
                   places_.for_rows(arguments.inputs[1], begin, end, copy);
                 });
  }

 private:
  Places places_;
};

/// The updates go one after another, since a place may have several.
template <class Word, class Combine>
class ScatterAtKernel final : public Kernel {
 public:
  ScatterAtKernel(const Places& places, int64_t elements, Combine combine)
      : places_(places), elements_(elements), combine_(combine) {}
  void run(const KernelArguments& arguments) const override {
    places_.check(arguments.inputs[1]);
    const auto* data = static_cast<const Word*>(arguments.inputs[0]);
    const auto* updates = static_cast<const Word*>(arguments.inputs[2]);
    auto* output = static_cast<Word*>(arguments.outputs[0]);
    if (data != output) {
      parallel_for(elements_, kElementsPerTask, [&](int64_t begin, int64_t end) {
        std::copy(data + begin, data + end, output + begin);
      });
    }
    const int64_t width = places_.width();
    places_.for_rows(arguments.inputs[1], 0, places_.rows(), [&](int64_t i, int64_t offset) {
      for (int64_t k = 0; k < width; ++k) {
        output[offset + k] = combine_(output[offset + k], updates[i * width + k]);
      }
    });
  }
  int in_place_input() const override { return 0; }

 private:
  Places places_;
  int64_t elements_;
  Combine combine_;
};

template <class Word, class Combine>
Offer make(const Places& places, const KernelRequest& request, Combine combine) {
  return std::make_unique<ScatterAtKernel<Word, Combine>>(
      places, request.outputs[0].shape.element_count(), combine);
}

template <class Element>
Offer make_combining(const Places& places, std::string_view reduction,
                     const KernelRequest& request) {
  using Wide = WideOf<Element>;
  const auto offer = [&](auto combine) { return make<Element>(places, request, combine); };
  if (reduction == "add") {
    return offer([](Wide a, Wide b) { return static_cast<Element>(wrapping_sum(a, b)); });
  }
  if (reduction == "mul") {
    return offer([](Wide a, Wide b) { return static_cast<Element>(wrapping_product(a, b)); });
  }
  if (reduction == "max") return offer([](Element a, Element b) { return std::max(a, b); });
  return offer([](Element a, Element b) { return std::min(a, b); });
}

}  // namespace

Offer make_gather_at(const GatherAt& op, const KernelRequest& request) {
  if (request.outputs[0].shape.element_count() == 0) return decline("the output is empty");
  const Shape& data = request.input_shape(0);
  const TensorType& indices = request.inputs[1].type;
  const Places places =
      op.kind == GatherAtKind::kElements
          ? Places::of_elements(data, indices, normalize_axis(op.axis, data.rank()))
          : Places::of_slices(data, indices, static_cast<int>(op.batch_dims));
  return visit_width(request.outputs[0].dtype, [&](auto word) -> Offer {
    return std::make_unique<GatherAtKernel<decltype(word)>>(places);
  });
}

namespace {

std::variant<Places, Declined> scatter_places(const ScatterAt& op, const KernelRequest& request) {
  const Shape& data = request.input_shape(0);
  const TensorType& indices = request.inputs[1].type;
  if (request.input_shape(2).element_count() == 0) return decline("there are no updates");
  if (op.kind == ScatterAtKind::kNd) return Places::of_slices(data, indices, 0);
  return Places::of_elements(data, indices, normalize_axis(op.axis, data.rank()));
}

}  // namespace

Offer make_scatter_at(const ScatterAt& op, const KernelRequest& request) {
  if (op.reduction != "none") return decline("copies only, got reduction {}", op.reduction);
  const auto places = scatter_places(op, request);
  if (const auto* declined = std::get_if<Declined>(&places)) return *declined;
  return visit_width(request.outputs[0].dtype, [&](auto word) {
    using Word = decltype(word);
    return make<Word>(std::get<Places>(places), request, [](Word, Word b) { return b; });
  });
}

Offer make_scatter_combining(const ScatterAt& op, const KernelRequest& request) {
  const auto places = scatter_places(op, request);
  if (const auto* declined = std::get_if<Declined>(&places)) return *declined;
  return visit_common(request.outputs[0].dtype, [&](auto element) {
    return make_combining<decltype(element)>(std::get<Places>(places), op.reduction, request);
  });
}

}  // namespace tendon::cpu
