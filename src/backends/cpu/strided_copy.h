// Copies elements from a strided source to a dense output.
#pragma once

#include "backends/cpu/interleave.h"
#include "backends/cpu/loop_nest.h"
#include "backends/cpu/support.h"

namespace tendon::cpu {

/// Transpose, Expand, Slice and Tile are this: output element (i, j, …) is source element
/// offset + i * step0 + j * step1 + …
class StridedCopy {
 public:
  /// Axes come outermost first. `element_bytes` is 1, 2, 4 or 8.
  StridedCopy(size_t element_bytes, int64_t offset)
      : element_bytes_(element_bytes), offset_(offset) {}
  void push_axis(int64_t dim, int64_t step) { nest_.push_axis(dim, {step}); }
  /// Chooses the loops once all axes are there.
  void finish();
  /// "blocks", "interleaving", "transposition", "fill" or "gather": how the inner loops go.
  std::string_view method() const;

  void run(const void* source, void* output) const;

 private:
  enum class Method { kBlocks, kInterleaving, kTransposition, kFill, kGather };
  void plan_transposition(int contiguous_axis);
  template <class Word>
  void copy(const Word* source, Word* output) const;
  template <class Word>
  void transpose(const Word* source, Word* output) const;
  template <class Word>
  void interleave(const Word* source, Word* output) const;

  size_t element_bytes_;
  int64_t offset_;
  LoopNest<1> nest_;
  Method method_ = Method::kGather;
  /// For an interleaving or a transposition: the axis along which the source is contiguous, cut
  /// into blocks, and the other axes but the last; operand 1 is the output.
  int64_t contiguous_ = 1;
  int64_t block_ = 1;
  int64_t contiguous_output_step_ = 1;
  LoopNest<2> outer_;
  Interleave interleave_ = nullptr;
};

/// Runs one StridedCopy from input 0 to output 0.
class StridedCopyKernel final : public Kernel {
 public:
  explicit StridedCopyKernel(StridedCopy copy) : copy_(std::move(copy)) { copy_.finish(); }
  void run(const KernelArguments& arguments) const override {
    copy_.run(arguments.inputs[0], arguments.outputs[0]);
  }
  std::string detail() const override { return std::string(copy_.method()); }

 private:
  StridedCopy copy_;
};

}  // namespace tendon::cpu
