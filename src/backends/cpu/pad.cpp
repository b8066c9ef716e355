// Pad: rows of the output from rows of the input, by the origin of each position.
#include "backends/cpu/kernels.h"
#include "backends/cpu/support.h"
#include "ops/elements.h"

namespace tendon::cpu {
namespace {

template <class Word>
class PadKernel final : public Kernel {
 public:
  /// origins[axis][i] is the source offset of output position i, or -1 for the constant.
  explicit PadKernel(std::vector<std::vector<int64_t>> origins) : origins_(std::move(origins)) {
    for (const auto& axis : origins_) rows_ *= std::ssize(axis);
    const std::vector<int64_t>& last = origins_.back();
    rows_ /= std::ssize(last);
    // Where the source is copied as it stands.
    run_begin_ = std::ranges::find_if(last, [](int64_t i) { return i >= 0; }) - last.begin();
    run_end_ = run_begin_ == std::ssize(last) ? run_begin_ : run_begin_ + 1;
    while (run_end_ < std::ssize(last) &&
           last[static_cast<size_t>(run_end_)] == last[static_cast<size_t>(run_end_ - 1)] + 1) {
      ++run_end_;
    }
  }

  void run(const KernelArguments& arguments) const override {
    const auto* source = static_cast<const Word*>(arguments.inputs[0]);
    auto* output = static_cast<Word*>(arguments.outputs[0]);
    const bool has_fill = arguments.inputs.size() > 2 && arguments.inputs[2] != nullptr;
    const Word fill = has_fill ? *static_cast<const Word*>(arguments.inputs[2]) : Word{};
    const auto width = static_cast<int64_t>(origins_.back().size());
    parallel_for(rows_, rows_per_task(width), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t offset = row_offset(row);
        Word* to = output + row * width;
        if (offset < 0) {
          std::fill_n(to, width, fill);
        } else {
          copy_row(source + offset, to, width, fill);
        }
      }
    });
  }

 private:
  /// -1 for a row of constants.
  int64_t row_offset(int64_t row) const {
    int64_t offset = 0;
    for (size_t axis = origins_.size() - 1; axis-- > 0;) {
      const auto count = static_cast<int64_t>(origins_[axis].size());
      const int64_t origin = origins_[axis][static_cast<size_t>(row % count)];
      if (origin < 0) return -1;
      offset += origin;
      row /= count;
    }
    return offset;
  }
  void copy_row(const Word* source, Word* to, int64_t width, Word fill) const {
    const std::vector<int64_t>& last = origins_.back();
    const auto element = [&](int64_t i) {
      const int64_t origin = last[static_cast<size_t>(i)];
      to[i] = origin < 0 ? fill : source[origin];
    };
    for (int64_t i = 0; i < run_begin_; ++i) element(i);
    if (run_begin_ < run_end_) {
      std::copy_n(source + last[static_cast<size_t>(run_begin_)], run_end_ - run_begin_,
                  to + run_begin_);
    }
    for (int64_t i = run_end_; i < width; ++i) element(i);
  }

  std::vector<std::vector<int64_t>> origins_;
  int64_t rows_ = 1;
  int64_t run_begin_ = 0;
  int64_t run_end_ = 0;
};

}  // namespace

Offer make_pad(const Pad& op, const KernelRequest& request) {
  const Shape& shape = request.input_shape(0);
  if (request.outputs[0].shape.element_count() == 0) return decline("the output is empty");
  if (shape.rank() == 0) return decline("the input is a scalar");
  for (const size_t i : {size_t{1}, size_t{3}}) {
    if (request.has_input(i) && request.inputs[i].value == nullptr) {
      return decline("needs constant pads and axes");
    }
  }
  auto origins = op.origins(shape, *request.inputs[1].value,
                            request.has_input(3) ? request.inputs[3].value : nullptr);
  const Strides strides = row_major_strides(shape);
  for (size_t axis = 0; axis < origins.size(); ++axis) {
    for (int64_t& origin : origins[axis]) {
      if (origin >= 0) origin *= strides[axis];
    }
  }
  return visit_width(request.outputs[0].dtype, [&](auto word) -> Offer {
    return std::make_unique<PadKernel<decltype(word)>>(std::move(origins));
  });
}

}  // namespace tendon::cpu
