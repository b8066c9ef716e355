// What the attention kernels share: the plan of one, and how its tasks are run.
#pragma once

#include "backends/cpu/attention_plan.h"
#include "backends/cpu/support.h"

namespace tendon::cpu {

template <class Plan>
Plan attention_plan(const Attention& op, const KernelRequest& request) {
  const Shape& q = request.input_shape(0);
  const Shape& k = request.input_shape(1);
  Plan plan;
  const int tokens = op.sequence_first ? 0 : 1;
  plan.batch = q[1 - tokens];
  plan.heads = op.num_heads;
  plan.queries = q[tokens];
  plan.keys = k[tokens];
  plan.head_width = op.width_of(q) / op.num_heads;
  plan.scale = op.scale;
  const auto rows_of = [&](const Shape& shape, int64_t first) {
    const int64_t width = shape[2];
    return op.sequence_first ? AttentionPlan::Rows{plan.batch * width, width, first}
                             : AttentionPlan::Rows{width, shape[1] * width, first};
  };
  plan.q = rows_of(q, op.q_column);
  plan.k = rows_of(k, op.k_column);
  plan.v = rows_of(request.input_shape(2), op.v_column);
  plan.y = rows_of(request.outputs[0].shape, 0);
  plan.slots = 4 * std::max(1, request.threads);
  return plan;
}

/// Element is the type of inputs and output, Word that of packed keys and values, 4 bytes wide as
/// the plan's sizes have it.
template <class Plan, class Element, class Word>
class AttentionKernel final : public Kernel {
 public:
  using Pack = void (*)(const Plan&, const Element* k, const Element* v, Word* keys, Word* values);
  using Attend = void (*)(const Plan&, const Element* q, int64_t rows, const Word* keys,
                          const Word* values, float* scratch, Element* y);

  AttentionKernel(const Plan& plan, Pack pack, Attend attend)
      : plan_(plan), pack_(pack), attend_(attend) {}

  void run(const KernelArguments& arguments) const override {
    const auto* q = static_cast<const Element*>(arguments.inputs[0]);
    const auto* k = static_cast<const Element*>(arguments.inputs[1]);
    const auto* v = static_cast<const Element*>(arguments.inputs[2]);
    auto* y = static_cast<Element*>(arguments.outputs[0]);
    auto* packed = reinterpret_cast<Word*>(arguments.workspace);
    const int64_t heads = plan_.batch * plan_.heads;
    parallel_for(heads, 1, [&](int64_t begin, int64_t end) {
      for (int64_t head = begin; head < end; ++head) {
        pack_(plan_, k + plan_.start(plan_.k, head), v + plan_.start(plan_.v, head),
              packed + head * plan_.packed_head(),
              packed + head * plan_.packed_head() + plan_.packed_keys());
      }
    });
    // Consecutive tiles share a head, whose keys and values then stay in the core's cache.
    const int64_t tasks = heads * plan_.query_tiles();
    parallel_for(plan_.slots, 1, [&](int64_t begin, int64_t end) {
      for (int64_t slot = begin; slot < end; ++slot) {
        auto* scratch = reinterpret_cast<float*>(packed + heads * plan_.packed_head()) +
                        slot * plan_.slot_scratch();
        for (int64_t task = tasks * slot / plan_.slots; task < tasks * (slot + 1) / plan_.slots;
             ++task) {
          const int64_t head = task / plan_.query_tiles();
          const int64_t first = task % plan_.query_tiles() * plan_.rows_per_tile();
          const int64_t rows = std::min(plan_.rows_per_tile(), plan_.queries - first);
          const Word* keys = packed + head * plan_.packed_head();
          attend_(plan_, q + plan_.start(plan_.q, head) + first * plan_.q.step, rows, keys,
                  keys + plan_.packed_keys(), scratch,
                  y + plan_.start(plan_.y, head) + first * plan_.y.step);
        }
      }
    });
  }
  size_t workspace_bytes() const override {
    return static_cast<size_t>(plan_.batch * plan_.heads * plan_.packed_head() +
                               plan_.slots * plan_.slot_scratch()) *
           sizeof(float);
  }
  /// Keys and values are packed before the first result is written, and each tile of queries is
  /// copied before its result replaces it. That needs q without other columns.
  int in_place_input() const override { return plan_.q.step == plan_.y.step ? 0 : -1; }

 private:
  static_assert(sizeof(Word) == sizeof(float));

  Plan plan_;
  Pack pack_;
  Attend attend_;
};

}  // namespace tendon::cpu
